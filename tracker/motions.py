"""How objects move: by themselves, with the surface behind them, or not at all.

A watermark or a time stamp is fixed on the screen; a crack or a logo on a wall goes with
the wall; anything else is followed by a propagator.
"""

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias, get_args

import numpy as np

from tracker.classical.surface import SurfaceTrack
from tracker.interfaces import MaskPropagator
from tracker.types import MAX_OBJECTS, Frame, LabelMap, Mask, Tracked, UserError

Motion: TypeAlias = Literal["object", "surface", "screen"]
MOTIONS: tuple[Motion, ...] = get_args(Motion)


def parse_motions(texts: list[str]) -> dict[int, Motion]:
    """Return what `K:object`, `K:surface` and `K:screen` say, by object.

    Raises:
        UserError: one is not of that form.
    """
    found: dict[int, Motion] = {}
    for text in texts:
        number, _, name = text.partition(":")
        motion = next((known for known in MOTIONS if known == name), None)
        if motion is None or not number.isdecimal() or not 1 <= int(number) <= MAX_OBJECTS:
            raise UserError(
                f"cannot read the motion {text!r}; write it as 1:object, 2:surface or 3:screen"
            )
        found[int(number)] = motion
    return found


class MotionPropagator:
    """Moves every object as it is said to; implements `MaskPropagator`.

    Where objects overlap, what follows itself lies over the surface, and what is fixed on
    the screen over both.

    Args:
        motions: object -> its motion; objects left out follow themselves.
        make: makes the propagator for these, when the first of them is given.
    """

    def __init__(self, motions: Mapping[int, Motion], make: Callable[[], MaskPropagator]) -> None:
        self._motions, self._make = motions, make
        self._propagator: MaskPropagator | None = None
        self._surfaces: dict[int, SurfaceTrack] = {}
        self._fixed: dict[int, Mask] = {}

    def step(self, frame: Frame, labels: LabelMap | None = None) -> Tracked:
        """Label the next frame, or memorise the labels given for it."""
        if labels is not None:
            return self._learn(frame, labels)
        tracked = Tracked(np.zeros(frame.shape[:2], np.uint8))
        if self._propagator is not None:
            tracked = self._propagator.step(frame)
        result, confidence = tracked.labels.copy(), dict(tracked.confidence)
        for number, track in self._surfaces.items():
            region, sure = track.step(frame)
            result[region & (result == 0)] = number
            confidence[number] = sure
        for number, region in self._fixed.items():
            result[region] = number
            confidence[number] = 1.0
        return Tracked(result, confidence)

    def _learn(self, frame: Frame, labels: LabelMap) -> Tracked:
        """Begin anew with the objects given; carry on those that are not."""
        named = np.unique(labels[labels > 0]).tolist()
        followed = np.array([self._motions.get(k, "object") == "object" for k in range(256)])
        confidence: dict[int, float] = {}
        if self._propagator is not None or any(followed[k] for k in named):
            self._propagator = self._propagator or self._make()
            own = np.where(followed[labels], labels, np.uint8(0))
            confidence |= self._propagator.step(frame, own).confidence
        for number, track in self._surfaces.items():
            if number not in named:
                confidence[number] = track.step(frame)[1]
        for number in named:
            if self._motions.get(number) == "surface":
                self._surfaces[number] = SurfaceTrack(frame, labels == number)
            elif self._motions.get(number) == "screen":
                self._fixed[number] = labels == number
        return Tracked(labels, confidence | dict.fromkeys(named, 1.0))
