"""The labels of every frame of a job's video, however they come about.

They are given as masks, found for the whole part first (offline), known from an earlier
run but for what a correction concerns, or found as the frames go by (streaming).
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import islice

import numpy as np

from tracker import crew
from tracker.ahead import ahead
from tracker.costs import Stopwatch
from tracker.evidence import Evidence
from tracker.exports.masks import Masks, open_masks
from tracker.interfaces import MaskPropagator
from tracker.jobs import Job
from tracker.journal import Journal
from tracker.kept import KeptRun
from tracker.newcomers import Newcomers
from tracker.pace import Pace
from tracker.part import Part
from tracker.routes import Route, backwards_from_all
from tracker.shadows import LOOKAHEAD, with_shadows
from tracker.spool import LabelSpool, LabelStore
from tracker.tracking import Labelled, Tracking
from tracker.types import LabelMap, UserError
from tracker.video import SourceFrame, VideoReader


class Labelling:
    """Labels the frames of one job.

    Args:
        job: what is wanted.
        reader: its video.
        make_propagator: makes one that knows nothing yet.
        newcomers: who adds objects to the frames seen forwards; None: nobody.
        watch: counts seconds.
        stack: closes what is opened here.

    Raises:
        UserError: there is nothing to be labelled, or the masks do not fit the video.
    """

    def __init__(
        self,
        job: Job,
        reader: VideoReader,
        make_propagator: Callable[[], MaskPropagator],
        newcomers: Newcomers | None,
        watch: Stopwatch,
        stack: ExitStack,
    ) -> None:
        self._job, self._reader, self._watch = job, reader, watch
        self.pace = Pace()  # of frames that are filled
        self._make_propagator, self._newcomers = make_propagator, newcomers
        self._info = reader.info
        self.part = Part(job.first, job.last)
        self.length = 0  # frames of the part, once they are known
        self.num_expected: int | None = None  # frames to be labelled before filling, at most
        self.masks: Masks | None = None if job.masks is None else open_masks(job.masks)
        if self.masks is not None:
            stack.callback(self.masks.close)
            num_frames = self._count()
            self.masks.check(num_frames, self._info.height, self._info.width)
            self.part.check_end(num_frames)
            self.length = self.part.length_in(num_frames)
        elif not job.prompted and not crew.looks_for_newcomers(job):
            raise UserError("nothing to remove: no object has been pointed at")
        self.part.check(job.prompted)

    def open(self, file: KeptRun | Journal | None, stack: ExitStack) -> None:
        """Begin: labels go into the file of a run, or into one that disappears."""
        self._before = file.before if isinstance(file, KeptRun) else None
        self._journal = file if isinstance(file, Journal) else None
        if file is None:
            spool = stack.enter_context(LabelSpool(self._info.height, self._info.width))
            self._spool: LabelStore = spool
        else:
            self._spool = file.labels
        self.evidence = Evidence(None if file is None else file.records)
        reader = self._reader
        if self._journal is not None:  # looked back with while others are read ahead
            reader = stack.enter_context(VideoReader(self._job.source, self._job.fps))
        self._tracking = Tracking(
            reader,
            self.part,
            self._job.prompted,
            self._make_propagator,
            self._spool,
            self.evidence,
            self._newcomers,
        )
        self._shaded: LabelSpool | None = None
        if self._job.settings.grow_shadow and self._job.mode == "offline":
            shape = (self._info.height, self._info.width)
            self._shaded = stack.enter_context(LabelSpool(*shape))
        self._is_shaded = False

    @property
    def num_steps(self) -> int:
        """Return how many frames a propagator has labelled."""
        return self._tracking.num_steps

    @property
    def names(self) -> dict[int, str]:
        """Return what objects are called that words have found."""
        later = {} if self._newcomers is None else self._newcomers.names
        return {number: name for number, name in {**self._job.names, **later}.items() if name}

    @property
    def start(self) -> int:
        """Return the first frame in which there may be an object."""
        if self.masks is not None or self._newcomers is not None:
            return self.part.first
        return min(self._job.prompted)

    def of(self, index: int) -> LabelMap:
        """Return the labels known of a frame."""
        if self._shaded is not None and self._is_shaded:
            return self._shaded[index]
        if self.masks is None:
            return self._spool[index]
        if index in self.part:
            return self.masks[index]
        return np.zeros((self._info.height, self._info.width), np.uint8)

    def find(self) -> Generator[Labelled]:
        """Label all frames of the part: all of them, or those a correction concerns."""
        if self.masks is None:
            yield from self._track()
        if self._shaded is not None:
            yield from self._add_shadows(self._shaded)

    def _track(self) -> Generator[Labelled]:
        before = self._before
        if before is None:
            routes = backwards_from_all(self._job.prompted)
            yield from self._forwards(routes)
        else:
            routes = self._tracking.correct(before.prompted, before.num_frames, before.renewed)
            self.length = before.num_frames - self.part.first
            self._expect(routes, before.num_frames)
        yield from self._go(self._tracking.outwards, routes)
        if before is None:
            yield from self._tracking.back_to_entries()
        yield from self._go(self._tracking.look_back, self._lookbacks(), len(routes))

    def _go(
        self,
        follow: Callable[[Route], Generator[Labelled]],
        routes: Sequence[Route],
        num_before: int = 0,
    ) -> Generator[Labelled]:
        """Follow objects along routes; with a journal, along those not gone yet."""
        journal = self._journal
        for number, route in enumerate(routes, num_before):
            if journal is not None and number < journal.state.num_routes:
                continue
            yield from follow(route)
            if journal is not None:
                journal.note(num_routes=number + 1)

    def _lookbacks(self) -> list[Route]:
        """Return the ways to look back along; a run that goes on has those it had before."""
        find = self._tracking.lookbacks
        routes = find() if self._journal is None else self._journal.lookbacks(find)
        if self.num_expected is not None:
            end = self.part.first + self.length
            self.num_expected += sum(route.frames_to(self.part.first, end) for route in routes)
        return routes

    def _forwards(self, routes: Sequence[Route]) -> Generator[Labelled]:
        start = num_frames = self.start
        self._reader.read(start)  # which says so if it is past the end
        if self._info.num_frames is not None:
            self._expect(routes, self._info.num_frames, start)
        for source, labels in self._stretches(start):
            num_frames = source.index + 1
            yield source, labels
        if self._journal is not None:
            num_frames = self._journal.state.next_frame
        self.check_end(num_frames)
        self.length = num_frames - self.part.first

    def _stretches(self, start: int) -> Generator[Labelled]:
        """Label the frames from `start` on, with a journal span by span."""
        journal, stop = self._journal, self.part.stop
        if journal is None:
            with closing(self._decoded(start, stop)) as sources:
                yield from self._tracking.forwards(sources, start)
            return
        index, is_over = max(start, journal.state.next_frame), journal.state.is_tracked
        while not is_over:
            end = self._span_end(index, journal.span)
            before = None if index == start else self._reader.read(index - 1)
            with closing(self._decoded(index, end)) as sources:
                for source, labels in self._tracking.forwards(sources, index, before):
                    index = source.index + 1
                    yield source, labels
            is_over = index < end or index == stop
            journal.note(next_frame=index, is_tracked=is_over)

    def _span_end(self, index: int, span: int) -> int:
        """Return the frame after the last one of the span that frame `index` is in."""
        end = self.part.first + ((index - self.part.first) // span + 1) * span
        return end if self.part.stop is None else min(end, self.part.stop)

    def _decoded(self, start: int, stop: int | None) -> Generator[SourceFrame]:
        """Decode frames `start` up to `stop` in a thread of its own."""
        sources = self._watch.each("decode", self._reader.frames(start))
        return ahead(islice(sources, None if stop is None else stop - start))

    def _expect(self, routes: Sequence[Route], num_frames: int, start: int | None = None) -> None:
        end = self.part.first + self.part.length_in(num_frames)
        self.num_expected = sum(route.frames_to(self.part.first, end) for route in routes)
        if start is not None:
            self.num_expected += end - start
        if self._shaded is not None:
            self.num_expected += num_frames

    def _add_shadows(self, shaded: LabelStore) -> Generator[Labelled]:
        """Add their shadows to the labels of all frames, looking ahead."""
        with closing(ahead(self.known())) as pairs:
            grown = with_shadows(pairs, self._job.objects, LOOKAHEAD)
            for index, (newest, labels) in enumerate(self._watch.each("shadow", grown)):
                shaded[index] = labels
                yield newest, self.of(newest.index)
        self._is_shaded = True

    def as_they_come(self) -> Generator[Labelled]:
        """Label each frame as it goes by, with its shadow as far as the past shows it."""
        labelled = self._tracked() if self.masks is None else self.known()
        if not self._job.settings.grow_shadow:
            return labelled
        return with_shadows(labelled, self._job.objects, lookahead=0)

    def _tracked(self) -> Generator[Labelled]:
        """Decode in a thread of its own; label each frame from the first prompt on."""
        start, stop = self.start, self.part.stop
        blank = np.zeros((self._info.height, self._info.width), np.uint8)
        with closing(ahead(self._watch.each("decode", self.pace.read(self._reader)))) as sources:
            for source in islice(sources, start):
                yield source, blank
            if self._journal is None:
                worked_on = islice(sources, None if stop is None else stop - start)
                with closing(self._tracking.along(worked_on, start)) as labelled:
                    yield from labelled
            else:
                yield from self._spans_as_they_come(sources, start, self._journal)
            for source in sources:
                yield source, blank

    def _spans_as_they_come(
        self, sources: Iterator[SourceFrame], start: int, journal: Journal
    ) -> Generator[Labelled]:
        """Label span by span; those that are whole have their labels."""
        index, before = start, None
        num_known = journal.state.num_filled
        while index != self.part.stop:
            end = self._span_end(index, journal.span)
            span = islice(sources, end - index)
            if end - self.part.first <= num_known:
                labelled: Iterator[Labelled] = ((source, self.of(source.index)) for source in span)
            else:
                labelled = self._tracking.forwards(span, index, before)
            for source, labels in labelled:
                index, before = source.index + 1, source
                yield source, labels
            if index < end:
                return

    def known(self) -> Generator[Labelled]:
        """Decode; give each frame the labels found for it before."""
        for source in self._watch.each("decode", self.pace.read(self._reader)):
            yield source, self.of(source.index)

    def check_end(self, num_frames: int) -> None:
        """Refuse prompts and markers past the last frame of the video.

        Raises:
            UserError: there are some.
        """
        last = max(self._job.prompted, default=0)
        if last >= num_frames:
            raise UserError(
                f"frame {last} is past the end: the video has {num_frames} frames "
                f"(0-{num_frames - 1})"
            )
        self.part.check_end(num_frames)

    def _count(self) -> int:
        """Return the number of frames; a header may be wrong, so count if it is not sure."""
        if self._info.frames_are_exact and self._info.num_frames is not None:
            return self._info.num_frames
        return sum(1 for _ in self._reader)
