"""The files of a session: a folder nobody can guess, a folder for each run, and their end."""

import os
import re
import secrets
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

FOLDER_PREFIX, RUN_PREFIX, EXPORT_PREFIX = "cleanplate-session-", "run-", "export-"
UPLOAD_PREFIX = "cleanplate-upload-"  # each upload has a folder of its own
HALF_AN_UPLOAD = "tmp*"  # what Gradio leaves of an upload that broke off
MAX_AGE_SECONDS = 24 * 3600.0


def new_folder(root: Path) -> Path:
    """Return a new directory in `root` whose name nobody can guess."""
    root.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{secrets.token_hex(16)}-", dir=root))


def bring(upload: Path, folder: Path) -> Path:
    """Return the place of `upload` in a session's folder, linked there or copied.

    The name is ours, so that nothing depends on what the user called the file.
    """
    suffix = upload.suffix if re.fullmatch(r"\.\w{1,5}", upload.suffix, re.ASCII) else ""
    place = Path(tempfile.mkdtemp(prefix="source-", dir=folder)) / f"video{suffix}"
    try:
        os.link(upload, place)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(upload, place)
    return place


def safe_stem(name: str) -> str:
    """Return the name of a file, without ending, reduced to what any system can store."""
    words = re.sub(r"[^\w-]+", "_", Path(name).stem).strip("_")
    return words[:60] or "video"


def new_run(folder: Path) -> Path:
    """Return a new directory, in a session's folder, for the files of one run."""
    return Path(tempfile.mkdtemp(prefix=RUN_PREFIX, dir=folder))


def new_export(folder: Path) -> Path:
    """Return a new directory, in a session's folder, for one export; the last one goes."""
    discard_exports(folder)
    return Path(tempfile.mkdtemp(prefix=EXPORT_PREFIX, dir=folder))


def discard_exports(folder: Path) -> None:
    """Delete what was exported of a session: pictures of a long clip take gigabytes."""
    for export in folder.glob(f"{EXPORT_PREFIX}*"):
        shutil.rmtree(export, ignore_errors=True)


def discard(folder: Path, upload: Path | None = None) -> None:
    """Delete all files of a session, and what was uploaded for it."""
    shutil.rmtree(folder, ignore_errors=True)
    if upload is not None and is_private_upload(upload):
        shutil.rmtree(upload.parent, ignore_errors=True)


def is_private_upload(path: Path) -> bool:
    """Return whether a path is that of an upload, which nobody else can name."""
    return re.fullmatch(rf"{UPLOAD_PREFIX}[0-9a-f]{{32}}", path.parent.name) is not None


def discard_runs(folder: Path, keep: Path) -> None:
    """Delete the files of all removals of a session but the one in `keep`."""
    for run in folder.glob(f"{RUN_PREFIX}*"):
        if run != keep:
            shutil.rmtree(run, ignore_errors=True)


def sweep(root: Path, max_age_seconds: float = MAX_AGE_SECONDS) -> None:
    """Delete from `root` what sessions that ended long ago left, whatever ended them."""
    limit = time.time() - max_age_seconds
    for pattern in (f"{FOLDER_PREFIX}*", f"{UPLOAD_PREFIX}*", HALF_AN_UPLOAD):
        for path in root.glob(pattern):
            with suppress(FileNotFoundError):  # another server was quicker
                if path.lstat().st_mtime >= limit:
                    continue
                if path.is_file():
                    path.unlink()
                elif pattern != HALF_AN_UPLOAD:
                    shutil.rmtree(path, ignore_errors=True)
