"""One long clip filled in spans, on one machine or many, with the result of filling it whole.

Every span runs the whole schedule, but only the windows about it reach the engine;
what they give is kept beside the output, in `OUTPUT.spans`.  The run that finds all windows
there gives the kept ones out again in order: the average of overlapping windows, the seam
and the encoding are then those of a run that was never split.  For that an engine must look
at nothing but its window.
"""

import argparse
import hashlib
import json
import os
import shutil
import time
import zlib
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tracker import crew, engines
from tracker.costs import Countdown, Stopwatch, TimedInpainter, peak_rss_mb
from tracker.engine_table import INPAINTERS
from tracker.exports.masks import open_masks
from tracker.filling import Filling
from tracker.interfaces import Inpainter
from tracker.jobs import Job, Progress, Report
from tracker.keyframes import Keyframes
from tracker.locking import lock
from tracker.outputs import Outputs
from tracker.part import Part
from tracker.tracking import Labelled
from tracker.types import Clip, Frame, UserError
from tracker.video import SourceFrame, VideoReader


@dataclass(frozen=True)
class Span:
    """The K-th of N parts of a clip, counted from 1."""

    number: int
    count: int

    def owns(self, place: int, length: int) -> bool:
        """Return whether a window about frame `place` of `length` is in this span."""
        return place * self.count // length == self.number - 1


def parse_span(text: str) -> Span:
    """Read a span written K/N."""
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is no span; write the second of three as 2/3")
    return Span(int(number), int(count))


class _Kept:
    """What windows gave, in a folder: for each, the frames wanted, as changes to what it saw."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def name(self, clip: Clip) -> Path:
        # By content: what is given out again is what this very window gave.
        digest = hashlib.blake2b(repr((clip.indices, clip.wanted)).encode(), digest_size=12)
        for frame, hole in zip(clip.frames, clip.holes, strict=True):
            digest.update(frame.tobytes())
            digest.update(np.packbits(hole).tobytes())
        return self.folder / f"{digest.hexdigest()}.window"

    def keep(self, clip: Clip, filled: list[Frame]) -> None:
        # Outside the hole most engines change nothing, so differences take little room.
        changes = [filled[k] - clip.frames[k] for k in clip.wanted_positions]  # wraps around
        packed = zlib.compress(np.stack(changes).tobytes(), 1)
        name = self.name(clip)
        partial = name.with_suffix(f".{os.getpid()}.tmp")
        try:
            partial.write_bytes(packed)
            partial.replace(name)
        except OSError as error:
            raise UserError(f"{self.folder} cannot be written: {error.strerror}") from None

    def give(self, clip: Clip) -> list[Frame]:
        shape = (len(clip.wanted_positions), *clip.frames[0].shape)
        changes = np.frombuffer(zlib.decompress(self.name(clip).read_bytes()), np.uint8)
        results = list(clip.frames[: clip.num_local])
        for position, change in zip(clip.wanted_positions, changes.reshape(shape), strict=True):
            results[position] = clip.frames[position] + change
        return results


class _Recorder:
    """An inpainter that fills the windows of one span and keeps what it gives."""

    def __init__(self, inpainter: Inpainter, kept: _Kept, span: Span, length: int) -> None:
        self._inpainter, self._kept, self._span, self._length = inpainter, kept, span, length

    def fill(self, clip: Clip) -> list[Frame]:
        """Fill a clip of the span; return others as they are."""
        mine = self._span.owns(_place(clip), self._length)
        if mine and not self._kept.name(clip).is_file():  # a run cut short left some
            self._kept.keep(clip, self._inpainter.fill(clip))
        return list(clip.frames[: clip.num_local])


class _Player:
    """An inpainter that gives out what was kept."""

    def __init__(self, kept: _Kept) -> None:
        self._kept = kept

    def fill(self, clip: Clip) -> list[Frame]:
        """Return what was kept for this window."""
        return self._kept.give(clip)


def fill_span(job: Job, span: Span) -> Generator[Progress]:
    """Fill a span of a job with masks; the last of all spans makes the output.

    Yields progress, the last with the report.  Spans may run in any order, at the same time,
    and on several machines if they share the folder of the output.

    Raises:
        UserError: the job cannot be split, or something in it has to be put right.
    """
    if job.output is None or job.masks is None:
        raise ValueError("only a fill with given masks can be split")
    _check(job)
    folder = job.output.with_name(f"{job.output.name}.spans")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror}") from None
    kept = _Kept(folder)
    with ExitStack() as stack:
        run = _Run(job, span, kept, stack)
        yield from run.go(run.recorder, None)
        (folder / f"{span.number}.done").touch()
        missing = [k for k in range(1, span.count + 1) if not (folder / f"{k}.done").is_file()]
        if missing:
            rest = ", ".join(f"{k}/{span.count}" for k in missing)
            yield run.report(f"span {span.number}/{span.count} is done; still to run: {rest}")
            return
        # Two spans may end at once: one of them joins, the other finds nothing to do.
        with (folder / "join").open("a") as claim:
            if not lock(claim) or not (folder / "job.json").is_file():
                yield run.report("another span, which ended at the same time, makes the output")
                return
            with ExitStack() as joining:
                last = _Run(job, span, kept, joining)
                outputs = joining.enter_context(Outputs(job, last.reader))
                yield from last.go(lambda: _Player(kept), outputs)
                outputs.commit()
            shutil.rmtree(folder, ignore_errors=True)
            yield run.report(f"joined from {span.count} spans")


class _Run:
    """One pass over the video."""

    def __init__(self, job: Job, span: Span, kept: _Kept, stack: ExitStack) -> None:
        self._job, self._span, self._kept, self._stack = job, span, kept, stack
        self._watch = Stopwatch()
        self.reader = stack.enter_context(VideoReader(job.source, job.fps))
        self._choice = crew.choose(job)["inpainter"]
        if job.masks is None:
            raise ValueError("no masks")
        self._masks = open_masks(job.masks)
        stack.callback(self._masks.close)
        info = self.reader.info
        Keyframes(job.keyframes).check(info, Part())
        counted = info.num_frames if info.frames_are_exact else None
        self._length = counted or sum(1 for _ in self.reader)
        self._masks.check(self._length, info.height, info.width)
        self._filling = Filling(job, INPAINTERS[self._choice.name], info)
        plan = self._filling.plan
        size = _agreed_size(kept.folder, job, span, plan.working_size)
        self._filling.plan = replace(plan, working_size=size)
        self._started = time.perf_counter()
        self._done = 0

    def recorder(self) -> Inpainter:
        """Return an engine that fills the windows of this span and keeps what it gives."""
        engine = engines.make_inpainter(self._choice, self._job.settings)
        timed = TimedInpainter(engine, self._watch)
        return _Recorder(timed, self._kept, self._span, self._length)

    def go(self, make: Callable[[], Inpainter], outputs: Outputs | None) -> Generator[Progress]:
        """Fill the clip with what `make` makes; write it, if there is somewhere to write."""
        countdown = Countdown({"fill": self._length})
        # Inside the cropping, which sees every window of the clip and so crops as in a whole run.
        inpainter = self._filling.cropped(make)
        filled = self._filling.at_leisure(
            self._labelled(outputs),
            self._length,
            inpainter,
            self._masks.__getitem__,
            self._stack.enter_context(VideoReader(self._job.source, self._job.fps)).read,
        )
        with closing(filled):
            for result in filled:
                if outputs is not None:
                    outputs.write(result)
                done = countdown.advance("fill")
                left = countdown.seconds_left
                yield Progress("fill", done, self._length, left, frame=result.index)
        self._done = self._length

    def _labelled(self, outputs: Outputs | None) -> Generator[Labelled]:
        source: SourceFrame
        for source in self.reader:
            labels = self._masks[source.index]
            if outputs is not None:
                outputs.write_labels(source, labels)
            yield source, labels

    def report(self, notice: str) -> Progress:
        """Return the last word: what was done."""
        seconds = time.perf_counter() - self._started
        report = Report(
            frames=self._done,
            width=self.reader.info.width,
            height=self.reader.info.height,
            seconds=round(seconds, 4),
            fps=round(self._done / max(seconds, 1e-9), 3),
            stages=self._watch.busy,
            engines={"inpainter": self._choice.name},
            peak_rss_mb=round(peak_rss_mb(), 1),
            notices=(*self.reader.notices, notice),
        )
        return Progress("done", self._done, self._done, 0.0, report=report)


def _check(job: Job) -> None:
    """Refuse what cannot be split."""
    choice = crew.choose(job)["inpainter"]
    # What an engine remembers beyond its windows is told by what that takes per pixel.
    if INPAINTERS[choice.name].bytes_per_pixel:
        able = ", ".join(name for name, spec in INPAINTERS.items() if not spec.bytes_per_pixel)
        raise UserError(
            f"{choice.name} carries what it invents from window to window, so spans would differ "
            f"from the whole; choose --inpainter {able}"
        )
    if job.mode == "streaming" or job.first or job.last is not None:
        raise UserError("a clip is split offline and as a whole; leave out --mode, --in and --out")
    if job.keep is not None or job.earlier is not None or job.resume:
        raise UserError(
            "spans keep what they do beside the output; leave out --keep, --earlier and --resume"
        )
    if job.settings.grow_shadow:
        raise UserError("shadows are looked for in a whole clip; leave out --grow-shadow")
    if job.output is not None and job.output.exists() and not job.overwrite:
        raise UserError(f"{job.output} exists; choose another name or pass --overwrite")


def _agreed_size(folder: Path, job: Job, span: Span, own: tuple[int, int]) -> tuple[int, int]:
    """Return the working size (height, width) all spans have: that of the first to begin.

    It may depend on the memory a machine has free.

    Raises:
        UserError: the folder holds spans of another job.
    """
    about = f"{span.count} spans of {job.source.name}, {job.masks}, {job.objects}, {job.dilate}, "
    about += f"{job.inpainter}, {sorted(job.keyframes)}, {job.settings}"
    file = folder / "job.json"
    partial = folder / f"job.{os.getpid()}.{span.number}.tmp"
    partial.write_text(json.dumps({"about": about, "size": own}), encoding="utf-8")
    try:
        os.link(partial, file)  # whole at once, and only by the first
    except FileExistsError:
        pass
    finally:
        partial.unlink()
    said = json.loads(file.read_text(encoding="utf-8"))
    if said["about"] != about:
        raise UserError(f"{folder} holds spans of another job; finish that, or remove the folder")
    return said["size"][0], said["size"][1]


def _place(clip: Clip) -> int:
    """Return the frame that says in which span a window is: the middle one of those wanted."""
    wanted = clip.wanted_positions
    return clip.indices[(wanted.start + wanted.stop - 1) // 2]
