"""Through time: labels to labels (DeAOT and AOT).

`build_network`, `load_network` and `DeAOTPropagator` are imported when they are asked for,
so importing the package does not import torch.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "VARIANTS": "aot.config",
    "build_network": "aot.network",
    "load_network": "aot.network",
    "load_weights": "aot.network",
    "DeAOTPropagator": "aot.propagator",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'aot' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
