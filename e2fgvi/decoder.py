"""From features to pixels, all of them or only those of a region.

Only what a hole covers is ever used, and a pixel depends on few features around it: so a
region can be decoded by itself, with the numbers the whole frame would give.
"""

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2
Interval = tuple[int, int]  # first, and one past the last


class Region(NamedTuple):
    """Rows and columns of pixels."""

    rows: Interval
    columns: Interval


class UpsamplingConvolution(nn.Module):
    """A 3x3 convolution at twice the size."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(T, C, H, W) -> (T, C', 2 * H, 2 * W)."""
        larger = F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=True)
        result: Tensor = self.conv(larger)
        return result


class Decoder(nn.Sequential):
    """Features to frames four times as large; the keys are those of the published list."""

    def __init__(self, width: int) -> None:
        super().__init__(
            UpsamplingConvolution(width, width),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(width, width // 2, 3, padding=1),
            nn.LeakyReLU(SLOPE, inplace=True),
            UpsamplingConvolution(width // 2, width // 2),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(width // 2, 3, 3, padding=1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(T, C, H, W) -> (T, 3, 4 * H, 4 * W) in [-1, 1]."""
        for layer in self:
            features = layer(features)
        return features.tanh()

    def decode_region(self, features: Tensor, region: Region) -> Tensor:
        """Do the same for the pixels of `region` only: (T, 3, rows, columns)."""
        size = (features.shape[-2], features.shape[-1])
        if region == Region((0, 4 * size[0]), (0, 4 * size[1])):
            return self.forward(features)
        rows, columns = (
            _plan(interval, length) for interval, length in zip(region, size, strict=True)
        )
        maps = features.permute(0, 2, 3, 1)  # (T, H, W, C)
        maps = _take(maps, rows.features, columns.features)
        maps = _enlarge(maps, rows.first, columns.first)
        _, activate, second, _, _, _, last = self
        first, third = cast(UpsamplingConvolution, self[0]), cast(UpsamplingConvolution, self[4])
        hidden = activate(first.conv(maps.permute(0, 3, 1, 2)))
        hidden = activate(second(hidden)).permute(0, 2, 3, 1)
        hidden = _take(hidden, rows.halves, columns.halves)
        hidden = _enlarge(hidden, rows.second, columns.second)
        hidden = activate(third.conv(hidden.permute(0, 3, 1, 2)))
        pixels: Tensor = last(hidden).permute(0, 2, 3, 1)
        return _take(pixels, rows.pixels, columns.pixels).permute(0, 3, 1, 2).tanh()


class Resampling(NamedTuple):
    """Where an axis is read to enlarge it: between two places, so far from the first."""

    before: list[int]
    after: list[int]
    fraction: list[float]


class _Plan(NamedTuple):
    """One axis of `decode_region`, in the order things are needed."""

    features: Interval  # of the feature map
    first: Resampling
    halves: Interval  # of what the first three layers give
    second: Resampling
    pixels: Interval  # of what the last two layers give


def _plan(wanted: Interval, length: int) -> _Plan:
    """Walk back from the wanted pixels: two convolutions, an enlargement, and both again.

    At the rim of what is computed, a convolution sees zeros where the frame goes on; two
    places more than needed on either side keep that from what is wanted.
    """
    computed = _grow(wanted, 4 * length)
    halves, second = _resampling(computed, 2 * length, 4 * length)
    computed_halves = _grow(halves, 2 * length)
    features, first = _resampling(computed_halves, length, 2 * length)
    return _Plan(
        features,
        first,
        (halves[0] - computed_halves[0], halves[1] - computed_halves[0]),
        second,
        (wanted[0] - computed[0], wanted[1] - computed[0]),
    )


def _grow(interval: Interval, length: int) -> Interval:
    return max(0, interval[0] - 2), min(length, interval[1] + 2)


def _resampling(target: Interval, length: int, enlarged: int) -> tuple[Interval, Resampling]:
    """Return what of an axis is read for `target` of it enlarged, corner to corner, and how."""
    # In single precision, as torch does it.
    places = torch.arange(*target, dtype=torch.float32)
    places *= torch.tensor((length - 1) / (enlarged - 1), dtype=torch.float32)
    before = places.floor().long().clamp(max=length - 1)
    after = (before + 1).clamp(max=length - 1)
    start, stop = int(before[0]), int(after[-1]) + 1
    resampling = Resampling(
        (before - start).tolist(), (after - start).tolist(), (places - before).tolist()
    )
    return (start, stop), resampling


def _take(maps: Tensor, rows: Interval, columns: Interval) -> Tensor:
    """(T, H, W, C) -> the same, cut out."""
    return maps[:, rows[0] : rows[1], columns[0] : columns[1]]


def _enlarge(maps: Tensor, rows: Resampling, columns: Resampling) -> Tensor:
    """(T, H, W, C) -> (T, H', W', C), bilinear."""
    for axis, resampling in ((1, rows), (2, columns)):
        before, after = (
            maps.index_select(axis, torch.tensor(places, device=maps.device))
            for places in (resampling.before, resampling.after)
        )
        shape = [-1 if i == axis else 1 for i in range(4)]
        fraction = torch.tensor(resampling.fraction, device=maps.device, dtype=maps.dtype)
        maps = torch.lerp(before, after, fraction.view(shape))
    return maps
