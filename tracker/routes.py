"""Ways through a clip: from which frames, and how far, objects are followed outwards.

A prompt is an object given in a frame.  Between two prompts of an object both have
something to say; outside them only the nearest has.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracker.types import LabelMap

Prompted = Mapping[int, LabelMap]  # frame -> labels given there


@dataclass(frozen=True)
class Route:
    """Follow objects from a frame in which they are given, in one direction."""

    start: int
    forwards: bool
    stops: Mapping[int, int | None]  # object -> its next prompt that way; None: there is none

    def as_record(self) -> list[Any]:
        """Return what JSON keeps of it."""
        return [self.start, self.forwards, list(self.stops.items())]

    @classmethod
    def from_record(cls, record: Sequence[Any]) -> "Route":
        """Return the way a record is of."""
        start, forwards, stops = record
        return cls(start, forwards, dict(stops))

    def passes(self, index: int, stop: int | None) -> bool:
        """Return whether a frame comes before `stop` on the way."""
        return stop is None or (index < stop if self.forwards else index > stop)

    def frames_to(self, part_first: int, num_frames: int | None) -> int:
        """Return how many frames it may take, if it is not left early; 0 if unknown."""
        if any(stop is None for stop in self.stops.values()):
            if not self.forwards:
                return self.start - part_first
            return 0 if num_frames is None else max(0, num_frames - 1 - self.start)
        return max(abs(self.start - stop) - 1 for stop in self.stops.values() if stop is not None)


def prompted_frames(prompted: Prompted) -> dict[int, list[int]]:
    """Return the frames in which each object is given, in order."""
    found: dict[int, list[int]] = {}
    for index, labels in sorted(prompted.items()):
        for number in np.unique(labels[labels > 0]).tolist():
            found.setdefault(number, []).append(index)
    return found


def backwards_from_all(prompted: Prompted) -> list[Route]:
    """Return the ways back from every prompt to the one before, or to the beginning."""
    places = prompted_frames(prompted)
    changed = {number: set(frames) for number, frames in places.items()}
    return [route for route in outwards(places, changed) if not route.forwards]


def outwards(
    places: Mapping[int, Sequence[int]], changed: Mapping[int, Collection[int]]
) -> list[Route]:
    """Return the ways from the changed prompts to their neighbours, first those forwards.

    Args:
        places: object -> the frames in which it is given, in order.
        changed: object -> those of them from which it is to be followed.
    """
    stops: dict[tuple[bool, int], dict[int, int | None]] = {}
    for number, frames in places.items():
        for place, start in enumerate(frames):
            if start not in changed.get(number, ()):
                continue
            after = frames[place + 1] if place + 1 < len(frames) else None
            before = frames[place - 1] if place else None
            stops.setdefault((True, start), {})[number] = after
            stops.setdefault((False, start), {})[number] = before
    ways = sorted(stops, key=lambda way: (not way[0], way[1]))
    return [Route(start, forwards, stops[forwards, start]) for forwards, start in ways]


def to_be_followed(
    old: Prompted, new: Prompted, renewed: Iterable[int] = ()
) -> dict[int, set[int]]:
    """Return from which prompts each object must be followed again after a change.

    These are the prompts that are new or say something else, and the neighbours of those
    taken away.  An object of which no old prompt is left is followed from all it has.

    Args:
        old: what was given before.
        new: what is given now.
        renewed: objects to be followed anew although their prompts are as they were.
    """
    known, places = prompted_frames(old), prompted_frames(new)
    found: dict[int, set[int]] = {}
    for number, frames in places.items():
        earlier = known.get(number, [])
        kept = {f for f in earlier if f in frames and _same(old[f], new[f], number)}
        changed = set(frames) - kept
        if not kept or number in renewed:
            found[number] = set(frames)
            continue
        for gone in set(earlier) - set(frames):
            changed |= set(_neighbours(frames, gone))
        if changed:
            found[number] = changed
    return found


def _same(left: LabelMap, right: LabelMap, number: int) -> bool:
    return bool(np.array_equal(left == number, right == number))


def _neighbours(frames: Sequence[int], index: int) -> list[int]:
    before = [frame for frame in frames if frame < index]
    after = [frame for frame in frames if frame > index]
    return [*before[-1:], *after[:1]]


def switch_over(new: Sequence[float], old: Sequence[float]) -> int:
    """Return for how many frames, counted from its prompt, the new track is to be taken.

    Between two prompts each track counts by its confidence and by how near its own prompt
    is; one change from one to the other, where that gives most, so that nothing flickers.
    Equally sure tracks change in the middle.

    Args:
        new: confidence of the track that starts here, frame by frame away from its prompt.
        old: that of the track of the prompt at the far end, for the same frames.
    """
    near = np.arange(1, len(new) + 1)
    gain = np.asarray(new) * (len(new) + 1 - near) - np.asarray(old) * near
    return int(np.argmax(np.concatenate(([0.0], np.cumsum(gain)))))
