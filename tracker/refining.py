"""Masks that follow an object, made exact frame by frame.

The chain of the real-time prototype this program grew from: whatever a tracker says is
offered to a segmenter as a box and a mask, and its answer is what counts.
"""

from collections.abc import Sequence

import numpy as np

from tracker.interfaces import MaskPropagator, Segmenter
from tracker.types import Box, Frame, LabelMap, Mask, Prompt, Tracked

LEAST_OVERLAP = 0.5  # with the tracked mask: less, and the segmenter took something else


class RefiningPropagator:
    """A propagator whose masks are refined.  What it remembers stays unrefined.

    A refined mask fed back would let one bad answer spoil all that follow.
    """

    def __init__(self, propagator: MaskPropagator, segmenter: Segmenter) -> None:
        self._propagator, self._segmenter = propagator, segmenter

    def step(self, frame: Frame, labels: LabelMap | None = None) -> Tracked:
        """Label the next frame; see `MaskPropagator`.  Given labels are returned as they are."""
        tracked = self._propagator.step(frame, labels)
        if labels is not None:
            return tracked
        return Tracked(self._refined(frame, tracked.labels), tracked.confidence)

    def _refined(self, frame: Frame, labels: LabelMap) -> LabelMap:
        refined = np.zeros_like(labels)
        for object_id in np.unique(labels[labels > 0]).tolist():
            mask = labels == object_id
            prompt = Prompt(box=box_around(mask), mask=mask)
            better = self._segmenter.segment(frame, prompt).masks[0]
            taken = _wanted(mask, better, others=(labels > 0) & ~mask)
            refined[taken] = object_id
        return refined


def _wanted(mask: Mask, better: Mask, others: Mask) -> Mask:
    """Return `better`, less what is other objects'; or `mask`, if they are not alike."""
    better = better & ~others
    union = np.count_nonzero(mask | better)
    return better if np.count_nonzero(mask & better) >= LEAST_OVERLAP * union else mask


def box_around(mask: Mask) -> Box:
    """Return the smallest box around the True pixels of `mask`, of which there is one."""
    rows: Sequence[int] = np.flatnonzero(mask.any(axis=1)).tolist()
    columns: Sequence[int] = np.flatnonzero(mask.any(axis=0)).tolist()
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
