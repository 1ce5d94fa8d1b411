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
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tracker import images
from tracker.jobs import Job
from tracker.live.addresses import camera_number
from tracker.live.cleaner import Cleaner
from tracker.live.plate import PlateLearner
from tracker.prompts import Prompts, check
from tracker.types import Frame, UserError
from tracker.video import SourceFrame, VideoWriter
from tracker.video.live_source import LivePicture, LiveSource
from tracker.video.stream_writer import StreamWriter

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
        self.cleaner = Cleaner(job.prompts, options, learned=job.learn_seconds > 0)
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
        sources = self._sources(pictures)
        with closing(self.cleaner.clean(sources, self.info, plate)) as results:
            for result in results:
                yield self._written(result, self.arrivals.popleft(), "clean")
        num_cleaned = self.num_frames - first
        self.writer.commit()
        self.notices += self.cleaner.notices
        spent = (time.process_time() - cpu) / max(1, num_cleaned)
        report = self._report(spent)
        yield LiveProgress("done", self.num_frames, self.source.num_dropped, report=report)

    def _pictures(self) -> Iterator[LivePicture]:
        """Yield pictures until the time is over, the source ends, or somebody stops it."""
        limit = self.job.duration_seconds
        for picture in self.source:
            yield picture
            is_over = limit is not None and time.monotonic() - self.began >= limit
            if is_over or self.stop.is_set():
                return

    def _sources(self, pictures: Iterator[LivePicture]) -> Iterator[SourceFrame]:
        """Yield what was filmed, and remember when it came."""
        for picture in pictures:
            self.arrivals.append(picture.arrived)
            yield picture.source

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

    def _report(self, cpu_seconds: float) -> LiveReport:
        seconds = time.monotonic() - self.began
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
            engines=self.cleaner.engines,
            notices=tuple(self.notices),
        )
