"""Measure whether a long removal takes more memory, or more time per frame, than a short one.

    python script/bench_long.py                                  # 1,000 and 10,000 frames, all
    python script/bench_long.py --frames 200 2000 --engines classical --modes streaming

Each run is a process of its own, on the sample played forwards and backwards for as long as
wanted, at 432x240.  "tiny" is DeAOT and E2FGVI with random weights and few channels: their
pictures mean nothing, but they remember as the published ones do.  Exits 1 if the longest
run takes over 10 % more memory or 20 % more time per frame than the shortest.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

# Run as a script, Python looks for modules in script/, not in the root the packages lie in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import av
import numpy as np

from script.bench_tools import SAMPLE, parse_size, point_at, resized, run
from tracker import engine_table, engines
from tracker.engine_table import EngineSpec, InpainterSpec
from tracker.jobs import Job
from tracker.masks import MaskReader
from tracker.prompts import Place, label_frames
from tracker.removal import run_job
from tracker.spool import LabelSpool
from tracker.types import Frame, LabelMap, Point, Prompt, Tracked
from tracker.video import VideoReader

NUM_SAMPLE_FRAMES = 90
TINY_SIDE = 160  # pixels; what the tiny engines work at
MEMORY_LIMIT, TIME_LIMIT = 1.10, 1.20
ENGINES, MODES = ("classical", "tiny"), ("offline", "streaming")


@dataclass(frozen=True)
class Run:
    """What one removal took."""

    engines: str
    mode: str
    frames: int
    seconds_per_frame: float
    cpu_seconds_per_frame: float  # what is compared: other work does not change it
    peak_rss_mb: float
    peak_vram_mb: float | None  # None without an accelerator
    spool_mb: float
    marked: float  # share of the frames in which the object was followed


def long_sample(path: Path, num_frames: int, size: str = "432x240") -> Path:
    """Write the sample, forwards and backwards and forwards again, at `size`."""
    with av.open(str(SAMPLE)) as container:
        pictures = [
            resized(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8), size)
            for _, frame in zip(range(NUM_SAMPLE_FRAMES), container.decode(video=0), strict=False)
        ]
    there_and_back = [*pictures, *pictures[-2:0:-1]]
    with av.open(str(path), "w") as target:
        stream = target.add_stream(
            "libx264", rate=Fraction(24), options={"preset": "superfast", "crf": "18"}
        )
        (stream.width, stream.height), stream.pix_fmt = parse_size(size), "yuv420p"
        for index in range(num_frames):
            pixels = there_and_back[index % len(there_and_back)]
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 24)
            target.mux(stream.encode(picture))
        target.mux(stream.encode(None))
    return path


class Steady:
    """A tracker whose work is done and whose result is not used: the hole stays."""

    def __init__(self, inner: object) -> None:
        self._inner = inner

    def step(self, frame: Frame, labels: LabelMap | None = None) -> Tracked:
        """Track; return the labels given last."""
        self._inner.step(frame, labels)
        if labels is not None:
            self._labels = labels
        return Tracked(self._labels, {1: 1.0})


def add_tiny_engines() -> None:
    """Put learned engines with few channels and random weights into the tables."""
    import torch

    from aot import DeAOTPropagator
    from aot.config import VARIANTS
    from aot.network import PropagationNetwork
    from e2fgvi import build_network
    from e2fgvi.inpainter import E2FGVIInpainter
    from e2fgvi.network import Widths

    torch.manual_seed(0)
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    config = replace(VARIANTS["deaotl"], num_layers=1, width=32)
    tracker = PropagationNetwork(config).eval().requires_grad_(False).to(device)
    widths = Widths(features=16, tokens=32, hidden=4, num_blocks=2)
    inpainter = build_network(hq=True, widths=widths).to(device)
    engine_table.PROPAGATORS["tiny"] = EngineSpec(
        lambda _: (
            lambda settings: Steady(
                DeAOTPropagator(
                    tracker,
                    device=device,
                    max_memory_frames=settings.memory_frames,
                    max_long_side=TINY_SIDE,
                )
            )
        )
    )
    engine_table.INPAINTERS["tiny"] = InpainterSpec(
        lambda _: lambda settings: E2FGVIInpainter(inpainter, device=device),
        max_pixels=TINY_SIDE * TINY_SIDE // 2,
    )


class Watch:
    """Notes how large spools become."""

    def __init__(self) -> None:
        self.size = 0
        write = LabelSpool.__setitem__

        def note(spool: LabelSpool, index: int, labels: LabelMap) -> None:
            write(spool, index, labels)
            self.size = max(self.size, spool.size)

        LabelSpool.__setitem__ = note


def measure(source: Path, size: str, names: str, mode: str) -> Run:
    """Remove the balloon from `source`, in this process."""
    if names == "tiny":
        add_tiny_engines()
    prompts = {Place(0, 1): Prompt((Point(*point_at(size)),))}
    with VideoReader(source) as reader:
        prompted = label_frames(reader, prompts, engines.segmenter("classical"))
    watch, report, cpu_seconds = Watch(), None, 0.0
    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            source,
            Path(folder) / "out.mp4",
            prompted,
            masks_out=Path(folder) / "masks.zip",
            mode=mode,
            propagator=names,
            inpainter=names,
        )
        began = time.process_time()
        for progress in run_job(job):
            report = progress.report
        cpu_seconds = time.process_time() - began
        with MaskReader(Path(folder) / "masks.zip") as masks:
            num_marked = sum(bool(masks[index].any()) for index in range(len(masks)))
    if report is None:
        raise RuntimeError("the job ended without a report")
    return Run(
        names,
        mode,
        report.frames,
        report.seconds / report.frames,
        cpu_seconds / report.frames,
        report.peak_rss_mb,
        _peak_vram_mb(),
        watch.size / 1e6,
        num_marked / report.frames,
    )


def _peak_vram_mb() -> float | None:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return float(torch.cuda.max_memory_allocated()) / 2**20


def ratios(short: Run, long: Run) -> Mapping[str, float]:
    """Return how much more the long run takes of each thing that must not grow."""
    found = {
        "memory": long.peak_rss_mb / short.peak_rss_mb,
        "time": long.cpu_seconds_per_frame / short.cpu_seconds_per_frame,
    }
    if short.peak_vram_mb and long.peak_vram_mb:
        found["vram"] = long.peak_vram_mb / short.peak_vram_mb
    return found


def compare(frames: list[int], names: str, mode: str, size: str) -> tuple[list[Run], bool]:
    """Run all lengths; return what they took, and whether the longest stays within bounds."""
    runs = []
    for num_frames in frames:
        with tempfile.TemporaryDirectory() as folder:
            source = long_sample(Path(folder) / "long.mp4", num_frames, size)
            text = run("-m", "script.bench_long", "--run", str(source), names, mode, size)
        runs.append(Run(**json.loads(text.splitlines()[-1])))
    more = ratios(runs[0], runs[-1])
    is_bounded = (
        more["memory"] <= MEMORY_LIMIT
        and more.get("vram", 1.0) <= MEMORY_LIMIT
        and more["time"] <= TIME_LIMIT
    )
    return runs, is_bounded


def main() -> int:
    """Print a table; return 1 if something grows."""
    parser = argparse.ArgumentParser(description="Compare long removals with short ones.")
    parser.add_argument("--frames", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--size", default="432x240")
    parser.add_argument("--run", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run is not None:
        source, names, mode, size = options.run
        print(json.dumps(asdict(measure(Path(source), size, names, mode))))
        return 0
    all_bounded = True
    head = f"{'engines':<11}{'mode':<11}{'frames':>7}{'ms/frame':>10}{'CPU ms':>8}"
    print(f"{head}{'peak MB':>9}{'spool MB':>10}{'marked':>8}", flush=True)
    for names in options.engines:
        for mode in options.modes:
            runs, is_bounded = compare(options.frames, names, mode, options.size)
            for each in runs:
                print(
                    f"{names:<11}{mode:<11}{each.frames:>7}{1000 * each.seconds_per_frame:>10.1f}"
                    f"{1000 * each.cpu_seconds_per_frame:>8.1f}"
                    f"{each.peak_rss_mb:>9.0f}{each.spool_mb:>10.2f}{each.marked:>8.0%}"
                )
            more = ratios(runs[0], runs[-1])
            shown = ", ".join(f"{what} x {factor:.3f}" for what, factor in more.items())
            print(f"{'':<11}{shown}: {'bounded' if is_bounded else 'GROWS'}", flush=True)
            all_bounded &= is_bounded
    return 0 if all_bounded else 1


if __name__ == "__main__":
    sys.exit(main())
