"""Which objects are out of sight, and where they have come back.

An object whose mask has all but vanished is looked for in every frame: cell by cell (`lost.py`),
and where that finds nothing, or what it found last was not believed, as a whole
(`templates.py`).  Until it has been seen well again its mask may cover something else: so its
usual size is held, and where the whole object stands elsewhere than a doubtful mask, the mask is
given up for it.
"""

import numpy as np
from numpy.typing import NDArray

from tracker.classical.appearance import STRIDE, Floats, PatchMemory, Places
from tracker.classical.backdrop import Backdrop
from tracker.classical.belief import FAR, REMAINS, are_nearer
from tracker.classical.lost import VISIBLE_SHARE, Background, Found, Scene
from tracker.classical.softmaps import Picture, cell_means, cell_places, cells_inside
from tracker.classical.templates import Fit, Templates, White
from tracker.classical.usual import Usual
from tracker.types import Mask

SOUGHT = 0.2  # of its usual area: an object covering less is looked for everywhere
LIKELY = 0.5  # trust from which a mask shows what an object looks like
DOUBTFUL = 0.3  # trust below which another place may be better
ELSEWHERE = 0.3  # intersection over union: less is another place
WHOLE = 0.6  # intersection over union with a fit: all of the object is seen
BORNE_OUT = 0.5  # of a mask, by a fit
REVIEW = 5  # frames from one comparison of templates with what is followed to the next
COMING = 10  # frames since it was out of sight: so long more of an object may come to be found
FEWEST_CELLS = 40  # of background: fewer have no covariance


class Whereabouts:
    """Finds the lost objects of one video."""

    def __init__(self, memory: PatchMemory, usual: Usual, background: Background) -> None:
        """Share what the propagator knows of the objects and of the background."""
        self.found: dict[int, Found] = {}  # where lost objects are in the newest frame
        self._memory = memory
        self._usual = usual
        self._background = background
        self._templates = Templates()
        self._white: White | None = None
        self._count = 0
        self._refused: set[int] = set()  # objects whose last mask was not believed
        self._doubtful: set[int] = set()  # objects whose last mask is to be doubted
        self._coming: dict[int, int] = {}  # objects found: when they were last out of sight

    def begin(self, picture: Picture, soft: Floats, layers: list[int]) -> None:
        """Take the objects given in a frame: soft labels (layers, h, w), and which they are."""
        for layer in layers:
            self._templates.learn(layer, picture, cell_means(soft[layer]), given=True)
            self._usual.release(layer)
            self._doubtful.discard(layer)
            self._coming.pop(layer, None)

    def know_background(self) -> None:
        """Take in what has been added to the samples of background."""
        known = self._background.known()
        self._white = White(known) if len(known) >= FEWEST_CELLS else None

    def forget(self) -> None:
        """Look for objects cell by cell from now on: of another scene no background is known."""
        self._templates = Templates()
        self._usual.release_all()
        self._doubtful.clear()
        self._coming.clear()

    def look(self, picture: Picture, covered: NDArray[np.intp], backdrop: Backdrop) -> Mask:
        """Look for the lost objects of a frame, and tell memory where those `found` are.

        Args:
            picture: the frame.
            covered: (layers,), the pixels of each layer in the frame before.
            backdrop: what lies behind, in this frame.

        Returns:
            (rows, columns): the cells that differ from what was seen there before.
        """
        self._count += 1
        last, self.found = self.found, {}
        refused, self._refused = self._refused, set()
        lost = self._lost(covered)
        is_new = np.zeros(picture.features.shape[:2], bool)
        if not lost:
            return is_new
        is_new = backdrop.new_cells(picture)
        where = cell_places(*picture.small.shape[:2])
        scene = Scene(picture.features, where, self._background, is_new)
        for layer in lost:
            before = self._templates.area(layer)
            if before is not None and not self._usual.is_held(layer):
                self._usual.hold(layer, before)
            farthest = FAR * self._usual.distance(layer)
            # A find must show more than is followed.
            share = SOUGHT if covered[layer] else VISIBLE_SHARE
            model, area = self._memory.given(layer), self._usual.area(layer)
            place = scene.find(model, area, share, farthest, last.get(layer))
            if self._white is not None and (place is None or layer in refused):
                fit = self._templates.seek(layer, picture, self._white)
                if fit is not None:
                    place = _found(fit, model[1], where, last.get(layer))
            if place is not None:
                self._put(layer, place)
        return is_new

    def look_elsewhere(self, picture: Picture, winner: NDArray[np.uint8]) -> None:
        """Look for objects that were lost and whose masks, (h, w) `winner`, are to be doubted."""
        for layer in self._doubtful.difference(self.found):
            fit = self._fit(layer, picture)
            if fit is not None and _overlap(fit.mask, cells_inside(winner == layer)) < ELSEWHERE:
                where = cell_places(*picture.small.shape[:2])
                self._put(layer, _found(fit, self._memory.given(layer)[1], where, None))

    def is_any_out_of_sight(self, covered: NDArray[np.intp]) -> bool:
        """Return whether an object is lost, or was and has not been seen well again.

        `covered` (layers,) are the pixels of each layer.
        """
        held = any(self._usual.is_held(layer) for layer in range(1, len(covered)))
        return held or bool(self._lost(covered))

    def _lost(self, covered: NDArray[np.intp]) -> list[int]:
        """Return the objects that cover hardly anything."""
        layers = range(1, len(covered))
        return [k for k in layers if covered[k] <= SOUGHT * self._usual.area(k)]

    def _put(self, layer: int, place: Found) -> None:
        self._memory.shift(layer, place.shift)
        self.found[layer] = place
        self._coming[layer] = self._count

    def bears_out(self, layer: int, picture: Picture, cells: Mask) -> bool:
        """Return whether the whole object is seen where a mask (rows, columns) lies."""
        fit = self._fit(layer, picture)
        if fit is None:
            return False
        borne_out = int(np.count_nonzero(fit.mask & cells))
        return borne_out >= BORNE_OUT * int(np.count_nonzero(cells))

    def may_be_more(self, features: Floats) -> Mask:
        """Return (N,): which cells (N, features) beside the masks may be more of what was found.

        A find is seldom all of an object.  What looks like it, remembered as background because
        the mask has not reached it yet, would never be its.
        """
        result = np.zeros(len(features), bool)
        coming = [k for k, seen in self._coming.items() if self._count - seen <= COMING]
        coming = [k for k in coming if k not in self._doubtful]
        if coming and len(features):
            to_background = self._background.distances(features)
            for layer in coming:
                result |= are_nearer(features, self._memory.given(layer)[0], to_background)
        return result

    def refuse(self, layer: int) -> None:
        """Take note that the mask of an object was not believed."""
        self._refused.add(layer)

    def note(self, layer: int, picture: Picture, soft: Floats, mine: Mask, trust: float) -> None:
        """Take note of the newest mask of an object.

        Args:
            layer: of the object.
            picture: the frame.
            soft: (h, w), how likely every pixel is the object.
            mine: (h, w), where that wins.
            trust: how much the mask is gone by, 0 to 1.
        """
        if self._white is not None and self._count % REVIEW == 0:
            share = cell_means(soft)
            fit = self._templates.review(layer, picture, share, self._white)
            is_whole = fit is not None and _overlap(fit.mask, cells_inside(mine)) > WHOLE
            if trust > LIKELY and is_whole:
                self._templates.learn(layer, picture, share, given=False)
        before = self._templates.area(layer)
        if layer in self._coming and self._usual.is_held(layer):
            self._coming[layer] = self._count
        if trust > LIKELY:
            self._usual.release(layer)
        elif before is not None and np.count_nonzero(mine) < REMAINS * before:
            self._usual.hold(layer, before)
        if trust < DOUBTFUL and self._usual.is_held(layer):
            self._doubtful.add(layer)
        else:
            self._doubtful.discard(layer)

    def _fit(self, layer: int, picture: Picture) -> Fit | None:
        return None if self._white is None else self._templates.fit(layer, picture, self._white)


def _found(fit: Fit, model: Places, where: Places, last: Found | None) -> Found:
    """Return a find that shows a whole object, which memory has at places `model` (M,)."""
    places = where[fit.mask]
    centre = complex(places.mean())
    away = places - np.complex64(centre)
    radius = float(np.maximum(np.abs(away.real), np.abs(away.imag)).max()) + 2 * STRIDE
    is_close = last is not None and abs(centre - last.centre) < radius
    times = 1 + (last.times if last is not None and is_close else 0)
    shift = centre - complex(model.mean()) if len(model) else 0j
    return Found(centre, radius, shift, times, fit.mask)


def _overlap(one: Mask, other: Mask) -> float:
    """Return the intersection over union."""
    both, either = (int(np.count_nonzero(mask)) for mask in (one & other, one | other))
    return both / max(1, either)
