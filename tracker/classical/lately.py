"""How a frame differs from what a few frames before it show of the background there.

The plate (`plate.py`) is built from what was taken for background: a part of an object that was
lost once is in it, and equals it from then on.  These frames are looked at as they are, but for
what was taken for an object in them, so a lost part that moves still differs.  What was seen
again, no further off than a pixel, in two of three frames or more is background.
"""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.appearance import Floats
from tracker.classical.camera import Homography, chain
from tracker.classical.differing import Differing, in_bins
from tracker.classical.planes import split
from tracker.classical.softmaps import winning_layer
from tracker.images import Region, bounding_box
from tracker.types import Mask

AGES = 3, 6, 12, 24, 48  # frames: soon enough to be alike, long enough for slow objects to leave
FEWEST = 2  # of the frames must show a place
OBJECT = 0.5  # probability of background below which a pixel shows none
_FLAGS = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
_SQUARE = np.ones((3, 3), np.uint8)
_SCALE = np.float32(2.55)  # of L in 8 bits
_CODE = np.array([[_SCALE, 0, 0, 0], [0, 1, 0, 128], [0, 0, 1, 128]], np.float32)


@dataclass(eq=False)
class _Past:
    """A frame before."""

    colours: NDArray[np.uint8]  # (h, w, 3) CIE Lab, coded in 8 bits
    shown: NDArray[np.uint8]  # (h, w), 255 where it shows no object
    to_newest: Homography


class Lately:
    """The last frames of one video."""

    def __init__(self) -> None:
        self._past: deque[_Past] = deque(maxlen=AGES[-1])
        self._differing = Differing()

    def forget(self) -> None:
        """Begin anew: the next frame is of another scene."""
        self._past.clear()
        self._differing.forget()

    def follow(self, step: Homography) -> None:
        """Turn to the next frame, to which `step` takes the background of the last."""
        for past in self._past:
            past.to_newest = chain(past.to_newest, step)

    def odds(self, half: Floats, expected: Floats, near: Mask) -> Floats:
        """Return (layers, h, w): log odds of each object against the background.

        Args:
            half: (h, w, 3) Lab, the newest frame.
            expected: (layers, h, w), how likely each layer is without these odds.
            near: (h, w), where objects may be.
        """
        result = np.zeros_like(expected)
        box = bounding_box(near)
        if box is None:
            return result
        differs, known = self._differences(half, box)
        known &= near[box]
        if not known.any():
            return result
        bins = in_bins(differs)
        inside = (slice(None), *box)
        winner = winning_layer(expected[inside])
        self._differing.count([bins[known & (winner == k)] for k in range(len(expected))])
        for one, said in zip(result[inside][1:], self._differing.odds(bins), strict=True):
            np.copyto(one, said, where=known)
        return result

    def keep(self, half: Floats, background: Floats) -> None:
        """Keep the newest frame (h, w, 3) Lab, and how likely each pixel (h, w) is background."""
        taken = cv2.dilate((background < OBJECT).astype(np.uint8), _SQUARE)
        shown = np.asarray(255 * (1 - taken), np.uint8)
        self._past.append(_Past(_coded(half), shown, np.eye(3)))

    def _differences(self, half: Floats, box: Region) -> tuple[Floats, Mask]:
        """Return how `half` differs in a box (h, w), and where that is known.

        The second least of the differences, or the least of two.
        """
        now = _coded(half[box])
        least = np.full(now.shape[:2], np.inf, np.float32)
        second, count = least.copy(), np.zeros(least.shape, np.uint8)
        size = now.shape[1], now.shape[0]
        corner = np.array([[1, 0, box[1].start], [0, 1, box[0].start], [0, 0, 1]], np.float64)
        for age in AGES:
            if age > len(self._past):
                break
            past = self._past[-age]
            back = np.linalg.inv(past.to_newest) @ corner
            seen = cv2.warpPerspective(past.colours, back, size, flags=_FLAGS)
            shown = cv2.warpPerspective(past.shown, back, size, flags=_FLAGS) == 255
            below, above = cv2.erode(seen, _SQUARE), cv2.dilate(seen, _SQUARE)
            beyond = cv2.max(cv2.subtract(now, above), cv2.subtract(below, now))
            far = np.asarray(cv2.blur(_length(beyond), (3, 3)), np.float32)
            far[~shown] = np.inf
            second = np.minimum(second, np.maximum(least, far))
            least = np.minimum(least, far)
            count += shown
        return np.where(np.isinf(second) | (count == FEWEST), least, second), count >= FEWEST


def _coded(lab: Floats) -> NDArray[np.uint8]:
    """Return (h, w, 3) in 8 bits: rounded to 0.4 units of L and 1 of a and b."""
    return np.asarray(cv2.convertScaleAbs(cv2.transform(lab, _CODE)), np.uint8)


def _length(coded: NDArray[np.generic]) -> Floats:
    """Return (h, w): how long differences (h, w, 3) of colours in 8 bits are."""
    x, y, z = split(coded)
    x /= _SCALE
    return np.asarray(np.sqrt(x * x + y * y + z * z), np.float32)
