"""Which of the masks proposed for a frame are objects that are not known yet.

The rule is that of Segment and Track Anything (Cheng et al., 2023): most of it must be
background, and it must not be tiny; and, after NVIDIA's ViPE, it must not be most of the
frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tracker.types import LabelMap, Proposal


@dataclass(frozen=True)
class Rule:
    """When a proposal is a new object."""

    least_background: float = 0.8  # share of it that is no object yet
    least_pixels: int = 200
    largest_share: float = 0.4  # of the frame


def new_objects(
    proposals: Sequence[Proposal], labels: LabelMap, rule: Rule | None = None
) -> list[Proposal]:
    """Return the proposals that are new objects, surest first, with background pixels only.

    They are taken in order of their scores, and each that is taken counts as an object for
    those that follow, so no two of them share a pixel.

    Args:
        proposals: masks (H, W).
        labels: (H, W), 0 where there is no object yet.
        rule: None for the published one.

    Raises:
        ValueError: a mask is not of the size of `labels`.
    """
    rule = rule or Rule()
    background = labels == 0
    new: list[Proposal] = []
    for proposal in sorted(proposals, key=lambda each: each.score, reverse=True):
        if proposal.mask.shape != labels.shape:
            raise ValueError(f"mask is {proposal.mask.shape} but labels are {labels.shape} (H, W)")
        num_pixels = int(np.count_nonzero(proposal.mask))
        free = proposal.mask & background
        if num_pixels < rule.least_pixels or num_pixels > rule.largest_share * labels.size:
            continue
        if np.count_nonzero(free) < rule.least_background * num_pixels:
            continue
        new.append(replace(proposal, mask=free))
        background &= ~free
    return new
