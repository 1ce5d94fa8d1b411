"""Measure how well the weight-free inpainter restores what lies behind the hole.

Every clip below FOLDER that knows the truth (`bg/`, `bg_static.png`, or synthetic holes over
true frames) is filled offline and streaming, and compared inside the hole with two baselines:
OpenCV's Telea, frame by frame, and the same pixel copied from the nearest frame where it is
uncovered.  `--stationary` adds a hole that stays, over every clip, where the frames are the
truth; `--shifted` does the same with the mask of another clip.  Gains are over the better
baseline; in brackets, over Telea and copying from the past only, as streaming must.

    python script/evaluate_fill.py FOLDER [--only NAME ...] [--frames 40] [--save DIRECTORY]
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tracker.classical.baselines import fill_nearest, fill_telea
from tracker.classical.inpainter import ClassicalInpainter
from tracker.engine_table import INPAINTERS
from tracker.types import Clip, Frame, Mask
from tracker.windows import Window, causal_windows, offline_windows

ROW = INPAINTERS["classical"]


@dataclass(frozen=True, eq=False)
class Case:
    """A clip with holes whose true content is known."""

    name: str
    frames: list[Frame]  # what the inpainter sees
    holes: list[Mask]
    truth: list[Frame]


def read_images(folder: Path, limit: int | None) -> list[Frame]:
    """Return the RGB images of a folder, by name."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in {".jpg", ".png"})
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths[:limit]]


def read_masks(folder: Path, limit: int | None) -> list[Mask]:
    """Return where the label images of a folder are not 0."""
    return [np.asarray(Image.open(path)) > 0 for path in sorted(folder.glob("*.png"))[:limit]]


def cases_with_truth(folder: Path, limit: int | None) -> Iterator[Case]:
    """Yield the clip as a case if its true background is known."""
    meta = json.loads((folder / "meta.json").read_text())
    synthetic = meta.get("masks_are", "").startswith("synthetic")
    if not (synthetic or (folder / "bg").is_dir() or (folder / "bg_static.png").is_file()):
        return
    frames = read_images(folder / "frames", limit)
    if synthetic:
        truth = frames
    elif (folder / "bg").is_dir():
        truth = read_images(folder / "bg", limit)
    else:
        truth = [np.asarray(Image.open(folder / "bg_static.png").convert("RGB"))] * len(frames)
    yield Case(folder.name, frames, read_masks(folder / "masks", limit), truth)


def stationary_case(folder: Path, limit: int | None) -> Case:
    """Return the clip with one hole that stays: a sixteenth of the frame, right of the middle."""
    frames = read_images(folder / "frames", limit)
    height, width = frames[0].shape[:2]
    hole = np.zeros((height, width), bool)
    hole[3 * height // 8 : 5 * height // 8, width // 2 : 3 * width // 4] = True
    return Case(f"still:{folder.name}", frames, [hole] * len(frames), frames)


def shifted_case(folder: Path, other: Path, limit: int | None) -> Case:
    """Return the clip with the holes of another clip, scaled to its size."""
    frames, holes = read_images(folder / "frames", limit), read_masks(other / "masks", limit)
    num_frames = min(len(frames), len(holes))
    height, width = frames[0].shape[:2]
    scaled = [
        cv2.resize(hole.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
        for hole in holes[:num_frames]
    ]
    return Case(f"{other.name}:{folder.name}", frames[:num_frames], scaled, frames[:num_frames])


def fill_windows(case: Case, windows: Iterator[Window]) -> tuple[list[Frame], float]:
    """Return what the inpainter makes of the case, and its processor seconds."""
    inpainter, results, seconds = ClassicalInpainter(), list(case.frames), 0.0
    blanked = []
    for frame, hole in zip(case.frames, case.holes, strict=True):
        blank = np.array(frame)
        blank[hole] = (0, 255, 0)  # nobody may look there
        blanked.append(blank)
    for window in windows:
        if not window.update or window.local.stop > len(case.frames):
            break
        indices = (*window.local, *window.references)
        clip = Clip(
            indices,
            tuple(blanked[index] for index in indices),
            tuple(case.holes[index] for index in indices),
            len(window.local),
            wanted=range(
                window.update.start - window.local.start, window.update.stop - window.local.start
            ),
        )
        start = time.process_time()
        filled = inpainter.fill(clip)
        seconds += time.process_time() - start
        for index in window.update:
            results[index] = filled[index - window.local.start]
    return results, seconds


def hole_psnr(case: Case, filled: Sequence[Frame]) -> float:
    """Return the PSNR over all hole pixels of all frames together, in dB."""
    squared, count = 0.0, 0
    for index, hole in enumerate(case.holes):
        error = filled[index][hole].astype(np.float64) - case.truth[index][hole]
        squared, count = squared + float((error**2).sum()), count + error.size
    return float(10 * np.log10(255**2 / max(squared / max(count, 1), 1e-6)))


def save(folder: Path, case: Case, filled: Sequence[Frame]) -> None:
    """Write the frames with their holes filled, as PNG."""
    target = folder / case.name.replace(":", "_")
    target.mkdir(parents=True, exist_ok=True)
    for index, hole in enumerate(case.holes):
        shown: NDArray[np.uint8] = np.where(hole[..., None], filled[index], case.frames[index])
        Image.fromarray(shown).save(target / f"{index:05d}.png")


def collect(folder: Path, options: argparse.Namespace) -> Iterator[Case]:
    """Yield the cases asked for."""
    clips = sorted(path.parent for path in folder.glob("*/meta.json"))
    for position, clip in enumerate(clips):
        if options.only and clip.name not in options.only:
            continue
        if options.stationary:
            yield stationary_case(clip, options.frames)
        elif options.shifted:
            yield shifted_case(clip, clips[position - 1], options.frames)
        else:
            yield from cases_with_truth(clip, options.frames)


def main() -> None:
    """Print one line per clip."""
    cv2.setNumThreads(1)  # so that processor seconds are those of one core
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--frames", type=int, default=None, help="use only the first ones")
    parser.add_argument("--stationary", action="store_true")
    parser.add_argument("--shifted", action="store_true")
    parser.add_argument("--save", type=Path, default=None)
    options = parser.parse_args()
    print(f"{'clip':38} telea  copy  past | offline   gain ms/frame |", end=" ")
    print("stream.   gain  (past) ms/frame")
    gains = []
    for case in collect(options.folder, options):
        num_frames = len(case.frames)
        telea = fill_telea(case.frames, case.holes)
        baselines = [
            hole_psnr(case, telea),
            hole_psnr(case, fill_nearest(case.frames, case.holes)),
            hole_psnr(case, fill_nearest(case.frames, case.holes, past_only=True)),
        ]
        line, row = f"{case.name:38} " + " ".join(f"{it:5.2f}" for it in baselines), []
        for name, windows in (
            ("offline", offline_windows(num_frames, ROW.schedule)),
            ("streaming", causal_windows(history=ROW.history, num_references=ROW.num_references)),
        ):
            filled, seconds = fill_windows(case, windows)
            quality = hole_psnr(case, filled)
            row.append(quality - max(baselines[:2]))
            line += f" | {quality:7.2f} {row[-1]:+6.2f}"
            if name == "streaming":
                row.append(quality - max(baselines[0], baselines[2]))
                line += f" ({row[-1]:+6.2f})"
            line += f" {1000 * seconds / num_frames:8.1f}"
            if options.save:
                save(options.save / name, case, filled)
        gains.append(row)
        print(line, flush=True)
    if gains:
        mean, median = np.mean(gains, axis=0), np.median(gains, axis=0)
        for name, values in (("mean", mean), ("median", median)):
            print(
                f"gain, {name}: offline {values[0]:+.2f} dB, streaming {values[1]:+.2f} dB", end=" "
            )
            print(f"({values[2]:+.2f} over what may be known without the future)")


if __name__ == "__main__":
    main()
