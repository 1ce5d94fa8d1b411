"""Measure how well masks are carried: region similarity J per clip, and the time per frame.

A clip is a folder with `frames/` (images in order) and `masks/` (label images of the same
names, pixel value = object id).  The propagator is given the labels of the first frame and
nothing else.  J is the intersection over union of an object's mask with the truth, averaged
over all frames but the first and the last, then over objects, as in Perazzi et al.
(A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation, CVPR 2016);
where both masks are empty it is 1.  `merged` takes all objects for one, as DAVIS-2016 does.

    python script/evaluate_masks.py CLIPS_FOLDER davis_dog davis_cows
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tracker.classical.propagator import ClassicalPropagator
from tracker.images import overlay
from tracker.interfaces import MaskPropagator
from tracker.metrics import region_similarity
from tracker.types import Frame, LabelMap


@dataclass(frozen=True)
class Score:
    """What one clip came to."""

    name: str
    num_frames: int
    objects: float  # J in [0, 1], the mean over objects
    merged: float  # J in [0, 1], all objects taken for one
    last: float  # J of the merged mask over the last quarter of the clip
    milliseconds: float  # median of a step's wall time
    cpu_milliseconds: float  # mean of a step's time summed over cores


def read_clip(folder: Path) -> tuple[list[Frame], list[LabelMap]]:
    """Return the frames and true labels of the clip in `folder`."""
    frame_paths = sorted((folder / "frames").iterdir())
    frames = [np.array(Image.open(path).convert("RGB")) for path in frame_paths]
    labels = [np.array(Image.open(folder / "masks" / f"{path.stem}.png")) for path in frame_paths]
    return frames, labels


def evaluate(
    folder: Path, make: Callable[[], MaskPropagator], pictures: Path | None = None
) -> Score:
    """Propagate the first labels of the clip in `folder` and compare every frame."""
    frames, truths = read_clip(folder)
    ids = [int(identity) for identity in np.unique(truths[0]) if identity]
    propagator = make()
    propagator.step(frames[0], truths[0])
    wall: list[float] = []
    each: list[list[float]] = []
    merged: list[float] = []
    cpu_start = time.process_time()
    cpu = 0.0
    for index in range(1, len(frames)):
        started, cpu_start = time.perf_counter(), time.process_time()
        tracked = propagator.step(frames[index])
        wall.append(time.perf_counter() - started)
        cpu += time.process_time() - cpu_start
        truth = truths[index]
        each.append([region_similarity(tracked.labels == k, truth == k) for k in ids])
        merged.append(region_similarity(tracked.labels > 0, np.isin(truth, ids)))
        if pictures is not None:
            target = pictures / folder.name
            target.mkdir(parents=True, exist_ok=True)
            Image.fromarray(overlay(frames[index], tracked.labels)).save(
                target / f"{index:05d}.png"
            )
    inner = slice(None, -1) if len(each) > 1 else slice(None)
    quarter = merged[inner][-max(1, len(merged) // 4) :]
    return Score(
        folder.name,
        len(frames),
        float(np.mean(each[inner])),
        float(np.mean(merged[inner])),
        float(np.mean(quarter)),
        1000 * float(np.median(wall)),
        1000 * cpu / len(wall),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one line per clip and the mean."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, help="folder of clips")
    parser.add_argument("names", nargs="*", help="clips to take; all with masks if none")
    parser.add_argument("--pictures", type=Path, help="write every frame with its labels here")
    chosen = parser.parse_args(arguments)
    names = chosen.names or sorted(
        path.name for path in chosen.clips.iterdir() if (path / "masks").is_dir()
    )
    print(f"{'clip':26}{'frames':>7}{'J':>8}{'merged':>8}{'last':>8}{'ms':>8}{'cpu ms':>8}")
    scores = []
    for name in names:
        score = evaluate(chosen.clips / name, ClassicalPropagator, chosen.pictures)
        scores.append(score)
        print(
            f"{name:26}{score.num_frames:7}{score.objects:8.3f}{score.merged:8.3f}"
            f"{score.last:8.3f}{score.milliseconds:8.1f}{score.cpu_milliseconds:8.1f}"
        )
    columns = ("objects", "merged", "last", "milliseconds", "cpu_milliseconds")
    means = [float(np.mean([getattr(score, column) for score in scores])) for column in columns]
    print(f"{'mean':33}{means[0]:8.3f}{means[1]:8.3f}{means[2]:8.3f}{means[3]:8.1f}{means[4]:8.1f}")


if __name__ == "__main__":
    main()
