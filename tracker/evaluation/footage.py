"""The frames and labels of a clip that others are made of."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from tracker.evaluation.case_files import CaseOrder, check_enough
from tracker.evaluation.layout import find_objects, list_images
from tracker.evaluation.protocol import FrameFolder, resize_labels
from tracker.label_images import decode_labels
from tracker.types import Frame, LabelMap

LONGEST = 120  # frames: so much of a clip is enough to hide something in


def read_frames(
    place: Path, size: tuple[int, int] | None = None, most: int = LONGEST
) -> list[Frame]:
    """Return the first `most` frames of a clip at (height, width) `size`, or as they are."""
    return [np.array(frame, np.uint8) for frame in islice(FrameFolder(place).read(size), most)]


def read_labelled(
    frames: Path, labels: Path, most: int = LONGEST, size: tuple[int, int] | None = None
) -> tuple[list[Frame], list[LabelMap]]:
    """Return the first `most` frames of a clip and their labels, as many of either.

    The frames are of (height, width) `size`, or as they are; the labels are as they are.
    """
    pictures = read_frames(frames, size, most)
    files = list_images(labels, "masks")[: len(pictures)]
    maps = [decode_labels(file.read_bytes(), file.name) for file in files]
    return pictures[: len(maps)], maps


def labelled_clips(order: CaseOrder) -> Iterator[tuple[str, list[Frame], list[LabelMap]]]:
    """Yield each clip that has frames and masks, with its labels at the size of its frames.

    Raises:
        UserError: there are none.
    """
    found = find_objects(order.clips, order.only)
    check_enough(order.clips, found, 1)
    for name, places in found.items():
        frames, maps = read_labelled(*places, size=order.size)
        yield name, frames, [resize_labels(labels, frames[0].shape[:2]) for labels in maps]


def to_and_fro(index: int, length: int) -> int:
    """Return a place in a clip that is played forwards and backwards for ever."""
    place = index % max(1, 2 * length - 2)
    return min(place, 2 * length - 2 - place) if length > 1 else 0
