"""Measure how fast Cleanplate is on this machine, and how much memory it takes.

    python script/benchmark.py                    # everything that needs no weights
    python script/benchmark.py remove --sizes 432x240 --modes streaming
    python script/benchmark.py click | start      # one table
    python script/benchmark.py propagate ...      # see script/bench_propagate.py
    python script/benchmark.py fill ...           # see script/bench_fill.py

Every measurement is a process of its own, so its peak memory is its own.  Machines differ,
and a busy one differs from itself: so a fixed piece of work (the calibration) is timed just
before and after each, and the last column gives the figure in units of it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

# Run as a script, Python looks for modules in script/, not in the root the packages lie in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from script.bench_tools import (
    ROOT,
    Row,
    calibrated,
    first_frame,
    parse_size,
    point_at,
    run,
    scaled_sample,
    show,
    units,
)

SIZES = ("432x240", "854x480", "1920x1080")
MODES = ("offline", "streaming")
FRAMES_AT = {"1920x1080": 32}  # enough to see the rate; the other sizes take the whole sample
READY_SECONDS = 6.0  # the page should be there by then
DELEGATED = ("propagate", "fill")


def measure_remove(options: argparse.Namespace) -> list[Row]:
    """Measure the whole product, decode to encode, as the command line runs it."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="cleanplate-") as name:
        folder = Path(name)
        for size in options.sizes:
            num_frames = options.frames or FRAMES_AT.get(size, 10**6)
            clip = scaled_sample(folder, size, num_frames)
            for mode in options.modes:
                rows.append(_best(options.repeat, partial(_remove, clip, size, mode)))
    return rows


def _remove(clip: Path, size: str, mode: str) -> Row:
    x, y = point_at(size)
    output, report_file = clip.with_name("out.mp4"), clip.with_name("report.json")
    command = ("-m", "tracker", "remove", str(clip), str(output), "--point", f"{x},{y}")
    more = ("--mode", mode, "--json", str(report_file), "--quiet", "--overwrite")
    engines = ("--propagator", "classical", "--inpainter", "classical", "--segmenter", "classical")
    _, unit = calibrated(lambda: run(*command, *more, *engines))
    report = json.loads(report_file.read_text(encoding="utf-8"))
    seconds = report["seconds"] / report["frames"]
    busy = ", ".join(
        f"{stage} {1000 * spent / report['frames']:.0f}"
        for stage, spent in report["stages"].items()
    )
    peak = report["peak_rss_mb"]
    return Row("remove", size, mode, seconds, 1 / seconds, seconds / unit, peak, f"busy ms: {busy}")


def _best(repeat: int, measure: Callable[[], Row]) -> Row:
    """Return the fastest of `repeat` measurements: what disturbs one only makes it slower."""
    return min((measure() for _ in range(repeat)), key=lambda row: row.seconds)


def measure_click(options: argparse.Namespace) -> list[Row]:
    """Measure how long a click takes to become a mask: the first, and the later ones."""
    rows = []
    for size in options.sizes:
        arguments = ("-m", "script.benchmark", "--one-click", options.segmenter, size)
        text, unit = calibrated(partial(run, *arguments))
        found = json.loads(text)
        for mode in ("first", "later"):
            seconds = found[mode]
            rows.append(
                Row("click", size, mode, seconds, None, seconds / unit, found["peak_rss_mb"])
            )
    return rows


def click_once(segmenter_name: str, size: str) -> dict[str, float]:
    """Click into the sample at `size`, five times a new engine; for a process of its own."""
    from tracker.costs import peak_rss_mb
    from tracker.engines import segmenter
    from tracker.types import Point, Prompt

    frame, (width, height) = first_frame(size), parse_size(size)
    x, y = point_at(size)
    points = [Point(x, y), Point(x + width // 60, y - height // 30)]
    points += [Point(x + width // 6, y, positive=False), Point(x - width // 40, y)]
    first: list[float] = []
    later: list[float] = []
    for _ in range(5):
        engine = segmenter(segmenter_name)
        for count in range(1, len(points) + 1):
            started = time.perf_counter()
            engine.segment(frame, Prompt(tuple(points[:count])))
            (first if count == 1 else later).append(time.perf_counter() - started)
    return {
        "first": statistics.median(first),
        "later": statistics.median(later),
        "peak_rss_mb": peak_rss_mb(),
    }


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


MEASUREMENTS: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
    "remove": measure_remove,
    "click": measure_click,
    "start": measure_start,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the measurements asked for and print what they found."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["--one-click"]:
        print(json.dumps(click_once(*arguments[1:])))
        return
    if arguments and arguments[0] in DELEGATED:
        command = [sys.executable, "-m", f"script.bench_{arguments[0]}", *arguments[1:]]
        raise SystemExit(subprocess.call(command, cwd=ROOT))  # noqa: S603 - ours
    options = _parser().parse_args(arguments)
    chosen = list(MEASUREMENTS) if options.what == "all" else [options.what]
    now = units()
    print(
        f"{os.cpu_count()} processors; now, one calibration unit takes {now['pictures']:.4f} s",
        end="",
    )
    print(f", one convolution {now['convolution']:.4f} s" if now["convolution"] else "")
    rows = [row for name in chosen for row in MEASUREMENTS[name](options)]
    show(rows)
    if options.json is not None:
        found = {"unit_seconds": now, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", default="all", choices=["all", *MEASUREMENTS])
    parser.add_argument("--sizes", type=_list, default=SIZES, help="such as 432x240,854x480")
    parser.add_argument("--modes", type=_list, default=MODES, help="offline,streaming")
    parser.add_argument("--frames", type=int, help="of the sample; default: all, fewer at 1080p")
    parser.add_argument("--segmenter", default="classical", help="whose clicks are timed")
    parser.add_argument(
        "--repeat", type=int, default=1, help="of removals and starts, take the best"
    )
    parser.add_argument("--port", type=int, default=7899, help="for the page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    return parser


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


if __name__ == "__main__":
    main()
