"""How a frame differs from the background: others around it, laid over it by the camera's motion.

What moves shows its whole outline there, however slowly it moves: in the course of a second
it leaves its place, and flow, which bleeds over borders, has no part in it.  A pixel is
background if it is seen again in most of the other frames.  What the differences say is
measured where they are used (`Window.appearance_odds`): where the background is in parallax
or the object stays, both sides of a border differ alike and nothing is said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.camera import between, chain
from tracker.classical.click_window import Plane, shrink
from tracker.types import Frame

_PIXELS = 60_000  # of the working size
_SMALLEST_SIDE = 16  # pixels; below, corners say nothing
COMPARED_EVERY = 2  # of the frames given: what is far apart; the motion is corrected there
_CORNER_CELL = 10  # pixels: one corner is taken from every such square
_FEWEST_FRAMES = 4  # compared; in fewer, most things are still where they were
_CHAINED = 0.2  # share of the corners that follow the camera; with fewer the chain ends
_REFINED = 0.25  # the same, to correct the chain by the frame itself
_SHOWN = 0.2  # share of the frame that another must show
_QUANTILE = 0.3  # of the differences; what was seen again in three tenths is background


@dataclass(frozen=True, eq=False)
class Laid:
    """Another frame, laid over the frame by the camera's motion.

    Attributes:
        grey: (h, w).
        far: (h, w), how far the frame's colours are from it; NaN where it shows nothing.
    """

    grey: NDArray[np.uint8]
    far: Plane


@dataclass(frozen=True, eq=False)
class Differences:
    """How far each pixel (h, w) is from the background, in units of CIELAB coded in 8 bits.

    0 where no other frame shows the place; None where too few can be laid over the frame.

    Attributes:
        far: from frames a few apart.
        every: from those between as well: less noise, but more of them are near.
        grey: (h, w), the frame itself; None as well where too few are known.
        sides: the frames after and those before, ever further away.
    """

    far: Plane | None = None
    every: Plane | None = None
    grey: NDArray[np.uint8] | None = None
    sides: tuple[tuple[Laid, ...], ...] = ()


def differences(frame: Frame, around: Iterable[tuple[int, Frame]]) -> Differences:
    """Return how far each pixel is from the background.

    Args:
        frame: (H, W, 3).
        around: frames of that size and where they lie, in frames from `frame`, a few apart.
    """
    small = shrink(frame, _PIXELS)
    height, width = small.shape[:2]
    if min(height, width) < _SMALLEST_SIDE:
        return Differences()
    steps = {
        offset: np.asarray(
            cv2.resize(other, (width, height), interpolation=cv2.INTER_AREA), np.uint8
        )
        for offset, other in around
    }
    later = [steps[offset] for offset in sorted(steps) if offset > 0]
    earlier = [steps[offset] for offset in sorted(steps, reverse=True) if offset < 0]
    sides = _laid_over(small, later), _laid_over(small, earlier)
    far = [one.far for side in sides for one in side[COMPARED_EVERY - 1 :: COMPARED_EVERY]]
    if len(far) < _FEWEST_FRAMES:
        return Differences()
    every = usual([one.far for side in sides for one in side])
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    return Differences(usual(far), every, grey, sides)


def usual(found: Sequence[Plane]) -> Plane:
    """Return the quantile of differences over those that are known."""
    ordered = np.sort(np.stack(found), axis=0)  # NaN, not shown, comes last
    shown = np.isfinite(ordered).sum(axis=0)
    rank = np.rint(_QUANTILE * np.maximum(shown - 1, 0)).astype(np.intp)
    chosen = np.take_along_axis(ordered, rank[None], axis=0)[0]
    return np.asarray(np.nan_to_num(chosen), np.float32)


def _laid_over(frame: Frame, others: Sequence[Frame]) -> tuple[Laid, ...]:
    """Return `others`, ever further away, until the camera's motion is lost."""
    height, width = frame.shape[:2]
    grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)
    lab = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2LAB), np.float32)
    everywhere = np.full((height, width), 255, np.uint8)
    found: list[Laid] = []
    before, carried = grey, np.eye(3)
    for number, other in enumerate(others, start=1):
        now = np.asarray(cv2.cvtColor(other, cv2.COLOR_RGB2GRAY), np.uint8)
        step = between(before, now, _CORNER_CELL)
        if step is None or step.support < _CHAINED:
            break
        before, carried = now, chain(carried, step.homography)
        if number % COMPARED_EVERY == 0:
            direct = between(grey, now, _CORNER_CELL, carried)
            if direct is not None and direct.support > _REFINED:
                carried = direct.homography
        back = np.linalg.inv(carried)
        shown = cv2.warpPerspective(everywhere, back, (width, height)) == 255
        if shown.mean() < _SHOWN:
            break
        laid = cv2.warpPerspective(other, back, (width, height))
        far = np.where(shown, _outside(lab, laid), np.float32(np.nan))
        found.append(Laid(np.asarray(cv2.cvtColor(laid, cv2.COLOR_RGB2GRAY), np.uint8), far))
    return tuple(found)


def _outside(lab: Plane, other: NDArray[np.generic]) -> Plane:
    """Return (h, w): how far colours lie outside all that `other` shows up to a pixel away."""
    seen = np.asarray(cv2.cvtColor(np.asarray(other, np.uint8), cv2.COLOR_RGB2LAB), np.float32)
    square = np.ones((3, 3), np.uint8)
    beyond = np.maximum(
        np.maximum(lab - cv2.dilate(seen, square), cv2.erode(seen, square) - lab), 0
    )
    return np.asarray(cv2.blur(np.sqrt((beyond**2).sum(axis=2)), (3, 3)), np.float32)
