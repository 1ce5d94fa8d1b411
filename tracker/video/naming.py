"""Names of outputs: what may be written where, and under which name until it is whole."""

import hashlib
import os
import re
import secrets
from pathlib import Path

from tracker.processes import is_running, this_machine
from tracker.types import UserError
from tracker.video.folder_source import TIMES_FILE
from tracker.video.paths import is_file, is_folder, status

MOVIE_ENDINGS = (".mp4", ".mkv", ".mov", ".webm")
_ENDINGS = ".mp4, .mkv, .mov, or a name without an ending for a folder of PNG pictures"


def is_folder_name(path: Path) -> bool:
    """Return whether an output of this name is a folder of pictures.

    Raises:
        UserError: It is neither that nor a kind of video that can be written.
    """
    if is_folder(path):
        return True
    if path.suffix.lower() in MOVIE_ENDINGS:
        return False
    if not path.suffix:
        return True
    raise UserError(f"{path.name}: unknown ending {path.suffix}; use {_ENDINGS}")


def check_output(path: Path, sources: tuple[Path, ...], *, overwrite: bool) -> None:
    """Refuse to write `path` where that would lose something or cannot work.

    Raises:
        UserError: It is an input (under whatever name), exists, or its folder does not.
    """
    if not is_folder(path.parent):
        raise UserError(f"the folder {path.parent} does not exist; make it first")
    if status(path) is None:
        return
    for source in sources:
        if status(source) is not None and path.samefile(source):
            raise UserError(f"{path} is the input itself; choose another name for the output")
        if is_folder(path) and path.resolve() in source.resolve().parents:
            raise UserError(f"{path} holds the input; choose another name for the output")
    is_empty_folder = is_folder(path) and not any(path.iterdir())
    if is_empty_folder:
        return
    if not overwrite:
        raise UserError(f"{path} exists; choose another name or pass --overwrite")
    if is_folder(path) and not is_file(path / TIMES_FILE):
        raise UserError(f"{path} is a folder that was not written here; choose another name")


def partial_name(path: Path) -> Path:
    """Return the name of what an unfinished output is kept as."""
    return path.with_name(f"{path.stem}.partial{path.suffix}")


def _prefix(path: Path) -> str:
    digest = hashlib.sha256(path.name.encode(errors="surrogateescape")).hexdigest()[:12]
    return f".cleanplate-{digest}-"


def temporary_name(path: Path) -> Path:
    """Return a new hidden name beside `path` that tells its purpose and who writes it."""
    who = f"{this_machine()}-{os.getpid()}"
    return path.with_name(f"{_prefix(path)}{who}-{secrets.token_hex(4)}{path.suffix}")


def hidden_name(path: Path, purpose: str) -> Path:
    """Return a hidden name beside `path` that is the same in every run."""
    return path.with_name(_prefix(path) + purpose)


def leftovers(path: Path) -> list[Path]:
    """Return temporary files of writers of `path` that were killed, oldest first.

    Files of writers that live, or that run on another machine, do not count.
    """
    whose = re.compile(re.escape(f"{_prefix(path)}{this_machine()}-") + r"(\d+)-")
    found = []
    for candidate in _list(path.parent):
        owner = whose.match(candidate.name)
        if owner is not None and not is_running(int(owner[1])):
            found.append(candidate)
    return sorted(found, key=lambda p: p.stat().st_mtime)


def own_files(path: Path) -> list[Path]:
    """Return the temporary files this process has beside `path`, for it."""
    start = f"{_prefix(path)}{this_machine()}-{os.getpid()}-"
    return [each for each in _list(path.parent) if each.name.startswith(start)]


def _list(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # one may write into some folders without being shown what is there
        return []
