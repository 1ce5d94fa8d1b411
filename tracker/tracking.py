"""Labels for every frame of a part of a video, from those given in some.

One pass forwards follows all objects, through all their prompts.  Then every object is
followed from each of its prompts back to the one before, and what both directions say is
joined (`routes.switch_over`).  At last, objects that were out of sight are followed back from
where they are seen again (`lookbacks.py`).  After a correction only the ways out from changed
prompts are gone again, with the other objects given as they are known there, so that they
compete.
"""

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import closing

import numpy as np

from tracker.ahead import ahead
from tracker.evidence import Evidence
from tracker.interfaces import MaskPropagator
from tracker.known import Known, replaced
from tracker.lookbacks import Sightings, lookbacks
from tracker.newcomers import Newcomers
from tracker.part import Part
from tracker.pipeline import FindNew, ids_in, propagate
from tracker.replaying import ReplayingPropagator
from tracker.routes import (
    Route,
    backwards_from_all,
    outwards,
    prompted_frames,
    switch_over,
    to_be_followed,
)
from tracker.spool import LabelSpool, LabelStore
from tracker.types import Frame, LabelMap, Tracked
from tracker.video import SourceFrame, VideoReader

Labelled = tuple[SourceFrame, LabelMap]

# A propagator knows little but its last few frames: when these are as they were, so will be
# the rest.
AGREEING_FRAMES = 5
PROMPTS_SHOWN = 4  # to a propagator that begins in the middle: more would take long
LABELLED = 1  # frames it has labelled before anybody asks for them


class Tracking:
    """The labels of one part of one video in the making.

    Args:
        reader: the video.
        part: the frames wanted.
        prompted: frame -> labels given; objects left out there are tracked on.
        make_propagator: makes one that knows nothing yet.
        spool: where labels go.
        evidence: where confidences go.
        newcomers: who adds objects to the frames seen forwards; None: nobody.
    """

    def __init__(
        self,
        reader: VideoReader,
        part: Part,
        prompted: Mapping[int, LabelMap],
        make_propagator: Callable[[], MaskPropagator],
        spool: LabelStore,
        evidence: Evidence,
        newcomers: Newcomers | None = None,
    ) -> None:
        self._reader, self._part, self._prompted = reader, part, prompted
        self._make_propagator = make_propagator
        self._known, self._newcomers = Known(spool, evidence), newcomers
        self._fresh: dict[int, set[int]] | None = None  # object -> frames; None: all are
        self.num_steps = 0  # frames a propagator has labelled

    def along(
        self, sources: Iterator[SourceFrame], first: int, before: SourceFrame | None = None
    ) -> Generator[Labelled]:
        """Label the pictures of `sources`, which begin with frame `first`, as they come.

        With `before`, the frame before `first`, the propagator begins with its labels and
        with the newest prompts before it.
        """
        current: deque[SourceFrame] = deque()
        prompted = {index - first: labels for index, labels in self._prompted.items()}
        propagator, known = self._propagator(), set[int]()
        if before is not None:
            earlier = [index for index in self._prompted if index <= before.index]
            known = self._remind(propagator, before, earlier)
        look = self._look_from(first)
        with closing(propagator.prepared(sources)) as prepared:

            def frames() -> Generator[Frame]:
                for source in prepared:
                    current.append(source)
                    propagator.turn_to(source.index)
                    yield source.rgb

            # Who works in another process goes on while what it found is noted and kept here.
            tracked = propagate(frames(), prompted, propagator, look, known)
            with closing(ahead(tracked, LABELLED)) as results:
                for result in results:
                    source = current.popleft()
                    self._known.evidence.note(source.index, result)
                    self.num_steps += 1
                    yield source, result.labels

    def _propagator(self) -> ReplayingPropagator:
        return ReplayingPropagator(self._make_propagator, self._reader)

    def _remind(
        self, propagator: ReplayingPropagator, source: SourceFrame, prompts: Iterable[int]
    ) -> set[int]:
        """Show the nearest prompts, and what is known of a frame; return the objects given."""
        nearest = sorted(prompts, key=lambda index: -abs(index - source.index))
        for index in nearest[-PROMPTS_SHOWN:]:
            propagator.turn_to(index)
            propagator.step(self._reader.read(index).rgb, self._prompted[index])
        propagator.turn_to(source.index)
        propagator.step(source.rgb, self._known.labels[source.index])
        return set().union(*(ids_in(self._prompted[index]) for index in nearest))

    def forwards(
        self, sources: Iterator[SourceFrame], first: int, before: SourceFrame | None = None
    ) -> Generator[Labelled]:
        """Do as `along`, and spool the labels."""
        with closing(self.along(sources, first, before)) as labelled:
            for source, labels in labelled:
                self._known.labels[source.index] = labels
                yield source, labels

    def offline(self, first: int) -> Generator[Labelled]:
        """Label all frames from `first` on, each way in turn; some come more than once."""
        yield from self.forwards(self._reader.frames(first), first)
        for route in backwards_from_all(self._prompted):
            yield from self.outwards(route)
        for route in self.lookbacks():
            yield from self.look_back(route)

    def _look_from(self, first: int) -> FindNew | None:
        """Return who looks for newcomers in frames that are counted from `first`."""
        newcomers = self._newcomers
        if newcomers is None:
            return None
        return lambda index, frame, labels: newcomers(first + index, frame, labels)

    def back_to_entries(self) -> Generator[Labelled]:
        """Follow every newcomer from where it was found back to where it came in.

        At the look before it was not there, or not seen: so beyond that it is followed only
        while it is in sight.
        """
        if self._newcomers is not None:
            for route in self._newcomers.routes():
                yield from self.outwards(route, self._newcomers.every)

    def outwards(self, route: Route, patience: int | None = None) -> Generator[Labelled]:
        """Follow objects along `route`; then let what was found count where it is better.

        Args:
            route: the way.
            patience: leave it after so many frames if nothing is in sight; None: never.
        """
        known = self._known.labels[route.start]
        given = replaced(known, self._prompted.get(route.start, known), route.stops)
        propagator = self._propagator()
        propagator.turn_to(route.start)
        propagator.step(self._reader.read(route.start).rgb, given)
        self._put(route.start, Tracked(given, dict.fromkeys(route.stops, 1.0)), route.stops)
        seen = Evidence()
        visited: list[int] = []
        agreeing = 0
        with (
            LabelSpool(*self._known.labels.shape) as found,
            closing(self._steps(route, propagator)) as steps,
        ):
            for source, tracked, active in steps:
                index = source.index
                found[index] = tracked.labels
                seen.note(index, tracked, active)
                visited.append(index)
                agreeing = agreeing + 1 if self._known.agrees(index, tracked.labels, active) else 0
                yield source, self._known.with_objects(index, tracked.labels, active)
                is_lost = not np.isin(tracked.labels, active).any()
                if agreeing == AGREEING_FRAMES or (
                    patience is not None and len(visited) >= patience and is_lost
                ):
                    break
            self._settle(route, visited, found, seen)

    def lookbacks(self) -> list[Route]:
        """Return the ways back from where objects were found again, in what is labelled anew."""
        traces = self._known.evidence.traces()
        return lookbacks(traces, prompted_frames(self._prompted), self._fresh)

    def look_back(self, route: Route) -> Generator[Labelled]:
        """Follow objects from where they are seen again to where they came into sight."""
        propagator = self._propagator()
        self._remind(propagator, self._reader.read(route.start), self._prompted)
        starts = self._known.evidence.at(route.start)
        seen = Sightings({number: starts[number] for number in route.stops})
        with (
            LabelSpool(*self._known.labels.shape) as found,
            closing(self._steps(route, propagator)) as steps,
        ):
            for source, tracked, active in steps:
                followed = seen.note(source.index, tracked, active)
                if not followed:
                    break
                found[source.index] = tracked.labels
                yield source, self._known.with_objects(source.index, tracked.labels, followed)
            for index, confidence in seen.better(self._known.confidence).items():
                self._put(index, Tracked(found[index], confidence), confidence)

    def _steps(
        self, route: Route, propagator: ReplayingPropagator
    ) -> Generator[tuple[SourceFrame, Tracked, list[int]]]:
        """Label the frames of a way; yield them with the objects that have not come to its end."""
        sources = (
            self._reader.frames(route.start + 1)
            if route.forwards
            else self._reader.backwards(route.start)
        )
        with (
            closing(ahead(sources)) as pictures,
            closing(propagator.prepared(pictures)) as prepared,
        ):
            for source in prepared:
                active = [k for k, stop in route.stops.items() if route.passes(source.index, stop)]
                if source.index not in self._part or not active:
                    return
                propagator.turn_to(source.index)
                tracked = propagator.step(source.rgb)
                self.num_steps += 1
                yield source, tracked, active

    def correct(
        self, before: Mapping[int, LabelMap], num_frames: int, renewed: Iterable[int] = ()
    ) -> list[Route]:
        """Clear from known labels what does not hold any more; return the ways to go again.

        What an object's lost prompt said is cleared as far as its next prompts on either
        side, and an object that is no longer asked for everywhere.

        Args:
            before: the prompts the known labels come from.
            num_frames: of the video, up to the out marker.
            renewed: objects to be followed anew although their prompts are as they were.
        """
        renewed = set(renewed)
        places = prompted_frames(self._prompted)
        cleared: dict[int, set[int]] = {}
        for number, frames in prompted_frames(before).items():
            for lost in frames if number in renewed else set(frames) - set(places.get(number, ())):
                for index in _reach(lost, places.get(number, ()), self._part.first, num_frames):
                    cleared.setdefault(index, set()).add(number)
        for index, objects in cleared.items():
            self._known.clear(index, objects)
        self._fresh = {}
        return outwards(places, to_be_followed(before, self._prompted, renewed))

    def _settle(self, route: Route, visited: list[int], found: LabelSpool, seen: Evidence) -> None:
        """Take what was found, as far as it is better than what is known."""
        num_taken = {
            number: self._num_better(number, stop, route, visited, seen)
            for number, stop in route.stops.items()
        }
        for place, index in enumerate(visited):
            taken = [number for number, count in num_taken.items() if place < count]
            if taken:
                confidence = {k: sure for k, (_, sure) in seen.at(index).items()}
                self._put(index, Tracked(found[index], confidence), taken)

    def _num_better(
        self, number: int, stop: int | None, route: Route, visited: list[int], seen: Evidence
    ) -> int:
        """Return for how many frames from its prompt what was found of an object counts."""
        before = [index for index in visited if route.passes(index, stop)]
        if stop is None or len(before) < abs(stop - route.start) - 1:  # nothing beyond, or agreed
            return len(before)
        new = [seen.at(index)[number][1] for index in before]
        old = [self._known.confidence(index, number) for index in before]
        return switch_over(new, old)

    def _put(self, index: int, tracked: Tracked, objects: Collection[int]) -> None:
        self._known.put(index, tracked, objects)
        if self._fresh is not None:
            for number in objects:
                self._fresh.setdefault(number, set()).add(index)


def _reach(index: int, others: Collection[int], first: int, num_frames: int) -> range:
    """Return the frames around `index` up to, and without, the next of `others`."""
    before = max((other for other in others if other < index), default=first - 1)
    after = min((other for other in others if other > index), default=num_frames)
    return range(before + 1, after)
