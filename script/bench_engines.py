"""Time one engine on the sample: for a process of its own, so that its memory is its own.

python -m script.bench_engines track r50_deaotl 432x240 streaming cpu float32
"""

import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from script.bench_device import (
    WEIGHT_FREE,
    Device,
    inpainter_maker,
    make_segmenter,
    peak_device_mb,
    propagator_maker,
    timed,
)
from script.bench_tools import point_at, sample_frames, sample_labels
from tracker.buffering import Pair
from tracker.costs import peak_rss_mb
from tracker.engine_table import INPAINTERS
from tracker.images import dilate
from tracker.pipeline import inpaint
from tracker.prompts import NEIGHBOUR_STEPS
from tracker.types import Point, Prompt, Segmentation
from tracker.windows import FAST, causal_windows, offline_windows

FRAMES = {"weight-free": 48, "cpu": 6, "cuda": 96, "mps": 48}  # timed, after warming up
WARM_UP = 3  # frames, or clicks
CLICKS = 5
HOLE_MARGIN = 4.0  # pixels


def measure(job: str, name: str, size: str, mode: str, device: Device) -> dict[str, float | None]:
    """Return seconds per frame (or click), and the peak memory here and on the device."""
    where = "cpu" if name == WEIGHT_FREE else device.name
    num_frames = FRAMES["weight-free" if name == WEIGHT_FREE else device.name]
    frames = sample_frames(size, num_frames + WARM_UP)
    labels = sample_labels(size, len(frames))
    timings: dict[str, Callable[[], float]] = {
        "click": lambda: _click(name, size, mode, device, frames, where),
        "track": lambda: _track(name, device, frames, labels, where),
        "fill": lambda: _fill(name, mode, device, frames, labels, where),
    }
    seconds = timings[job]()
    return {
        "seconds": seconds,
        "peak_rss_mb": peak_rss_mb(),
        "peak_device_mb": peak_device_mb(where),
    }


def _click(
    name: str, size: str, mode: str, device: Device, frames: list[NDArray[np.uint8]], where: str
) -> float:
    """Return the seconds of a first click on a frame, or of one that takes a part away.

    The second one follows at once: nothing was got ready for it meanwhile.
    """
    x, y = point_at(size)
    clicked = Point(x, y)
    times = []
    if name != WEIGHT_FREE:
        engine = make_segmenter(name, device)
    for index, frame in enumerate(frames[:CLICKS]):
        around = [index + step for step in NEIGHBOUR_STEPS]
        neighbours = [frames[other] for other in around if 0 <= other < len(frames)]
        if name == WEIGHT_FREE:
            engine = make_segmenter(name, device)

        def click(*points: Point) -> Segmentation:
            return engine.segment(frame, Prompt(points), neighbours)  # noqa: B023

        first = timed(lambda: click(clicked), where)
        row, column = np.argwhere(click(clicked).masks[0])[0]
        wrong = Point(float(column), float(row), positive=False)
        later = timed(lambda: click(clicked, wrong), where)  # noqa: B023
        times.append(first if mode == "first" else later)
    return statistics.median(times[1:])  # the first warms up


def _track(
    name: str,
    device: Device,
    frames: list[NDArray[np.uint8]],
    labels: list[NDArray[np.uint8]],
    where: str,
) -> float:
    propagator = propagator_maker(name, device)()
    propagator.step(frames[0], labels[0])
    for frame in frames[1:WARM_UP]:
        propagator.step(frame)
    rest = frames[WARM_UP:]
    return timed(lambda: [propagator.step(frame) for frame in rest], where) / len(rest)


def _fill(
    name: str,
    mode: str,
    device: Device,
    frames: list[NDArray[np.uint8]],
    labels: list[NDArray[np.uint8]],
    where: str,
) -> float:
    mode, _, way = mode.partition(" ")  # of E2FGVI: "offline fast", "streaming memory"
    spec = INPAINTERS[name]
    make = inpainter_maker(name, device, recall="memory" if way == "memory" else "recompute")
    pairs: list[Pair] = [
        (frame, dilate(label > 0, HOLE_MARGIN)) for frame, label in zip(frames, labels, strict=True)
    ]

    def run(some: list[Pair]) -> int:
        if mode == "streaming":
            windows = causal_windows(history=spec.history, num_references=spec.num_references)
        else:
            schedule = replace(FAST if way == "fast" else spec.schedule, max_references=20)
            windows = offline_windows(len(some), schedule)
        return sum(1 for _ in inpaint(some, windows, make(), some.__getitem__))

    run(pairs[:WARM_UP])
    return timed(lambda: run(pairs), where) / len(pairs)


if __name__ == "__main__":
    job, name, size, mode, where, precision = sys.argv[1:]
    print(json.dumps(measure(job, name, size, mode, Device(where, precision == "half"))))
