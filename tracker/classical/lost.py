"""Finding an object again after it was hidden or away.

Nothing is known about where it is, so the whole frame is compared with what the object
looked like, and with samples of all the background seen so far.  An object is back where
enough cells close to each other are clearly more like it than like anything else.  That is
asked of few cells, as soon as some of it is seen; where exactly it is, all cells say that are
more like it and differ from what was seen there before.  What then becomes of the mask is
looked at once more (see `belief.py`).
"""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from tracker.classical.appearance import STRIDE, Floats, Places, nearest_rows
from tracker.lazy import lazily
from tracker.types import Mask

SAMPLES, SHARE = 1200, 0.1029  # background cells kept per sampled frame, or of all its cells
SAMPLED_FRAMES = 4  # the first and the newest
SAMPLING_INTERVAL = 10  # frames
LARGEST_MODEL = 1500  # cells of the object looked for
CLEARLY = 0.65  # squared distance to the object, as a share of that to the background
VISIBLE_SHARE = 0.1  # of a hidden object's cells: so many are enough to look closer
FEWEST_CELLS = 3
UNSEEN = 3.0  # times as far as known background is what differs from what was seen there
STEP = 2  # cells: every other is enough to see that an object is there


@dataclass(frozen=True)
class Found:
    """Where a lost object is."""

    centre: complex  # x + iy, pixels
    radius: float  # pixels
    shift: complex  # from where memory believed it
    times: int  # frames in a row it was found close by, this one included
    mask: Mask | None = None  # (rows, columns) of cells: all of it, if that was found as a whole


class Background:
    """A bounded sample of what the background looked like anywhere so far."""

    def __init__(self) -> None:
        self._samples: deque[Floats] = deque(maxlen=SAMPLED_FRAMES - 1)
        self._first: Floats | None = None

    def remember(self, features: Floats, num_cells: int = 0) -> None:
        """Keep some of `features` (N, features), evenly chosen, of a frame of so many cells."""
        most = max(SAMPLES, round(SHARE * num_cells))
        chosen = features[:: max(1, -(-len(features) // most))]
        if self._first is None:
            self._first = chosen
        else:
            self._samples.append(chosen)

    def distances(self, features: Floats) -> Floats:
        """Return (N,): squared distance to the nearest background cell known."""
        known = self.known()
        if not len(known):
            return np.full(len(features), np.inf, np.float32)
        return nearest_rows(features, known)[1]

    def known(self) -> Floats:
        """Return the cells (N, features) that are remembered."""
        if self._first is None:
            return np.empty((0, 0), np.float32)
        return np.concatenate([self._first, *self._samples])


def to_background(features: Floats, background: Background, is_new: Mask, asked: Mask) -> Floats:
    """Return (rows, columns): squared distance of cells from any background known.

    What was found is compared with that, as memory does not know what is around it.

    Args:
        features: (rows, columns, features).
        background: all that is known.
        is_new: (rows, columns): cells that are hardly background, see `UNSEEN`.
        asked: (rows, columns): of these cells; others are infinitely far.
    """
    result = np.full(asked.shape, np.inf, np.float32)
    result[asked] = background.distances(features[asked])
    result[asked & is_new] *= np.float32(UNSEEN)
    return result


class Scene:
    """A whole frame, in which objects are looked for."""

    def __init__(
        self, features: Floats, places: Places, background: Background, is_new: Mask
    ) -> None:
        """Take what the frame shows.

        Args:
            features: (rows, columns, features).
            places: (rows, columns).
            background: what objects could be mistaken for.
            is_new: (rows, columns), whether a cell differs from what was seen there before.
        """
        self._places = places[::STEP, ::STEP]
        self._cells = features[::STEP, ::STEP].reshape(-1, features.shape[-1])
        self._background = background
        self._is_new = is_new[::STEP, ::STEP].ravel()

    @lazily
    def _to_background(self) -> Floats:
        """(N,): how far the cells are from any background known."""
        return self._background.distances(self._cells)

    def find(
        self,
        model: tuple[Floats, Places],
        area: float,
        share: float,
        distance: float,
        last: Found | None,
    ) -> Found | None:
        """Return where an object is, or None if it is not to be seen.

        Args:
            model: the object's features (M, features) and the places (M,) memory has for them.
            area: of the object when last seen well, pixels.
            share: of its cells that must be seen at least.
            distance: squared, of its cells from the model then; those further are not its.
            last: where it seemed to be in the frame before, if anywhere.
        """
        if not len(model[0]):
            return None
        thinned = slice(None, None, -(-len(model[0]) // LARGEST_MODEL))
        model_features, model_places = model[0][thinned], model[1][thinned]
        where = self._places
        match, nearest = nearest_rows(self._cells, model_features)
        alike: Mask = nearest < np.minimum(CLEARLY * self._to_background, distance)
        side = max(3.0, np.sqrt(area) / (STRIDE * STEP)) * 1.5
        window = (round(side), round(side))
        support = cv2.boxFilter(
            alike.reshape(where.shape).astype(np.float32),
            -1,
            window,
            normalize=False,
            borderType=cv2.BORDER_CONSTANT,
        )
        peak = np.unravel_index(int(support.argmax()), support.shape)
        needed = max(FEWEST_CELLS, share * area / (STRIDE * STEP) ** 2)
        if support[peak] < needed - 0.5:
            return None
        radius = side * STRIDE * STEP / 2
        centre = complex(where[peak])
        offset = where.ravel() - np.complex64(centre)
        # What is new needs not be as clearly alike to be a part of what was found.
        alike |= self._is_new & (nearest < np.minimum(self._to_background, distance))
        members = alike & (np.abs(offset.real) <= radius) & (np.abs(offset.imag) <= radius)
        moves = where.ravel()[members] - model_places[match[members]]
        shift = complex(np.median(moves.real), np.median(moves.imag))
        found = complex(where.ravel()[members].mean())
        is_close = last is not None and abs(found - last.centre) < radius
        return Found(found, radius, shift, 1 + (last.times if last and is_close else 0))
