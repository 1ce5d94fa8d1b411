"""Measure how fast Cleanplate is on this machine, and how much memory it takes.

    python script/benchmark.py                    # the whole table; saved in benchmark.json
    python script/benchmark.py remove --sizes 432x240 --modes streaming
    python script/benchmark.py click | start | track | fill | growth | chain      # one part
    python script/benchmark.py --compare A.json B.json       # what got slower
    python script/benchmark.py propagate ...      # DeAOT stage by stage: bench_propagate.py
    python script/benchmark.py inpaint ...        # E2FGVI's windows: bench_fill.py

Every measurement is a process of its own, so its peak memory is its own.  Machines differ,
and a busy one differs from itself: so a fixed piece of work (the calibration) is timed just
before and after each, and the column "units" gives the figure in units of it.  Learned
engines run with pseudo-weights, which cost the same as real ones.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import chain
from pathlib import Path

# Run as a script, Python looks for modules in script/, not in the root the packages lie in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from script import bench_compare
from script.bench_device import WEIGHT_FREE, Device, known_engines
from script.bench_start import measure_start
from script.bench_tools import (
    ROOT,
    Row,
    calibrated,
    parse_size,
    point_at,
    run,
    scaled_sample,
    show,
    units,
)

SIZES = ("432x240", "854x480", "1920x1080")
MODES = ("offline", "streaming")
FRAMES_AT = {"1920x1080": 64}  # enough to see the rate; the other sizes take the whole sample
DELEGATED = {"propagate": "bench_propagate", "inpaint": "bench_fill"}
# Pixels: learned engines at larger sizes take minutes per frame there.
LARGEST_ON_CPU = {"track": 432 * 240, "fill": 854 * 480}
# How E2FGVI may fill besides, by mode: the schedule that overlaps less, memory of past frames.
E2FGVI_MODES = {
    "offline": ("offline", "offline fast"),
    "streaming": ("streaming", "streaming memory"),
}
GROWTH = (50, 200, 800)  # frames
GROWTH_SIZE = "432x240"
CHAIN_FRAMES = {"cpu": 8, "cuda": 300, "mps": 120}
CHAIN_TARGET = (30.0, 0.150)  # frames per second and seconds of delay, on an H200-class device


def measure_remove(options: argparse.Namespace) -> Iterator[Row]:
    """Measure the whole product, decode to encode, as the command line runs it."""
    with tempfile.TemporaryDirectory(prefix="cleanplate-") as name:
        folder = Path(name)
        for size in options.sizes:
            num_frames = options.frames or FRAMES_AT.get(size)
            clip = scaled_sample(folder, size, num_frames)
            for mode in options.modes:
                yield _best(options.repeat, partial(_remove, clip, size, mode))


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


def measure_engines(job: str, options: argparse.Namespace) -> Iterator[Row]:
    """Measure every engine of a job ("click", "track", "fill") by size and mode."""
    modes = {"click": ("first", "later"), "track": ("",), "fill": options.modes}[job]
    for name in known_engines(job):
        if options.engines and name not in options.engines:
            continue
        is_learned = name != WEIGHT_FREE
        device = options.device if is_learned else Device("cpu")
        for size in options.sizes:
            width, height = parse_size(size)
            is_small = width * height <= LARGEST_ON_CPU.get(job, width * height)
            if is_learned and device.name == "cpu" and not is_small:
                continue
            for mode in modes:
                ways = E2FGVI_MODES[mode] if job == "fill" and is_learned else (mode,)
                yield from (_engine(job, name, size, way, device) for way in ways)


def _engine(job: str, name: str, size: str, mode: str, device: Device) -> Row:
    precision = "half" if device.is_half else "float32"
    words = ("-m", "script.bench_engines", job, name, size, mode, device.name, precision)
    text, unit = calibrated(partial(run, *words))
    found = json.loads(text)
    seconds = found["seconds"]
    memory = found["peak_device_mb"]
    return Row(
        job,
        size,
        f"{name} {mode}".strip(),
        seconds,
        None if job == "click" else 1 / seconds,
        seconds / unit,
        found["peak_rss_mb"],
        "" if memory is None else f"{memory:.0f} MB on the device",
        device.label if name != WEIGHT_FREE else "",
    )


def measure_growth(options: argparse.Namespace) -> Iterator[Row]:
    """Measure removals of ever longer clips: time per frame and memory should stay."""
    with tempfile.TemporaryDirectory(prefix="cleanplate-") as name:
        for mode in options.modes:
            for length in options.lengths:
                clip = scaled_sample(Path(name), GROWTH_SIZE, length)
                row = _remove(clip, GROWTH_SIZE, mode)
                yield replace(row, stage="growth", mode=f"{mode} {length} frames", note="")


def measure_chain(options: argparse.Namespace) -> list[Row]:
    """Measure 720p in, R50-DeAOT-L, E2FGVI-HQ streaming at 432x240, H.264 out."""
    if len(known_engines("track")) == 1:
        return []  # without torch there is no such chain
    device = options.device
    precision = "half" if device.is_half else "float32"
    frames = str(options.frames or CHAIN_FRAMES[device.name])
    words = ("-m", "script.bench_chain", frames, device.name, precision)
    text, unit = calibrated(partial(run, *words))
    found = json.loads(text)
    rate, delay = found["fps"], found["delay_p95"]
    note = f"p95 delay {1000 * delay:.0f} ms with frames arriving at {found['arrival_fps']:.2f}/s"
    if device.name != "cpu":
        met = rate >= CHAIN_TARGET[0] and delay <= CHAIN_TARGET[1]
        note += "; meets" if met else "; misses"
        note += f" {CHAIN_TARGET[0]:.0f} frames/s and {1000 * CHAIN_TARGET[1]:.0f} ms"
    mode = "r50_deaotl e2fgvi_hq streaming"
    peak = found["peak_rss_mb"]
    seconds = 1 / rate
    return [
        Row(
            "chain",
            "1280x720",
            mode,
            seconds,
            rate,
            seconds / unit,
            peak,
            note,
            device.label,
            delay,
        )
    ]


MEASUREMENTS: dict[str, Callable[[argparse.Namespace], Iterable[Row]]] = {
    "start": measure_start,
    "click": partial(measure_engines, "click"),
    "track": partial(measure_engines, "track"),
    "fill": partial(measure_engines, "fill"),
    "remove": measure_remove,
    "growth": measure_growth,
    "chain": measure_chain,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the measurements asked for; print and save what they found."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in DELEGATED:
        command = [sys.executable, "-m", f"script.{DELEGATED[arguments[0]]}", *arguments[1:]]
        raise SystemExit(subprocess.call(command, cwd=ROOT))  # noqa: S603 - ours
    options = _parser().parse_args(arguments)
    if options.compare is not None:
        print("\n".join(bench_compare.compare(*map(bench_compare.load, options.compare))))
        return
    options.device = Device(options.device, options.device == "cuda" and not options.float32)
    chosen = list(MEASUREMENTS) if options.what == "all" else [options.what]
    now = units()
    machine = f"{os.cpu_count()} processors ({platform.processor() or platform.machine()})"
    if options.device.name != "cpu":
        machine += f", {options.device.label}"
    print(f"{machine}; now, one calibration unit takes {now['pictures']:.4f} s", end="")
    print(f", one convolution {now['convolution']:.4f} s" if now["convolution"] else "")
    rows: list[Row] = []
    for row in chain.from_iterable(MEASUREMENTS[name](options) for name in chosen):
        show([row], with_head=not rows)
        rows.append(row)
        found = {"machine": machine, "unit_seconds": now, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        if options.plots is not None:
            options.plots.write_text(bench_compare.html(found), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", default="all", choices=["all", *MEASUREMENTS])
    parser.add_argument("--sizes", type=_list, default=SIZES, help="such as 432x240,854x480")
    parser.add_argument("--modes", type=_list, default=MODES, help="offline,streaming")
    parser.add_argument("--frames", type=int, help="of the sample; default: all, fewer at 1080p")
    parser.add_argument("--engines", type=_list, help="only these; default: all there are")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda", "mps"))
    parser.add_argument("--float32", action="store_true", help="no half precision on cuda")
    parser.add_argument(
        "--lengths", type=_numbers, default=GROWTH, help="of growth; default: 50,200,800"
    )
    parser.add_argument(
        "--repeat", type=int, default=1, help="of removals and starts, take the best"
    )
    parser.add_argument("--port", type=int, default=7899, help="for the page")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", default=Path("benchmark.json"), help="saved here"
    )
    parser.add_argument("--plots", type=Path, metavar="FILE.html", help="also draw the figures")
    parser.add_argument(
        "--compare", type=Path, nargs=2, metavar=("A.json", "B.json"), help="measure nothing"
    )
    return parser


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    main()
