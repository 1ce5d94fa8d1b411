"""How a frame differs from what frames around it show of the background there.

The plate (`plate.py`) is built from what was taken for background: a part of an object that was
lost once is in it, and equals it from then on.  These frames are looked at as they are, but for
what was taken for an object in them, so a lost part that moves still differs.  What was seen
again, no further off than a pixel, in two of three frames or more is background.

Where time allows, frames to come are looked at as well, all that they show: background that an
object is about to uncover is known before it does.  Both say what they know, beside each other;
frames to come only of objects that are seen well.
"""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.appearance import Floats
from tracker.classical.camera import Homography, chain
from tracker.classical.differing import Differing, in_bins
from tracker.classical.planes import split
from tracker.classical.softmaps import CODE, winning_layer
from tracker.images import Region, bounding_box
from tracker.types import Mask

AGES = 3, 6, 12, 24, 48  # frames: soon enough to be alike, long enough for slow objects to leave
FEWEST = 2  # of the frames must show a place
OBJECT = 0.5  # probability of background below which a pixel shows none
_FLAGS = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
_SQUARE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class Coming:
    """A frame to come."""

    colours: NDArray[np.uint8]  # (h, w, 3), see `softmaps.coded`
    from_newest: Homography


@dataclass(eq=False)
class _Past:
    """A frame before."""

    colours: NDArray[np.uint8]  # (h, w, 3), see `softmaps.coded`
    shown: NDArray[np.uint8]  # (h, w), 255 where it shows no object
    to_newest: Homography


class _Least:
    """The two least differences of each pixel (h, w) from the frames told of so far."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._first = np.full(shape, np.inf, np.float32)
        self._second = self._first.copy()
        self._count = np.zeros(shape, np.uint8)

    def note(self, far: Floats, shown: Mask) -> None:
        """Take the differences (h, w) from a frame, which count where it has `shown` a place."""
        far[~shown] = np.inf
        self._second = np.minimum(self._second, np.maximum(self._first, far))
        self._first = np.minimum(self._first, far)
        self._count += shown

    def second(self) -> tuple[Floats, Mask]:
        """Return the second least, or the least of two, and where that is known."""
        is_first = np.isinf(self._second) | (self._count == FEWEST)
        return np.where(is_first, self._first, self._second), self._count >= FEWEST


class Lately:
    """The last frames of one video."""

    def __init__(self) -> None:
        self._past: deque[_Past] = deque(maxlen=AGES[-1])
        self._differing = Differing()  # from the past
        self._differing_ever = Differing()  # from past and future

    def forget(self) -> None:
        """Begin anew: the next frame is of another scene."""
        self._past.clear()
        self._differing.forget()
        self._differing_ever.forget()

    def follow(self, step: Homography) -> None:
        """Turn to the next frame, to which `step` takes the background of the last."""
        for past in self._past:
            past.to_newest = chain(past.to_newest, step)

    def odds(
        self,
        coded: NDArray[np.uint8],
        expected: Floats,
        near: Mask,
        coming: Sequence[Coming] = (),
        doubtful: Collection[int] = (),
    ) -> Floats:
        """Return (layers, h, w): log odds of each object against the background.

        Args:
            coded: (h, w, 3), the newest frame, see `softmaps.coded`.
            expected: (layers, h, w), how likely each layer is without these odds.
            near: (h, w), where objects may be.
            coming: frames to come, as many as are known.
            doubtful: objects of which frames to come say nothing: what is marked may be
                something else, and that differs from the background as well.
        """
        result = np.zeros_like(expected)
        box = bounding_box(near)
        if box is None:
            return result
        least = _Least(near[box].shape)
        for past in (self._past[-age] for age in AGES if age <= len(self._past)):
            back = np.asarray(np.linalg.inv(past.to_newest), np.float64)
            _compare(coded, box, past.colours, past.shown, back, least)
        inside = (slice(None), *box)
        said = result[inside]
        winner = winning_layer(expected[inside])
        everyone = range(1, len(expected))
        _say(self._differing, least, near[box], winner, said, everyone)
        if coming:
            everywhere = np.full(near.shape, 255, np.uint8)
            for frame in coming:
                _compare(coded, box, frame.colours, everywhere, frame.from_newest, least)
            sure = [layer for layer in everyone if layer not in doubtful]
            _say(self._differing_ever, least, near[box], winner, said, sure)
        return result

    def keep(self, coded: NDArray[np.uint8], background: Floats) -> None:
        """Keep the newest frame (h, w, 3), and how likely each pixel (h, w) is background."""
        taken = cv2.dilate((background < OBJECT).astype(np.uint8), _SQUARE)
        shown = np.asarray(255 * (1 - taken), np.uint8)
        self._past.append(_Past(coded, shown, np.eye(3)))


def _compare(
    coded: NDArray[np.uint8],
    box: Region,
    colours: NDArray[np.uint8],
    shown: NDArray[np.uint8],
    there: NDArray[np.float64],
    least: _Least,
) -> None:
    """Note how a box of a frame, `coded`, differs from another, to which `there` takes it."""
    now = coded[box]
    size = now.shape[1], now.shape[0]
    corner = np.array([[1, 0, box[1].start], [0, 1, box[0].start], [0, 0, 1]], np.float64)
    way = there @ corner
    seen = cv2.warpPerspective(colours, way, size, flags=_FLAGS)
    is_shown = cv2.warpPerspective(shown, way, size, flags=_FLAGS) == 255
    below, above = cv2.erode(seen, _SQUARE), cv2.dilate(seen, _SQUARE)
    beyond = cv2.max(cv2.subtract(now, above), cv2.subtract(below, now))
    least.note(np.asarray(cv2.blur(_length(beyond), (3, 3)), np.float32), is_shown)


def _say(
    differing: Differing,
    least: _Least,
    near: Mask,
    winner: NDArray[np.uint8],
    result: Floats,
    layers: Iterable[int],
) -> None:
    """Add to some `layers` of `result` (layers, h, w) what differences say.

    Where that is known and `near` (h, w).
    """
    differs, known = least.second()
    known &= near
    if not known.any():
        return
    bins = in_bins(differs)
    differing.count([bins[known & (winner == k)] for k in range(len(result))])
    said = differing.odds(bins)
    for layer in layers:
        np.add(result[layer], said[layer - 1], out=result[layer], where=known)


def _length(coded: NDArray[np.generic]) -> Floats:
    """Return (h, w): how long differences (h, w, 3) of colours in 8 bits are."""
    x, y, z = split(coded)
    x /= CODE[0, 0]
    return np.asarray(np.sqrt(x * x + y * y + z * z), np.float32)
