"""How every engine is made: one loader each, and the tables that name them.

Only this module imports the model folders, inside the loader that needs them, so starting
the program needs neither weights nor torch.  A loader reads weights once per device, and
again only if their file was replaced, and returns a maker; the maker makes an engine object
for one video.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from tracker import checkpoints
from tracker.costs import available_memory_bytes
from tracker.interfaces import Inpainter, MaskPropagator, Proposer, Segmenter, TextDetector
from tracker.jobs import Settings, Size
from tracker.published import RECORDS
from tracker.types import UserError
from tracker.windows import PUBLISHED, Schedule

if TYPE_CHECKING:
    from torch import nn

    from aot.network import PropagationNetwork
    from e2fgvi import E2FGVI

EngineT = TypeVar("EngineT", covariant=True)
FAST_SHARE = 0.4  # of an inpainter's pixels: twice as fast, and details still show
Stamp = tuple[str, int, int] | None  # of a file; see `checkpoints.stamp`


@dataclass(frozen=True)
class EngineSpec(Generic[EngineT]):
    """How to make an engine, what it needs, and when it may be chosen by itself."""

    load: Callable[[str], Callable[[Settings], EngineT]]  # device -> maker
    checkpoint: str | None = None
    auto_on_cpu: bool = True  # may "auto" take it where there is no accelerator?
    cpu_seconds: float = 0.0  # per frame on two cores, at its working size; 0: no wait worth a word
    # "module:function", of `Settings`: it is largely Python, so at its best in its own process.
    maker: str | None = None
    lookahead: int = 0  # that of what the maker makes (`LookingAhead`), unless it hurries


@dataclass(frozen=True)
class InpainterSpec(EngineSpec[Inpainter]):
    """An inpainter also says at which size and in which windows it works best."""

    max_pixels: int | None = None  # of a working frame; None: the source's size
    grain: tuple[int, int] = (1, 1)  # height, width: pictures are padded to multiples of it
    bytes_per_pixel: float = 0.0  # of a working frame; 0: remembers nothing beyond its windows
    schedule: Schedule = PUBLISHED
    history: int = 3  # frames before the newest one in a streaming window
    num_references: int = 3  # earlier frames a streaming window looks at besides

    def pixels_at(self, size: Size, source_pixels: int) -> int | None:
        """Return how many pixels a working frame may have; None: as many as the source."""
        if size == "full":
            return None
        best = min(self.max_pixels or source_pixels, source_pixels)
        return best if size == "balanced" else round(best * FAST_SHARE)


def _classical_segmenter(device: str) -> Callable[[Settings], Segmenter]:
    from tracker.classical.segmenter import ClassicalSegmenter
    from tracker.classical.settling import settle_in

    settle_in()
    return lambda settings: ClassicalSegmenter()


def make_classical_propagator(settings: Settings) -> MaskPropagator:
    """Return a new propagator that needs no weights."""
    from tracker.classical.propagator import ClassicalPropagator
    from tracker.classical.settling import settle_in

    settle_in()
    return ClassicalPropagator(hurries=settings.hurries)


def _classical_propagator(device: str) -> Callable[[Settings], MaskPropagator]:
    from tracker.classical.settling import settle_in

    settle_in()
    return make_classical_propagator


def _classical_inpainter(device: str) -> Callable[[Settings], Inpainter]:
    from tracker.classical.inpainter import ClassicalInpainter
    from tracker.classical.settling import settle_in

    settle_in()
    return lambda settings: ClassicalInpainter()


def _classical_proposer(device: str) -> Callable[[Settings], Proposer]:
    from tracker.classical.proposer import ClassicalProposer
    from tracker.classical.settling import settle_in

    settle_in()
    return lambda settings: ClassicalProposer()


@lru_cache(maxsize=2)  # one that clicks and one that refines
def _sam_network(name: str, device: str, stamp: Stamp) -> "nn.Module":
    from sam.networks import load_network

    try:
        return load_network(name, checkpoints.load(name), device)
    except ValueError as error:
        raise _foreign(name, error) from error


def _sam(name: str, device: str) -> Callable[[Settings], Segmenter]:
    from sam.segmenter import SamSegmenter

    network = _sam_network(name, device, checkpoints.stamp(name))
    return lambda settings: SamSegmenter(network, device=device)


def _sam_proposer(name: str, device: str) -> Callable[[Settings], Proposer]:
    from sam.automatic import SamProposer

    network = _sam_network(name, device, checkpoints.stamp(name))
    return lambda settings: SamProposer(network)


@lru_cache(maxsize=1)
def _grounding_dino_network(device: str, stamp: Stamp) -> "nn.Module":
    from sam.grounding_dino import load_folder, load_network

    name = "groundingdino"
    place = checkpoints.path(name)
    try:
        if place is not None and place.is_dir():
            return load_folder(place, device)
        return load_network(checkpoints.load(name), device)
    except ValueError as error:
        raise _foreign(name, error) from error


def _grounding_dino(device: str) -> Callable[[Settings], TextDetector]:
    import sam.detector

    network = _grounding_dino_network(device, checkpoints.stamp("groundingdino"))
    vocabulary = Path(sam.detector.__file__).with_name("vocabulary") / "bert_base_uncased.txt"
    return lambda settings: sam.detector.GroundingDinoDetector(network, vocabulary, device=device)


@lru_cache(maxsize=1)
def _aot_network(variant: str, device: str, stamp: Stamp) -> "PropagationNetwork":
    import torch

    from aot import load_network

    dtype = torch.float16 if device == "cuda" else torch.float32
    try:
        network: PropagationNetwork = load_network(
            variant, checkpoints.load(variant), device, dtype
        )
    except ValueError as error:
        raise _foreign(variant, error) from error
    return network


def _aot(variant: str, device: str) -> Callable[[Settings], MaskPropagator]:
    from aot import DeAOTPropagator

    network = _aot_network(variant, device, checkpoints.stamp(variant))
    return lambda settings: DeAOTPropagator(
        network,
        device=device,
        memory_gap=settings.memory_gap,
        max_memory_frames=settings.memory_frames,
    )


@lru_cache(maxsize=1)
def _e2fgvi_network(name: str, device: str, stamp: Stamp, compiled: bool) -> "E2FGVI":
    from e2fgvi import build_network
    from e2fgvi.compiling import compile_network

    network = build_network(hq=name == "e2fgvi_hq")
    try:
        network.load_state_dict(checkpoints.load(name), strict=True)
    except RuntimeError as error:
        raise _foreign(name, error) from error
    return compile_network(network.to(device)) if compiled else network.to(device)


def _e2fgvi(name: str, device: str) -> Callable[[Settings], Inpainter]:
    import torch

    from e2fgvi.compiling import why_not_compile
    from e2fgvi.conditions import Conditions, Plan, free_memory
    from e2fgvi.inpainter import E2FGVIInpainter

    where = torch.device(device)
    dtype = torch.float16 if device == "cuda" else torch.float32

    def make(settings: Settings) -> Inpainter:
        if settings.compile and (reason := why_not_compile(device)) is not None:
            raise UserError(f"{name} cannot be compiled here: {reason}; leave --compile out")
        network = _e2fgvi_network(name, device, checkpoints.stamp(name), settings.compile)
        conditions = Conditions(
            where,
            Plan(dtype),
            settings.recall,
            settings.rate,
            available_memory_bytes if device == "cpu" else partial(free_memory, where),
        )
        return E2FGVIInpainter(network, device=device, conditions=conditions)

    return make


def forget_networks() -> None:
    """Give up the memory of all loaded networks; engines that are at work keep theirs."""
    for loader in (_sam_network, _grounding_dino_network, _aot_network, _e2fgvi_network):
        loader.cache_clear()


def _foreign(name: str, error: Exception) -> UserError:
    """Explain a checkpoint that does not fit its network."""
    reason = str(error).strip().splitlines()[-1].strip()
    return UserError(
        f"{RECORDS[name].file} does not hold {name} ({reason}); delete it and run: "
        f"python -m tracker download {name}"
    )


def _clicker(name: str, *, auto_on_cpu: bool) -> EngineSpec[Segmenter]:
    return EngineSpec(partial(_sam, name), name, auto_on_cpu=auto_on_cpu)


def _proposer(name: str, *, auto_on_cpu: bool) -> EngineSpec[Proposer]:
    return EngineSpec(partial(_sam_proposer, name), name, auto_on_cpu=auto_on_cpu)


def _tracker(variant: str, cpu_seconds: float) -> EngineSpec[MaskPropagator]:
    return EngineSpec(partial(_aot, variant), variant, auto_on_cpu=False, cpu_seconds=cpu_seconds)


def _inpainter(name: str, cpu_seconds: float) -> InpainterSpec:
    return InpainterSpec(
        partial(_e2fgvi, name),
        name,
        auto_on_cpu=False,
        cpu_seconds=cpu_seconds,
        max_pixels=432 * 240,
        grain=(60, 108) if name == "e2fgvi_hq" else (240, 432),
    )


SEGMENTERS: Mapping[str, EngineSpec[Segmenter]] = {
    "sam_vit_b": _clicker("sam_vit_b", auto_on_cpu=False),
    "sam_vit_l": _clicker("sam_vit_l", auto_on_cpu=False),
    "sam_vit_h": _clicker("sam_vit_h", auto_on_cpu=False),
    "sam_hq_tiny": _clicker("sam_hq_tiny", auto_on_cpu=True),
    "mobile_sam": _clicker("mobile_sam", auto_on_cpu=True),
    "classical": EngineSpec(_classical_segmenter),
}
DETECTORS: Mapping[str, EngineSpec[TextDetector]] = {  # words need weights: no stand-in
    "groundingdino": EngineSpec(_grounding_dino, "groundingdino", cpu_seconds=6.0),
}
PROPOSERS: Mapping[str, EngineSpec[Proposer]] = {
    "sam_vit_b": _proposer("sam_vit_b", auto_on_cpu=False),
    "sam_vit_l": _proposer("sam_vit_l", auto_on_cpu=False),
    "sam_vit_h": _proposer("sam_vit_h", auto_on_cpu=False),
    "sam_hq_tiny": _proposer("sam_hq_tiny", auto_on_cpu=True),
    "mobile_sam": _proposer("mobile_sam", auto_on_cpu=True),
    "classical": EngineSpec(_classical_proposer),
}
PROPAGATORS: Mapping[str, EngineSpec[MaskPropagator]] = {
    "r50_deaotl": _tracker("r50_deaotl", 1.0),
    "swinb_deaotl": _tracker("swinb_deaotl", 1.7),
    "deaotl": _tracker("deaotl", 0.8),
    "deaotb": _tracker("deaotb", 0.5),
    "deaots": _tracker("deaots", 0.35),
    "deaott": _tracker("deaott", 0.25),
    "r50_aotl": _tracker("r50_aotl", 1.0),
    "swinb_aotl": _tracker("swinb_aotl", 1.7),
    "aotl": _tracker("aotl", 0.8),
    "aotb": _tracker("aotb", 0.5),
    "aots": _tracker("aots", 0.35),
    "aott": _tracker("aott", 0.25),
    "classical": EngineSpec(
        _classical_propagator, maker="tracker.engine_table:make_classical_propagator", lookahead=12
    ),
}
INPAINTERS: Mapping[str, InpainterSpec] = {
    "e2fgvi_hq": _inpainter("e2fgvi_hq", 1.9),
    "e2fgvi": _inpainter("e2fgvi", 1.9),
    "classical": InpainterSpec(
        _classical_inpainter,
        max_pixels=960 * 540,
        bytes_per_pixel=440,
        schedule=Schedule(stride=10, reach=10, overlap=False),
        history=1,
        num_references=1,
    ),
}
