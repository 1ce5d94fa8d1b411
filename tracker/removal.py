"""A whole job: from a video file and labels in some frames to finished files.

Offline reads the video twice: once to label every frame, forwards and backwards from the
prompted ones; once to fill and write.  Streaming reads it once and writes each frame as
soon as it is made.  Either way memory does not grow with the clip: labels lie in a spool
on disk, pictures in a window.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import cache, partial
from itertools import islice

from tracker import crew, elsewhere, engines, images
from tracker.ahead import ahead
from tracker.behind import behind
from tracker.costs import Countdown, Stopwatch, peak_rss_mb, timed, timed_inpainter
from tracker.engine_table import INPAINTERS
from tracker.filling import Filling
from tracker.interfaces import Inpainter, MaskPropagator, remarks_of
from tracker.jobs import Job, Progress, Report, Stage
from tracker.journal import Journal, SpanwiseInpainter
from tracker.kept import KeptRun, about
from tracker.keyframes import Keyframes
from tracker.labelling import Labelling
from tracker.outputs import Outputs
from tracker.own import NO_OWN, OWN_INPAINTER, OwnEngines
from tracker.part import Part
from tracker.tracking import Labelled
from tracker.types import LabelMap, UserError
from tracker.video import SourceFrame, VideoReader, probe

PREVIEW_SECONDS = 0.25  # between two previews
PLAYING_SECONDS = 0.08  # streaming, where previews are the clean video playing
PREVIEW_PIXELS = 640 * 360
SEEN = 2  # pictures as engines see them that wait to be prepared for filling


def run_job(job: Job, own: OwnEngines = NO_OWN, *, previews: bool = False) -> Generator[Progress]:
    """Do `job`; yield progress, at least once a frame, the last with the report.

    With `previews` the newest finished picture comes with it now and then.

    `own` engines do their jobs instead of those the job names.  Closing the generator
    cancels: what is finished is kept as `NAME.partial.EXT`.

    Raises:
        UserError: something in the job, the video or the masks has to be put right.
    """
    with ExitStack() as stack:
        run = _Run(job, stack, own, previews=previews)
        yield from (run.stream() if job.mode == "streaming" else run.offline())
        run.commit()
        yield Progress("done", run.num_frames, run.num_frames, 0.0, report=run.report())


def expectations(job: Job) -> list[str]:
    """Return what to know before starting: weights of limited use, engines that take long here.

    Raises:
        UserError: the video or an engine cannot be used.
    """
    length = probe(job.source, job.fps).num_frames
    looks = None if length is None else -(-length // (job.redetect or 1))
    choices = crew.choose(job).values()
    waits = [
        engines.waiting_time(choice, looks if choice.job == "detector" else length)
        for choice in choices
    ]
    return engines.licence_notes(choices) + [wait for wait in waits if wait is not None]


class _Run:
    """What one job holds while it runs: files, engines, clocks."""

    def __init__(self, job: Job, stack: ExitStack, own: OwnEngines, *, previews: bool) -> None:
        self.job, self.own, self.previews = job, own, previews
        self.part = Part(job.first, job.last)
        self.watch = Stopwatch()
        self.reader = stack.enter_context(VideoReader(job.source, job.fps))
        self.info = self.reader.info
        self.choices = crew.choose(job, own)
        self.keyframes = Keyframes(job.keyframes)
        self.keyframes.check(self.info, self.part)
        self.newcomers = crew.make_newcomers(job, self.choices)
        self.labelling = Labelling(
            job, self.reader, self._propagator, self.newcomers, self.watch, stack
        )
        self.num_frames = 0
        self.outputs = stack.enter_context(Outputs(job, self.reader))
        self.filling = self._make_filling()
        self.file = self._begin_file(stack)
        self.labelling.open(self.file, stack)
        if self.filling is not None:
            self.filling.open(self.file)
        self.notices = engines.licence_notes(self.choices.values())
        if self.filling is not None:
            self.notices += self.filling.notices
        self.remarks: Callable[[], Sequence[str]] = tuple  # of the inpainter, once it works
        self._last_preview = 0.0
        self._countdown = Countdown(dict.fromkeys(_passes(job), self.info.num_frames))

    def _make_filling(self) -> Filling | None:
        choice = self.choices.get("inpainter")
        if choice is None:
            return None
        is_own = self.own.inpainter is not None
        return Filling(self.job, OWN_INPAINTER if is_own else INPAINTERS[choice.name], self.info)

    def _begin_file(self, stack: ExitStack) -> KeptRun | Journal | None:
        """Begin the file of this run, if it is to be kept or continued."""
        job, shape = self.job, (self.info.height, self.info.width)
        is_kept = job.keep is not None or job.earlier is not None
        if not (is_kept or job.resume):
            return None
        if is_kept and (job.mode == "streaming" or job.resume):
            raise UserError(
                "a run is kept, or goes on from an earlier one, only offline and without --resume; "
                "choose offline, or leave out --keep and --earlier"
            )
        names = {part: choice.name for part, choice in self.choices.items()}
        plan = "" if self.filling is None else repr(self.filling.plan)
        found = about(job, self.info, names.get("propagator", ""), names.get("inpainter", ""), plan)
        if is_kept:
            return stack.enter_context(KeptRun(job, found, shape))
        return stack.enter_context(Journal(job, found, shape))

    def commit(self) -> None:
        """Give all files their names."""
        self.outputs.commit()
        if isinstance(self.file, KeptRun):
            self.file.commit(self.part.first + self.labelling.length)
        elif self.file is not None:
            self.file.finish()

    def offline(self) -> Generator[Progress]:
        """Label every frame first; then fill."""
        written = 0 if self.job.fills else self.info.num_frames or 0
        for source, labels in self.labelling.find():
            if self.labelling.num_expected is not None:
                self._countdown.set_total("track", self.labelling.num_expected + written)
            if self.filling is not None:
                self.filling.see(source)
            yield self._progress("track", source, labels)
        elsewhere.end_all()  # nobody tracks any more, and filling wants the memory
        yield from self._finish(self.labelling.known())

    def stream(self) -> Generator[Progress]:
        """Label, fill and write frame by frame."""
        if (start := self.labelling.start) > self.part.first:
            self.notices.append(
                f"streaming looks only back: frames {self.part.first}-{start - 1}, before the "
                "first prompt, pass unchanged"
            )
        yield from self._finish(self.labelling.as_they_come())

    def report(self) -> Report:
        """Say what was done."""
        seconds = self.watch.elapsed
        more = None if self.newcomers is None else self.newcomers.notice
        return Report(
            frames=self.num_frames,
            width=self.info.width,
            height=self.info.height,
            seconds=round(seconds, 4),
            fps=round(self.num_frames / seconds, 3),
            stages=self.watch.busy,
            engines=self._engine_names(),
            peak_rss_mb=round(peak_rss_mb() + elsewhere.peak_rss_mb_there(), 1),
            notices=(
                *self.reader.notices,
                *self.notices,
                *([more] if more else []),
                *([] if self.filling is None else self.filling.remarks),
                *self.remarks(),
                *self.outputs.notices,
            ),
            objects=self.labelling.evidence.traces(),
            names=self.labelling.names,
            licences={job: engines.licence_of(name) for job, name in self._engine_names().items()},
            frames_tracked=self.labelling.num_steps,
            frames_filled=0 if self.filling is None else self.filling.num_filled,
        )

    def _engine_names(self) -> dict[str, str]:
        return {**self.job.made_by, **{job: each.name for job, each in self.choices.items()}}

    def _finish(self, labelled: Generator[Labelled]) -> Generator[Progress]:
        """Write the masks as they come and, if a video is wanted, the filled frames."""
        stage = _passes(self.job)[-1]
        self.num_frames = 0

        def pass_on() -> Generator[Labelled]:
            with closing(ahead(self._seen(labelled), SEEN)) as pairs:
                for source, labels in pairs:
                    with self.watch.measure("encode"):
                        self.outputs.write_labels(source, labels)
                    yield source, labels

        def write(result: SourceFrame) -> None:
            with self.watch.measure("encode"):
                self.outputs.write(result)

        with ExitStack() as stack:
            pairs = stack.enter_context(closing(pass_on()))
            with closing(behind(self._results(pairs, stack), write)) as written:
                for result in written:
                    self.num_frames += 1
                    try:
                        yield self._progress(stage, result)
                    except GeneratorExit:  # keep what is finished before waiting for the threads
                        written.close()
                        self.outputs.close()
                        raise
        self.labelling.check_end(self.num_frames)
        self.keyframes.check_end(self.num_frames)

    def _seen(self, labelled: Generator[Labelled]) -> Generator[Labelled]:
        """Yield pictures as engines see them, where they will be filled: so ahead of that."""
        with closing(labelled):
            for source, labels in labelled:
                if self.filling is not None and source.index in self.part:
                    _ = source.rgb
                yield source, labels

    def _results(self, pairs: Generator[Labelled], stack: ExitStack) -> Generator[SourceFrame]:
        """Fill the part that is worked on; pass the rest on."""
        if self.filling is not None:
            yield from (source for source, _ in islice(pairs, self.part.first))
            worked_on = islice(pairs, self.labelling.length or self.part.length)
            yield from stack.enter_context(closing(self._fill(self.filling, worked_on, stack)))
        yield from (source for source, _ in pairs)

    def _fill(
        self, filling: Filling, labelled: Iterator[Labelled], stack: ExitStack
    ) -> Generator[SourceFrame]:
        choice, own = self.choices["inpainter"], self.own.inpainter

        def make() -> Inpainter:
            engine = partial(engines.make_inpainter, choice, filling.settings)
            return own or filling.cropped(engine)

        made: Inpainter | None = None
        if isinstance(self.file, Journal) and filling.memory is not None:
            made = SpanwiseInpainter(make, filling.memory)
        inpainter = timed_inpainter(made or make(), self.watch)
        self.remarks = lambda: remarks_of(inpainter)
        if self.job.mode == "streaming":
            return filling.as_they_come(labelled, inpainter, hurries=True)

        @cache
        def reader() -> VideoReader:  # seldom needed, and opening takes a while
            return stack.enter_context(VideoReader(self.job.source, self.job.fps))

        length, labels_of = self.labelling.length, self.labelling.of
        return filling.at_leisure(
            labelled, length, inpainter, labels_of, lambda index: reader().read(index)
        )

    def _propagator(self) -> MaskPropagator:
        whole = self.info.num_frames
        num_frames = None if whole is None else self.part.length_in(whole)
        made = crew.make_propagator(self.job, self.choices, self.own, num_frames)
        return timed(made, self.watch)

    def _progress(
        self, stage: Stage, picture: SourceFrame, labels: LabelMap | None = None
    ) -> Progress:
        """Count a frame; now and then show it, with its labels drawn if there are any."""
        done = self._countdown.advance(stage)
        preview, pace, streams = None, self.labelling.pace, self.job.mode == "streaming"
        pace.finish(picture.index)
        pause = PLAYING_SECONDS if streams else PREVIEW_SECONDS
        if self.previews and time.perf_counter() - self._last_preview >= pause:
            self._last_preview = time.perf_counter()
            drawn = picture.rgb if labels is None else images.overlay(picture.rgb, labels)
            size = images.fit_within(self.info.height, self.info.width, PREVIEW_PIXELS)
            preview = images.shrink(drawn, *size)
        total, left = self._countdown.total(stage), self._countdown.seconds_left
        index = picture.index
        return Progress(
            stage,
            done,
            total,
            left,
            preview,
            frame=index,
            evidence=self.labelling.evidence.at(index),
            fps=pace.fps if streams else 0.0,
            delay_seconds=pace.delay_seconds if streams else None,
        )


def _passes(job: Job) -> list[Stage]:
    """Return the passes over the video that `job` takes, in order."""
    if not job.fills:
        return ["track"]
    if job.mode == "streaming":
        return ["fill"]
    tracks = job.masks is None or job.settings.grow_shadow
    return ["track", "fill"] if tracks else ["fill"]
