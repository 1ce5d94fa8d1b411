"""What a command tells the terminal: progress, what was done, and Ctrl-C."""

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from tracker.evidence import doubts_in_words
from tracker.jobs import Progress, Report
from tracker.whole import write_whole


def say(sentence: str) -> None:
    """Tell the user something; standard output is for what a command makes."""
    print(sentence, file=sys.stderr)


class Interrupt:
    """Remembers Ctrl-C: raised inside a callback of a C library, the exception is lost."""

    def __init__(self) -> None:
        self._came = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self._came:
            raise KeyboardInterrupt

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._came = True
        raise KeyboardInterrupt

    def __enter__(self) -> "Interrupt":
        self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)


class Line:
    """Progress on one line of stderr, or on a line per tenth where that is not a terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._shown = ""

    def __call__(self, progress: Progress) -> None:
        """Show how far a job is."""
        if progress.stage == "done":
            if self._terminal and self._shown:
                print(file=sys.stderr)
            return
        total = progress.total
        text = f"{progress.stage} {progress.done}" + (f"/{total}" if total else "")
        tenth = f"{progress.stage} {progress.done * 10 // total if total else progress.done // 50}"
        if self._terminal:
            left = progress.seconds_left
            text += "" if left is None else f", {left:.0f} s left"
            print(f"\r{text:<60}", end="", flush=True, file=sys.stderr)
        elif tenth != self._shown:
            print(text, file=sys.stderr)
        self._shown = tenth


def say_what_was_done(report: Report, paths: Sequence[Path]) -> None:
    """Say what the user should know, and which files there are now."""
    for notice in (*report.notices, *doubts_in_words(report.objects)):
        say(f"note: {notice}")
    names = ", ".join(map(str, paths))
    made_by = ", ".join(f"{job} {name}" for job, name in report.engines.items())
    print(
        f"{names}: {report.frames} frames in {report.seconds:.1f} s "
        f"({report.fps:.1f} frames per second; {made_by})",
        file=sys.stderr,
    )


def write_json(path: Path, report: Mapping[str, object]) -> None:
    """Write a report, whole or not at all.

    Raises:
        UserError: it cannot be written.
    """
    write_whole(path, json.dumps(report, indent=2) + "\n")
