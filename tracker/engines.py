"""Which engine does each job: the best one that can run on this machine.

Only this module imports the model folders, inside the loader that needs them, so starting
the program needs neither weights nor torch.
"""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

from tracker import checkpoints
from tracker.interfaces import Inpainter, MaskPropagator, Segmenter
from tracker.types import UserError
from tracker.windows import PUBLISHED, Schedule

EngineT = TypeVar("EngineT", covariant=True)


@dataclass(frozen=True)
class EngineSpec(Generic[EngineT]):
    """How to make an engine, what it needs, and when it may be chosen by itself."""

    load: Callable[[str], Callable[[], EngineT]]  # device -> maker; cached, loads weights once
    checkpoint: str | None = None
    auto_on_cpu: bool = True  # may "auto" take it where there is no accelerator?


@dataclass(frozen=True)
class InpainterSpec(EngineSpec[Inpainter]):
    """An inpainter also says at which size and in which windows it works best."""

    max_pixels: int | None = None  # of a working frame; None: the source's size
    schedule: Schedule = PUBLISHED


@dataclass(frozen=True)
class Choice:
    """The engine that does a job, on which device, and why it was taken."""

    job: str
    name: str
    device: str
    reason: str


def _classical_segmenter(device: str) -> Callable[[], Segmenter]:
    from tracker.classical.segmenter import ClassicalSegmenter

    return ClassicalSegmenter


def _classical_propagator(device: str) -> Callable[[], MaskPropagator]:
    from tracker.classical.propagator import ClassicalPropagator

    return ClassicalPropagator


def _classical_inpainter(device: str) -> Callable[[], Inpainter]:
    from tracker.classical.inpainter import ClassicalInpainter

    return ClassicalInpainter


SEGMENTERS: Mapping[str, EngineSpec[Segmenter]] = {
    "classical": EngineSpec(_classical_segmenter),
}
PROPAGATORS: Mapping[str, EngineSpec[MaskPropagator]] = {
    "classical": EngineSpec(_classical_propagator),
}
INPAINTERS: Mapping[str, InpainterSpec] = {
    "classical": InpainterSpec(
        _classical_inpainter,
        max_pixels=960 * 540,
        schedule=Schedule(stride=10, reach=10, overlap=False),
    ),
}
JOBS: Mapping[str, Mapping[str, EngineSpec[object]]] = {
    "segmenter": SEGMENTERS,
    "propagator": PROPAGATORS,
    "inpainter": INPAINTERS,
}


@cache
def accelerator() -> str | None:
    """Return "cuda" or "mps" if torch is installed and has one, else None."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


def resolve_device(name: str) -> str:
    """Return the device to compute on; "auto" is the accelerator if there is one."""
    if name in ("auto", "cpu"):
        return (accelerator() or "cpu") if name == "auto" else "cpu"
    if name != accelerator():
        found = accelerator() or "none"
        raise UserError(f"no {name} device here (accelerator found: {found}); use --device cpu")
    return name


def choose(job: str, name: str = "auto", device: str = "auto") -> Choice:
    """Return the engine for a job: the named one, or the best that can run here.

    "auto" takes the first in the table whose checkpoint is on disk and that suits the
    device; the last needs neither.

    Raises:
        UserError: there is no such engine or device, or its checkpoint is missing.
    """
    specs = JOBS[job]
    if name == "auto":
        return _choose_best(job, specs, device)
    if name not in specs:
        raise UserError(f"unknown {job} {name!r}; choose one of: auto, {', '.join(specs)}")
    checkpoint = specs[name].checkpoint
    if checkpoint is None:
        return Choice(job, name, "cpu", "asked for; needs no checkpoint")
    if checkpoints.path(checkpoint) is None:
        file = checkpoints.RECORDS[checkpoint].file
        raise UserError(f"{name} needs ckpt/{file}; run: python -m tracker download {checkpoint}")
    return Choice(job, name, resolve_device(device), "asked for")


def _choose_best(job: str, specs: Mapping[str, EngineSpec[object]], device: str) -> Choice:
    passed_over = ""
    for name, spec in specs.items():
        if spec.checkpoint is None:
            reason = passed_over or "needs no checkpoint"
            return Choice(job, name, "cpu", reason)
        if checkpoints.path(spec.checkpoint) is None:
            passed_over = passed_over or "no checkpoint of a learned engine in ckpt/"
            continue
        where = resolve_device(device)
        if where != "cpu" or spec.auto_on_cpu:
            return Choice(job, name, where, "its checkpoint is on disk")
        passed_over = f"{name} is on disk but slow without an accelerator; ask for it by name"
    raise ValueError(f"no engine for {job} works without a checkpoint")


def make_segmenter(choice: Choice) -> Segmenter:
    """Return a new segmenter, for one video."""
    return SEGMENTERS[choice.name].load(choice.device)()


def make_propagator(choice: Choice) -> MaskPropagator:
    """Return a new propagator, for one video."""
    return PROPAGATORS[choice.name].load(choice.device)()


def make_inpainter(choice: Choice) -> Inpainter:
    """Return a new inpainter, for one video."""
    return INPAINTERS[choice.name].load(choice.device)()


def segmenter(name: str = "auto", device: str = "auto") -> Segmenter:
    """Return a new segmenter of the best, or of the named, kind."""
    return make_segmenter(choose("segmenter", name, device))


def describe(device: str = "auto") -> list[Choice]:
    """Return what "auto" takes for every job on this machine."""
    return [choose(job, device=device) for job in JOBS]


def table(job: str) -> list[tuple[str, str]]:
    """Return the engines that can do `job`, each with what it needs."""
    rows = []
    for name, spec in JOBS[job].items():
        if spec.checkpoint is None:
            state = "ready, needs no checkpoint"
        elif checkpoints.path(spec.checkpoint) is not None:
            state = "ready" if spec.auto_on_cpu else "ready; slow without an accelerator"
        else:
            state = f"needs ckpt/{checkpoints.RECORDS[spec.checkpoint].file}"
        rows.append((name, state))
    return rows
