"""Clips as a telephone held upright would show them, to be followed.

A part of every frame, as high as the frame and 9/16 as wide, that stays where it is: around the
objects as they are in the first frame.  They touch its sides, leave, and come back.  Nothing is
drawn: the seed, which other cases need, does nothing.
"""

from collections.abc import Iterator

import numpy as np

from tracker.evaluation.case_files import CaseOrder, new_case, write_frame, write_meta
from tracker.evaluation.footage import labelled_clips
from tracker.types import LabelMap

ASPECT = 9 / 16  # width by height
UNDECIDED = 255  # label of pixels that count as nothing


def portraits(order: CaseOrder) -> Iterator[str]:
    """Cut an upright part out of each clip; yield what was made.

    Raises:
        UserError: no clips have frames and masks, or a case exists already.
    """
    for name, frames, maps in labelled_clips(order):
        part = _part(maps[0])
        if part is None:
            yield f"{name}: left out, it is upright already or nothing is marked in its first frame"
            continue
        target = new_case(order.output / name)
        for index, (frame, labels) in enumerate(zip(frames, maps, strict=True)):
            write_frame(target, index, frame[:, part].copy(), labels[:, part].copy())
        write_meta(target, "portrait", name, order.seed, {"columns": [part.start, part.stop]})
        yield f"{name}: {len(frames)} frames"


def _part(labels: LabelMap) -> slice | None:
    """Return which columns show the objects in their middle, as far as the frame reaches."""
    height, width = labels.shape
    wide = round(height * ASPECT) // 2 * 2
    columns = np.flatnonzero(((labels > 0) & (labels != UNDECIDED)).any(axis=0))
    if wide >= width or not len(columns):
        return None
    left = (int(columns[0]) + int(columns[-1]) + 1) // 2 - wide // 2
    start = min(max(0, left), width - wide)
    return slice(start, start + wide)
