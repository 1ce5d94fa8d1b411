"""How a frame of any size becomes one the network can take, and how its result comes back.

HQ takes multiples of 60x108: frames are continued at the bottom and at the right by their
mirror image, as published; unlike there, as often as it takes, so that frames smaller than
the padding work too.  Base takes 432x240 only: frames are scaled to fit inside, keeping
their proportions, and continued in the same way.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from e2fgvi.network import BASE_SIZE, SIZE_MULTIPLES


@dataclass(frozen=True)
class Fit:
    """Sizes, (height, width): of the frame, of it inside the network's input, of that input."""

    frame: tuple[int, int]
    inner: tuple[int, int]
    network: tuple[int, int]

    @classmethod
    def choose(cls, height: int, width: int, *, hq: bool) -> "Fit":
        """Return how frames of this size are fitted."""
        if hq:
            network = (
                -(-height // SIZE_MULTIPLES[0]) * SIZE_MULTIPLES[0],
                -(-width // SIZE_MULTIPLES[1]) * SIZE_MULTIPLES[1],
            )
            return cls((height, width), (height, width), network)
        scale = min(BASE_SIZE[0] / height, BASE_SIZE[1] / width)
        inner = (max(1, round(height * scale)), max(1, round(width * scale)))
        return cls((height, width), inner, BASE_SIZE)

    def prepare(self, frame: Tensor, hole: Tensor) -> Tensor:
        """Return the network's input for one frame.

        Args:
            frame: (H, W, 3) uint8.
            hole: (H, W) bool; what it covers is never seen.

        Returns:
            (1, 3, H', W') in [-1, 1], zero in the hole, channels last in memory.
        """
        picture = frame.permute(2, 0, 1)[None].float() / 255 * 2 - 1
        inside = hole[None, None]
        if self.inner != self.frame:
            picture = _resize(picture.where(~inside, 0.0), self.inner).clamp(-1, 1)
            # Any trace of a hole makes a hole: its edge must not show what was in it.
            inside = F.interpolate(inside.float(), self.inner, mode="bilinear", antialias=True) > 0
        masked = picture.where(~inside, 0.0)
        return masked[:, :, _mirrored(self.inner[0], self.network[0])][
            :, :, :, _mirrored(self.inner[1], self.network[1])
        ].contiguous(memory_format=torch.channels_last)

    def restore(self, filled: Tensor) -> Tensor:
        """Return the network's output as a frame: (3, H', W') in [-1, 1] -> (H, W, 3) uint8.

        Truncated, not rounded, as published.
        """
        picture = filled[None, :, : self.inner[0], : self.inner[1]].float()
        if self.inner != self.frame:
            picture = _resize(picture, self.frame)
        levels = ((picture[0] + 1) / 2 * 255).clamp(0, 255)
        return levels.permute(1, 2, 0).to(torch.uint8)


def _resize(picture: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(picture, size, mode="bicubic", antialias=True)


def _mirrored(length: int, padded: int) -> Tensor:
    """Return which of `length` places each of `padded` places shows."""
    return torch.from_numpy(np.pad(np.arange(length), (0, padded - length), mode="symmetric"))
