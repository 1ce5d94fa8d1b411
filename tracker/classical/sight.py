"""What is seen in the frames before anybody asks for labels: pictures, and how they moved."""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.appearance import Floats
from tracker.classical.camera import (
    LEAST_LIKENESS,
    Homography,
    apply,
    between,
    chain,
    corners,
    is_plausible,
    likeness,
    outline_of,
)
from tracker.classical.exposure import Exposure
from tracker.classical.features import describe, match
from tracker.classical.flow import (
    FAST,
    ULTRAFAST,
    Flow,
    FlowEstimator,
    consistency,
    length,
    pixel_grid,
)
from tracker.classical.lately import Coming
from tracker.classical.softmaps import (
    WORKING_PIXELS,
    Picture,
    at_working_size,
    gray_of,
    look_closely,
    rescaled_flow,
    resized,
)
from tracker.types import Frame, Mask

_STEADY = 0.5  # mean trust in flow: with more, it is no other scene
MOST_READY = 8  # pictures prepared and not asked for, beyond those looked ahead at
AHEAD = 3, 6, 12  # frames: those to come that are looked at, see `lately.py`
LOOKAHEAD = AHEAD[-1]  # frames
_FOLLOWED = 0.2  # of the corners: with fewer nobody knows what the camera did
_CORNER_CELL = 15  # pixels of half the size: one corner is taken from every such square


@dataclass(frozen=True, eq=False)
class Change:
    """How a picture differs from another, at working size."""

    before: Picture
    to_next: Flow  # (rows, columns, 2), from the cells of the picture before, in pixels
    back: Flow  # (h, w, 2), to it
    trust: Floats  # (h, w), how far to trust `back`, 0 to 1
    is_cut: bool  # it is of another scene, and nothing was carried on


@dataclass(frozen=True, eq=False)
class _Seen:
    frame: Frame
    picture: Picture
    change: Change | None  # from the frame seen before
    step: Homography | None  # of the background since then, at half the size; None: not known


class Sight:
    """Looks at frames; `prepare` may do so beforehand, in another thread.

    Args:
        pixels: how many to look at, see `at_working_size`.
        lookahead: 0, or `LOOKAHEAD` to see what is `coming`.
    """

    def __init__(self, pixels: int = WORKING_PIXELS, lookahead: int = 0) -> None:
        self.pixels, self.lookahead = pixels, lookahead
        # Pictures for flow are small, so that nothing is lost by looking at half their size.
        self._estimator = FlowEstimator(FAST, finest_scale=1)
        self._rough = FlowEstimator(ULTRAFAST, finest_scale=1)  # for whole layers and for checking
        self._ready: deque[_Seen] = deque(maxlen=lookahead + MOST_READY)
        self._exposure = Exposure()
        self._newest: Picture | None = None  # seen
        self._current: _Seen | None = None  # looked at by `look`

    def at(self, pixels: int) -> "Sight":
        """Return one that has prepared the same frames, but looked at so many pixels."""
        other = Sight(pixels, self.lookahead)
        for seen in self._ready:
            other.prepare(seen.frame)
        return other

    def prepare(self, frame: Frame) -> None:
        """Look at a frame that `look` will be asked for, and at how it moved."""
        self._ready.append(self._see(frame))

    def look(self, frame: Frame) -> Picture:
        """Return the frame at working size."""
        seen = self._current
        if seen is not None and seen.frame is frame and not frame.flags.writeable:
            return seen.picture
        while self._ready:  # frames nobody asked for come before the one that somebody does
            self._current = self._ready.popleft()
            if self._current.frame is frame:
                return self._current.picture
        self._current = self._see(frame)
        return self._current.picture

    def _see(self, frame: Frame) -> _Seen:
        """Look at the next frame, as if exposed like the first, and at how it moved."""
        small, before = at_working_size(frame, self.pixels), self._newest
        even, change = self._exposure.even(small), None
        gray = gray_of(even)
        if before is not None and before.small.shape == small.shape:
            change = self._compare(before, gray.coarse)
            is_same = not change.is_cut
            if is_same and self._exposure.note(before.small, even, change.back, change.trust):
                even = self._exposure.even(small)
                gray = gray_of(even)
                change = self._compare(before, gray.coarse)
        picture = look_closely(even, gray)
        step = None
        if self.lookahead and before is not None and change is not None and not change.is_cut:
            step = _step(before, picture)
        self._newest = picture
        return _Seen(frame, picture, change, step)

    def coming(self) -> list[Coming]:
        """Return the frames to come that are looked at, after the one looked at by `look`.

        All of those that are prepared, up to where the scene ends.
        """
        found: list[Coming] = []
        way: Homography = np.eye(3)
        for age, seen in enumerate(list(self._ready), start=1):  # more may come meanwhile
            if age > LOOKAHEAD or seen.step is None:
                break
            way = chain(way, seen.step)
            if age in AHEAD:
                found.append(Coming(seen.picture.coded, way))
        return found

    def change(self, before: Picture, picture: Picture) -> Change:
        """Return how the picture differs from the one before, of the same size."""
        seen = self._current
        if seen is not None and seen.picture is picture:
            change = seen.change
            if change is not None and change.before is before:
                return change
        return self._compare(before, picture.gray)

    def again(self, before: Picture, picture: Picture, known: Mask) -> Change | None:
        """Return how a scene has changed since it was left; None if `picture` shows another.

        Args:
            before: what it showed last, however long before.
            picture: of the same size.
            known: (h, w), the background in `before`.
        """
        height, width = picture.gray.shape
        grays = [cv2.cvtColor(one.small, cv2.COLOR_RGB2GRAY) for one in (before, picture)]
        first, second = (
            describe(np.asarray(gray, np.uint8), mask)
            for gray, mask in zip(grays, (known, np.ones_like(known)), strict=True)
        )
        found = match(first, second)
        outline = outline_of((slice(0, height), slice(0, width)))
        guesses = [np.eye(3)]
        if found is not None:
            scale = np.diag((width / known.shape[1], height / known.shape[0], 1.0))
            moved = scale @ found @ np.linalg.inv(scale)
            if is_plausible(moved, outline):
                guesses.insert(0, moved)
        for guess in guesses:
            change = self._compare(before, picture.gray, guess)
            if not change.is_cut:
                return change
        return None

    def _compare(
        self, before: Picture, gray: NDArray[np.uint8], camera: Homography | None = None
    ) -> Change:
        """Return how a picture has changed, looked for from what the `camera` did if known.

        `gray` is what is seen now, of the size of `before.gray`.
        """
        shape = before.small.shape[:2]
        there, here = (None, None) if camera is None else _displacements(camera, gray.shape)
        to_next = self._rough.between(before.gray, gray, there)
        back = self._estimator.between(gray, before.gray, here)
        miss = np.minimum(consistency(back, to_next), max(shape))
        tolerance = 0.5 + 0.05 * length(back)
        trust = resized(np.exp(-0.5 * (miss / tolerance) ** 2), shape)
        cells = before.features.shape[:2]
        factors = np.array((shape[1] / to_next.shape[1], shape[0] / to_next.shape[0]), np.float32)
        is_open = camera is not None or float(trust.mean()) < _STEADY
        is_cut = is_open and _is_other(gray, before.gray, back)
        to_next = resized(to_next, cells) * factors
        return Change(before, to_next, rescaled_flow(back, shape), trust, is_cut)


def _step(before: Picture, picture: Picture) -> Homography | None:
    """Return what the camera did between two pictures at half their size; None: not known."""
    first, second = (
        np.asarray(cv2.extractChannel(one.coded, 0), np.uint8) for one in (before, picture)
    )
    motion = between(first, second, _CORNER_CELL)
    return None if motion is None or motion.support < _FOLLOWED else motion.homography


def _displacements(camera: Homography, shape: tuple[int, ...]) -> tuple[Flow, Flow]:
    """Return the flow (h, w, 2) that a camera's motion makes, and that of its inverse."""
    grid = pixel_grid(*shape)
    back = np.asarray(np.linalg.inv(camera), np.float64)
    return apply(camera, grid) - grid, apply(back, grid) - grid


def _is_other(picture: NDArray[np.uint8], before: NDArray[np.uint8], back: Flow) -> bool:
    """Return whether two frames are of different scenes, by what flow lays on each other."""
    points = corners(picture, np.ones(picture.shape, bool))
    return not len(points) or likeness(picture, before, back, points) < LEAST_LIKENESS
