"""Up to ten objects followed together: the frame loop of the published trackers.

More objects are followed by more groups, which share the encoded frame and nothing else;
`merge` puts their answers together.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from aot.attention import Memory
from aot.memory import LongTermMemory
from aot.network import Features, Propagated, PropagationNetwork

STRIP_ROWS = 256  # rows labelled at a time, which bounds memory on large frames
LEAST_PROBABILITY = 1e-5  # probabilities are kept this far from 0 and 1 when groups are merged


class ObjectGroup:
    """What one group remembers of one video."""

    def __init__(self, network: PropagationNetwork, max_memory_frames: int | None) -> None:
        self.long_term = LongTermMemory(max_memory_frames)
        self._network = network
        self._short_term: Sequence[Memory] = ()
        self._propagated: Propagated | None = None

    def introduce(self, features: Features, labels: Tensor, is_prompted: bool = True) -> Propagated:
        """Memorise a frame with given labels (H, W) at network size: 0, or the group's 1 to 10."""
        identity = self._network.embed_labels(labels)
        propagated, self._short_term = self._network.introduce(features, identity)
        self.long_term.write(self._short_term, is_prompted)
        return propagated

    def match(self, features: Features, num_objects: int) -> Tensor:
        """Find the group's objects in a frame.

        Returns:
            Logits (1, 1 + num_objects, H / 4, W / 4), the background first.
        """
        self._propagated = self._network.match(features, self.long_term.read(), self._short_term)
        logits = self._network.decode(features, self._propagated)
        return logits[:, : 1 + num_objects].float()

    def memorise(self, labels: Tensor, is_long_term: bool) -> None:
        """Remember the frame matched last with the labels (H, W) it was given in the end."""
        if self._propagated is None:
            raise ValueError("no frame was matched since the last one memorised")
        identity = self._network.embed_labels(labels)
        self._short_term = self._network.memorise(self._propagated, identity)
        self._propagated = None
        if is_long_term:
            self.long_term.write(self._short_term, is_prompted=False)


def merge(logits: Sequence[Tensor]) -> Tensor:
    """Put the logits of several groups together.

    What every group calls background is background, with the product of its probabilities;
    each object keeps the probability its own group gave it.  One group's logits pass as
    they are.

    Args:
        logits: per group (B, 1 + objects, H, W), all at one size.

    Returns:
        (B, 1 + all objects, H, W) logits.
    """
    if len(logits) == 1:
        return logits[0]
    probabilities = [group.softmax(dim=1) for group in logits]
    background = torch.stack([group[:, :1] for group in probabilities]).prod(dim=0)
    merged = torch.cat((background, *(group[:, 1:] for group in probabilities)), dim=1)
    return merged.clamp_(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY).logit()


def merged_labels(logits: Sequence[Tensor], size: tuple[int, int], align_corners: bool) -> Tensor:
    """Label the pixels of a frame from the logits of all groups.

    Logits are enlarged bilinearly, first in height and then, strip by strip, in width.

    Args:
        logits: per group (1, 1 + objects, H / 4, W / 4).
        size: (height, width) of the frame.
        align_corners: as the network was trained.

    Returns:
        (height, width) uint8: 0 background, k the k-th object of all.
    """
    height, width = size

    def enlarged(x: Tensor, height: int, width: int) -> Tensor:
        return F.interpolate(x, (height, width), mode="bilinear", align_corners=align_corners)

    tall = [enlarged(group, height, group.shape[3]) for group in logits]
    labels = logits[0].new_empty(size, dtype=torch.uint8)
    for top in range(0, height, STRIP_ROWS):
        rows = slice(top, min(height, top + STRIP_ROWS))
        strips = [enlarged(group[:, :, rows], rows.stop - top, width) for group in tall]
        labels[rows] = merge(strips).argmax(dim=1)[0]
    return labels


def confidences(logits: Sequence[Tensor]) -> list[float]:
    """Return how sure each object's pixels are of it on average; 0 for one that has none.

    A pixel is as sure as its label is ahead of the next best: 1 certain, 0 undecided.

    Args:
        logits: per group (1, 1 + objects, H / 4, W / 4).
    """
    probabilities = merge(logits).softmax(dim=1)[0].flatten(1)
    best, winner = probabilities.topk(2, dim=0)
    ahead, winner = best[0] - best[1], winner[0]
    num_labels = len(probabilities)
    total = torch.bincount(winner, weights=ahead, minlength=num_labels)
    count = torch.bincount(winner, minlength=num_labels).clamp(min=1)
    return [float(value) for value in (total / count)[1:]]
