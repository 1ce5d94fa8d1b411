"""Convolutional image encoders: MobileNetV2 and ResNet-50, cut off at stride 16.

Attribute names are the published checkpoints' keys.  Batch normalisation is frozen: four
buffers per layer and no counter.  `fold_batch_norm` multiplies it into the convolutions,
which saves a pass over the activations and changes nothing but rounding.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aot.swin import SwinBase

Maps = tuple[Tensor, Tensor, Tensor, Tensor]  # strides 4, 8, 16, 16
Channels = tuple[int, int, int, int]  # of the four maps


class FrozenBatchNorm(nn.Module):
    """Batch normalisation with statistics that never change; the buffers a checkpoint holds."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W)."""
        scale, shift = self.scale_and_shift()
        return x * scale.view(-1, 1, 1) + shift.view(-1, 1, 1)

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """Return the (C,) factor and summand this normalisation amounts to."""
        scale = self.weight * (self.running_var + self.epsilon).rsqrt()
        return scale, self.bias - self.running_mean * scale


def fold_batch_norm(encoder: nn.Module) -> None:
    """Multiply every frozen batch norm into the convolution registered just before it.

    The keys of the published checkpoint are gone afterwards: load first.
    """
    previous: nn.Module | None = None
    parents = {
        child: (parent, name)
        for parent in encoder.modules()
        for name, child in parent.named_children()
    }
    for module in list(encoder.modules()):
        if isinstance(module, FrozenBatchNorm):
            convolution = cast(nn.Conv2d, previous)
            scale, shift = module.scale_and_shift()
            weight = convolution.weight * scale.view(-1, 1, 1, 1)
            convolution.weight = nn.Parameter(weight.detach(), requires_grad=False)
            convolution.bias = nn.Parameter(shift, requires_grad=False)
            parent, name = parents[module]
            setattr(parent, name, nn.Identity())
        if not list(module.children()):
            previous = module


class Bottleneck(nn.Module):
    """ResNet's block of three convolutions, its stride on the middle one."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = FrozenBatchNorm(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = FrozenBatchNorm(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = FrozenBatchNorm(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), FrozenBatchNorm(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, 4 width, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        return F.relu(y.add_(shortcut), inplace=True)


class ResNet50(nn.Module):
    """The first three stages of ResNet-50 (He et al., CVPR 2016); the last map counts twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = FrozenBatchNorm(64)
        self.layer1 = self._stage(64, 64, num_blocks=3, stride=1)
        self.layer2 = self._stage(256, 128, num_blocks=4, stride=2)
        self.layer3 = self._stage(512, 256, num_blocks=6, stride=2)

    def forward(self, image: Tensor) -> Maps:
        """Encode (B, 3, H, W) into maps at strides 4, 8, 16 and 16."""
        x = F.relu(self.bn1(self.conv1(image)), inplace=True)
        x = F.max_pool2d(x, 3, 2, padding=1)
        quarter = self.layer1(x)
        eighth = self.layer2(quarter)
        sixteenth = self.layer3(eighth)
        return quarter, eighth, sixteenth, sixteenth

    @staticmethod
    def _stage(inputs: int, width: int, num_blocks: int, stride: int) -> nn.Sequential:
        blocks = [Bottleneck(inputs, width, stride)]
        blocks += [Bottleneck(4 * width, width, 1) for _ in range(num_blocks - 1)]
        return nn.Sequential(*blocks)


def _convolution(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    """Return convolution, frozen batch norm and ReLU6."""
    padding = dilation * (kernel - 1) // 2
    convolution = nn.Conv2d(
        inputs, outputs, kernel, stride, padding, dilation, groups=groups, bias=False
    )
    return nn.Sequential(convolution, FrozenBatchNorm(outputs), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen, filter each channel, narrow."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, expansion: int, dilation: int
    ) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.has_shortcut = stride == 1 and inputs == outputs
        widen = [] if expansion == 1 else [_convolution(inputs, hidden)]
        self.conv = nn.Sequential(
            *widen,
            _convolution(hidden, hidden, 3, stride, dilation, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            FrozenBatchNorm(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        y: Tensor = self.conv(x)
        return y.add_(x) if self.has_shortcut else y


class MobileNetV2(nn.Module):
    """MobileNetV2 (Sandler et al., CVPR 2018), its last two stages dilated to stay at stride 16."""

    # expansion, output channels, blocks, stride of the first block, dilation of each block
    STAGES = (
        (1, 16, 1, 1, (1,)),
        (6, 24, 2, 2, (1, 1)),
        (6, 32, 3, 2, (1, 1, 1)),
        (6, 64, 4, 2, (1, 1, 1, 1)),
        (6, 96, 3, 1, (1, 1, 1)),
        (6, 160, 3, 1, (1, 2, 2)),
        (6, 320, 1, 1, (2,)),
    )
    OUTPUTS = (3, 6, 13, 18)

    def __init__(self) -> None:
        super().__init__()
        features: list[nn.Module] = [_convolution(3, 32, 3, stride=2)]
        inputs = 32
        for expansion, outputs, num_blocks, first_stride, dilations in self.STAGES:
            for block in range(num_blocks):
                stride = first_stride if block == 0 else 1
                features.append(
                    InvertedResidual(inputs, outputs, stride, expansion, dilations[block])
                )
                inputs = outputs
        features.append(_convolution(inputs, 1280))
        self.features = nn.Sequential(*features)

    def forward(self, image: Tensor) -> Maps:
        """Encode (B, 3, H, W) into maps at strides 4, 8, 16 and 16."""
        maps = []
        x = image
        for index, block in enumerate(self.features):
            x = block(x)
            if index in self.OUTPUTS:
                maps.append(x)
        return maps[0], maps[1], maps[2], maps[3]


ENCODERS: dict[str, tuple[type[nn.Module], Channels]] = {
    "mobilenetv2": (MobileNetV2, (24, 32, 96, 1280)),
    "resnet50": (ResNet50, (256, 512, 1024, 1024)),
    "swin_base": (SwinBase, (128, 256, 512, 512)),
}
