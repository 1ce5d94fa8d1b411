"""What all benchmarks share: the calibration, the sample at any size, and the table."""

import importlib.util
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.masks import MaskReader
from tracker.video import probe

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "assets" / "sample.mp4"
SAMPLE_MASKS = ROOT / "assets" / "sample_masks.zip"
SAMPLE_SIZE = (854, 480)  # width, height
POINT = (300, 260)  # x, y on the object in the sample's first frame
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    stage: str
    size: str
    mode: str
    seconds: float  # per frame, per click or per start
    per_second: float | None  # frames per second, where frames are counted
    units: float  # `seconds` in calibration units
    peak_rss_mb: float | None
    note: str = ""
    device: str = ""  # what a learned engine computed on, and how precisely
    delay_p95: float | None = None  # seconds from a frame's arrival to its being written

    @property
    def key(self) -> str:
        """Return what a row is told by in another run."""
        return " ".join(filter(None, (self.stage, self.size, self.mode)))


def calibration_seconds() -> float:
    """Return the seconds one calibration unit takes here and now.

    One unit is what pictures mostly cost: a frame of 1920x1080 blurred (Gaussian, sigma 2),
    resampled along a smooth field (bilinear), and a product of two 1024x1024 matrices, all
    float32.  Median of 7 after 2 to warm up.
    """
    rng = np.random.default_rng(0)
    frame = rng.random((1080, 1920, 3), np.float32)
    x, y = np.meshgrid(np.arange(1920, dtype=np.float32), np.arange(1080, dtype=np.float32))
    field = x + 3 * np.sin(y / 50), y + 3 * np.cos(x / 50)
    matrix = rng.random((1024, 1024), np.float32)
    times = []
    for _ in range(9):
        started = time.perf_counter()
        blurred = cv2.GaussianBlur(frame, (0, 0), 2)
        cv2.remap(blurred, *field, cv2.INTER_LINEAR)
        matrix @ matrix
        times.append(time.perf_counter() - started)
    return statistics.median(times[2:])


def convolution_seconds() -> float | None:
    """Return the seconds of one convolution as networks have them, None without torch.

    (8, 128, 60, 108) with (128, 128, 3, 3), padding 1, float32 on the CPU with 2 threads;
    median of 12 after 2 to warm up.  The unit in which learned engines are compared.
    """
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    images, kernels = torch.rand(8, 128, 60, 108), torch.rand(128, 128, 3, 3)
    times = []
    with torch.inference_mode():
        for _ in range(14):
            started = time.perf_counter()
            torch.nn.functional.conv2d(images, kernels, padding=1)
            times.append(time.perf_counter() - started)
    torch.set_num_threads(threads)
    return statistics.median(times[2:])


def units(*, pictures_only: bool = False) -> dict[str, float | None]:
    """Return both units, "pictures" and "convolution", measured in a process of its own.

    A process starts with its parent's peak memory as its own (Linux), so the parent of
    what is measured must stay small.
    """
    more = ["--pictures"] if pictures_only else []
    return dict(json.loads(run("-m", "script.bench_tools", *more)))


def calibrated(measure: Callable[[], ResultT]) -> tuple[ResultT, float]:
    """Return what `measure` returns, and the unit: mean of the calibrations around it."""
    before = units(pictures_only=True)["pictures"] or 0.0
    result = measure()
    return result, (before + (units(pictures_only=True)["pictures"] or 0.0)) / 2


def scaled_sample(folder: Path, size: str, num_frames: int | None) -> Path:
    """Write `num_frames` of the sample (None: all) at `size` (WIDTHxHEIGHT), without sound."""
    path = folder / f"sample_{size}_{num_frames or 'all'}.mp4"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=Fraction(24), options={"crf": "18"})
        (stream.width, stream.height), stream.pix_fmt = parse_size(size), "yuv420p"
        for index, pixels in enumerate(sample_frames(size, num_frames or sample_length())):
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 24)
            target.mux(stream.encode(picture))
        target.mux(stream.encode(None))
    return path


def sample_length() -> int:
    """Return the number of frames of the sample."""
    length = probe(SAMPLE).num_frames
    if length is None:
        raise SystemExit(f"{SAMPLE} does not say how many frames it has")
    return length


def sample_frames(size: str, count: int) -> list[NDArray[np.uint8]]:
    """Return `count` frames of the sample at `size`, (H, W, 3); past its end, it plays back."""
    frames = []
    with av.open(str(SAMPLE)) as container:
        for frame in container.decode(video=0):
            pixels = resized(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8), size)
            pixels.flags.writeable = False
            frames.append(pixels)
            if len(frames) == count:
                break
    return [frames[place] for place in _there_and_back(count, len(frames))]


def sample_labels(size: str, count: int) -> list[NDArray[np.uint8]]:
    """Return the true labels of `sample_frames`, (H, W) each."""
    width, height = parse_size(size)
    found = []
    with MaskReader(SAMPLE_MASKS) as masks:
        for place in _there_and_back(count, len(masks)):
            labels = masks[place]
            found.append(cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST))
    return [np.asarray(labels, np.uint8) for labels in found]


def _there_and_back(count: int, length: int) -> list[int]:
    """Return `count` places of a clip of `length` frames, forwards, backwards, forwards..."""
    if length == 1:
        return [0] * count
    round_trip = [*range(length), *range(length - 2, 0, -1)]
    return [round_trip[index % len(round_trip)] for index in range(count)]


def first_frame(size: str) -> NDArray[np.uint8]:
    """Return the sample's first frame at `size`, (H, W, 3), read-only."""
    with av.open(str(SAMPLE)) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
    pixels = resized(np.asarray(frame, np.uint8), size)
    pixels.flags.writeable = False
    return pixels


def resized(pixels: NDArray[np.uint8], size: str) -> NDArray[np.uint8]:
    """Return (H, W, 3) `pixels` at `size`."""
    width, height = parse_size(size)
    how = cv2.INTER_AREA if width < pixels.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8)


def parse_size(text: str) -> tuple[int, int]:
    """Return (width, height) of a size given as WIDTHxHEIGHT."""
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise SystemExit(f"size is {text!r}, expected WIDTHxHEIGHT, such as 854x480")
    return int(width), int(height)


def point_at(size: str) -> tuple[int, int]:
    """Return the point of the object in the sample scaled to `size`."""
    width, height = parse_size(size)
    return POINT[0] * width // SAMPLE_SIZE[0], POINT[1] * height // SAMPLE_SIZE[1]


def run(*arguments: str) -> str:
    """Run Python with `arguments` from the project's root; return what it prints."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)  # noqa: S603 - ours
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr.strip()[-2000:]}")
    return done.stdout


def show(rows: Sequence[Row], *, with_head: bool = True) -> None:
    """Print the table, or more lines of it."""
    if with_head:
        print(
            f"{'stage':<8}{'size':<11}{'mode':<32}{'ms':>9}{'frames/s':>10}{'units':>9}"
            f"{'peak MB':>9}"
        )
    for row in rows:
        rate = row.per_second
        shown = "" if rate is None else f"{rate:.{1 if rate >= 10 else 2}f}"
        peak = "" if row.peak_rss_mb is None else f"{row.peak_rss_mb:.0f}"
        print(
            f"{row.stage:<8}{row.size:<11}{row.mode:<32}{1000 * row.seconds:>9.1f}{shown:>10}"
            f"{row.units:>9.2f}{peak:>9}  {row.note}".rstrip(),
            flush=True,
        )


if __name__ == "__main__":
    with_torch = "--pictures" not in sys.argv
    found = {"pictures": calibration_seconds()}
    print(json.dumps(found | ({"convolution": convolution_seconds()} if with_torch else {})))
