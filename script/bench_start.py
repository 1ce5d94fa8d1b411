"""Time how long the program takes to be there: imports, the shortest command, the page."""

import argparse
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from script.bench_tools import ROOT, Row, calibrated, run

READY_SECONDS = 6.0  # the page should be there by then


def measure_start(options: argparse.Namespace) -> list[Row]:
    """Measure how long importing takes, the shortest command, and the page."""
    starts: tuple[tuple[str, Callable[[], tuple[float, float | None]]], ...] = (
        ("import tracker.removal", partial(_timed_run, "-c", "import tracker.removal")),
        ("tracker engines", partial(_timed_run, "-m", "tracker", "engines")),
        ("page ready", partial(_page_ready, options.port)),
    )
    rows = []
    for name, measure in starts:
        found, unit = calibrated(partial(_fastest, measure, options.repeat))
        seconds, peak = found
        late = name == "page ready" and seconds > READY_SECONDS
        note = f"slower than {READY_SECONDS:.0f} s" if late else ""
        rows.append(Row("start", "", name, seconds, None, seconds / unit, peak, note))
    return rows


def _fastest(
    measure: Callable[[], tuple[float, float | None]], repeat: int
) -> tuple[float, float | None]:
    return min((measure() for _ in range(repeat)), key=lambda found: found[0])


def _timed_run(*arguments: str) -> tuple[float, float | None]:
    started = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - started, None


def _page_ready(port: int) -> tuple[float, float | None]:
    """Open the page and return the seconds until it answers, and its peak memory in MB."""
    command = [sys.executable, "app.py", "--port", str(port)]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                    return time.perf_counter() - started, _peak_of(process.pid)
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if process.poll() is not None or time.perf_counter() - started > 120:
                    raise SystemExit("the page did not come up") from None
                time.sleep(0.02)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _peak_of(pid: int) -> float | None:
    """Return the peak memory of another process in MB, where the system tells (Linux)."""
    status = Path(f"/proc/{pid}/status")
    if not status.is_file():
        return None
    lines = (line.split() for line in status.read_text(encoding="ascii").splitlines())
    return next((int(line[1]) / 1024 for line in lines if line[:1] == ["VmHWM:"]), None)
