"""The folder a made clip is kept in, and what chance decides in it."""

import json
import zlib
from pathlib import Path

import numpy as np

from tracker.types import UserError


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


def write_meta(case: Path, kind: str, source: str, seed: int, more: dict[str, object]) -> None:
    """Say in the case's `meta.json` how it was made."""
    content = {"source": f"derived ({kind}, seed {seed}): {source}", **more}
    (case / "meta.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def generator_of(name: str, seed: int) -> np.random.Generator:
    """Return what decides for the case of that name: the same for the same name and seed."""
    return np.random.default_rng([seed, zlib.crc32(name.encode("utf-8"))])
