"""What an engine must be able to do: the bundled sample, and how well it has to be done.

The bars are far below what the published weights reach and far above what random or
mismatched ones do.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tracker import images
from tracker.interfaces import Inpainter, MaskPropagator, Segmenter, TextDetector
from tracker.masks import MaskReader
from tracker.metrics import psnr, region_similarity
from tracker.types import Box, Clip, Frame, Mask, Point, Prompt
from tracker.video import VideoReader

ASSETS = Path(__file__).resolve().parent.parent / "assets"
SAMPLE, SAMPLE_MASKS = ASSETS / "sample.mp4", ASSETS / "sample_masks.zip"
CLICK = Point(300, 260)  # well inside the balloon in the first frame
LEAST_OVERLAP = 0.85  # of a mask with the truth, intersection over union
LEAST_BOX_OVERLAP = 0.5  # the usual limit for a box that counts as right
TRACKED = range(0, 22, 2)  # frames
FILLED = range(20, 27)  # frames
REFERENCES = (0, 10, 40)
FILL_SIZE = (240, 432)  # height, width


@dataclass(frozen=True)
class Mark:
    """How well an engine did, and the least that passes."""

    what: str
    value: float
    least: float

    @property
    def passed(self) -> bool:
        """Return whether it is good enough; what is not a number is not."""
        return self.value >= self.least

    def __str__(self) -> str:
        verdict = "at least" if self.passed else "but must be at least"
        return f"{self.what} {self.value:.2f}, {verdict} {self.least:.2f}"


def can_be_held() -> bool:
    """Return whether the sample is part of this installation."""
    return SAMPLE.is_file() and SAMPLE_MASKS.is_file()


def examine_segmenter(segmenter: Segmenter) -> Mark:
    """Click once on the balloon."""
    frame, truth = _sample(0)
    found = segmenter.segment(frame, Prompt(points=(CLICK,)))
    return Mark("IoU from one click", region_similarity(found.masks[0], truth), LEAST_OVERLAP)


def examine_detector(detector: TextDetector) -> Mark:
    """Ask for the balloon by name."""
    frame, truth = _sample(0)
    expected = _box_around(truth)
    found = detector.detect(frame, "balloon")
    overlap = _overlap(found[0].box, expected) if found else 0.0
    return Mark("IoU of the box for 'balloon'", overlap, LEAST_BOX_OVERLAP)


def examine_propagator(propagator: MaskPropagator) -> Mark:
    """Follow the balloon from its true mask; the mean over the frames after the first."""
    overlaps = []
    with VideoReader(SAMPLE) as reader, MaskReader(SAMPLE_MASKS) as masks:
        for index in TRACKED:
            frame, truth = reader.read(index).rgb, masks[index]
            if index == TRACKED.start:
                propagator.step(frame, truth)
                continue
            found = propagator.step(frame).labels
            overlaps.append(region_similarity(found > 0, truth > 0))
    return Mark("J on the sample", float(np.mean(overlaps)), LEAST_OVERLAP)


def examine_inpainter(inpainter: Inpainter) -> Mark:
    """Fill a hole that moves over the ground, whose truth is known; against OpenCV's inpainting."""
    indices = (*FILLED, *REFERENCES)
    with VideoReader(SAMPLE) as reader:
        frames = [images.shrink(reader.read(index).rgb, *FILL_SIZE) for index in indices]
    holes = [_hole(index) for index in indices]
    clip = Clip(indices, tuple(frames), tuple(holes), len(FILLED))
    filled = inpainter.fill(clip)
    simple = [
        images.inpaint_simply(frame, hole)
        for frame, hole in zip(frames[: len(FILLED)], holes, strict=False)
    ]
    ours, others = (_quality(each, frames, holes) for each in (filled, simple))
    return Mark("dB above cv2.inpaint in the hole", ours - others, 0.0)


def _quality(filled: list[Frame], frames: list[Frame], holes: list[Mask]) -> float:
    """Return the mean PSNR in the holes."""
    triples = zip(filled, frames, holes, strict=False)
    return float(np.mean([psnr(result, truth, hole) for result, truth, hole in triples]))


def _hole(index: int) -> Mask:
    """Return a disc that moves four pixels a frame, and is behind itself at the references."""
    rows, columns = np.ogrid[: FILL_SIZE[0], : FILL_SIZE[1]]
    return np.asarray((rows - 190) ** 2 + (columns - 230 - 4 * index) ** 2 <= 18**2)


def _sample(index: int) -> tuple[Frame, Mask]:
    with VideoReader(SAMPLE) as reader, MaskReader(SAMPLE_MASKS) as masks:
        return reader.read(index).rgb, masks[index] > 0


def _box_around(mask: Mask) -> Box:
    region = images.bounding_box(mask)
    if region is None:
        raise ValueError("the sample's mask is empty")
    rows, columns = region
    return float(columns.start), float(rows.start), float(columns.stop), float(rows.stop)


def _overlap(one: Box, other: Box) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, across) * max(0.0, down)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)
