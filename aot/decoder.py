"""From propagated tokens to logits: a feature pyramid with the encoder's maps as shortcuts.

Attribute names are the published checkpoints' keys.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from aot.encoder import Maps


class NormalisedConvolution(nn.Module):
    """A convolution and a group norm of eight groups."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.gn = nn.GroupNorm(8, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H, W), not negative."""
        return F.relu(self.gn(self.conv(x)), inplace=True)


class Decoder(nn.Module):
    """Four convolutions, from stride 16 to stride 4."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int,
        encoder_channels: tuple[int, int, int, int],
        align_corners: bool,
    ) -> None:
        super().__init__()
        quarter, eighth, sixteenth, _ = encoder_channels
        self.align_corners = align_corners
        self.conv_in = NormalisedConvolution(inputs, width, 1)
        self.conv_16x = NormalisedConvolution(width, width, 3)
        self.conv_8x = NormalisedConvolution(width, width // 2, 3)
        self.conv_4x = NormalisedConvolution(width // 2, width // 2, 3)
        self.adapter_16x = nn.Conv2d(sixteenth, width, 1)
        self.adapter_8x = nn.Conv2d(eighth, width, 1)
        self.adapter_4x = nn.Conv2d(quarter, width // 2, 1)
        self.conv_out = nn.Conv2d(width // 2, outputs, 1)

    def forward(self, x: Tensor, maps: Maps) -> Tensor:
        """Decode (B, inputs, H / 16, W / 16) to logits (B, outputs, H / 4, W / 4)."""
        quarter, eighth, sixteenth, _ = maps
        x = self.conv_in(x)
        x = self.conv_16x(self.adapter_16x(sixteenth).add_(x))
        x = self.conv_8x(self.adapter_8x(eighth).add_(self._enlarge(x, eighth)))
        x = self.conv_4x(self.adapter_4x(quarter).add_(self._enlarge(x, quarter)))
        logits: Tensor = self.conv_out(x)
        return logits

    def _enlarge(self, x: Tensor, like: Tensor) -> Tensor:
        size = like.shape[-2:]
        return F.interpolate(x, size, mode="bilinear", align_corners=self.align_corners)
