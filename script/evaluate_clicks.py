"""Measure a segmenter from simulated clicks and boxes on clips with ground truth.

The usual protocol: the first click is the one recorded with the clip, every later one lies
at the innermost pixel of the largest connected error, positive where the object was missed
and negative where background was taken.  Prints the IoU per clip (mean over its objects)
after 1, 2, 3 and 5 clicks and for a box, and the seconds per click:

    python script/evaluate_clicks.py CLIPS_FOLDER [--without-neighbours] [--clips dog,cows]
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tracker.classical.segmenter import ClassicalSegmenter
from tracker.interfaces import LookingAround, Segmenter
from tracker.prompts import AROUND, AROUND_STEP
from tracker.types import Box, Frame, Mask, Point, Prompt

COUNTS = (1, 2, 3, 5)
OFFSETS = (-2, -1, 1, 2)  # where the neighbours offered lie; those outside the clip are left out


@dataclass(frozen=True, eq=False)
class Target:
    """One object of one clip, in the frame where it is first seen."""

    clip: str
    label: str
    frame: Frame
    neighbours: tuple[Frame, ...]
    around: tuple[tuple[int, Frame], ...]
    truth: Mask
    first_click: tuple[int, int]
    box: Box


@dataclass(frozen=True)
class Score:
    """What one target scored."""

    target: Target
    ious: tuple[float, ...]  # one per entry of COUNTS, then the box
    seconds: tuple[float, ...]  # one per click, then the box


def read_targets(folder: Path) -> Iterator[Target]:
    """Yield every object of the clip in `folder` (frames/, masks/, meta.json)."""
    meta = json.loads((folder / "meta.json").read_text())

    def frame(index: int) -> Frame:
        return np.asarray(Image.open(folder / "frames" / f"{index:05d}.jpg").convert("RGB"))

    for label, prompt in meta["prompts"].items():
        first = prompt["first_frame"]
        around = [first + offset for offset in OFFSETS if 0 <= first + offset < meta["frames"]]
        offsets = [
            offset
            for offset in range(-AROUND, AROUND + 1, AROUND_STEP)
            if offset and 0 <= first + offset < meta["frames"]
        ]
        labels = np.asarray(Image.open(folder / "masks" / f"{first:05d}.png"))
        yield Target(
            clip=folder.name,
            label=label,
            frame=frame(first),
            neighbours=tuple(frame(index) for index in around),
            around=tuple((offset, frame(first + offset)) for offset in offsets),
            truth=labels == int(label),
            first_click=(prompt["click"][0], prompt["click"][1]),
            box=tuple(prompt["box"]),
        )


def iou(mask: Mask, truth: Mask) -> float:
    """Return intersection over union."""
    return float((mask & truth).sum() / max(1, (mask | truth).sum()))


def next_click(mask: Mask, truth: Mask) -> Point | None:
    """Return the click a careful user makes next, or None where nothing is wrong."""
    best: tuple[int, Point] | None = None
    for wrong, positive in ((truth & ~mask, True), (mask & ~truth, False)):
        _, components, statistics, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8))
        if len(statistics) == 1:
            continue
        largest = 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA]))
        area = int(statistics[largest, cv2.CC_STAT_AREA])
        if best is None or area > best[0]:
            padded = np.pad((components == largest).astype(np.uint8), 1)
            depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
            y, x = np.unravel_index(int(np.argmax(depth)), depth.shape)
            best = (area, Point(float(x), float(y), positive))
    return best[1] if best else None


def score(target: Target, make: Callable[[], Segmenter], *, with_neighbours: bool) -> Score:
    """Click on one target as a careful user does, then try its box."""
    neighbours = target.neighbours if with_neighbours else ()
    segmenter = make()
    if with_neighbours and isinstance(segmenter, LookingAround):
        segmenter.look_around(target.frame, target.around)
    points = [Point(float(target.first_click[0]), float(target.first_click[1]))]
    ious: list[float] = []
    seconds: list[float] = []
    for count in range(1, COUNTS[-1] + 1):
        start = time.perf_counter()
        result = segmenter.segment(target.frame, Prompt(tuple(points)), neighbours)
        seconds.append(time.perf_counter() - start)
        mask = result.masks[0]
        if count in COUNTS:
            ious.append(iou(mask, target.truth))
        click = next_click(mask, target.truth)
        if click is not None:
            points.append(click)
    start = time.perf_counter()
    boxed = segmenter.segment(target.frame, Prompt(box=target.box), neighbours)
    seconds.append(time.perf_counter() - start)
    ious.append(iou(boxed.masks[0], target.truth))
    return Score(target, tuple(ious), tuple(seconds))


def table(scores: Sequence[Score]) -> str:
    """Return one line per clip (the mean over its objects) and one for the mean over clips."""
    heads = [*(f"{count} click" + "s" * (count > 1) for count in COUNTS), "box"]
    lines = [f"{'clip':26}" + "".join(f"{head:>10}" for head in (*heads, "first s", "later s"))]
    rows = []
    for clip in dict.fromkeys(score.target.clip for score in scores):
        mine = [score for score in scores if score.target.clip == clip]
        times = np.array([score.seconds for score in mine])
        means = np.mean([score.ious for score in mine], axis=0)
        rows.append([*means, times[:, 0].max(), times[:, 1:-1].max()])
        lines.append(f"{clip:26}" + "".join(f"{value:10.3f}" for value in rows[-1]))
    lines.append(f"{'mean over clips':26}" + "".join(f"{v:10.3f}" for v in np.mean(rows, axis=0)))
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", help="only clips whose name contains one of these, by commas")
    parser.add_argument("--without-neighbours", action="store_true")
    arguments = parser.parse_args()
    wanted = arguments.clips.split(",") if arguments.clips else [""]
    clips = [
        path.parent
        for path in sorted(arguments.folder.glob("*/meta.json"))
        if any(part in path.parent.name for part in wanted)
    ]
    scores = [
        score(target, ClassicalSegmenter, with_neighbours=not arguments.without_neighbours)
        for clip in clips
        for target in read_targets(clip)
    ]
    print(table(scores))


if __name__ == "__main__":
    main()
