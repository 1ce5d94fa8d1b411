"""Which clips a batch works on, and what is to go in each.

A manifest has a JSON object per line: `clip` (a path, from the manifest's folder), and the
prompts as on the command line, each a text or a list of texts: `point`, `negative`, `box`,
`mask`; or `masks`, label images of every frame.  `options` are further words for `remove`
(or `fill`, with `masks`).  In a folder every video and every folder of images is a clip;
beside `NAME.mp4` lies `NAME.json` with the same keys, `NAME.zip` with masks of every frame,
or `NAME.png` with that of the first.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracker.pointing import shown
from tracker.types import UserError
from tracker.video import natural_key

VIDEO_ENDINGS = {".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v", ".ts", ".mpg"}
IMAGE_ENDINGS = {".png", ".jpg", ".jpeg"}
_PROMPTS = ("point", "negative", "box", "mask")
MAX_END = 120  # characters of a path in a message
_FILES = {"mask", "masks"}  # keys whose values are paths, from the folder they are named in


@dataclass(frozen=True)
class Item:
    """One clip and what is to be done with it."""

    name: str  # of the output, without ending
    clip: Path
    prompts: tuple[str, ...]  # words for the command line
    masks: Path | None = None  # of every frame: fill instead of remove
    options: tuple[str, ...] = ()

    def words(self, output: Path, report: Path) -> list[str]:
        """Return the command line that makes `output`, and writes a report."""
        head = ["remove", str(self.clip), str(output)]
        if self.masks is not None:
            head = ["fill", str(self.clip), str(self.masks), str(output)]
        tail = ["--json", str(report), "--quiet", "--overwrite"]
        return [*head, *self.prompts, *self.options, *tail]


def read_items(source: Path, options: Sequence[str] = ()) -> list[Item]:
    """Return the clips of a folder or manifest, in order; `options` go to each.

    Raises:
        UserError: there is nothing to do, or something cannot be read; the message says where.
    """
    source = source.absolute()  # other processes have other working folders
    if source.is_dir():
        items = _from_folder(source, options)
    elif source.is_file():
        items = _from_manifest(source, options)
    else:
        raise UserError(f"{source} does not exist; give a folder of clips or a JSON-lines manifest")
    if not items:
        raise UserError(f"{source} names no clips; put videos there, or a line for each")
    seen: dict[str, Path] = {}
    for item in items:
        if item.name in seen:
            raise UserError(
                f"{_end(seen[item.name])} and {_end(item.clip)} would both become "
                f"{item.name[:MAX_END]}; "
                "rename one, or give it a `name` in a manifest"
            )
        seen[item.name] = item.clip
    return items


def _from_manifest(file: Path, options: Sequence[str]) -> list[Item]:
    items = []
    for number, line in enumerate(_read(file).splitlines(), 1):
        if not line.strip():
            continue
        where = f"{file.name}, line {number}"
        said = _parse(line, where)
        if not isinstance(said.get("clip"), str):
            raise UserError(f"{where}: no `clip`; expected a path")
        items.append(_item(file.parent / said["clip"], said, file.parent, options, where))
    return items


def _from_folder(folder: Path, options: Sequence[str]) -> list[Item]:
    items = []
    for clip in sorted(folder.iterdir(), key=natural_key):
        is_clip = clip.suffix.lower() in VIDEO_ENDINGS if clip.is_file() else _has_images(clip)
        if clip.name.startswith(".") or not is_clip:
            continue
        stem = clip.stem if clip.is_file() else clip.name
        said: Mapping[str, Any] = {}
        beside = folder / f"{stem}.json"
        if beside.is_file():
            said = _parse(_read(beside), beside.name)
        elif (folder / f"{stem}.zip").is_file():
            said = {"masks": f"{stem}.zip"}
        elif (folder / f"{stem}.png").is_file():
            said = {"mask": f"{stem}.png"}
        items.append(_item(clip, said, folder, options, beside.name))
    return items


def _has_images(folder: Path) -> bool:
    return folder.is_dir() and any(p.suffix.lower() in IMAGE_ENDINGS for p in folder.iterdir())


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read ({error})") from None


def _parse(text: str, where: str) -> Mapping[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where} is not JSON ({error})") from None
    if not isinstance(said, dict):
        raise UserError(f"{where} holds a {type(said).__name__}, expected an object")
    known = {"clip", "name", "masks", "options", *_PROMPTS}
    if strange := sorted(set(said) - known):
        raise UserError(
            f"{where}: unknown key {shown(strange[0])}; known: {', '.join(sorted(known))}"
        )
    return said


def _item(
    clip: Path, said: Mapping[str, Any], base: Path, options: Sequence[str], where: str
) -> Item:
    words = []
    for key in _PROMPTS:
        for value in _texts(said.get(key), f"{where}: `{key}`"):
            words.append(f"--{key}={base / value if key in _FILES else value}")
    masks = said.get("masks")
    if masks is not None and not isinstance(masks, str):
        raise UserError(f"{where}: `masks` is {shown(masks)}; expected a path")
    name = said.get("name", clip.stem if clip.suffix.lower() in VIDEO_ENDINGS else clip.name)
    if not isinstance(name, str) or not name or Path(name).name != name or name.startswith("."):
        raise UserError(f"{where}: {shown(name)} is no name for a file")
    own = _texts(said.get("options"), f"{where}: `options`")
    where_masks = None if masks is None else base / masks
    return Item(name, clip, tuple(words), where_masks, (*options, *own))


def _texts(value: object, where: str) -> tuple[str, ...]:
    values = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in values):
        raise UserError(f"{where} is {shown(value)}; expected a text, or a list of them")
    return tuple(values)


def _end(path: Path) -> str:
    """Return a path as a message may hold it: what makes it differ stands at its end."""
    text = str(path)
    return text if len(text) <= MAX_END else f"...{text[-MAX_END:]}"
