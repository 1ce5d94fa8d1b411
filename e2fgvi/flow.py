"""Optical flow between two frames with holes, coarse to fine, and the warp it drives.

Follows SPyNet (Ranjan and Black, CVPR 2017) as E2FGVI uses it (Li et al., CVPR 2022): six
levels, each adding a correction to the flow of the level below.  The four resizings differ
in their corner convention; the published weights were trained with exactly these.
Attribute names are the published checkpoint's keys.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NUM_LEVELS = 6
SIZE_MULTIPLE = 2 ** (NUM_LEVELS - 1)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def warp(image: Tensor, flow: Tensor, padding_mode: str = "zeros") -> Tensor:
    """Read `image` where `flow` points, undoing the motion `flow` describes.

    Args:
        image: (B, C, H, W).
        flow: (B, 2, H, W), pixels, x then y; from each output pixel to the place it is
            read from.
        padding_mode: "zeros" or "border": what is read outside.

    Returns:
        (B, C, H, W), bilinear between pixel centres.

    Raises:
        ValueError: `image` and `flow` differ in height or width.
    """
    height, width = image.shape[-2:]
    if flow.shape[-2:] != (height, width):
        raise ValueError(f"flow is {tuple(flow.shape[-2:])} but image is {(height, width)} (H, W)")
    rows = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None]
    columns = torch.arange(width, device=flow.device, dtype=flow.dtype)[None, :]
    x = (columns + flow[:, 0]) * (2 / max(1, width - 1)) - 1
    y = (rows + flow[:, 1]) * (2 / max(1, height - 1)) - 1
    grid = torch.stack((x, y), dim=-1)  # (B, H, W, 2)
    return F.grid_sample(image.to(grid), grid, padding_mode=padding_mode, align_corners=True)


class FlowConvolution(nn.Module):
    """A 7x7 convolution; the wrapper exists for its key, `conv`."""

    def __init__(self, in_channels: int, out_channels: int, *, is_last: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 7, padding=3)
        self.is_last = is_last

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H, W), not negative except after the last one."""
        features = self.conv(features)
        return features if self.is_last else F.relu_(features)


class FlowLevel(nn.Module):
    """Predicts the correction of one pyramid level."""

    def __init__(self) -> None:
        super().__init__()
        widths = (8, 32, 64, 32, 16, 2)
        self.basic_module = nn.Sequential(
            *(
                FlowConvolution(widths[i], widths[i + 1], is_last=i == len(widths) - 2)
                for i in range(len(widths) - 1)
            )
        )

    def forward(self, reference: Tensor, warped: Tensor, flow: Tensor) -> Tensor:
        """(B, 3, H, W), (B, 3, H, W), (B, 2, H, W) -> correction (B, 2, H, W)."""
        correction: Tensor = self.basic_module(torch.cat((reference, warped, flow), dim=1))
        return correction


class SPyNet(nn.Module):
    """Optical flow of picture pairs."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.basic_module = nn.ModuleList(FlowLevel() for _ in range(NUM_LEVELS))
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))

    def forward(self, reference: Tensor, support: Tensor) -> Tensor:
        """Estimate where each pixel of `reference` lies in `support`.

        Args:
            reference: (B, 3, H, W) in [0, 1].
            support: the same.

        Returns:
            (B, 2, H, W) in pixels, x then y: warping `support` by it gives `reference`.
        """
        height, width = reference.shape[-2:]
        references, supports = self._pyramid(reference), self._pyramid(support)
        flow = torch.zeros_like(references[0][:, :2])
        for level, module in enumerate(self.basic_module):
            if level > 0:
                flow = 2 * F.interpolate(
                    flow, references[level].shape[-2:], mode="bilinear", align_corners=True
                )
            warped = warp(supports[level], flow, padding_mode="border")
            flow = flow + module(references[level], warped, flow)
        padded_height, padded_width = flow.shape[-2:]
        flow = F.interpolate(flow, (height, width), mode="bilinear", align_corners=False)
        return flow * flow.new_tensor((width / padded_width, height / padded_height)).view(2, 1, 1)

    def _pyramid(self, picture: Tensor) -> list[Tensor]:
        """Return the normalised picture at six sizes, coarsest first."""
        height, width = picture.shape[-2:]
        size = (_round_up(height, SIZE_MULTIPLE), _round_up(width, SIZE_MULTIPLE))
        picture = F.interpolate(picture, size, mode="bilinear", align_corners=False)
        levels = [(picture - self.mean) / self.std]
        for _ in range(NUM_LEVELS - 1):
            levels.append(F.avg_pool2d(levels[-1], 2))
        return levels[::-1]


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
