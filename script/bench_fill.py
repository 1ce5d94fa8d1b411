"""Say what E2FGVI's windows cost: python script/bench_fill.py CASE... (all, if none is named).

Where the work goes, and how much of it remembering saves; frames per second of every way to
fill are `benchmark.py fill`'s.

Every case runs in a process of its own, between two runs of a calibration loop (a 3x3
convolution of (8, 128, 60, 108) with 128 filters), so figures of different machines, and of
a machine that does other work, can be compared in its units.  CPU time is counted, not the
clock: it moves less when others compute too.  A region decoded by itself, and the blocks a
stream steps through one by one, are counted as "other" operations.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

# Run as a script, Python looks for modules in script/, not in the root the packages lie in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from e2fgvi import E2FGVI, build_network
from e2fgvi.compiling import compile_network
from e2fgvi.conditions import Recall
from e2fgvi.inpainter import E2FGVIInpainter
from script.fill_rule import clip_frames, fill_state_dict, hole_masks
from tracker.types import Clip

STAGES = {  # what a module is called by itself, and as a part of the network
    "encoder": ("Encoder", "encoder"),
    "flow": ("SPyNet", "update_spynet"),
    "propagation": ("BidirectionalPropagation", "feat_prop_module"),
    "split": ("SoftSplit", "ss"),
    "transformer": ("TransformerBlock", "transformer"),
    "composite": ("SoftComposite", "sc"),
    "decoder": ("Decoder", "decoder"),
}
MEGABYTE = 1e6


@dataclass(frozen=True)
class Case:
    """One way of filling: windows of so many frames, each so much later than the last."""

    hq: bool = True
    height: int = 240
    width: int = 432
    num_local: int = 11
    num_references: int = 3
    step: int = 5  # frames from one window to the next
    wanted: range | None = None
    recall: Recall = "recompute"
    is_fresh: bool = False  # nothing is remembered: every window starts from pixels
    is_plain: bool = False  # the plain forward pass, which decodes every frame


PUBLISHED = Case()
FAST = Case(num_local=12, step=10, wanted=range(1, 11))  # as windows.FAST
STREAM = Case(num_local=4, step=1, wanted=range(3, 4))
CASES = {
    "published": PUBLISHED,
    "published_plain": replace(PUBLISHED, is_plain=True),
    "fast": FAST,
    "stream": STREAM,
    "stream_memory": replace(STREAM, recall="memory"),
    "stream_fresh": replace(STREAM, is_fresh=True),
    "stream_plain": replace(STREAM, is_plain=True),
    # What a box of half the sides of 1280x720 costs, which is what a crop of it often is.
    "crop_720p": replace(PUBLISHED, height=360, width=640),
}


@dataclass(frozen=True)
class Result:
    """What one case cost per video frame."""

    units: float  # CPU time, in that of the calibration loop; of the median window
    seconds: float  # by the clock, of the quickest window
    gigaflops: dict[str, float]  # per stage, and "all"
    forgetful_gigaflops: float | None  # in all, if nothing were remembered between windows
    peak_megabytes: float


def measure(
    case: Case,
    device: str,
    dtype: torch.dtype,
    num_windows: int,
    num_threads: int | None,
    most_gigabytes: float | None = None,
    compiled: bool = False,
) -> Result:
    """Run a few windows of a long video, each between two calibrations."""
    _limit_memory(most_gigabytes)
    if num_threads is not None:
        torch.set_num_threads(num_threads)
    network = build_network(case.hq)
    fill_state_dict(network.state_dict())
    network.to(device)
    if compiled:
        compile_network(network)
    fill = _filler(network, case, device, dtype)
    frames = clip_frames(16, case.height, case.width)
    holes = hole_masks(16, case.height, case.width) > 0
    clips = sliding_clips(case, frames, holes)
    # A stream's memory is full only once each slot has been a frame.
    for _ in range(1 if case.recall == "recompute" else case.num_local + 1):
        fill(next(clips))
    units, walls = [], []
    before = _calibrate(device)
    for _ in range(num_windows):
        clip = next(clips)
        cpu, wall = time.process_time(), time.perf_counter()
        fill(clip)
        _wait(device)
        cpu_seconds = time.process_time() - cpu
        walls.append(time.perf_counter() - wall)
        after = _calibrate(device)
        units.append(2 * cpu_seconds / (before + after))
        before = after
    stages = _count_operations(lambda: fill(next(clips)))
    forgetful = None
    if not (case.is_fresh or case.is_plain):
        anew = _filler(network, replace(case, recall="recompute", is_fresh=True), device, dtype)
        forgetful = _count_operations(lambda: anew(next(clips)))["all"] / case.step / 1e9
    peak = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024
    if device == "cuda":
        peak = float(torch.cuda.max_memory_allocated())
    per_frame = {name: count / case.step / 1e9 for name, count in stages.items()}
    return Result(
        float(np.median(units)) / case.step,
        min(walls) / case.step,
        per_frame,
        forgetful,
        peak / MEGABYTE,
    )


def _filler(
    network: E2FGVI, case: Case, device: str, dtype: torch.dtype
) -> Callable[[Clip], object]:
    inpainter = E2FGVIInpainter(network, device=device, dtype=dtype, recall=case.recall)
    if case.is_fresh:
        return lambda clip: E2FGVIInpainter(network, device=device, dtype=dtype).fill(clip)
    if not case.is_plain:
        return inpainter.fill

    @torch.inference_mode()
    def plain(clip: Clip) -> Tensor:
        pixels = torch.from_numpy(np.stack(clip.frames)).to(device).permute(0, 3, 1, 2)
        seen = torch.from_numpy(~np.stack(clip.holes)).to(device)[:, None]
        masked = (pixels / 127.5 - 1) * seen
        output: Tensor = network(masked[None], clip.num_local)[0].cpu()
        return output

    return plain


def sliding_clips(
    case: Case, frames: NDArray[np.uint8], holes: NDArray[np.bool_]
) -> Iterator[Clip]:
    """Slide the window for ever; references stay the same, somewhere far away."""
    references = tuple(-10 * (k + 1) for k in range(case.num_references))
    start = 0
    while True:
        indices = (*range(start, start + case.num_local), *references)
        yield Clip(
            indices,
            tuple(frames[i % len(frames)] for i in indices),
            tuple(holes[i % len(frames)] for i in indices),
            case.num_local,
            case.wanted,
        )
        start += case.step


def _calibrate(device: str) -> float:
    """Return the CPU seconds of the calibration loop, the median of six."""
    features = torch.randn(8, 128, 60, 108, device=device)
    weight = torch.randn(128, 128, 3, 3, device=device)
    costs = []
    with torch.inference_mode():
        for _ in range(8):
            _wait(device)
            start = time.process_time()
            F.conv2d(features, weight, padding=1)
            _wait(device)
            costs.append(time.process_time() - start)
    return float(np.median(costs[2:]))


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _count_operations(work: Callable[[], object]) -> dict[str, int]:
    """Count multiplications and additions per stage; "other" is what is in none of them."""
    with FlopCounterMode(display=False) as counter:
        work()
    counts = {"all": counter.get_total_flops()}
    modules = {name: sum(counts.values()) for name, counts in counter.get_flop_counts().items()}
    for stage, (kind, attribute) in STAGES.items():
        whole = modules.get(kind, 0) + modules.get(f"E2FGVI.{attribute}", 0)
        counts[stage] = whole or sum(
            count
            for name, count in modules.items()
            if name.startswith(f"E2FGVI.{attribute}.") and name.count(".") == 2
        )
    counts["other"] = 2 * counts["all"] - sum(counts.values())
    return counts


def _limit_memory(gigabytes: float | None) -> None:
    """Make the accelerator refuse more memory than this."""
    if gigabytes is not None:
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, gigabytes * 1e9 / total))


def _report(name: str, case: Case, result: Result) -> str:
    stages = ", ".join(f"{stage} {count:.0f}" for stage, count in result.gigaflops.items() if count)
    return (
        f"{name:20} {'HQ' if case.hq else 'base'} {case.width}x{case.height} "
        f"{case.num_local}+{case.num_references} frames: {result.units:6.1f} units per frame, "
        f"{1 / result.seconds:6.2f} frames/s, {result.peak_megabytes:5.0f} MB at most\n"
        f"{'':20} GFLOP per frame: {stages}{_saving(result)}"
    )


def _saving(result: Result) -> str:
    if result.forgetful_gigaflops is None:
        return ""
    without = result.forgetful_gigaflops
    share = 100 * (1 - result.gigaflops["all"] / without)
    return f"; without remembering {without:.0f}, so {share:.0f} % are saved"


def main() -> None:
    """Run the cases named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float16", "bfloat16"))
    parser.add_argument("--windows", type=int, default=2, help="timed windows per case")
    parser.add_argument(
        "--memory-gb", type=float, help="cuda: refuse more accelerator memory than this"
    )
    parser.add_argument("--compile", action="store_true", help="let torch compile the network")
    parser.add_argument("--threads", type=int, help="as many as there are cores, if not given")
    arguments = parser.parse_args()
    if unknown := set(arguments.cases) - CASES.keys():
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    if arguments.memory_gb is not None and arguments.device != "cuda":
        parser.error("--memory-gb limits an accelerator; pass --device cuda")
    dtype = getattr(torch, arguments.dtype)
    where = torch.cuda.get_device_name() if arguments.device == "cuda" else arguments.device
    print(f"on {where}, {arguments.dtype}, torch {torch.__version__}")
    for name in arguments.cases or CASES:
        case = CASES[name]
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            job = pool.submit(
                measure,
                case,
                arguments.device,
                dtype,
                arguments.windows,
                arguments.threads,
                arguments.memory_gb,
                arguments.compile,
            )
            print(_report(name, case, job.result()), flush=True)


if __name__ == "__main__":
    main()
