"""What benchmarks need of a device: its name, its own clock, and engines with pseudo-weights.

How long a network computes does not depend on its weights, so none have to be downloaded.
On an accelerator half precision is used where the program would, and time is told by events
of the device; on a CPU by the clock.
"""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from script.fill_rule import fill_state_dict
from tracker.engine_table import INPAINTERS, PROPAGATORS, SEGMENTERS
from tracker.engines import has_torch
from tracker.interfaces import Inpainter, MaskPropagator, Segmenter
from tracker.jobs import Settings

WEIGHT_FREE = "classical"


@dataclass(frozen=True)
class Device:
    """Where learned engines compute."""

    name: str  # "cpu", "cuda" or "mps"
    is_half: bool = False  # half precision, where the program would use it

    @property
    def label(self) -> str:
        """Return the name of the thing itself, and the precision."""
        if self.name == "cuda":
            import torch

            return f"{torch.cuda.get_device_name()}, {'half' if self.is_half else 'float32'}"
        return f"{platform.processor() or platform.machine()}, float32"

    @property
    def dtype(self) -> Any:
        """Return torch's type of what is computed."""
        import torch

        return torch.float16 if self.is_half else torch.float32


def timed(work: Callable[[], object], device: str) -> float:
    """Return the seconds `work` takes: from event to event on an accelerator."""
    if device != "cuda":
        started = time.perf_counter()
        work()
        return time.perf_counter() - started
    import torch

    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    before.record()
    work()
    after.record()
    torch.cuda.synchronize()
    return float(before.elapsed_time(after)) / 1000


def peak_device_mb(device: str) -> float | None:
    """Return the most memory of the accelerator this process has had, in MB."""
    if device != "cuda":
        return None
    import torch

    return float(torch.cuda.max_memory_allocated()) / 2**20


def known_engines(job: str) -> list[str]:
    """Return the engines of a job that can be timed here."""
    tables = {"click": SEGMENTERS, "track": PROPAGATORS, "fill": INPAINTERS}
    return [n for n, spec in tables[job].items() if spec.checkpoint is None or has_torch()]


def make_segmenter(name: str, device: Device) -> Segmenter:
    """Return a segmenter whose network, if it has one, has random weights."""
    if name == WEIGHT_FREE:
        return SEGMENTERS[name].load("cpu")(Settings())
    from sam.networks import build_network
    from sam.segmenter import SamSegmenter

    return SamSegmenter(build_network(name).to(device.name), device=device.name)


def propagator_maker(name: str, device: Device) -> Callable[[], MaskPropagator]:
    """Return what makes propagators that share a network with pseudo-weights."""
    if name == WEIGHT_FREE:
        return lambda: PROPAGATORS[name].load("cpu")(Settings())
    from aot.propagator import DeAOTPropagator
    from script.parity_aot import pseudo_network

    network = pseudo_network(name).to(device.name, device.dtype)
    bound = Settings().memory_frames
    return lambda: DeAOTPropagator(network, device=device.name, max_memory_frames=bound)


def inpainter_maker(
    name: str, device: Device, recall: Literal["recompute", "memory"] = "recompute"
) -> Callable[[], Inpainter]:
    """Return what makes inpainters that share a network with pseudo-weights."""
    if name == WEIGHT_FREE:
        return lambda: INPAINTERS[name].load("cpu")(Settings())
    from e2fgvi import build_network
    from e2fgvi.inpainter import E2FGVIInpainter

    network = build_network(hq=name == "e2fgvi_hq")
    fill_state_dict(network.state_dict())
    network = network.to(device.name)
    return lambda: E2FGVIInpainter(network, device=device.name, dtype=device.dtype, recall=recall)
