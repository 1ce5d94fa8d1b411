"""Find and load weights.  Which there are: `tracker/published.py`; getting them: `downloads.py`.

A file put into the folder by hand is as good as a downloaded one: both are verified when
they are loaded.
"""

import hashlib
import logging
import os
import pickle
import re
import struct
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracker.archives import BROKEN_ARCHIVE
from tracker.published import DEFAULT, RECORDS, Checkpoint
from tracker.types import UserError

__all__ = [
    "DEFAULT",
    "RECORDS",
    "Checkpoint",
    "folder",
    "load",
    "on_disk",
    "path",
    "problem",
    "record",
    "sha256_of",
    "size_problem",
    "stamp",
]

logger = logging.getLogger(__name__)

_PACKAGE = Path(__file__).resolve().parent
_PICKLE_PROTOCOL = b"\x80"  # how files begin that torch wrote before version 1.6
# What reading a damaged pickle ends in, depending on the byte that is wrong.
_UNREADABLE = (
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    struct.error,
)
_KEYS_AROUND = ("state_dict", "model")  # what training scripts wrap the parameters in


def folder() -> Path:
    """Return where weights lie: $CLEANPLATE_CKPT, the checkout's ckpt/, or the user's data."""
    chosen = os.environ.get("CLEANPLATE_CKPT")
    if chosen:
        return Path(chosen).expanduser()
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        return _PACKAGE.parent / "ckpt"
    if sys.platform == "win32":
        data = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        data = Path.home() / "Library" / "Application Support"
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "cleanplate" / "ckpt"


def record(name: str) -> Checkpoint:
    """Return the record called `name`.

    Raises:
        UserError: there is none; the message lists those there are.
    """
    if name not in RECORDS:
        raise UserError(f"no checkpoint {name!r}; choose from: {', '.join(RECORDS)}")
    return RECORDS[name]


def path(name: str) -> Path | None:
    """Return where the weights of `name` are on disk: its file, or a folder that serves as well.

    The file must be of a possible size; the folder, of Hugging Face's form, must have the
    two files that count.  None if there is neither.
    """
    checkpoint = record(name)
    file = folder() / checkpoint.file
    reason = size_problem(checkpoint, file)
    if reason is None:
        return file
    if file.is_file():
        logger.warning("%s is not used: %s", file, reason)
    if checkpoint.folder is not None:
        place = folder() / checkpoint.folder
        if (place / "config.json").is_file() and (place / "model.safetensors").is_file():
            return place
    return None


def stamp(name: str) -> tuple[str, int, int] | None:
    """Return what changes when the weights of `name` are replaced; None if there are none."""
    place = path(name)
    if place is None:
        return None
    file = place / "model.safetensors" if place.is_dir() else place
    status = file.stat()
    return str(file), status.st_size, status.st_mtime_ns


def on_disk() -> set[str]:
    """Return the names whose files are on disk and of a possible size."""
    return {name for name in RECORDS if path(name) is not None}


def size_problem(checkpoint: Checkpoint, file: Path) -> str | None:
    """Return what is wrong with the size of `file`, None if nothing; reads no content."""
    if not file.is_file():
        return "it does not exist"
    size = file.stat().st_size
    if checkpoint.bytes is not None and size != checkpoint.bytes:
        return f"it has {size:,} bytes, the published file {checkpoint.bytes:,}"
    if size < checkpoint.least_bytes:
        return f"it has {size:,} bytes, too few for its {checkpoint.least_bytes:,} of parameters"
    return None


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, reading it piece by piece."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def problem(checkpoint: Checkpoint, file: Path) -> str | None:
    """Return why `file` is not the published one, None if size and hash (if known) fit."""
    reason = size_problem(checkpoint, file)
    if reason is not None:
        return reason
    if checkpoint.sha256 is not None and (found := sha256_of(file)) != checkpoint.sha256:
        return f"its SHA-256 is {found}, the published one {checkpoint.sha256}"
    return None


def load(source: str | Path) -> Mapping[str, Any]:
    """Read a file of weights without running any code in it.

    Args:
        source: the name of a record, whose size and hash are checked first, or a file.

    Returns:
        The parameters by their published names, on the CPU: out of the dictionary the
        training script put around them, and without the "module." of its wrapper.

    Raises:
        UserError: the file is missing, cut short, not the published one, no torch file,
            or would run code when opened.
    """
    if isinstance(source, Path):
        file = source
        if not file.is_file():
            raise UserError(f"{file} does not exist")
    else:
        checkpoint, file = record(source), folder() / record(source).file
        if not file.is_file():
            raise UserError(f"{source} needs {file}; run: python -m tracker download {source}")
        reason = problem(checkpoint, file)
        if reason is not None:
            raise UserError(
                f"{file} is not used: {reason}; delete it and run: "
                f"python -m tracker download {source}"
            )
    _refuse_foreign(file)
    return _parameters(file, _unpickle(file))


def _refuse_foreign(file: Path) -> None:
    """Refuse what torch did not write, judging by its first bytes and its table of contents."""
    with file.open("rb") as stream:
        head = stream.read(4)
    if head.startswith(b"PK"):
        try:
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
        except BROKEN_ARCHIVE as error:
            raise UserError(f"{file} is cut short or damaged; delete and fetch it again") from error
        if not any(name.endswith("/data.pkl") for name in names):
            raise UserError(f"{file} is an archive but holds no torch checkpoint")
    elif not head.startswith(_PICKLE_PROTOCOL):
        raise UserError(f"{file} is not a torch checkpoint (it begins with {head!r})")


def _unpickle(file: Path) -> object:
    import torch  # here, so that the program starts without it

    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
        if wanted:
            reason = f"would call {wanted.group(1).rstrip('.')} when opened, which is not weights"
        else:
            reason = "is damaged, or holds more than weights"
        raise UserError(f"{file} {reason}; refused, nothing in it was run") from error
    except _UNREADABLE as error:
        raise UserError(f"{file} is cut short or damaged; delete and fetch it again") from error


def _parameters(file: Path, content: object) -> Mapping[str, Any]:
    for key in _KEYS_AROUND:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise UserError(f"{file} holds no parameters but a {type(content).__name__}")
    return {str(key).removeprefix("module."): value for key, value in content.items()}
