"""What is known of the frames of a clip: their labels, and how sure every object's are."""

from collections.abc import Collection, Iterable

import numpy as np

from tracker import images
from tracker.evidence import Evidence
from tracker.spool import LabelStore
from tracker.types import LabelMap, Tracked

AGREEMENT = 0.97  # intersection over union: borders differ by less than a pixel or so


class Known:
    """Labels and confidences, changed object by object.

    Args:
        labels: where labels are kept.
        evidence: where confidences are.
    """

    def __init__(self, labels: LabelStore, evidence: Evidence) -> None:
        self.labels, self.evidence = labels, evidence

    def put(self, index: int, tracked: Tracked, objects: Collection[int]) -> None:
        """Let some objects of a frame be as `tracked` has them."""
        merged = self.with_objects(index, tracked.labels, objects)
        self.labels[index] = merged
        self.evidence.note(index, Tracked(merged, tracked.confidence), objects)

    def clear(self, index: int, objects: Collection[int]) -> None:
        """Forget some objects of a frame."""
        self.labels[index] = self.with_objects(index, np.zeros((1, 1), np.uint8), objects)
        self.evidence.forget(index, objects)

    def with_objects(self, index: int, labels: LabelMap, objects: Collection[int]) -> LabelMap:
        """Return a frame's labels with some objects where `labels` has them, and nowhere else."""
        return replaced(self.labels[index], labels, objects)

    def confidence(self, index: int, number: int) -> float:
        """Return how sure an object's mask is; 0 if it is not known, or not to be seen."""
        return self.evidence.at(index).get(number, (0, 0.0))[1]

    def agrees(self, index: int, labels: LabelMap, objects: Iterable[int]) -> bool:
        """Return whether a frame's objects are where they are known to be."""
        known, before = self.evidence.at(index), self.labels[index]
        return all(k in known and _overlap(labels == k, before == k) >= AGREEMENT for k in objects)


def replaced(labels: LabelMap, others: LabelMap, objects: Collection[int]) -> LabelMap:
    """Return `labels` with some objects where `others` has them, and nowhere else."""
    kept = np.where(images.chosen(labels, objects), np.uint8(0), labels)
    return np.where(images.chosen(others, objects), others, kept)


def _overlap(left: LabelMap, right: LabelMap) -> float:
    """Return intersection over union; 1 if both are empty."""
    union = np.count_nonzero(left | right)
    return 1.0 if not union else np.count_nonzero(left & right) / union
