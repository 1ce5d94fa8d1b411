"""What every object usually is like: one much smaller may have gone, one unlike it is another."""

from collections.abc import Sequence

import numpy as np

from tracker.classical.appearance import Floats
from tracker.classical.layers import Motion

GONE = 0.1  # of its usual area: an object covering less does not become usually small
RATE = 0.05  # per frame: how fast what is usual follows
STRETCH = 1.1  # the most an object grows or shrinks in a frame, in length
MOST = 90  # per cent: so many of its cells are as alike as it usually is


class Usual:
    """What the layers of one video but the background are like when they are seen well."""

    def __init__(self) -> None:
        self._areas: dict[int, float] = {}
        self._distances: dict[int, float] = {}
        self._changes: dict[int, float] = {}
        self._held: set[int] = set()

    def hold(self, layer: int, area: float) -> None:
        """Let this be the usual area of a layer that is out of sight, until it is released."""
        self._areas[layer] = area
        self._held.add(layer)

    def is_held(self, layer: int) -> bool:
        """Return whether a layer has been out of sight, and not been seen well since."""
        return layer in self._held

    def release(self, layer: int) -> None:
        """Let the usual area follow what a layer covers again."""
        self._held.discard(layer)

    def release_all(self) -> None:
        """Let all usual areas follow what is covered again."""
        self._held.clear()

    def area(self, layer: int) -> float:
        """Return the pixels a layer covers that was noted before."""
        return self._areas[layer]

    def distance(self, layer: int) -> float:
        """Return how far most cells are from the object as it was given; infinite if unknown."""
        return self._distances.get(layer, np.inf)

    def change(self, layer: int) -> float:
        """Return how far most cells are from how it looked lately; infinite if unknown."""
        return self._changes.get(layer, np.inf)

    def is_known(self, layer: int) -> bool:
        """Return whether the object has been seen well since it was given."""
        return layer in self._distances

    def scale(self, motions: Sequence[Motion]) -> None:
        """Let objects be smaller as they go away and larger as they come near.

        `motions` are every layer's, the background's own where another is not known.
        """
        for layer, motion in enumerate(motions[1:], start=1):
            if motion is not motions[0] and layer not in self._held:
                stretch = np.clip(abs(motion.rotation), 1 / STRETCH, STRETCH)
                self._areas[layer] *= float(stretch) ** 2

    def note_areas(self, soft: Floats, *, given: bool) -> None:
        """Follow what layers of soft labels (layers, h, w) cover, slowly; begin anew if `given`."""
        for layer in range(1, len(soft)):
            area = float(soft[layer].sum())
            known = self._areas.get(layer)
            if known is None or (given and area > 0):
                self._areas[layer] = area
                self._changes.pop(layer, None)  # it may be another thing
            elif area > GONE * known and layer not in self._held:
                self._areas[layer] += RATE * (area - known)

    def note_distances(self, layer: int, distances: Floats) -> None:
        """Follow slowly how far cells (n,), at least one, of a layer seen well are from it."""
        _follow(self._distances, layer, distances)

    def note_changes(self, layer: int, changes: Floats) -> None:
        """Follow slowly how far cells (n,) are from how the layer looked lately."""
        if len(changes):
            _follow(self._changes, layer, changes)


def _follow(known: dict[int, float], layer: int, distances: Floats) -> None:
    most = float(np.percentile(distances, MOST))
    last = known.get(layer, most)
    known[layer] = last + RATE * (most - last)
