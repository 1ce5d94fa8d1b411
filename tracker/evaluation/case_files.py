"""The folder a made clip is kept in, and what chance decides in it."""

import json
import zlib
from collections.abc import Collection, Sized
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tracker.label_images import encode_labels
from tracker.types import Frame, LabelMap, Mask, UserError


@dataclass(frozen=True)
class CaseOrder:
    """Which cases are to be made."""

    clips: Path  # the folder of clips they are made of
    output: Path  # the folder they go to
    only: Collection[str] | None = None  # clips to be used; None: all
    size: tuple[int, int] | None = None  # height, width of the frames; None: as they are
    seed: int = 0  # of what chance decides


def check_enough(clips: Path, usable: Sized, least: int) -> None:
    """Raise UserError where fewer than `least` of the clips below `clips` are usable."""
    if len(usable) < least:
        raise UserError(
            f"{clips} has {len(usable)} clips with frames and masks; {least} are needed"
        )


def new_case(folder: Path) -> Path:
    """Make `folder` with room for frames and masks; return it.

    Raises:
        UserError: it exists.
    """
    if folder.exists():
        raise UserError(f"{folder} exists; choose another output folder or remove it")
    for part in ("frames", "masks"):
        (folder / part).mkdir(parents=True)
    return folder


def write_frame(case: Path, index: int, picture: Frame, truth: LabelMap | Mask) -> None:
    """Put a frame and its labels, or where its one object is, into the folder of a case."""
    name = f"{index:05d}.png"
    Image.fromarray(picture).save(case / "frames" / name, compress_level=1)
    (case / "masks" / name).write_bytes(encode_labels(truth.astype(np.uint8)))


def write_meta(case: Path, kind: str, source: str, seed: int, more: dict[str, object]) -> None:
    """Say in the case's `meta.json` how it was made."""
    content = {"source": f"derived ({kind}, seed {seed}): {source}", **more}
    (case / "meta.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def generator_of(name: str, seed: int) -> np.random.Generator:
    """Return what decides for the case of that name: the same for the same name and seed."""
    return np.random.default_rng([seed, zlib.crc32(name.encode("utf-8"))])
