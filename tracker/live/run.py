"""One live removal: picture in, picture out, as quickly as may be.

Nothing is read ahead: each picture goes through all stages before the next is taken, and
what comes meanwhile is dropped (and counted) or made to wait by the source.
"""

import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tracker import engines, images
from tracker.engine_table import INPAINTERS
from tracker.filling import Filling
from tracker.interfaces import Inpainter
from tracker.jobs import Job
from tracker.live.addresses import camera_number
from tracker.live.plate import PlateInpainter, PlateLearner
from tracker.pipeline import HolePlan, propagate, remove
from tracker.prompts import Prompts, check
from tracker.types import Frame, LabelMap, UserError
from tracker.video import SourceFrame, VideoWriter
from tracker.video.live_source import LivePicture, LiveSource
from tracker.video.stream_writer import StreamWriter
from tracker.windows import causal_windows

FPS_SECONDS = 2.0  # the frame rate told is that of the last two seconds
PREVIEW_SECONDS = 0.25
PREVIEW_PIXELS = 640 * 360


@dataclass(frozen=True, eq=False)
class LiveJob:
    """What is to be removed from which live source."""

    address: str  # see `addresses.is_live`
    output: Path | BinaryIO
    prompts: Prompts  # frames count from the first one after the background was learned
    learn_seconds: float = 0.0  # of the empty scene, shown first; 0: nothing is learned
    duration_seconds: float | None = None  # None: until it ends or is stopped
    drops: bool = True  # whether pictures are dropped when they come too fast
    stream_format: str = "mpegts"  # of an output that is no file
    options: Job = field(default_factory=lambda: Job(Path("live")))  # engines, margin, objects


@dataclass(frozen=True)
class LiveReport:
    """What a finished live removal did."""

    frames: int
    dropped: int
    width: int
    height: int
    seconds: float
    fps: float
    delay_ms: Mapping[str, float]  # added to pictures: "p50" and "p95"
    cpu_ms: float  # of this process, for each picture after learning
    engines: Mapping[str, str]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LiveProgress:
    """How it goes; the last one carries the report."""

    stage: str  # "learn", "clean" or "done"
    frames: int
    dropped: int
    fps: float = 0.0
    delay_seconds: float = 0.0
    preview: Frame | None = None
    report: LiveReport | None = None


def run_live(job: LiveJob, stop: threading.Event | None = None) -> Generator[LiveProgress]:
    """Do `job`; yield progress with every picture, the last with the report.

    Setting `stop`, or the end of the source, finishes the output; closing the generator
    keeps what there is as `NAME.partial.EXT`.

    Raises:
        UserError: something has to be put right.
    """
    with ExitStack() as stack:
        run = _LiveRun(job, stop or threading.Event(), stack)
        yield from run.go()


class _LiveRun:
    def __init__(self, job: LiveJob, stop: threading.Event, stack: ExitStack) -> None:
        if not job.prompts:
            raise UserError(
                "nothing to remove: point at an object with --point X,Y, --box or --mask"
            )
        self.job, self.stop = job, stop
        options = job.options
        choose = partial(engines.choose, commercial=options.commercial)
        self.choices = {
            "segmenter": choose("segmenter", "auto", options.device),
            "propagator": choose("propagator", options.propagator, options.device),
        }
        if not job.learn_seconds:
            self.choices["inpainter"] = choose("inpainter", options.inpainter, options.device)
        self.segmenter = engines.make_segmenter(self.choices["segmenter"])
        self.propagator = engines.make_propagator(self.choices["propagator"], options.settings)
        self.source = stack.enter_context(
            LiveSource(job.address, camera=camera_number(job.address), drops=job.drops)
        )
        self.info = self.source.info
        for prompt in job.prompts.values():
            check(prompt, self.info.height, self.info.width)
        self.writer: VideoWriter | StreamWriter
        if isinstance(job.output, Path):
            self.writer = VideoWriter(job.output, self.info, overwrite=options.overwrite)
        else:
            self.writer = StreamWriter(job.output, self.info, job.stream_format)
        stack.enter_context(self.writer)
        self.began = self.source.began
        self.num_frames = 0
        self.delays: list[float] = []
        self.finished: deque[float] = deque()
        self.arrivals: deque[float] = deque()
        self.notices: list[str] = []
        self._last_preview = 0.0

    def go(self) -> Generator[LiveProgress]:
        """Learn, clean, and tell what was done."""
        pictures = self._pictures()
        plate = None
        if self.job.learn_seconds:
            learner = PlateLearner()
            until = self.began + self.job.learn_seconds
            for picture in pictures:
                if picture.arrived >= until:
                    pictures = chain([picture], pictures)
                    break
                learner.add(picture.source.rgb)
                yield self._written(picture.source, picture.arrived, "learn")
            plate = learner.plate()
            self.delays.clear()
        cpu = time.process_time()
        first = self.num_frames
        inpainter, results = self._cleaned(pictures, plate)
        with closing(results):
            for result in results:
                yield self._written(result, self.arrivals.popleft(), "clean")
        num_cleaned = self.num_frames - first
        self.writer.commit()
        if isinstance(inpainter, PlateInpainter) and inpainter.has_moved:
            self.notices.append(
                "the scene is not where it was when it was learned: the camera moved, or much "
                "has changed; learn it again"
            )
        spent = (time.process_time() - cpu) / max(1, num_cleaned)
        report = self._report(spent, with_plate=plate is not None)
        yield LiveProgress("done", self.num_frames, self.source.num_dropped, report=report)

    def _pictures(self) -> Iterator[LivePicture]:
        """Yield pictures until the time is over, the source ends, or somebody stops it."""
        limit = self.job.duration_seconds
        for picture in self.source:
            yield picture
            is_over = limit is not None and time.monotonic() - self.began >= limit
            if is_over or self.stop.is_set():
                return

    def _cleaned(
        self, pictures: Iterator[LivePicture], plate: Frame | None
    ) -> tuple[Inpainter, Generator[SourceFrame]]:
        """Return the inpainter, and the pictures it has filled, each as soon as it has come."""
        options, labelled = self.job.options, self._labelled(pictures)
        if plate is not None:
            margin = options.dilate
            size = (self.info.height, self.info.width)
            margin = images.default_dilation(*size) if margin is None else margin
            plan = HolePlan(options.objects, margin, size, options.settings.feather)
            own = PlateInpainter(plate)
            return own, remove(labelled, causal_windows(history=0, num_references=0), own, plan)
        choice = self.choices["inpainter"]
        inpainter = engines.make_inpainter(choice, options.settings)
        filling = Filling(options, INPAINTERS[choice.name], self.info)
        return inpainter, filling.as_they_come(labelled, inpainter)

    def _labelled(self, pictures: Iterator[LivePicture]) -> Generator[tuple[SourceFrame, LabelMap]]:
        current: deque[SourceFrame] = deque()
        prompted: dict[int, LabelMap] = {}

        def frames() -> Generator[Frame]:
            for index, picture in enumerate(pictures):
                self.arrivals.append(picture.arrived)
                current.append(picture.source)
                frame = picture.source.rgb
                prompted.pop(index - 1, None)
                if labels := self._marked(index, frame):
                    prompted[index] = labels[0]
                yield frame

        with closing(propagate(frames(), prompted, self.propagator)) as tracked:
            for result in tracked:
                yield current.popleft(), result.labels

    def _marked(self, index: int, frame: Frame) -> list[LabelMap]:
        """Return the labels said to be in a frame, if anything was said of it."""
        places = sorted(place for place in self.job.prompts if place.frame == index)
        labels = np.zeros(frame.shape[:2], np.uint8)
        for place in places:
            prompt = self.job.prompts[place]
            mask = prompt.mask
            if prompt.points or prompt.box:
                mask = self.segmenter.segment(frame, prompt).masks[0]
            labels[mask] = place.object_id
        return [labels] if places else []

    def _written(self, picture: SourceFrame, arrived: float, stage: str) -> LiveProgress:
        """Write a picture; say how late it is."""
        self.writer.write(picture)
        now = time.monotonic()
        self.num_frames += 1
        self.delays.append(now - arrived)
        self.finished.append(now)
        while now - self.finished[0] > FPS_SECONDS:
            self.finished.popleft()
        span = now - self.finished[0]
        preview = None
        if now - self._last_preview >= PREVIEW_SECONDS:
            self._last_preview = now
            size = images.fit_within(self.info.height, self.info.width, PREVIEW_PIXELS)
            preview = images.shrink(picture.rgb, *size)
        return LiveProgress(
            stage,
            self.num_frames,
            self.source.num_dropped,
            fps=(len(self.finished) - 1) / span if span else 0.0,
            delay_seconds=self.delays[-1],
            preview=preview,
        )

    def _report(self, cpu_seconds: float, *, with_plate: bool) -> LiveReport:
        seconds = time.monotonic() - self.began
        names = {job: choice.name for job, choice in self.choices.items()}
        if with_plate:
            names["inpainter"] = "learned background"
        delays = np.array(self.delays or [0.0]) * 1000
        if self.source.num_dropped:
            self.notices.append(
                f"{self.source.num_dropped} pictures were dropped: they came faster than they "
                "could be worked on"
            )
        return LiveReport(
            frames=self.num_frames,
            dropped=self.source.num_dropped,
            width=self.info.width,
            height=self.info.height,
            seconds=round(seconds, 3),
            fps=round(self.num_frames / max(seconds, 1e-3), 2),
            delay_ms={
                "p50": round(float(np.percentile(delays, 50)), 1),
                "p95": round(float(np.percentile(delays, 95)), 1),
            },
            cpu_ms=round(1000 * cpu_seconds, 1),
            engines=names,
            notices=tuple(self.notices),
        )
