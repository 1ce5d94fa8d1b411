"""What is remembered of frames from one clip to the next, by frame index.

`FrameCache` keeps what never changes, however often a frame is looked at.  `KeyRing` keeps
what a transformer block made of frames when they were new; see stream.py.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(eq=False)
class FrameRecord:
    """What was computed from one frame alone, and from which pixels."""

    source: tuple[NDArray[Any], NDArray[Any]]  # frame (H, W, 3), hole (H, W)
    picture: Tensor  # (1, 3, h, w), shrunk: flow is estimated from it
    features: Tensor  # (1, C, h, w)
    share: Tensor | None = None  # (1, 4 * C, h, w), as long as it is a local frame
    tokens: Tensor | None = None  # (1, rows, columns, D), once used as a reference

    def is_of(self, frame: NDArray[Any], hole: NDArray[Any]) -> bool:
        """Say whether this frame with this hole is what was recorded."""
        pairs = zip(self.source, (frame, hole), strict=True)
        return all(old is new or np.array_equal(old, new) for old, new in pairs)


@dataclass(eq=False)
class FrameCache:
    """Per-frame records and the flows of pairs, until they are forgotten."""

    frames: dict[int, FrameRecord] = field(default_factory=dict)
    flows: dict[tuple[int, int], tuple[Tensor, Tensor]] = field(default_factory=dict)

    def keep(self, indices: Collection[int]) -> None:
        """Forget all frames but these, and the pairs they were in."""
        self.frames = {i: record for i, record in self.frames.items() if i in indices}
        self.flows = {
            (i, j): flow for (i, j), flow in self.flows.items() if i in indices and j in indices
        }


@dataclass(eq=False)
class KeyRing:
    """The keys and values one transformer block made of the frames remembered.

    Slots are used again: a frame's numbers are written once and never moved, and the ring
    grows no larger than the most frames ever remembered at a time.
    """

    slots: dict[int, int] = field(default_factory=dict)  # frame index -> slot
    keys: Tensor | None = None  # (slots, N, 2 * C)

    def keep(self, indices: Collection[int]) -> None:
        """Forget all frames but these."""
        self.slots = {index: slot for index, slot in self.slots.items() if index in indices}

    def add(self, index: int, keys: Tensor) -> Tensor:
        """Remember `keys` (1, N, 2 * C) of frame `index`; return all: (frames, N, 2 * C)."""
        size = 0 if self.keys is None else len(self.keys)
        taken = set(self.slots.values())
        slot = next(slot for slot in range(size + 1) if slot not in taken)
        if self.keys is None or slot == size:
            self.keys = keys if self.keys is None else torch.cat((self.keys, keys))
        else:
            self.keys[slot] = keys[0]
        self.slots[index] = slot
        if len(self.slots) == len(self.keys):
            return self.keys
        return self.keys[sorted(self.slots.values())]
