"""Background that an object has uncovered by moving away, and that was taken for a part of it.

What an object hides when it is given is seen only once it has gone, and may look like it: a dark
door behind dark trousers.  Such a part gives itself away.  It hangs together with the rest of
the object no more, and stands still with the background while the rest goes on; the background
was never seen there, so it is new; and it does not look like what was there when the object was
given, as something would that belongs to the object and has stood there since.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.appearance import Floats
from tracker.classical.differing import most_alike
from tracker.classical.flow import pixel_grid
from tracker.classical.layers import NOISE, TRUSTED, Motion, median
from tracker.classical.planes import split
from tracker.classical.plate import BackgroundPlate
from tracker.classical.sight import Change
from tracker.classical.softmaps import clear, grown, pieces
from tracker.types import Mask

CRUMB = 0.05  # of an object's largest piece: smaller ones are no pieces
THIN = 0.2  # of the root of its area: pieces that are not further apart are one object
STEP = 4  # pixels: how densely flow is looked at
GOES = 4.0  # times as far from the background's motion as what stands still may be


class Stray:
    """How far what is in a frame moved otherwise than the background, since the frame before."""

    def __init__(self, change: Change, motion: Motion) -> None:
        """Take how the frame differs from the one before, and the background's motion."""
        back = np.ascontiguousarray(change.back[::STEP, ::STEP])
        grid = pixel_grid(*back.shape[:2]) * np.float32(STEP)
        places = grid.view(np.complex64)[..., 0]
        self._pixels = np.abs(places + back.view(np.complex64)[..., 0] - motion.origin(places))
        self._trusted = change.trust[::STEP, ::STEP] > TRUSTED

    def of(self, mask: Mask) -> float:
        """Return the median, in pixels, over (h, w) `mask`; nan where few know."""
        coarse = mask[::STEP, ::STEP]
        chosen = self._pixels[coarse & self._trusted]
        return median(chosen) if 2 * chosen.size > np.count_nonzero(coarse) else float("nan")


class Uncovered:
    """Finds uncovered background in the masks of one video's objects."""

    def __init__(self) -> None:
        self._given: Floats | None = None
        self._whole: set[int] = set()  # the layers given in one piece

    def begin(self, half: Floats, winner: NDArray[np.uint8]) -> None:
        """Take the frame (h // 2, w // 2, 3) Lab in which objects are given, and them (h, w)."""
        self._given = half
        self._whole = {layer for layer in range(1, winner.max() + 1) if _is_whole(winner == layer)}

    def forget(self) -> None:
        """Look no further: what comes is another scene."""
        self._given = None

    def is_whole(self, layer: int) -> bool:
        """Return whether an object was given in one piece; else it may be several."""
        return layer in self._whole

    def drop(
        self,
        soft: Floats,
        winner: NDArray[np.uint8],
        half: Floats,
        plate: BackgroundPlate,
        change: Change,
        motion: Motion,
    ) -> None:
        """Clear what every object has uncovered; arguments as for `find`.

        `soft` (layers, h, w) and which of them wins, `winner`, are changed in place.
        """
        for layer in range(1, len(soft)):
            uncovered = self.find(layer, winner, half, plate, change, motion)
            clear(soft, winner, layer, uncovered)

    def find(
        self,
        layer: int,
        winner: NDArray[np.uint8],
        half: Floats,
        plate: BackgroundPlate,
        change: Change,
        motion: Motion,
    ) -> Mask:
        """Return (h, w): which part of an object's mask is background.

        Of an object given in several pieces, people in a row, it is none: each may stand.

        Args:
            layer: the object.
            winner: (h, w), the layers.
            half: (h // 2, w // 2, 3) Lab, the frame.
            plate: what was seen of the background; it lies under the frame.
            change: how the frame differs from the one before.
            motion: of the background since then.
        """
        mask: Mask = winner == layer
        result = np.zeros_like(mask)
        if self._given is None or not self.is_whole(layer):
            return result
        parts, areas = pieces(mask)
        if len(areas) < 3:
            return result
        stray = Stray(change, motion)
        rest = int(areas.argmax())
        still, goes = 2 * stray.of(winner == 0) + NOISE, stray.of(parts == rest)
        if not goes > GOES * still:  # or it is not known
            return result
        shape = half.shape[:2]
        was = cv2.warpPerspective(self._given, plate.since_given, shape[::-1])
        first, second, third = split(cv2.blur(was - half, (3, 3)))
        differs = np.sqrt(first * first + second * second + third * third)
        seen = plate.seen(shape)
        limit = most_alike(differs[seen])
        halves = cv2.resize(parts.astype(np.uint16), shape[::-1], interpolation=cv2.INTER_NEAREST)
        for part in range(1, len(areas)):
            inside = halves == part
            if part == rest or not inside.any() or not stray.of(parts == part) < still:
                continue
            is_new = 2 * np.count_nonzero(seen & inside) < np.count_nonzero(inside)
            if is_new and median(differs[inside]) > limit:
                result |= parts == part
        return result


def _is_whole(mask: Mask) -> bool:
    """Return whether (h, w) is one piece, but for crumbs and thin things in front of it."""
    joined = grown(mask, round(THIN / 2 * np.sqrt(np.count_nonzero(mask))))
    num, parts = cv2.connectedComponents(joined.view(np.uint8))
    areas = np.bincount(parts[mask], minlength=num)
    return bool(areas.any()) and np.count_nonzero(areas > CRUMB * areas.max()) == 1
