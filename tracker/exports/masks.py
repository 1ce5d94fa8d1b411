"""Masks from outside: a zip or folder of PNGs, one PNG, or a matte video."""

from pathlib import Path
from typing import TypeAlias

from tracker.exports.mattes import MatteReader
from tracker.masks import MaskReader

MATTE_ENDINGS = (".mkv", ".mp4", ".mov", ".webm", ".avi", ".m4v", ".mxf")

Masks: TypeAlias = MaskReader | MatteReader


def open_masks(path: Path) -> Masks:
    """Open masks of any kind.

    Raises:
        UserError: The path holds no masks, or something other than masks.
    """
    if path.suffix.lower() in MATTE_ENDINGS and not path.is_dir():
        return MatteReader(path)
    return MaskReader(path)
