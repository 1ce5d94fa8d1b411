"""The published variants of DeAOT and AOT: rows of one table.

Sources: Yang and Yang, "Decoupling Features in Hierarchical Propagation for Video Object
Segmentation" (NeurIPS 2022) and Yang, Wei and Yang, "Associating Objects with Transformers
for Video Object Segmentation" (NeurIPS 2021).
"""

from dataclasses import dataclass

ONLY_PROMPTED = 9999  # the published memory gap of the small models: prompted frames only


@dataclass(frozen=True)
class NetworkConfig:
    """Architecture of one published variant."""

    encoder: str  # "mobilenetv2", "resnet50" or "swin_base"
    num_layers: int  # propagation layers
    memory_gap: int  # frames between two long-term memories, as published for testing
    is_gated: bool = True  # DeAOT; False: AOT, whose layers have eight heads and no gates
    align_corners: bool = True  # False: sizes are multiples of 16 instead of 16k + 1
    width: int = 256  # channels of one stream of tokens
    max_objects: int = 10  # one group's; more objects need more groups


VARIANTS = {
    "deaott": NetworkConfig("mobilenetv2", num_layers=1, memory_gap=ONLY_PROMPTED),
    "deaots": NetworkConfig("mobilenetv2", num_layers=2, memory_gap=ONLY_PROMPTED),
    "deaotb": NetworkConfig("mobilenetv2", num_layers=3, memory_gap=ONLY_PROMPTED),
    "deaotl": NetworkConfig("mobilenetv2", num_layers=3, memory_gap=5),
    "r50_deaotl": NetworkConfig("resnet50", num_layers=3, memory_gap=5),
    "swinb_deaotl": NetworkConfig("swin_base", num_layers=3, memory_gap=5, align_corners=False),
    "aott": NetworkConfig("mobilenetv2", num_layers=1, memory_gap=ONLY_PROMPTED, is_gated=False),
    "aots": NetworkConfig("mobilenetv2", num_layers=2, memory_gap=ONLY_PROMPTED, is_gated=False),
    "aotb": NetworkConfig("mobilenetv2", num_layers=3, memory_gap=ONLY_PROMPTED, is_gated=False),
    "aotl": NetworkConfig("mobilenetv2", num_layers=3, memory_gap=5, is_gated=False),
    "r50_aotl": NetworkConfig("resnet50", num_layers=3, memory_gap=5, is_gated=False),
    "swinb_aotl": NetworkConfig(
        "swin_base", num_layers=3, memory_gap=5, is_gated=False, align_corners=False
    ),
}


def config_of(variant: str) -> NetworkConfig:
    """Return the row called `variant`.

    Raises:
        ValueError: there is no such variant.
    """
    if variant not in VARIANTS:
        raise ValueError(f"no variant {variant!r}; there are {', '.join(VARIANTS)}")
    return VARIANTS[variant]
