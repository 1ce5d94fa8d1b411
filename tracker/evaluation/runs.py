"""Run an engine over a data set, as the published tables were made.

`track` follows the first true masks and writes what the DAVIS benchmark reads.  `inpaint`
fills clips at the protocol's size, in the published windows, and keeps the mean of
overlapping windows unrounded (`.npy`), since that is what was measured.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from PIL import Image

from tracker import engines
from tracker.averages import Prediction
from tracker.buffering import Pair
from tracker.classical.baselines import fill_nearest, fill_telea
from tracker.engine_table import INPAINTERS
from tracker.engines import Choice
from tracker.evaluation.layout import choose_clips, find_clips, list_images
from tracker.evaluation.protocol import FrameFolder, composite, read_holes
from tracker.evidence import Evidence
from tracker.jobs import Mode, Settings
from tracker.label_images import encode_labels, read_label_image
from tracker.part import Part
from tracker.pipeline import average
from tracker.spool import LabelSpool
from tracker.tracking import Tracking
from tracker.types import UserError
from tracker.video import VideoReader
from tracker.windows import PUBLISHED, Window, causal_windows, offline_windows

Baseline: TypeAlias = Literal["telea", "nearest", "previous"]
Say: TypeAlias = Callable[[str], None]


BLANK = np.array((0, 255, 0), np.uint8)  # seldom seen, so that looking there would show


@dataclass(frozen=True)
class FillPlan:
    """How clips are filled."""

    choice: Choice | Baseline
    mode: Mode
    is_published: bool  # offline windows as published, seeing every tenth frame of the clip
    size: tuple[int, int] | None  # height, width; None: the clip's
    dilation: int  # times the masks are grown by a 3x3 cross
    lookahead: int = 0  # frames streaming waits for

    @property
    def name(self) -> str:
        """Return who fills."""
        return self.choice.name if isinstance(self.choice, Choice) else self.choice


@dataclass(frozen=True)
class Done:
    """One clip that an engine has been through."""

    clip: str
    num_frames: int
    engine: str
    folder: Path  # where its frames are
    seconds: float  # by the clock, in little but the engine

    def __str__(self) -> str:
        rate = self.num_frames / max(self.seconds, 1e-6)
        return (
            f"{self.clip}: {self.num_frames} frames with {self.engine}, "
            f"{rate:.1f} a second, to {self.folder}"
        )


def track(
    clips: Path,
    output: Path,
    only: Collection[str] | None,
    choice: Choice,
    memory_frames: int | None,
    mode: Mode = "offline",
) -> Iterator[Done]:
    """Follow the objects of each clip's first label image; yield each clip when it is written.

    Offline, as a removal does it, objects that were out of sight are looked back for from where
    they are found again; streaming never looks back.

    Raises:
        UserError: a clip has no labels of its first frame, or is done already.
    """
    shots = find_clips(clips, "frames")
    labels = find_clips(clips, "masks")
    settings = Settings(memory_frames=memory_frames, hurries=mode == "streaming")
    for name, place in choose_clips(
        shots, only or [n for n in shots if n in labels], clips
    ).items():
        target = _new_folder(output / name)
        if name not in labels:
            raise UserError(f"{name} has no masks in {clips}; the first frame's are needed")
        given = read_label_image(list_images(labels[name], "masks")[0])
        make = partial(engines.make_propagator, choice, settings)

        source = FrameFolder(place)
        # As everything is measured: other decoders of JPEG differ in the last bits.
        frames = [np.array(pixels, np.uint8) for pixels in source.read(None)]
        with VideoReader(frames) as reader, LabelSpool(*given.shape) as found:
            tracking = Tracking(reader, Part(), {0: given}, make, found, Evidence())
            along = tracking.offline(0) if mode == "offline" else tracking.forwards(iter(reader), 0)
            start = time.perf_counter()
            for _ in along:
                pass
            seconds = time.perf_counter() - start
            names = source.names or [f"{index:05d}" for index in range(len(frames))]
            for index, stem in enumerate(names):
                (target / f"{stem}.png").write_bytes(encode_labels(found[index]))
        yield Done(name, len(frames), choice.name, target, seconds)


def inpaint(
    clips: Path, masks: Path, output: Path, only: Collection[str] | None, plan: FillPlan
) -> Iterator[Done]:
    """Fill the holes of each clip that has masks; yield each clip when it is written.

    Raises:
        UserError: frames and masks do not fit, or a clip is done already.
    """
    shots, holes = find_clips(clips, "frames"), find_clips(masks, "masks")
    wanted = only or [name for name in shots if name in holes]
    for name, place in choose_clips(shots, wanted, clips).items():
        if name not in holes:
            raise UserError(f"{name} has no masks in {masks}")
        source = FrameFolder(place)
        frames = [np.array(pixels, np.uint8) for pixels in source.read(plan.size)]
        names = source.names or [f"{index:05d}" for index in range(len(frames))]
        size = (frames[0].shape[0], frames[0].shape[1])
        found = []
        for hole in read_holes(holes[name], size, plan.dilation):
            found.append(hole)
            if len(found) == len(frames):
                break
        if len(found) < len(frames):
            raise UserError(f"{name} has {len(frames)} frames but {len(found)} masks")
        target = _new_folder(output / name)
        # Nobody may look into the hole: where frames are the truth, the answer would be there.
        seen = [np.where(h[..., None], BLANK, f) for f, h in zip(frames, found, strict=True)]
        pairs: list[Pair] = list(zip(seen, found, strict=True))
        start = time.perf_counter()
        filled = list(_fill(plan, pairs))
        seconds = time.perf_counter() - start
        for stem, frame, hole, prediction in zip(names, frames, found, filled, strict=True):
            result = composite(prediction, frame, hole)
            if prediction.dtype == np.uint8:
                Image.fromarray(result.astype(np.uint8)).save(target / f"{stem}.png")
            else:  # means of at most three windows are quarters: float16 holds them exactly
                np.save(target / f"{stem}.npy", result.astype(np.float16))
        yield Done(name, len(frames), plan.name, target, seconds)


def _fill(plan: FillPlan, pairs: Sequence[Pair]) -> Iterable[Prediction]:
    """Return the clip's frames with their holes filled, in order."""
    if isinstance(plan.choice, Choice):
        inpainter = engines.make_inpainter(plan.choice)
        windows = _windows(plan, plan.choice, len(pairs))
        means = average(pairs, windows, inpainter, pairs.__getitem__)
        return (mean.exact for mean in means)
    frames, holes = zip(*pairs, strict=True)
    if plan.choice == "telea":
        return fill_telea(frames, holes)
    return fill_nearest(frames, holes, past_only=plan.choice == "previous")


def _windows(plan: FillPlan, choice: Choice, num_frames: int) -> Iterator[Window]:
    spec = INPAINTERS[choice.name]
    if plan.mode == "streaming":
        return causal_windows(
            history=spec.history, num_references=spec.num_references, lookahead=plan.lookahead
        )
    if plan.is_published:
        return offline_windows(num_frames, replace(PUBLISHED, max_references=None))
    return offline_windows(num_frames, spec.schedule)


def _new_folder(folder: Path) -> Path:
    if folder.exists():
        raise UserError(f"{folder} exists; choose another output folder or remove it")
    folder.mkdir(parents=True)
    return folder
