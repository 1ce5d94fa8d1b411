"""Which engine does each job: the best one that can run on this machine."""

import importlib.util
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from tracker import checkpoints, verdicts
from tracker.apart import PropagatorApart
from tracker.engine_table import (
    DETECTORS,
    INPAINTERS,
    PROPAGATORS,
    PROPOSERS,
    SEGMENTERS,
    EngineSpec,
)
from tracker.interfaces import Inpainter, MaskPropagator, Proposer, Segmenter, TextDetector
from tracker.jobs import Settings
from tracker.processes import num_cores
from tracker.published import RECORDS
from tracker.types import UserError

JOBS: Mapping[str, Mapping[str, EngineSpec[object]]] = {
    "segmenter": SEGMENTERS,
    "detector": DETECTORS,
    "proposer": PROPOSERS,
    "propagator": PROPAGATORS,
    "inpainter": INPAINTERS,
}
DEFAULTS = Settings()
logger = logging.getLogger(__name__)
MISSING = "is not here yet"
OWN_LICENCE = "MIT"  # of the engines that need no weights


@dataclass(frozen=True)
class Choice:
    """The engine that does a job, on which device, and why it was taken."""

    job: str
    name: str
    device: str
    reason: str


def has_torch() -> bool:
    """Return whether the learned engines' library is installed."""
    return importlib.util.find_spec("torch") is not None


@cache
def accelerator() -> str | None:
    """Return "cuda" or "mps" if torch is installed and has one, else None."""
    if not has_torch():
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


def choose(
    job: str, name: str = "auto", device: str = "auto", *, commercial: bool = False
) -> Choice:
    """Return the engine for a job: the named one, or the best that can run here.

    "auto" takes the first in the table whose checkpoint is on disk, that passed its
    self-test if it had one, and that suits the device; the last needs none of this.

    Args:
        job: a key of JOBS.
        name: of an engine, or "auto".
        device: "auto", or where to compute.
        commercial: only engines whose weights may be used commercially.

    Raises:
        UserError: there is no such engine or device, its checkpoint is missing, or its
            licence forbids what it is wanted for.
    """
    specs = JOBS[job]
    if name == "auto":
        return _choose_best(job, specs, device, commercial=commercial)
    if name not in specs:
        raise UserError(f"unknown {job} {name!r}; choose one of: auto, {', '.join(specs)}")
    checkpoint = specs[name].checkpoint
    if checkpoint is None:
        return Choice(job, name, "cpu", "asked for; needs no checkpoint")
    if commercial and not RECORDS[checkpoint].commercial:
        raise UserError(
            f"the weights of {name} are for non-commercial use ({RECORDS[checkpoint].licence}); "
            "choose another engine, or leave --commercial out"
        )
    if checkpoints.path(checkpoint) is None:
        file = RECORDS[checkpoint].file
        raise UserError(f"{name} needs ckpt/{file}; run: python -m tracker download {checkpoint}")
    if not has_torch():
        raise UserError(f"{name} needs torch; run: bash script/install.sh full")
    return Choice(job, name, resolve_device(device), "asked for")


def _choose_best(
    job: str, specs: Mapping[str, EngineSpec[object]], device: str, *, commercial: bool
) -> Choice:
    passed_over = ""
    for name, spec in specs.items():
        if spec.checkpoint is None:
            reason = passed_over or "needs no checkpoint"
            return Choice(job, name, "cpu", reason)
        if checkpoints.path(spec.checkpoint) is None:
            passed_over = passed_over or "no checkpoint of a learned engine in ckpt/"
            continue
        if commercial and not RECORDS[spec.checkpoint].commercial:
            passed_over = f"{name} is on disk but not for commercial use"
            continue
        if (failure := verdicts.failure(spec.checkpoint)) is not None:
            passed_over = f"{name} is on disk but failed its self-test: {failure}"
            continue
        if not has_torch():
            passed_over = f"{name} is on disk but needs torch; run: bash script/install.sh full"
            continue
        where = resolve_device(device)
        if where != "cpu" or spec.auto_on_cpu:
            return Choice(job, name, where, "its checkpoint is on disk")
        passed_over = f"{name} is on disk but slow without an accelerator; ask for it by name"
    wanted = next(iter(specs))  # no stand-in without weights
    if passed_over.startswith(wanted):
        raise UserError(passed_over)
    return choose(job, wanted, device, commercial=commercial)


def make_segmenter(choice: Choice, settings: Settings = DEFAULTS) -> Segmenter:
    """Return a new segmenter, for one video."""
    return SEGMENTERS[choice.name].load(choice.device)(settings)


def make_detector(choice: Choice, settings: Settings = DEFAULTS) -> TextDetector:
    """Return a new detector of what words describe."""
    return DETECTORS[choice.name].load(choice.device)(settings)


def make_proposer(choice: Choice, settings: Settings = DEFAULTS) -> Proposer:
    """Return a new finder of what nobody pointed at."""
    return PROPOSERS[choice.name].load(choice.device)(settings)


def make_propagator(
    choice: Choice, settings: Settings = DEFAULTS, *, apart: bool = False
) -> MaskPropagator:
    """Return a new propagator, for one video; if `apart`, in another process where that helps."""
    spec = PROPAGATORS[choice.name]
    if apart and spec.maker is not None and num_cores() > 1:
        try:
            lookahead = 0 if settings.hurries else spec.lookahead
            return PropagatorApart(spec.maker, settings, lookahead=lookahead)
        except UserError as error:  # no process can be started: it is slower, no more, without
            _note_once(f"objects are followed in this process, which is slower: {error}")
    return spec.load(choice.device)(settings)


@cache
def _note_once(sentence: str) -> None:
    logger.warning("%s", sentence)


def make_inpainter(choice: Choice, settings: Settings = DEFAULTS) -> Inpainter:
    """Return a new inpainter, for one video."""
    return INPAINTERS[choice.name].load(choice.device)(settings)


def segmenter(name: str = "auto", device: str = "auto") -> Segmenter:
    """Return a new segmenter of the best, or of the named, kind."""
    return make_segmenter(choose("segmenter", name, device))


def describe(device: str = "auto", *, commercial: bool = False) -> list[Choice]:
    """Return what "auto" takes for every job on this machine.

    A job nobody can do yet has the engine "none", and what to do as the reason.
    """
    choices = []
    for job in JOBS:
        try:
            choices.append(choose(job, device=device, commercial=commercial))
        except UserError as error:
            choices.append(Choice(job, "none", resolve_device(device), str(error)))
    return choices


def table(job: str) -> list[tuple[str, str]]:
    """Return the engines that can do `job`, each with what it needs."""
    rows = []
    for name, spec in JOBS[job].items():
        if spec.checkpoint is None:
            state = "ready, needs no checkpoint"
        elif (failure := verdicts.failure(spec.checkpoint)) is not None:
            state = f"failed its self-test: {failure}"
        elif checkpoints.path(spec.checkpoint) is not None:
            state = "ready" if spec.auto_on_cpu else "ready; slow without an accelerator"
        else:
            state = f"needs ckpt/{RECORDS[spec.checkpoint].file}"
        rows.append((name, state))
    return rows


def obstacle(job: str) -> str | None:
    """Return why nobody can do `job` here, None if somebody can; imports nothing heavy."""
    for spec in JOBS[job].values():
        if spec.checkpoint is None:
            return None
        if checkpoints.path(spec.checkpoint) is None:
            continue
        failure = verdicts.failure(spec.checkpoint)
        if failure is not None:
            return f"{spec.checkpoint} failed its self-test: {failure}"
        return None if has_torch() else "it needs torch; run: bash script/install.sh full"
    return f"{next(iter(JOBS[job]))} {MISSING}"


def waiting_time(choice: Choice, num_frames: int | None) -> str | None:
    """Return a sentence on how long a learned engine will take on a CPU, if that is long."""
    seconds = JOBS[choice.job][choice.name].cpu_seconds
    if choice.device != "cpu" or not seconds:
        return None
    sentence = f"{choice.name} needs about {seconds:g} s per frame without an accelerator"
    if num_frames is None:
        return sentence
    return f"{sentence}, {max(1, round(seconds * num_frames / 60))} min for this clip"


def stamp_of(choice: Choice) -> tuple[str, int, int] | None:
    """Return what changes when an engine's weights are replaced; None if it has none."""
    checkpoint = JOBS[choice.job][choice.name].checkpoint
    return None if checkpoint is None else checkpoints.stamp(checkpoint)


def licence_of(name: str) -> str:
    """Return the licence of the weights the engine `name` uses, or ours if it uses none."""
    checkpoints_used = {specs[name].checkpoint for specs in JOBS.values() if name in specs}
    return ", ".join(
        OWN_LICENCE if each is None else RECORDS[each].licence for each in checkpoints_used
    )


def licence_notes(choices: Iterable[Choice]) -> list[str]:
    """Return a sentence on each engine whose weights may not be used commercially."""
    notes = []
    for choice in choices:
        spec = JOBS[choice.job].get(choice.name)  # None: an engine a program brought along
        checkpoint = None if spec is None else spec.checkpoint
        if checkpoint is not None and not RECORDS[checkpoint].commercial:
            licence = RECORDS[checkpoint].licence
            notes.append(f"the weights of {choice.name} are for non-commercial use ({licence})")
    return notes
