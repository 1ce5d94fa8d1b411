"""Time clicks with SAM's networks: the first on a frame (it is encoded), and further ones.

    python -m script.bench_click                        # the networks meant for a CPU
    python -m script.bench_click --networks sam_vit_b --size 1920x1080 --device cuda

Weights are random: how long a network computes does not depend on them.  Processor time
says more than the clock on a machine that does other things too, with `--threads 1` most.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Run as a script, Python looks for modules in script/, not in the root the packages lie in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from sam.networks import NETWORKS, build_network
from sam.segmenter import SamSegmenter
from script.fill_rule import clip_frames
from tracker.types import Point, Prompt

DEFAULT = ("mobile_sam", "sam_hq_tiny", "sam_vit_b")


@dataclass(frozen=True)
class Times:
    """Seconds by the clock and of the processor (all its cores together)."""

    clock: float
    processor: float


@dataclass(frozen=True)
class Clicks:
    """What clicks on one frame cost with one network."""

    network: str
    first: Times
    single: Times  # a first click on a frame that is known: three masks
    further: Times  # a click that adds to the ones before: one mask


def rows(
    networks: Sequence[str], width: int, height: int, device: str, repeats: int
) -> Iterator[Clicks]:
    """Time every network on frames of `width` x `height`."""
    for name in networks:
        segmenter = SamSegmenter(build_network(name).to(device), device=device)
        frames = clip_frames(3, height, width)
        points = tuple(Point(width * (k + 1) / (repeats + 2), height / 2) for k in range(repeats))
        segmenter.segment(frames[2], Prompt(points=points[:1]))  # to warm up
        first = [
            _timed(lambda: segmenter.segment(frame, Prompt(points=points[:1])), device)  # noqa: B023
            for frame in frames[:2]
        ]
        single = [
            _timed(lambda: segmenter.segment(frames[1], Prompt(points=(point,))), device)  # noqa: B023
            for point in points
        ]
        further = [
            _timed(lambda: segmenter.segment(frames[1], Prompt(points=points[:count])), device)  # noqa: B023
            for count in range(2, repeats + 1)
        ]
        yield Clicks(name, _least(first), _median(single), _median(further))


def _timed(work: Callable[[], object], device: str) -> Times:
    clock, processor = time.perf_counter(), time.process_time()
    work()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return Times(time.perf_counter() - clock, time.process_time() - processor)


def _least(times: Sequence[Times]) -> Times:
    return Times(min(each.clock for each in times), min(each.processor for each in times))


def _median(times: Sequence[Times]) -> Times:
    return Times(
        statistics.median(each.clock for each in times),
        statistics.median(each.processor for each in times),
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=DEFAULT, choices=NETWORKS, metavar="NAME")
    parser.add_argument("--size", default="854x480", help="WIDTHxHEIGHT")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--threads", type=int, help="of torch; 1 is steadiest on a busy machine")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    width, _, height = options.size.partition("x")
    if not (width.isdigit() and height.isdigit()):
        parser.error(f"size is {options.size!r}, expected WIDTHxHEIGHT, such as 854x480")
    print(f"{'network':<12}{'':>4}{'first click':>14}{'single click':>16}{'further click':>16}")
    for row in rows(options.networks, int(width), int(height), options.device, options.repeats):
        columns = (row.first, row.single, row.further)
        clock = "".join(f"{1000 * each.clock:>13.0f} ms" for each in columns)
        processor = "".join(f"{1000 * each.processor:>13.0f} ms" for each in columns)
        print(f"{row.network:<12}{clock}\n{'  processor':<12}{processor}", flush=True)


if __name__ == "__main__":
    main()
