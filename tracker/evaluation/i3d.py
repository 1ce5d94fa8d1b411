"""I3D: a clip to the logits of 400 actions; what VFID compares.

Follows Carreira and Zisserman (CVPR 2017): Inception v1 with its kernels inflated to three
dimensions.  Attribute names are the keys of the published `i3d_rgb_imagenet.pt`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NUM_LOGITS = 400
_BATCH_NORM_EPSILON = 1e-3  # the published network's, not torch's

# Channels of an Inception block: 1x1, (1x1, 3x3), (1x1, 3x3), pooled 1x1.
_BLOCKS = {
    "Mixed_3b": (192, 64, 96, 128, 16, 32, 32),
    "Mixed_3c": (256, 128, 128, 192, 32, 96, 64),
    "Mixed_4b": (480, 192, 96, 208, 16, 48, 64),
    "Mixed_4c": (512, 160, 112, 224, 24, 64, 64),
    "Mixed_4d": (512, 128, 128, 256, 24, 64, 64),
    "Mixed_4e": (512, 112, 144, 288, 32, 64, 64),
    "Mixed_4f": (528, 256, 160, 320, 32, 128, 128),
    "Mixed_5b": (832, 256, 160, 320, 32, 128, 128),
    "Mixed_5c": (832, 384, 192, 384, 48, 128, 128),
}


class I3D(nn.Module):
    """Clips to logits."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit(3, 64, 7, stride=2)
        self.Conv3d_2b_1x1 = Unit(64, 64, 1)
        self.Conv3d_2c_3x3 = Unit(64, 192, 3)
        for name, channels in _BLOCKS.items():
            self.add_module(name, Inception(*channels))
        self.logits = Unit(1024, NUM_LOGITS, 1, is_plain=True)

    def forward(self, clip: Tensor) -> Tensor:
        """Return (B, 400): the logits of a (B, 3, T, H, W) clip, mean over space and time.

        At least 9 frames of 193x193 pixels are needed, so that what is pooled last is whole.
        """
        x = self.Conv3d_1a_7x7(clip)
        x = _pool(x, (1, 3, 3), (1, 2, 2))
        x = self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x))
        x = _pool(x, (1, 3, 3), (1, 2, 2))
        x = self._blocks(x, "3b", "3c")
        x = _pool(x, (3, 3, 3), (2, 2, 2))
        x = self._blocks(x, "4b", "4c", "4d", "4e", "4f")
        x = _pool(x, (2, 2, 2), (2, 2, 2))
        x = self._blocks(x, "5b", "5c")  # (B, 1024, T / 8, H / 32, W / 32)
        x = F.avg_pool3d(x, (2, 7, 7), stride=1)
        logits: Tensor = self.logits(x)  # (B, 400, ...)
        return logits.mean(dim=(2, 3, 4))

    def _blocks(self, x: Tensor, *names: str) -> Tensor:
        for name in names:
            x = self.get_submodule(f"Mixed_{name}")(x)
        return x


class Unit(nn.Module):
    """A convolution, normalised and rectified unless it is plain."""

    def __init__(
        self, inputs: int, outputs: int, size: int, *, stride: int = 1, is_plain: bool = False
    ) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, outputs, size, stride=stride, bias=is_plain)
        if not is_plain:
            self.bn = nn.BatchNorm3d(outputs, eps=_BATCH_NORM_EPSILON)
        self._size, self._stride, self._is_plain = size, stride, is_plain

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, T, H, W), each side divided by the stride, rounded up."""
        x = self.conv3d(_pad(x, (self._size,) * 3, (self._stride,) * 3))
        return x if self._is_plain else F.relu(self.bn(x))


class Inception(nn.Module):
    """Four branches side by side."""

    def __init__(self, inputs: int, *channels: int) -> None:
        super().__init__()
        one, three_in, three, five_in, five, pooled = channels
        self.b0 = Unit(inputs, one, 1)
        self.b1a, self.b1b = Unit(inputs, three_in, 1), Unit(three_in, three, 3)
        self.b2a, self.b2b = Unit(inputs, five_in, 1), Unit(five_in, five, 3)
        self.b3b = Unit(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the branches' channels one after another."""
        branches = (self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)))
        return torch.cat([*branches, self.b3b(_pool(x, (3, 3, 3), (1, 1, 1)))], dim=1)


def _pad(x: Tensor, size: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    """Pad with zeros as TensorFlow's SAME does: so that no sample is left over."""
    amounts = []
    for length, kernel, step in zip(x.shape[:1:-1], size[::-1], stride[::-1], strict=True):
        needed = max(0, kernel - (step if length % step == 0 else length % step))
        amounts += [needed // 2, needed - needed // 2]
    return F.pad(x, amounts)


def _pool(x: Tensor, size: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    return F.max_pool3d(_pad(x, size, stride), size, stride)
