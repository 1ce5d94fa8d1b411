"""Which ways to go back along, to where objects that were out of sight came into it again.

Whoever follows an object onwards finds it late: nothing for a while, then a part of it.  From
where it is seen best soon after that, it can be followed back to where it came out.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

import numpy as np

from tracker import images
from tracker.evidence import SHORTEST_GAP, UNSURE_BELOW, Trace
from tracker.routes import Route
from tracker.types import Tracked

REACH = 15  # frames after an object is seen again, in one of which it is likely seen well
GROWTH = 2.0  # times: what covers so much more in the next frame is another thing


@dataclass(frozen=True)
class _Return:
    """An object that came into sight again, in the direction in which it was followed."""

    number: int
    stop: int  # the last frame that showed it before
    seen: tuple[int, ...]  # the first frames that show it again
    is_onwards: bool  # whether it was followed forwards

    def touches(self, frames: Collection[int]) -> bool:
        """Return whether one of `frames` lies in the time it was out of sight, or seen again."""
        first, last = sorted((self.stop, self.seen[-1]))
        return any(first < index <= last for index in frames)


def lookbacks(
    traces: Mapping[int, Trace],
    places: Mapping[int, Collection[int]],
    fresh: Mapping[int, Collection[int]] | None = None,
) -> list[Route]:
    """Return the ways from where objects are seen again to where they were lost.

    Objects that are seen again together are followed together, from the frame in which they
    are surest.

    Args:
        traces: what is known of every object.
        places: object -> the frames in which it is given.
        fresh: object -> the frames labelled anew; from other returns somebody has looked back
            already.  None: all frames.
    """
    returns = [
        each
        for number, trace in traces.items()
        for each in _returns(number, trace, places.get(number, ()))
        if fresh is None or each.touches(fresh.get(number, ()))
    ]
    routes = []
    for group, shared in _together(returns):
        sure = {k: sum(_confidence(traces[e.number], k) for e in group) for k in shared}
        best = max(shared, key=sure.__getitem__)
        stops: dict[int, int | None] = {each.number: each.stop for each in group}
        routes.append(Route(best, not group[0].is_onwards, stops))
    return routes


def _returns(number: int, trace: Trace, given: Collection[int]) -> Iterator[_Return]:
    """Yield the returns of one object: those after its first prompt, then those before."""
    start = max(trace.first, min(given, default=trace.first))
    end = trace.first + len(trace.area)
    for frames in (range(start, end), range(start, trace.first - 1, -1)):
        shown = [k for k in _stretches(trace, frames) if len(k) >= SHORTEST_GAP or start in k]
        for before, after in pairwise(shown):
            # Where it was given again, it has been followed back from there.
            seen = tuple(takewhile(lambda index: index not in given, after[:REACH]))
            if seen:
                yield _Return(number, before[-1], seen, frames.step > 0)


def _stretches(trace: Trace, frames: range) -> list[list[int]]:
    """Return the frames that show an object, those that follow each other together."""
    stretches: list[list[int]] = []
    for index in frames:
        if not trace.area[index - trace.first]:
            continue
        if stretches and index == stretches[-1][-1] + frames.step:
            stretches[-1].append(index)
        else:
            stretches.append([index])
    return stretches


def _together(returns: Sequence[_Return]) -> Iterator[tuple[list[_Return], list[int]]]:
    """Yield returns that share frames which show their objects again, and those frames."""
    group: list[_Return] = []
    shared: list[int] = []
    for each in sorted(returns, key=lambda each: (each.is_onwards, min(each.seen))):
        common = [index for index in shared if index in each.seen]
        if common and each.is_onwards == group[0].is_onwards:
            group.append(each)
            shared = common
            continue
        if group:
            yield group, shared
        group, shared = [each], sorted(each.seen)
    if group:
        yield group, shared


def _confidence(trace: Trace, index: int) -> float:
    return trace.confidence[index - trace.first]


class Sightings:
    """What is seen of objects on the way back, until each is lost: likelier wrong than right.

    Args:
        starts: object -> its area, and how sure it is, where the way begins; its mask is nowhere
            surer.
    """

    def __init__(self, starts: Mapping[int, tuple[int, float]]) -> None:
        self._area = {number: area for number, (area, _) in starts.items()}
        self._sure = {number: sure for number, (_, sure) in starts.items()}
        self._seen: dict[int, dict[int, float]] = {number: {} for number in starts}
        self._lost: set[int] = set()

    def note(self, index: int, tracked: Tracked, objects: Iterable[int]) -> list[int]:
        """Note which of `objects` a frame shows; return those that have not been lost."""
        areas = images.areas(tracked.labels)
        followed = []
        for number in objects:
            area, confidence = int(areas[number]), tracked.confidence.get(number, 0.0)
            is_seen = 0 < area < GROWTH * self._area[number] and confidence >= UNSURE_BELOW
            if not is_seen:
                self._lost.add(number)
            if number not in self._lost:
                self._seen[number][index], self._area[number] = confidence, area
                followed.append(number)
        return followed

    def better(self, known: Callable[[int, int], float]) -> dict[int, dict[int, float]]:
        """Return frame -> object -> confidence, where the way back says more than is known.

        Near its beginning what is known stays, beyond that the way back counts: one change for
        each object, where that gives most, so that nothing flickers.

        Args:
            known: returns how sure a frame's (first argument) mask of an object (second) is.
        """
        found: dict[int, dict[int, float]] = {}
        for number, seen in self._seen.items():
            gains = [sure - known(index, number) for index, sure in seen.items()]
            beyond = np.cumsum([0.0, *reversed(gains)])  # of the farthest 0, 1, 2, ... frames
            num_kept = len(gains) - int(np.argmax(beyond))
            for index in list(seen)[num_kept:]:
                found.setdefault(index, {})[number] = seen[index] * self._sure[number]
        return found
