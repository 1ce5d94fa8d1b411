"""Clips as they are, whose camera changes its exposure, to be followed.

Every frame is multiplied, channel by channel, in 8-bit values, and clipped:

    darker   to half, from a fifth to three fifths of the clip
    lighter  to 1.5 times, likewise
    jump     to 0.6 times, from a third of the clip on, at once
    dip      down to 0.35 times at half of the clip and back, from a quarter to three quarters
    balance  red to 0.75 and blue to 1.25 times, little by little over the whole clip

The labels stay as they are.  Nothing is drawn: the seed, which other cases need, does nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from tracker.evaluation.case_files import CaseOrder, new_case, write_frame, write_meta
from tracker.evaluation.footage import labelled_clips
from tracker.types import Frame

Course: TypeAlias = Callable[[float], ArrayLike]  # part of the clip, 0 to 1, to factor(s) of RGB

KINDS: dict[str, Course] = {
    "darker": lambda part: np.interp(part, (1 / 5, 3 / 5), (1, 0.5)),
    "lighter": lambda part: np.interp(part, (1 / 5, 3 / 5), (1, 1.5)),
    "jump": lambda part: 0.6 if part >= 1 / 3 else 1,
    "dip": lambda part: np.interp(part, (1 / 4, 1 / 2, 3 / 4), (1, 0.35, 1)),
    "balance": lambda part: (1 - 0.25 * part, 1, 1 + 0.25 * part),
}
UNCHANGED: dict[str, Course] = {"unchanged": lambda part: 1}  # to compare with


def exposed(
    order: CaseOrder,
    kinds: Mapping[str, Course] = KINDS,
) -> Iterator[str]:
    """Change the exposure of each clip in every one of the ways; yield what was made.

    Raises:
        UserError: no clips have frames and masks, or a case exists already.
    """
    for name, frames, maps in labelled_clips(order):
        if not maps[0].any():
            yield f"{name}: left out, nothing is marked in its first frame"
            continue
        for kind, course in kinds.items():
            target = new_case(order.output / f"{name}_{kind}")
            for index, (frame, labels) in enumerate(zip(frames, maps, strict=True)):
                part = index / max(1, len(frames) - 1)
                write_frame(target, index, _expose(frame, course(part)), labels)
            write_meta(target, "exposed", name, order.seed, {"kind": kind})
            yield f"{target.name}: {len(frames)} frames"


def _expose(frame: Frame, factors: ArrayLike) -> Frame:
    lit = np.rint(frame * np.asarray(factors, np.float64))
    return np.clip(lit, 0, 255).astype(np.uint8)
