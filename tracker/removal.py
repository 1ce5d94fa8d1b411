"""A whole job: from a video file and labels in some frames to finished files.

Offline reads the video twice: once to label every frame, forwards and backwards from the
prompted ones; once to fill and write.  Streaming reads it once and writes each frame as
soon as it is made.  Either way memory does not grow with the clip: labels lie in a spool
on disk, pictures in a window.
"""

import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

import numpy as np

from tracker import engines, images
from tracker.costs import Countdown, Stopwatch, TimedInpainter, TimedPropagator, peak_rss_mb
from tracker.engine_table import INPAINTERS, InpainterSpec
from tracker.engines import Choice
from tracker.evidence import Evidence
from tracker.interfaces import MaskPropagator
from tracker.jobs import Job, Progress, Report, Settings, Stage
from tracker.masks import MaskReader
from tracker.outputs import Outputs
from tracker.pipeline import HolePlan, Pair, add_labels, ahead, propagate, remove
from tracker.spool import LabelSpool
from tracker.types import Frame, LabelMap, Tracked, UserError
from tracker.video import SourceFrame, VideoReader, probe
from tracker.windows import PUBLISHED, Schedule, causal_windows, offline_windows

PREVIEW_SECONDS = 0.25  # between two previews
PREVIEW_PIXELS = 640 * 360

Labelled = tuple[SourceFrame, LabelMap]


def run_job(job: Job) -> Generator[Progress]:
    """Do `job`; yield progress, at least once a frame, the last with the report.

    Closing the generator cancels: what is finished is kept as `NAME.partial.EXT`.

    Raises:
        UserError: something in the job, the video or the masks has to be put right.
    """
    with ExitStack() as stack:
        run = _Run(job, stack)
        yield from (run.stream() if job.mode == "streaming" else run.offline())
        run.outputs.commit()
        yield Progress("done", run.num_frames, run.num_frames, 0.0, report=run.report())


def expectations(job: Job) -> list[str]:
    """Return what to know before starting: engines that will take long on this machine.

    Raises:
        UserError: the video or an engine cannot be used.
    """
    length = probe(job.source, job.fps).num_frames
    waits = [engines.waiting_time(choice, length) for choice in _choose_engines(job).values()]
    return [wait for wait in waits if wait is not None]


class _Run:
    """What one job holds while it runs: files, engines, clocks."""

    def __init__(self, job: Job, stack: ExitStack) -> None:
        self.job = job
        self.watch = Stopwatch()
        self.reader = stack.enter_context(VideoReader(job.source, job.fps))
        self.info = self.reader.info
        self.choices = _choose_engines(job)
        self.masks = None if job.masks is None else stack.enter_context(MaskReader(job.masks))
        self.num_frames = 0
        self.evidence = Evidence()
        if self.masks is not None:
            self.num_frames = self._count()
            self.masks.check(self.num_frames, self.info.height, self.info.width)
        elif not job.prompted:
            raise UserError("nothing to remove: no object has been pointed at")
        self.outputs = stack.enter_context(Outputs(job, self.reader))
        self.spool = stack.enter_context(LabelSpool(self.info.height, self.info.width))
        self.notices = [
            note for choice in self.choices.values() if (note := engines.licence_note(choice))
        ]
        self._last_preview = 0.0
        self._countdown = Countdown(dict.fromkeys(_passes(job), self.info.num_frames))

    def offline(self) -> Generator[Progress]:
        """Label every frame first; then fill."""
        if self.masks is None:
            yield from self._track_forwards()
            yield from self._track_backwards()
        yield from self._finish(self._known_labels())

    def stream(self) -> Generator[Progress]:
        """Label, fill and write frame by frame."""
        if self.masks is not None:
            yield from self._finish(self._known_labels())
            return
        if (first := min(self.job.prompted)) > 0:
            self.notices.append(
                f"streaming looks only back: frames 0-{first - 1}, before the first prompt, "
                "pass unchanged"
            )
        yield from self._finish(self._labels_as_they_come())
        self._check_prompts_were_reached()

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
        )

    def _engine_names(self) -> dict[str, str]:
        found = {} if self.job.segmenter is None else {"segmenter": self.job.segmenter}
        return found | {job: choice.name for job, choice in self.choices.items()}

    def _track_forwards(self) -> Generator[Progress]:
        if self.info.num_frames is not None:
            going_back = sum(start for start, _ in self._new_objects())
            self._countdown.set_total("track", self.info.num_frames + going_back)
        with closing(self._labels_as_they_come()) as labelled:
            for source, labels in labelled:
                self.spool[source.index] = labels
                self.num_frames = source.index + 1
                yield self._progress("track", source, labels)
        self._check_prompts_were_reached()

    def _track_backwards(self) -> Generator[Progress]:
        """Follow each object into the frames before the one it was first pointed at in."""
        for start, new in self._new_objects():
            labels = self.job.prompted[start]
            propagator = self._propagator()
            propagator.step(self.reader.read(start).rgb, add_labels(labels * 0, labels, new))
            with closing(ahead(self.reader.backwards(start))) as sources:
                for source in sources:
                    found = propagator.step(source.rgb)
                    merged = add_labels(self.spool[source.index], found.labels, new)
                    self.spool[source.index] = merged
                    self.evidence.note(source.index, Tracked(merged, found.confidence), new)
                    yield self._progress("track", source, merged)

    def _new_objects(self) -> list[tuple[int, set[int]]]:
        """Return the frames after the first in which objects are named first, and their ids."""
        known: set[int] = set()
        found = []
        for start, labels in sorted(self.job.prompted.items()):
            new = set(np.unique(labels[labels > 0]).tolist()) - known
            known |= new
            if new and start > 0:
                found.append((start, new))
        return found

    def _labels_as_they_come(self) -> Generator[Labelled]:
        """Decode in a thread of its own; label each frame."""
        current: deque[SourceFrame] = deque()

        def frames() -> Generator[Frame]:
            with closing(ahead(self.watch.each("decode", self.reader))) as sources:
                for source in sources:
                    current.append(source)
                    yield source.rgb

        with closing(propagate(frames(), self.job.prompted, self._propagator())) as tracked:
            for result in tracked:
                source = current.popleft()
                self.evidence.note(source.index, result)
                yield source, result.labels

    def _known_labels(self) -> Generator[Labelled]:
        """Decode; give each frame the labels found for it before."""
        labels = self.spool if self.masks is None else self.masks
        for source in self.watch.each("decode", self.reader):
            yield source, labels[source.index]

    def _finish(self, labelled: Generator[Labelled]) -> Generator[Progress]:
        """Write the masks as they come and, if a video is wanted, the filled frames."""
        length, self.num_frames = self.num_frames, 0
        stage = _passes(self.job)[-1]
        if length and stage == "fill":
            self._countdown.set_total(stage, length)

        def pass_on() -> Generator[Labelled]:
            with closing(ahead(labelled)) as pairs:
                for source, labels in pairs:
                    with self.watch.measure("encode"):
                        self.outputs.write_labels(source, labels)
                    yield source, labels

        with ExitStack() as stack:
            pairs = stack.enter_context(closing(pass_on()))
            results: Generator[SourceFrame] = (source for source, _ in pairs)
            if self.job.output is not None:
                results = stack.enter_context(closing(self._fill(pairs, length, stack)))
            for result in results:
                with self.watch.measure("encode"):
                    self.outputs.write(result)
                self.num_frames += 1
                try:
                    yield self._progress(stage, result)
                except GeneratorExit:  # keep what is finished before waiting for the threads
                    self.outputs.close()
                    raise

    def _fill(
        self, labelled: Iterator[Labelled], length: int, stack: ExitStack
    ) -> Generator[SourceFrame]:
        choice = self.choices["inpainter"]
        spec = INPAINTERS[choice.name]
        height, width = self.info.height, self.info.width
        dilation, settings = self.job.dilate, self.job.settings
        plan = HolePlan(
            self.job.objects,
            images.default_dilation(height, width) if dilation is None else dilation,
            images.fit_within(height, width, spec.pixels_at(settings.size, height * width)),
            settings.feather,
        )
        inpainter = TimedInpainter(engines.make_inpainter(choice, settings), self.watch)
        if self.job.mode == "streaming":
            windows = causal_windows(
                history=spec.history,
                num_references=spec.num_references,
                lookahead=settings.lookahead,
            )
            return remove(labelled, windows, inpainter, plan)
        reader = stack.enter_context(VideoReader(self.job.source, self.job.fps))

        def fetch(index: int) -> Pair:
            labels = (self.spool if self.masks is None else self.masks)[index]
            return plan.shrink(reader.read(index).rgb, plan.hole(labels))

        schedule = replace(_schedule(spec, settings), max_references=settings.max_references)
        return remove(labelled, offline_windows(length, schedule), inpainter, plan, fetch)

    def _propagator(self) -> MaskPropagator:
        propagator = engines.make_propagator(self.choices["propagator"], self.job.settings)
        return TimedPropagator(propagator, self.watch)

    def _count(self) -> int:
        """Return the number of frames; a header may be wrong, so count if it is not sure."""
        info = self.reader.info
        if info.frames_are_exact and info.num_frames is not None:
            return info.num_frames
        return sum(1 for _ in self.reader)

    def _check_prompts_were_reached(self) -> None:
        last = max(self.job.prompted)
        if last >= self.num_frames:
            raise UserError(
                f"frame {last} is past the end: the video has {self.num_frames} frames "
                f"(0-{self.num_frames - 1})"
            )

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
    return ["fill"] if job.mode == "streaming" or job.masks is not None else ["track", "fill"]


def _schedule(spec: InpainterSpec, settings: Settings) -> Schedule:
    if settings.schedule is None:
        return spec.schedule
    return PUBLISHED if settings.schedule == "published" else replace(PUBLISHED, overlap=False)


def _choose_engines(job: Job) -> dict[str, Choice]:
    choices = {}
    if job.masks is None:
        choices["propagator"] = engines.choose("propagator", job.propagator, job.device)
    if job.output is not None:
        choices["inpainter"] = engines.choose("inpainter", job.inpainter, job.device)
    return choices
