"""The networks that turn clicks into masks, as their official packages define them.

SAM (Kirillov et al., ICCV 2023) comes from `segment-anything`.  MobileSAM (Zhang et al.,
2023) and Light HQ-SAM (Ke et al., NeurIPS 2023) come from `segment-anything-hq`, whose
attribute names are the keys of both official files.  The packages' own way of reading a
file unpickles whatever it holds, so they only build; weights come from elsewhere.
"""

import importlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Source:
    """Where a network is defined."""

    package: str
    registry: str  # the package's table of builders
    key: str


_SAM, _HQ = "segment_anything", "segment_anything_hq"
NETWORKS: Mapping[str, Source] = {
    "sam_vit_b": Source(_SAM, "sam_model_registry", "vit_b"),
    "sam_vit_l": Source(_SAM, "sam_model_registry", "vit_l"),
    "sam_vit_h": Source(_SAM, "sam_model_registry", "vit_h"),
    "mobile_sam": Source(_HQ, "sam_model_registry_baseline", "vit_tiny"),
    "sam_hq_tiny": Source(_HQ, "sam_model_registry", "vit_tiny"),
}


def build_network(name: str) -> nn.Module:
    """Build a network with random weights, in inference mode.

    Raises:
        ValueError: there is none called `name`.
    """
    if name not in NETWORKS:
        raise ValueError(f"network is {name!r}, expected one of: {', '.join(NETWORKS)}")
    source = NETWORKS[name]
    with warnings.catch_warnings():
        # TinyViT registers itself with timm under names timm has, by deprecated paths.
        warnings.simplefilter("ignore")
        package = importlib.import_module(source.package)
    network: nn.Module = getattr(package, source.registry)[source.key]()
    return network.requires_grad_(False).eval()


def load_weights(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy official weights into `network`: all, and no others.

    Raises:
        ValueError: they are another network's; says which entries differ.
    """
    expected = network.state_dict()
    problems = {
        "missing": [key for key in expected if key not in state],
        "unexpected": [key for key in state if key not in expected],
        "of another shape": [
            key for key in expected if key in state and expected[key].shape != state[key].shape
        ],
    }
    if any(problems.values()):
        told = (
            f"{len(keys)} {what} (such as {keys[0]})" for what, keys in problems.items() if keys
        )
        raise ValueError(f"the weights are another network's: {'; '.join(told)}")
    network.load_state_dict(state, strict=True)
    # TinyViT spreads its table of attention biases when told to evaluate: what it spread
    # when it was built are not these weights.
    network.eval()


def load_network(
    name: str, state: Mapping[str, Tensor], device: torch.device | str = "cpu"
) -> nn.Module:
    """Build the network `name` ready for use: weights loaded, on its device.

    Raises:
        ValueError: there is none of that name, or the weights are another network's.
    """
    network = build_network(name)
    load_weights(network, state)
    return network.to(device)
