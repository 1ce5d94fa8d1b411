"""`remove` with a live INPUT."""

import argparse
import dataclasses
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FrameType

from tracker.console import say, write_json
from tracker.job_options import check_outputs, settings_of
from tracker.jobs import Job
from tracker.live.addresses import STDIN, is_pipe, without_password
from tracker.live.run import LiveJob, LiveProgress, LiveReport, run_live
from tracker.prompts import Prompts
from tracker.targets import said_in
from tracker.types import UserError

Say = Callable[[str], None]
LINE_SECONDS = 1.0
# The options of `remove` that a live source can follow; the others are refused.
HONOURED = frozenset({
    "input", "output", "point", "negative", "box", "mask", "objects",
    "propagator", "inpainter", "device", "commercial", "memory_gap", "memory_frames",
    "dilate", "feather", "size", "crop", "recall", "compile",
    "learn_background", "duration", "when_behind", "stream_format",
    "json", "overwrite", "quiet",
})  # fmt: skip
FLAGS = {"first": "in", "last": "out"}  # where an option has another name


def remove_live(options: argparse.Namespace, address: str) -> None:
    """Do `remove` with a live INPUT.

    Raises:
        UserError: something has to be put right.
    """
    check_options(options)
    check_outputs(options.overwrite, options.output)
    details = Job(
        Path("live"),
        objects=options.objects,
        propagator=options.propagator,
        inpainter=options.inpainter,
        device=options.device,
        commercial=options.commercial,
        dilate=options.dilate,
        settings=settings_of(options),
        overwrite=options.overwrite,
    )
    job = live_job(options, address, said_in(options), details)

    tell_user: Say = _nothing if options.quiet else say
    report = do_live(job, tell_user)
    tell(job, report, tell_user)
    if options.json is not None:
        write_json(options.json, dataclasses.asdict(report))


def check_options(options: argparse.Namespace) -> None:
    """Refuse what was said but a live source cannot follow.

    Raises:
        UserError: there is such an option; the message names it.
    """
    is_causal = options.mode == "streaming"
    for name in sorted(options.given - HONOURED - ({"mode"} if is_causal else set())):
        flag = FLAGS.get(name, name).replace("_", "-")
        raise UserError(f"--{flag} needs a file as INPUT, not a live source; leave it out")


def live_job(options: argparse.Namespace, address: str, said: Prompts, details: Job) -> LiveJob:
    """Return what the options ask for.

    Raises:
        UserError: the video would go to the terminal.
    """
    output = options.output
    if output == Path(STDIN):
        if sys.stdout.isatty():
            raise UserError("the clean video would go to the terminal; pipe it to a player")
        output = sys.stdout.buffer
    drops = not is_pipe(address) if options.when_behind is None else options.when_behind == "drop"
    return LiveJob(
        address,
        output,
        said,
        options.learn_background,
        options.duration,
        drops,
        options.stream_format,
        details,
    )


def do_live(job: LiveJob, say: Say) -> LiveReport:
    """Run until the source ends, the time is over, or Ctrl-C; tell how it goes."""
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = signal.signal(signal.SIGINT, end)
    said_at = 0.0
    report = None
    try:
        with closing(run_live(job, stop)) as steps:
            for progress in steps:
                report = progress.report
                clock = progress.frames / max(progress.fps, 1.0)
                if report is None and clock - said_at >= LINE_SECONDS:
                    said_at = clock
                    say(_line(progress))
    finally:
        signal.signal(signal.SIGINT, before)
    if report is None:
        raise RuntimeError("the removal ended without a report")
    return report


def tell(job: LiveJob, report: LiveReport, say: Say) -> None:
    """Say what was done."""
    for notice in report.notices:
        say(f"note: {notice}")
    name = str(job.output) if isinstance(job.output, Path) else "standard output"
    say(
        f"{name}: {report.frames} frames of {without_password(job.address)} in "
        f"{report.seconds:.1f} s ({report.fps:.1f} frames per second, {report.dropped} dropped, "
        f"delay {report.delay_ms['p50']:.0f} ms, 95% under {report.delay_ms['p95']:.0f} ms)"
    )


def _line(progress: LiveProgress) -> str:
    doing = "learning the background" if progress.stage == "learn" else "live"
    return (
        f"{doing}: {progress.frames} frames, {progress.fps:.0f} per second, "
        f"{progress.delay_seconds * 1000:.0f} ms behind, {progress.dropped} dropped"
    )


def _nothing(sentence: str) -> None:
    """Say nothing."""
