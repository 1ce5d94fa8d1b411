"""Zip archives that somebody sent: what has no place in them, and what reading them can raise."""

import stat
import struct
import zipfile
import zlib
from pathlib import PurePosixPath

from tracker.exports.manifest import MANIFEST_NAME
from tracker.label_images import MAX_FILE_BYTES
from tracker.types import UserError

MAX_RATIO = 100  # unpacked to packed, of entries above a megabyte; PNG is compressed already
HARMLESS_BYTES = 1 << 20

# Names in unknown encodings, fields that point nowhere, bits that ask for a password: the
# `zipfile` module refuses what is broken in many voices.  OSError is not among them: the disk
# may be at fault.
BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


def is_clutter(name: str) -> bool:
    """Return whether a file is no mask, but harmless: a desktop's, or our list of the masks."""
    path = PurePosixPath(name)
    known = ("Thumbs.db", MANIFEST_NAME)
    return path.parts[0] == "__MACOSX" or path.name.startswith(".") or path.name in known


def check_entry(entry: zipfile.ZipInfo, archive: str) -> None:
    """Refuse what has no place in an archive of masks.

    Raises:
        UserError: The entry points outside, is a link, encrypted, no PNG, or a bomb.
    """
    name = entry.filename
    path = PurePosixPath(name.replace("\\", "/"))
    is_drive = len(name) > 1 and name[1] == ":"
    if not name:
        raise UserError(f"{archive} is refused: one of its files has no name; zip the masks again")
    if path.is_absolute() or ".." in path.parts or is_drive or "\0" in name:
        raise UserError(f"{archive} is refused: {name!r} points outside the archive")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UserError(f"{archive} is refused: {name!r} is a link, not a file")
    if entry.flag_bits & 1:
        raise UserError(f"{archive} is refused: it is encrypted; make it without a password")
    if entry.is_dir() or is_clutter(name):
        return
    if path.suffix.lower() != ".png":
        raise UserError(f"{archive} is refused: {name!r} is not a PNG; put only masks into it")
    is_dense = entry.file_size > max(HARMLESS_BYTES, MAX_RATIO * entry.compress_size)
    if is_dense or entry.file_size > MAX_FILE_BYTES:
        megabytes = entry.file_size / 1e6
        raise UserError(f"{archive} is refused: {name!r} would unpack to {megabytes:.0f} MB")
