"""Time mask propagation with pseudo-weights.

Seconds say little about another machine, so times are also given in units of a fixed
convolution measured between the frames of the same run.  On a machine that does other
things too, processor time is the steadier of the two.  `--flat` runs 2,000 small frames
and shows that neither time per frame nor memory grows with the video.
"""

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Run as a script, Python looks for modules in script/, not in the root the packages lie in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
import torch.nn.functional as F
from torch import Tensor

from aot.network import PropagationNetwork
from aot.propagator import DeAOTPropagator
from script.fill_rule import clip_frames, clip_labels
from script.parity_aot import pseudo_network

SIZES = ((480, 854), (240, 432))  # (height, width)
VARIANTS = ("r50_deaotl", "deaott", "deaots", "deaotb", "swinb_deaotl")
NEVER = 10**9  # a memory gap: only the prompted frame is remembered
FLAT_SIZE = (97, 129)


@dataclass(frozen=True)
class Speed:
    """What one frame of one variant costs; the fastest of several, against noise."""

    variant: str
    size: tuple[int, int]
    memory_frames: int
    seconds: float
    processor_seconds: float
    units: float  # of the convolution below, by the clock
    processor_units: float  # the same by processor time

    @property
    def frames_per_second(self) -> float:
        """Return the speed by the clock."""
        return 1 / self.seconds


@dataclass(frozen=True)
class Cost:
    """Where a long run stands: time of the frames around `frame`, memory up to there."""

    frame: int
    seconds: float
    peak_megabytes: float


def measure(work: Callable[[], object]) -> tuple[float, float]:
    """Run `work` once; return its seconds by the clock and by the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def calibration(device: torch.device) -> Callable[[], Tensor]:
    """Return the unit of work: 15.3 GFLOP of 3 x 3 convolution."""
    image = torch.rand(8, 128, 60, 108, device=device)
    weight, bias = torch.rand(128, 128, 3, 3, device=device), torch.rand(128, device=device)

    @torch.inference_mode()
    def convolve() -> Tensor:
        result = F.conv2d(image, weight, bias, padding=1)
        _wait(device)
        return result

    return convolve


def rows(
    variants: Sequence[str] = VARIANTS,
    sizes: Sequence[tuple[int, int]] = SIZES,
    *,
    memory_frames: int = 1,
    repeats: int = 8,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Iterator[Speed]:
    """Time every variant at every size with `memory_frames` frames in long-term memory."""
    device = torch.device(device)
    convolve = calibration(device)
    for variant in variants:
        network = pseudo_network(variant).to(device, dtype)
        for size in sizes:
            yield _speed(network, variant, size, memory_frames, repeats, device, convolve)


def flatness(
    marks: Sequence[int] = (200, 2000), *, variant: str = "deaott", memory_gap: int = 2
) -> Iterator[Cost]:
    """Follow objects through a long video of small frames; report at the frames `marks`."""
    frames = clip_frames(8, *FLAT_SIZE)
    propagator = DeAOTPropagator(pseudo_network(variant), device="cpu", memory_gap=memory_gap)
    propagator.step(frames[0], clip_labels(1, *FLAT_SIZE)[0])
    recent: list[float] = []
    for index in range(1, max(marks) + 1):
        recent.append(measure(lambda: propagator.step(frames[index % 8]))[1])  # noqa: B023
        recent = recent[-100:]
        if index in marks:
            peak_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            yield Cost(index, statistics.median(recent), peak_kilobytes / 1024)


def _speed(
    network: PropagationNetwork,
    variant: str,
    size: tuple[int, int],
    memory_frames: int,
    repeats: int,
    device: torch.device,
    convolve: Callable[[], Tensor],
) -> Speed:
    frames = clip_frames(3, *size)
    labels = clip_labels(3, *size)
    propagator = DeAOTPropagator(network, device=device, memory_gap=NEVER, max_memory_frames=None)
    for index in range(memory_frames):  # each prompted frame is one in memory
        propagator.step(frames[index % 3], labels[index % 3])
    propagator.step(frames[0])
    units, steps = [], []
    for index in range(repeats):
        units += [measure(convolve) for _ in range(2)]
        steps.append(measure(lambda: propagator.step(frames[index % 3])))  # noqa: B023
    clock, processor = (min(times) for times in zip(*steps, strict=True))
    unit_clock, unit_processor = (min(times) for times in zip(*units, strict=True))
    return Speed(
        variant,
        size,
        memory_frames,
        seconds=clock,
        processor_seconds=processor,
        units=clock / unit_clock,
        processor_units=processor / unit_processor,
    )


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variant", nargs="+", default=VARIANTS, metavar="NAME")
    parser.add_argument("--height", type=int, help="with --width: this size only")
    parser.add_argument("--width", type=int)
    parser.add_argument("--memory-frames", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="of torch; 1 is steadiest on a busy machine")
    parser.add_argument("--half", action="store_true", help="half precision")
    parser.add_argument("--flat", action="store_true", help="2,000 frames: time and memory")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.flat:
        for cost in flatness():
            print(
                f"frame {cost.frame:5}  {1000 * cost.seconds:6.1f} ms of processor time per frame,"
                f"  peak {cost.peak_megabytes:6.0f} MB"
            )
        return
    sizes = ((options.height, options.width),) if options.height and options.width else SIZES
    print("variant         size      memory  frames/s  seconds  units  processor s  units")
    for row in rows(
        options.variant,
        sizes,
        memory_frames=options.memory_frames,
        repeats=options.repeats,
        device=options.device,
        dtype=torch.float16 if options.half else torch.float32,
    ):
        print(
            f"{row.variant:14}  {row.size[0]}x{row.size[1]:<4}  {row.memory_frames:6}"
            f"  {row.frames_per_second:8.2f}  {row.seconds:7.2f}  {row.units:5.1f}"
            f"  {row.processor_seconds:11.2f}  {row.processor_units:5.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
