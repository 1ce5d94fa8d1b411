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
from numpy.typing import NDArray
from torch import Tensor

from e2fgvi.decoder import Interval, Region
from e2fgvi.network import BASE_SIZE, SIZE_MULTIPLES

MARGIN = 8  # pixels of the network's output decoded around a hole
ROUNDING = 16


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

    def region(self, hole: NDArray[np.bool_]) -> Region:
        """Return the pixels of the network's output that a hole (H, W) needs, and some more.

        Rounded, so that holes that move a little need regions of the same size.
        """
        intervals = []
        for axis in (0, 1):
            places = np.flatnonzero(hole.any(axis=1 - axis))
            scale = self.inner[axis] / self.frame[axis]
            first = int(places[0] * scale) - MARGIN
            last = int(np.ceil((places[-1] + 1) * scale)) + MARGIN
            first, last = first // ROUNDING * ROUNDING, -(-last // ROUNDING) * ROUNDING
            intervals.append((max(0, first), min(self.network[axis], last)))
        return Region(intervals[0], intervals[1])

    def restore(
        self, filled: Tensor, region: Region, frame: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Return the frame with the network's output laid over it.

        Args:
            filled: (3, rows, columns) in [-1, 1]: the output in `region`.
            region: as `region` gave it, or larger.
            frame: (H, W, 3); shows outside the region.

        Returns:
            (H, W, 3).  Truncated, not rounded, as published.
        """
        (top, bottom), (left, right) = region
        if self.inner != self.frame:
            canvas = filled.new_zeros(3, *self.network, dtype=torch.float32)
            canvas[:, top:bottom, left:right] = filled
            filled = _resize(canvas[None, :, : self.inner[0], : self.inner[1]], self.frame)[0]
            top, bottom = self._back(region.rows, 0)
            left, right = self._back(region.columns, 1)
            filled = filled[:, top:bottom, left:right]
        levels = ((filled.float() + 1) / 2 * 255).clamp(0, 255)
        pixels = levels.permute(1, 2, 0).to(torch.uint8).cpu().numpy()
        result = frame.copy()
        place = result[top:bottom, left:right]
        place[:] = pixels[: place.shape[0], : place.shape[1]]
        return result

    def _back(self, interval: Interval, axis: int) -> Interval:
        """Turn rows or columns of the network's output into some of the frame.

        Half the margin stays behind: at its rim the resized output is mixed with nothing.
        """
        scale = self.frame[axis] / self.inner[axis]
        first = 0 if interval[0] == 0 else interval[0] + MARGIN // 2
        last = interval[1] if interval[1] >= self.inner[axis] else interval[1] - MARGIN // 2
        return int(first * scale), min(self.frame[axis], int(np.ceil(last * scale)))


def _resize(picture: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(picture, size, mode="bicubic", antialias=True)


def _mirrored(length: int, padded: int) -> Tensor:
    """Return which of `length` places each of `padded` places shows."""
    return torch.from_numpy(np.pad(np.arange(length), (0, padded - length), mode="symmetric"))
