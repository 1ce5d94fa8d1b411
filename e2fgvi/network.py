"""E2FGVI, base and HQ: masked frames in, filled frames out.

Li et al., "Towards An End-to-End Framework for Flow-Guided Video Inpainting", CVPR 2022.
The forward pass is a chain of stages that may be called one by one: what depends on one
frame (`encode`, `share`, `shrink`) or one pair of frames (`flows`) need not be done again for the
next window.  Attribute names are the published checkpoint's keys.
"""

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from e2fgvi.decoder import SLOPE, Decoder, Region
from e2fgvi.flow import SPyNet
from e2fgvi.propagation import BidirectionalPropagation
from e2fgvi.transformer import SoftComposite, SoftSplit, TransformerBlock

REDUCTION = 4  # feature maps are this much smaller than frames
BASE_SIZE = (240, 432)
SIZE_MULTIPLES = (60, 108)  # HQ: so that tokens make whole windows


@dataclass(frozen=True)
class Widths:
    """How many numbers describe a place; the defaults are the published ones."""

    features: int = 128  # a multiple of 16
    tokens: int = 512  # a multiple of 4
    hidden: int = 40  # per pixel, in the feed-forward layers
    num_blocks: int = 8


PUBLISHED = Widths()


class Encoder(nn.Module):
    """One frame to features a quarter as large."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        # in, out, stride, groups; the last four also take the fourth one's result.
        table = (
            (3, half, 2, 1),
            (half, half, 1, 1),
            (half, 2 * half, 2, 1),
            (2 * half, 4 * half, 1, 1),
            (4 * half, 6 * half, 1, 1),
            (10 * half, 8 * half, 1, 2),
            (12 * half, 6 * half, 1, 4),
            (10 * half, 4 * half, 1, 8),
            (8 * half, width, 1, 1),
        )
        self.groups = tuple(groups for *_, groups in table)
        self.layers = nn.ModuleList()
        for in_channels, out_channels, stride, groups in table:
            self.layers.append(
                nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, groups=groups)
            )
            self.layers.append(nn.LeakyReLU(SLOPE, inplace=True))

    def forward(self, frames: Tensor) -> Tensor:
        """(T, 3, H, W) -> (T, C, H / 4, W / 4)."""
        features = skip = frames
        for i, groups in enumerate(self.groups):
            if i == 4:
                skip = features
            elif i > 4:
                features = _interleave(skip, features, groups)
            features = self.layers[2 * i + 1](self.layers[2 * i](features))
        return features


def _interleave(first: Tensor, second: Tensor, groups: int) -> Tensor:
    """Join channels so that each of `groups` sees a slice of both."""
    parts = [torch.unflatten(x.permute(0, 2, 3, 1), -1, (groups, -1)) for x in (first, second)]
    return torch.cat(parts, dim=-1).flatten(-2).permute(0, 3, 1, 2)


class E2FGVI(nn.Module):
    """The inpainting network."""

    def __init__(self, *, hq: bool, widths: Widths = PUBLISHED) -> None:
        super().__init__()
        self.hq = hq
        base_map = (BASE_SIZE[0] // REDUCTION, BASE_SIZE[1] // REDUCTION)
        width = widths.features
        self.encoder = Encoder(width)
        self.decoder = Decoder(width)
        self.ss = SoftSplit(width, widths.tokens)
        self.sc = SoftComposite(width, widths.tokens, None if hq else base_map)
        self.feat_prop_module = BidirectionalPropagation(width)
        self.update_spynet = SPyNet()
        self.transformer = nn.ModuleList(
            TransformerBlock(widths.tokens, widths.hidden) for _ in range(widths.num_blocks)
        )

    @property
    def blocks(self) -> list[TransformerBlock]:
        """The transformer's blocks, in order."""
        return cast(list[TransformerBlock], list(self.transformer))

    def forward(
        self, masked_frames: Tensor, num_local: int
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Fill a window of frames.

        Args:
            masked_frames: (1, T, 3, H, W) in [-1, 1], zero in the holes.
            num_local: the first so many frames are consecutive; the others are references.

        Returns:
            The filled frames (T, 3, H, W) in [-1, 1], and the flows of the local frames,
            to the next and to the previous one, each (1, num_local - 1, 2, H / 4, W / 4).

        Raises:
            ValueError: more than one clip, or a size the network cannot take.
        """
        if masked_frames.ndim != 5 or masked_frames.shape[0] != 1:
            raise ValueError(f"expected (1, T, 3, H, W), not {tuple(masked_frames.shape)}")
        frames = masked_frames[0]
        self.check_size(frames.shape[-2], frames.shape[-1])
        small = self.shrink(frames[:num_local])
        to_next, to_previous = self.flows(small[:-1], small[1:])
        features = self.encode(frames)
        share = self.share(features[:num_local])
        local = self.propagate(features[:num_local], share, to_next, to_previous)
        features = torch.cat((local, features[num_local:]))
        tokens = self.transform(self.ss(features), map_size(features))
        return self.decode(features, tokens), (to_next[None], to_previous[None])

    def check_size(self, height: int, width: int) -> None:
        """Raise ValueError unless frames of this size can be taken."""
        if self.hq and (height % SIZE_MULTIPLES[0] or width % SIZE_MULTIPLES[1]):
            raise ValueError(
                f"frames are {(height, width)} (H, W); E2FGVI-HQ needs multiples of "
                f"{SIZE_MULTIPLES}"
            )
        if not self.hq and (height, width) != BASE_SIZE:
            raise ValueError(f"frames are {(height, width)} (H, W); E2FGVI needs {BASE_SIZE}")

    def encode(self, frames: Tensor) -> Tensor:
        """Return the features of masked frames: (T, 3, H, W) -> (T, C, H / 4, W / 4)."""
        features: Tensor = self.encoder(frames.contiguous(memory_format=torch.channels_last))
        return features

    def shrink(self, frames: Tensor) -> Tensor:
        """Return what flow is estimated from: (T, 3, H / 4, W / 4) in [0, 1]."""
        size = (frames.shape[-2] // REDUCTION, frames.shape[-1] // REDUCTION)
        return F.interpolate((frames + 1) / 2, size, mode="bilinear", align_corners=True)

    def flows(self, earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate the flow of pairs of shrunk frames, both ways.

        Args:
            earlier: (P, 3, h, w), the first frame of each pair.
            later: (P, 3, h, w), the second.

        Returns:
            To the later frame and to the earlier one, each (P, 2, h, w) in pixels, x then y.
        """
        if len(earlier) == 0:
            empty = earlier.new_zeros(0, 2, *earlier.shape[-2:])
            return empty, empty
        both = self.flow(torch.cat((earlier, later)), torch.cat((later, earlier)))
        to_next, to_previous = both.chunk(2)
        return to_next, to_previous

    def flow(self, reference: Tensor, support: Tensor) -> Tensor:
        """Estimate flow one way: shrunk frames (P, 3, h, w) twice -> (P, 2, h, w).

        Always in full precision: a quarter pixel lost here is one lost in every frame.
        """
        with torch.autocast(reference.device.type, enabled=False):
            flow: Tensor = self.update_spynet(reference, support)
        # In the layout of the feature maps it will be joined with.
        return flow.contiguous(memory_format=torch.channels_last)

    def share(self, features: Tensor) -> Tensor:
        """Return what frames' own features do in `propagate`: (T, C, h, w) -> (T, 4 * C, h, w)."""
        return self.feat_prop_module.share(features)

    def propagate(
        self, features: Tensor, share: Tensor, to_next: Tensor, to_previous: Tensor
    ) -> Tensor:
        """Carry the features of the local frames along the flow; see propagation.py."""
        propagated: Tensor = self.feat_prop_module(features, share, to_next, to_previous)
        return propagated

    def transform(
        self, tokens: Tensor, size: tuple[int, int], wanted: slice = slice(None)
    ) -> Tensor:
        """Run the transformer: (T, rows, columns, D) -> the `wanted` frames' tokens.

        `size` is that of the feature map.  Only the last block can spare the other frames.
        """
        tokens = tokens.float()  # in mixed precision, the sum of all blocks stays exact
        *blocks, last = self.blocks
        for block in blocks:
            tokens = block(tokens, size)
        result: Tensor = last(tokens, size, wanted)
        return result

    def decode(self, features: Tensor, tokens: Tensor, region: Region | None = None) -> Tensor:
        """Turn features and tokens into frames.

        Args:
            features: (T, C, h, w).
            tokens: (T, rows, columns, D).
            region: the pixels to return; None: all.

        Returns:
            (T, 3, H, W) in [-1, 1], as large as the region.
        """
        features = features + self.sc(tokens, map_size(features))
        if region is None:
            frames: Tensor = self.decoder(features)
            return frames
        return self.decoder.decode_region(features, region)


def map_size(features: Tensor) -> tuple[int, int]:
    """Return (H, W) of a map."""
    return features.shape[-2], features.shape[-1]


def build_network(hq: bool, widths: Widths = PUBLISHED) -> E2FGVI:
    """Build E2FGVI (base: 432x240 only) or E2FGVI-HQ, with random weights, for inference."""
    network = E2FGVI(hq=hq, widths=widths).eval().requires_grad_(False)
    return network.to(memory_format=torch.channels_last)  # faster on CPUs and accelerators
