"""Projects as files: a zip of `project.json` and PNGs, whole or not at all.

Files come from anywhere: nothing in them is ever written to disk, names never leave the
archive, sizes are checked before anything is unpacked, and every value is checked.
"""

import io
import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from tracker.archives import BROKEN_ARCHIVE, check_entry
from tracker.edits import Edit
from tracker.label_images import encode_labels
from tracker.project import Project
from tracker.project_reading import JSON_NAME, VERSION, ProjectReader
from tracker.prompts import Place
from tracker.types import Frame, Mask, Prompt, UserError
from tracker.whole import write_whole

ENDING = ".cleanplate"
MAX_JSON_BYTES = 16 << 20
MAX_ENTRIES = 20_000


def save_project(project: Project, path: Path, *, overwrite: bool = False) -> None:
    """Write a project.

    Raises:
        UserError: the name cannot be used, or the disk is full.
    """
    if path.suffix.lower() != ENDING:
        raise UserError(f"{path.name}: unknown ending; a project is written to NAME{ENDING}")
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists; choose another name or pass --overwrite")
    write_whole(path, pack_project(project))


def pack_project(project: Project) -> bytes:
    """Return a project as the bytes of its file."""
    edit, options = project.edit, project.options
    places = sorted(set(edit.prompts) | set(edit.masks))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:

        def put(folder: str, place: Place, mask: Mask | None) -> str | None:
            if mask is None:
                return None
            name = f"{folder}/{place.frame:06d}-{place.object_id:03d}.png"
            archive.writestr(name, encode_labels(mask.astype(np.uint8)))
            return name

        marks = [
            {
                "frame": place.frame,
                "object": place.object_id,
                "points": [[p.x, p.y, p.positive] for p in _prompt(edit, place).points],
                "box": _prompt(edit, place).box,
                "choice": _prompt(edit, place).choice,
                "origin": _prompt(edit, place).origin,
                "given": put("given", place, _prompt(edit, place).mask),
                "mask": put("masks", place, edit.masks.get(place)),
            }
            for place in places
        ]
        for index, frame in project.keyframes.items():
            archive.writestr(f"keyframes/{index:06d}.png", _png(frame))
        content = {
            "version": VERSION,
            "source": asdict(project.source),
            "objects": [asdict(each) for each in edit.objects],
            "current": edit.current,
            "first": edit.first,
            "last": edit.last,
            "marks": marks,
            "keyframes": sorted(project.keyframes),
            "options": asdict(options) | {"fps": str(options.fps)},
        }
        archive.writestr(JSON_NAME, json.dumps(content, indent=1))
    return buffer.getvalue()


def load_project(path: Path) -> Project:
    """Read a project.

    Raises:
        UserError: it is none, is damaged, or was made to do harm.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_archive(archive, path.name)
            return ProjectReader(archive, path.name).project()
    except BROKEN_ARCHIVE as error:
        raise UserError(
            f"{path.name} is not a project, or is damaged ({str(error)[:100]})"
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None


def _check_archive(archive: zipfile.ZipFile, name: str) -> None:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise UserError(f"{name} has {len(entries)} files; at most {MAX_ENTRIES}")
    if len({entry.filename for entry in entries}) < len(entries):
        raise UserError(f"{name} is refused: it has two files of one name")
    for entry in entries:
        if entry.filename != JSON_NAME:
            check_entry(entry, name)
        elif entry.file_size > MAX_JSON_BYTES or entry.flag_bits & 1:
            raise UserError(f"{name} is refused: {JSON_NAME} is too large, or encrypted")


def _prompt(edit: Edit, place: Place) -> Prompt:
    return edit.prompts.get(place, Prompt())


def _png(frame: Frame) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG")
    return buffer.getvalue()
