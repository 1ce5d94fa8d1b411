"""LPIPS: how different two pictures look, from the features of AlexNet.

Follows Zhang et al. (CVPR 2018), version 0.1, with AlexNet and its learned weights per
channel.  Attribute names are the keys of the two published files: torchvision's AlexNet and
`alex.pth` of the authors.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

_CHANNELS = (64, 192, 384, 256, 256)
_TAPS = (1, 4, 7, 9, 11)  # positions of the ReLUs whose output is compared
_SHIFT = (-0.030, -0.088, -0.188)  # of inputs in [-1, 1]: the authors' ImageNet statistics
_SCALE = (0.458, 0.448, 0.450)
_EPSILON = 1e-10  # keeps the length of a feature from being zero


class Lpips(nn.Module):
    """Two pictures to a distance, 0 for equal ones."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
        )
        self.linear = nn.ParameterList(nn.Parameter(torch.zeros(1, c, 1, 1)) for c in _CHANNELS)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the distance of two (B, 3, H, W) pictures in [-1, 1]: (B,)."""
        total = first.new_zeros(first.shape[0])
        for weight, one, other in zip(
            self.linear, self._taps(first), self._taps(second), strict=True
        ):
            difference = (_unit(one) - _unit(other)) ** 2  # (B, C, h, w)
            total = total + (weight * difference).sum(dim=1).mean(dim=(1, 2))
        return total

    def _taps(self, image: Tensor) -> list[Tensor]:
        shift, scale = image.new_tensor(_SHIFT), image.new_tensor(_SCALE)
        value = (image - shift[:, None, None]) / scale[:, None, None]
        found = []
        for position, layer in enumerate(self.features):
            value = layer(value)
            if position in _TAPS:
                found.append(value)
        return found


def load_lpips(alexnet: Mapping[str, Any], linear: Mapping[str, Any]) -> Lpips:
    """Build the network from the two published files.

    Raises:
        ValueError: a parameter is missing or has another shape.
    """
    network = Lpips()
    wanted = network.features.state_dict()
    state = {f"features.{key}": alexnet.get(f"features.{key}") for key in wanted}
    state |= {f"linear.{k}": linear.get(f"lin{k}.model.1.weight") for k in range(len(_CHANNELS))}
    if missing := [key for key, value in state.items() if value is None]:
        raise ValueError(f"no parameter for {missing[0]}")
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return network.eval()


def _unit(features: Tensor) -> Tensor:
    """Return (B, C, h, w) with every place's channels brought to length 1."""
    return features / (features.pow(2).sum(dim=1, keepdim=True).sqrt() + _EPSILON)
