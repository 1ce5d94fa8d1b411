"""How large every object usually is: one that covers much less may have gone."""

from collections.abc import Sequence

import numpy as np

from tracker.classical.appearance import Floats
from tracker.classical.layers import Motion

GONE = 0.1  # of its usual area: an object covering less does not become usually small
RATE = 0.05  # per frame: how fast the usual area follows
STRETCH = 1.1  # the most an object grows or shrinks in a frame, in length


class UsualAreas:
    """The pixels that every layer but the background covers when it is seen well."""

    def __init__(self) -> None:
        self._areas: dict[int, float] = {}

    def __getitem__(self, layer: int) -> float:
        """Return the usual area of a layer that was noted before, in pixels."""
        return self._areas[layer]

    def scale(self, motions: Sequence[Motion]) -> None:
        """Let objects be smaller as they go away and larger as they come near.

        `motions` are every layer's, the background's own where another is not known.
        """
        for layer, motion in enumerate(motions[1:], start=1):
            if motion is not motions[0]:
                stretch = np.clip(abs(motion.rotation), 1 / STRETCH, STRETCH)
                self._areas[layer] *= float(stretch) ** 2

    def note(self, soft: Floats, *, given: bool) -> None:
        """Follow what the layers of soft labels (layers, h, w) cover, slowly unless `given`."""
        for layer in range(1, len(soft)):
            area = float(soft[layer].sum())
            known = self._areas.get(layer)
            if known is None or (given and area > 0):
                self._areas[layer] = area
            elif area > GONE * known:
                self._areas[layer] += RATE * (area - known)
