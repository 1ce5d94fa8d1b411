"""A whole job: from a video file and labels in some frames to finished files.

Offline reads the video twice: once to label every frame, forwards and backwards from the
prompted ones; once to fill and write.  Streaming reads it once and writes each frame as
soon as it is made.  Either way memory does not grow with the clip: labels lie in a spool
on disk, pictures in a window.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from functools import partial
from itertools import islice

import numpy as np

from tracker import crew, engines, images
from tracker.costs import Countdown, Stopwatch, TimedInpainter, TimedPropagator, peak_rss_mb
from tracker.engine_table import INPAINTERS
from tracker.evidence import Evidence
from tracker.exports.masks import Masks, open_masks
from tracker.filling import Filling
from tracker.interfaces import MaskPropagator
from tracker.jobs import Job, Progress, Report, Stage
from tracker.keyframes import Keyframes
from tracker.outputs import Outputs
from tracker.own import NO_OWN, OWN_INPAINTER, OwnEngines
from tracker.part import Part
from tracker.pipeline import ahead
from tracker.routes import backwards_from_all
from tracker.shadows import LOOKAHEAD, with_shadows
from tracker.spool import LabelSpool
from tracker.tracking import Labelled, Tracking
from tracker.types import LabelMap, UserError
from tracker.video import SourceFrame, VideoReader, probe

PREVIEW_SECONDS = 0.25  # between two previews
PREVIEW_PIXELS = 640 * 360


def run_job(job: Job, own: OwnEngines = NO_OWN) -> Generator[Progress]:
    """Do `job`; yield progress, at least once a frame, the last with the report.

    `own` engines do their jobs instead of those the job names.  Closing the generator
    cancels: what is finished is kept as `NAME.partial.EXT`.

    Raises:
        UserError: something in the job, the video or the masks has to be put right.
    """
    with ExitStack() as stack:
        run = _Run(job, stack, own)
        yield from (run.stream() if job.mode == "streaming" else run.offline())
        run.outputs.commit()
        yield Progress("done", run.num_frames, run.num_frames, 0.0, report=run.report())


def expectations(job: Job) -> list[str]:
    """Return what to know before starting: engines that will take long on this machine.

    Raises:
        UserError: the video or an engine cannot be used.
    """
    length = probe(job.source, job.fps).num_frames
    waits = [engines.waiting_time(choice, length) for choice in crew.choose(job).values()]
    return [wait for wait in waits if wait is not None]


class _Run:
    """What one job holds while it runs: files, engines, clocks."""

    def __init__(self, job: Job, stack: ExitStack, own: OwnEngines) -> None:
        self.job, self.own = job, own
        self.part = Part(job.first, job.last)
        self.watch = Stopwatch()
        self.reader = stack.enter_context(VideoReader(job.source, job.fps))
        self.info = self.reader.info
        self.choices = crew.choose(job, own)
        self.keyframes = Keyframes(job.keyframes)
        self.keyframes.check(self.info, self.part)
        self.masks: Masks | None = None if job.masks is None else open_masks(job.masks)
        self.length = 0  # frames of the part, once they are known
        self.num_frames = 0
        if self.masks is not None:
            stack.callback(self.masks.close)
            num_frames = self._count()
            self.masks.check(num_frames, self.info.height, self.info.width)
            self.part.check_end(num_frames)
            self.length = self.part.length_in(num_frames)
        elif not job.prompted and not crew.looks_for_newcomers(job):
            raise UserError("nothing to remove: no object has been pointed at")
        self.part.check(job.prompted)
        self.outputs = stack.enter_context(Outputs(job, self.reader))
        self.spool = stack.enter_context(LabelSpool(self.info.height, self.info.width))
        self._in_spool = False  # labels given as masks, too
        self.evidence = Evidence()
        self.newcomers = crew.make_newcomers(job, self.choices)
        self.tracking = Tracking(
            self.reader,
            self.part,
            job.prompted,
            self._propagator,
            self.spool,
            self.evidence,
            self.newcomers,
        )
        self.notices = [
            note for choice in self.choices.values() if (note := engines.licence_note(choice))
        ]
        self._last_preview = 0.0
        self._countdown = Countdown(dict.fromkeys(_passes(job), self.info.num_frames))

    def offline(self) -> Generator[Progress]:
        """Label every frame first; then fill."""
        if self.masks is None:
            yield from self._track()
        if self.job.settings.grow_shadow:
            yield from self._add_shadows()
        yield from self._finish(self._known_labels())

    def stream(self) -> Generator[Progress]:
        """Label, fill and write frame by frame."""
        if self.masks is not None:
            yield from self._finish(self._shaded(self._known_labels()))
            return
        if (start := self._start()) > self.part.first:
            self.notices.append(
                f"streaming looks only back: frames {self.part.first}-{start - 1}, before the "
                "first prompt, pass unchanged"
            )
        yield from self._finish(self._shaded(self._labels_as_they_come()))

    def report(self) -> Report:
        """Say what was done."""
        seconds = self.watch.elapsed
        return Report(
            frames=self.num_frames,
            width=self.info.width,
            height=self.info.height,
            seconds=round(seconds, 4),
            fps=round(self.num_frames / seconds, 3),
            stages=self.watch.busy,
            engines=self._engine_names(),
            peak_rss_mb=round(peak_rss_mb(), 1),
            notices=(*self.reader.notices, *self.notices, *self.outputs.notices),
            objects=self.evidence.traces(),
            names=self._names(),
            licences={job: engines.licence_of(name) for job, name in self._engine_names().items()},
        )

    def _names(self) -> dict[int, str]:
        """Return what objects are called that words have found."""
        later = {} if self.newcomers is None else self.newcomers.names
        return {number: name for number, name in {**self.job.names, **later}.items() if name}

    def _engine_names(self) -> dict[str, str]:
        return {**self.job.made_by, **{job: each.name for job, each in self.choices.items()}}

    def _track(self) -> Generator[Progress]:
        """Label all frames of the part, forwards and then from every prompt backwards."""
        start, routes = self._start(), backwards_from_all(self.job.prompted)
        self.reader.read(start)  # which says so if it is past the end
        if self.info.num_frames is not None:
            steps = [route.frames_to(self.part.first, None) for route in routes]
            along = self.part.length_in(self.info.num_frames) + self.part.first - start
            passes = (self.job.output is None) + self.job.settings.grow_shadow
            self._countdown.set_total("track", along + sum(steps) + passes * self.info.num_frames)
        stop = None if self.part.last is None else self.part.last + 1 - start
        sources = self.watch.each("decode", self.reader.frames(start))
        with closing(ahead(islice(sources, stop))) as decoded:
            for source, labels in self.tracking.forwards(decoded, start):
                self.num_frames = source.index + 1
                yield self._progress("track", source, labels)
        self._check_end()
        self.length = self.num_frames - self.part.first
        for route in routes:
            for source, labels in self.tracking.outwards(route):
                yield self._progress("track", source, labels)
        for source, labels in self.tracking.back_to_entries():
            yield self._progress("track", source, labels)

    def _start(self) -> int:
        """Return the first frame in which there may be an object."""
        return self.part.first if self.newcomers is not None else min(self.job.prompted)

    def _labels_as_they_come(self) -> Generator[Labelled]:
        """Decode in a thread of its own; label each frame from the first prompt on."""
        start = self._start()
        stop = None if self.part.last is None else self.part.last + 1 - start
        blank = np.zeros((self.info.height, self.info.width), np.uint8)
        with closing(ahead(self.watch.each("decode", self.reader))) as sources:
            for source in islice(sources, start):
                yield source, blank
            with closing(self.tracking.along(islice(sources, stop), start)) as labelled:
                yield from labelled
            for source in sources:
                yield source, blank

    def _add_shadows(self) -> Generator[Progress]:
        """Add their shadows to the labels of all frames, looking ahead."""
        with closing(ahead(self._known_labels())) as pairs:
            shaded = with_shadows(pairs, self.job.objects, LOOKAHEAD)
            for index, (newest, labels) in enumerate(self.watch.each("shadow", shaded)):
                self.spool[index] = labels
                yield self._progress("track", newest)
        self._in_spool = True

    def _shaded(self, labelled: Generator[Labelled]) -> Generator[Labelled]:
        """Add their shadows, as far as the past shows them, if that is wanted."""
        if not self.job.settings.grow_shadow:
            return labelled
        return with_shadows(labelled, self.job.objects, lookahead=0)

    def _known_labels(self) -> Generator[Labelled]:
        """Decode; give each frame the labels found for it before."""
        for source in self.watch.each("decode", self.reader):
            yield source, self._labels_of(source.index)

    def _labels_of(self, index: int) -> LabelMap:
        if self.masks is None or self._in_spool:
            return self.spool[index]
        if index in self.part:
            return self.masks[index]
        return np.zeros((self.info.height, self.info.width), np.uint8)

    def _finish(self, labelled: Generator[Labelled]) -> Generator[Progress]:
        """Write the masks as they come and, if a video is wanted, the filled frames."""
        stage = _passes(self.job)[-1]
        self.num_frames = 0

        def pass_on() -> Generator[Labelled]:
            with closing(ahead(labelled)) as pairs:
                for source, labels in pairs:
                    with self.watch.measure("encode"):
                        self.outputs.write_labels(source, labels)
                    yield source, labels

        with ExitStack() as stack:
            pairs = stack.enter_context(closing(pass_on()))
            for result in self._results(pairs, stack):
                with self.watch.measure("encode"):
                    self.outputs.write(result)
                self.num_frames += 1
                try:
                    yield self._progress(stage, result)
                except GeneratorExit:  # keep what is finished before waiting for the threads
                    self.outputs.close()
                    raise
        self._check_end()

    def _results(self, pairs: Generator[Labelled], stack: ExitStack) -> Generator[SourceFrame]:
        """Fill the part that is worked on; pass the rest on."""
        if self.job.output is not None:
            yield from (source for source, _ in islice(pairs, self.part.first))
            worked_on = islice(pairs, self.length or self.part.length)
            yield from stack.enter_context(closing(self._fill(worked_on, stack)))
        yield from (source for source, _ in pairs)

    def _fill(self, labelled: Iterator[Labelled], stack: ExitStack) -> Generator[SourceFrame]:
        choice, made = self.choices["inpainter"], self.own.inpainter
        spec = OWN_INPAINTER if made is not None else INPAINTERS[choice.name]
        filling = Filling(self.job, spec, self.info)
        made = made or filling.cropped(partial(engines.make_inpainter, choice, self.job.settings))
        inpainter = TimedInpainter(made, self.watch)
        if self.job.mode == "streaming":
            return filling.as_they_come(labelled, inpainter)
        return filling.at_leisure(labelled, self.length, inpainter, self._labels_of, stack)

    def _propagator(self) -> MaskPropagator:
        made = crew.make_propagator(self.job, self.choices, self.own)
        return TimedPropagator(made, self.watch)

    def _count(self) -> int:
        """Return the number of frames; a header may be wrong, so count if it is not sure."""
        info = self.reader.info
        if info.frames_are_exact and info.num_frames is not None:
            return info.num_frames
        return sum(1 for _ in self.reader)

    def _check_end(self) -> None:
        """Refuse prompts and markers past the last frame read."""
        last = max(self.job.prompted, default=0)
        if last >= self.num_frames:
            raise UserError(
                f"frame {last} is past the end: the video has {self.num_frames} frames "
                f"(0-{self.num_frames - 1})"
            )
        self.part.check_end(self.num_frames)
        self.keyframes.check_end(self.num_frames)

    def _progress(
        self, stage: Stage, picture: SourceFrame, labels: LabelMap | None = None
    ) -> Progress:
        """Count a frame; show it now and then, with its labels drawn if there are any."""
        done = self._countdown.advance(stage)
        preview = None
        if time.perf_counter() - self._last_preview >= PREVIEW_SECONDS:
            self._last_preview = time.perf_counter()
            drawn = picture.rgb if labels is None else images.overlay(picture.rgb, labels)
            size = images.fit_within(self.info.height, self.info.width, PREVIEW_PIXELS)
            preview = images.shrink(drawn, *size)
        total, left = self._countdown.total(stage), self._countdown.seconds_left
        index = picture.index
        return Progress(
            stage, done, total, left, preview, frame=index, evidence=self.evidence.at(index)
        )


def _passes(job: Job) -> list[Stage]:
    """Return the passes over the video that `job` takes, in order."""
    if job.output is None:
        return ["track"]
    if job.mode == "streaming":
        return ["fill"]
    tracks = job.masks is None or job.settings.grow_shadow
    return ["track", "fill"] if tracks else ["fill"]
