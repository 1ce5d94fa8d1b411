"""Which masks are their objects': each is tried in every frame, and given up where it is not.

Parts of it may be something else that once touched it (see `strangers.py`); or all of it may, or
be what an object has left behind (see `belief.py`).
"""

import numpy as np
from numpy.typing import NDArray

from tracker.classical.appearance import Floats, PatchMemory
from tracker.classical.belief import REMAINS, is_believed, is_sudden, is_unlike
from tracker.classical.confidence import unlikeness
from tracker.classical.lost import Background
from tracker.classical.softmaps import Picture, cells_inside, clear
from tracker.classical.strangers import find_strangers
from tracker.classical.uncovered import Uncovered
from tracker.classical.usual import Usual
from tracker.classical.whereabouts import Whereabouts
from tracker.types import Mask

GROWN = 2.0  # times its usual area: a larger mask of an object that was lost is not its


class Claims:
    """Tries the masks of one video by what is known of their objects."""

    def __init__(
        self,
        memory: PatchMemory,
        usual: Usual,
        background: Background,
        uncovered: Uncovered,
        whereabouts: Whereabouts,
    ) -> None:
        """Share what is known of the objects and of the background."""
        self._memory = memory
        self._usual = usual
        self._background = background
        self._uncovered = uncovered
        self._whereabouts = whereabouts
        # What `unlikeness` says of the newest masks beside their objects, and the other way round.
        self._unlike: dict[int, Floats] = {}
        self._missing: dict[int, Floats] = {}

    def forget(self) -> None:
        """Turn to the next frame, in which no mask has been tried yet."""
        self._unlike.clear()
        self._missing.clear()

    def unlike(self, layer: int) -> Floats:
        """Return how far cells (n,) of the newest mask of an object are from it as given."""
        return self._unlike.get(layer, np.empty(0, np.float32))

    def missing(self, layer: int) -> Floats:
        """Return how far given cells (n,) of an object are from those of its newest mask."""
        return self._missing.get(layer, np.empty(0, np.float32))

    def drop_others(
        self, picture: Picture, soft: Floats, winner: NDArray[np.uint8], *, is_elsewhere: bool
    ) -> None:
        """Clear, in place, masks that are not their object's: of its remains, of something else.

        Args:
            picture: the frame.
            soft: (layers, h, w), its soft labels.
            winner: (h, w), the layer that wins.
            is_elsewhere: this is another scene than the objects were given in.
        """
        for layer in range(1, len(soft)):
            mine = winner == layer
            if not mine.any():
                continue
            if self._uncovered.is_whole(layer) and self._usual.is_known(layer):
                given = self._memory.given(layer)[0]
                strangers = find_strangers(mine, picture.features, given, self._background)
                if strangers is not None:
                    clear(soft, winner, layer, strangers)
                    mine &= ~strangers
            if not self._is_its(picture, layer, mine, is_elsewhere=is_elsewhere):
                clear(soft, winner, layer, soft[layer] > 0)
                self._unlike.pop(layer, None)
                self._missing.pop(layer, None)
                self._whereabouts.refuse(layer)

    def _is_its(self, picture: Picture, layer: int, mine: Mask, *, is_elsewhere: bool) -> bool:
        """Return whether a mask (h, w), not empty, is likely to be that object's."""
        area, usual = np.count_nonzero(mine), self._usual.area(layer)
        if self._usual.is_held(layer) and area > GROWN * usual:
            return False
        given, cells = self._memory.given(layer)[0], cells_inside(mine)
        features, distance = picture.features[cells], self._usual.distance(layer)
        self._unlike[layer] = distances = unlikeness(features, given)
        self._missing[layer] = unlikeness(given, features)
        found = self._whereabouts.found.get(layer)
        if found is None:
            changes = unlikeness(features, self._memory.looks(layer))
            if is_sudden(changes, self._usual.change(layer)):
                return False
            self._usual.note_changes(layer, changes)
        elif is_unlike(distances, distance, is_elsewhere=is_elsewhere):
            return False
        elif found.mask is not None:
            return True
        return is_believed(
            features,
            given,
            distances,
            distance,
            self._background,
            is_small=bool(area < REMAINS * usual),
            times_found=found.times if found is not None else 0,
            is_whole=self._uncovered.is_whole(layer),
            is_elsewhere=is_elsewhere,
        ) or self._whereabouts.bears_out(layer, picture, cells)
