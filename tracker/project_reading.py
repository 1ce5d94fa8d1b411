"""What is in a project's file, doubted: every value is checked before it is believed."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from PIL import Image

from tracker.edits import MAX_NAME, Edit, TrackedObject
from tracker.jobs import Search, Settings
from tracker.label_images import declared_size, decode_labels
from tracker.motions import Motion
from tracker.options import Options
from tracker.project import Project, SourceMark
from tracker.prompts import Place, check
from tracker.types import MAX_OBJECTS, Frame, Mask, Origin, Point, Prompt, UserError

VERSION = 2
READABLE = (1, VERSION)  # 1 kept fewer options
JSON_NAME = "project.json"
MAX_TOTAL_PIXELS = 1 << 31  # of all masks, unpacked
MAX_FRAME = 1 << 31
MAX_TEXT = 1000
_RATE = re.compile(r"[1-9]\d{0,19}(/[1-9]\d{0,19})?")
NOTHING: Mapping[str, object] = MappingProxyType({})
RecordT = TypeVar("RecordT")


class ProjectReader:
    """Takes one project out of an archive, doubting everything in it."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._archive, self._name = archive, name
        try:
            content = json.loads(archive.read(JSON_NAME))
        except (KeyError, ValueError, RecursionError):
            raise UserError(f"{name} is not a project: its {JSON_NAME} cannot be read") from None
        self._content = self._table(content)
        version = self._content.get("version")
        if version not in READABLE:
            raise UserError(f"{name} is of version {version!r}; this program reads up to {VERSION}")
        self._pixels = 0

    def project(self) -> Project:
        """Return it."""
        content = self._content
        source = self._table(content.get("source"))
        mark = SourceMark(
            self._text(source, "name"),
            self._text(source, "sha256"),
            self._whole(source, "width", 1, 1 << 16),
            self._whole(source, "height", 1, 1 << 16),
        )
        objects = tuple(self._object(each) for each in self._list(content, "objects"))
        ids = {each.id for each in objects}
        if not objects or len(ids) < len(objects):
            raise self._broken("objects")
        prompts: dict[Place, Prompt] = {}
        masks: dict[Place, Mask] = {}
        for entry in map(self._table, self._list(content, "marks")):
            place = Place(
                self._whole(entry, "frame", 0, MAX_FRAME),
                self._whole(entry, "object", 1, MAX_OBJECTS),
            )
            if place.object_id not in ids or place in prompts:
                raise self._broken("marks")
            prompts[place] = self._prompt(entry, mark)
            if (mask := self._mask(entry, "mask", mark)) is not None:
                masks[place] = mask
        current = self._whole(content, "current", 1, MAX_OBJECTS)
        last = content.get("last")
        edit = Edit(
            objects,
            current if current in ids else objects[0].id,
            prompts,
            masks,
            first=self._whole(content, "first", 0, MAX_FRAME),
            last=None if last is None else self._whole(content, "last", 0, MAX_FRAME),
        )
        keyframes = {
            self._checked("keyframes", index, lambda i: isinstance(i, int)): self._picture(
                f"keyframes/{index:06d}.png", mark
            )
            for index in self._list(content, "keyframes")
        }
        return Project(mark, edit, self._options(), keyframes)

    def _object(self, value: object) -> TrackedObject:
        entry = self._table(value)
        return TrackedObject(
            self._whole(entry, "id", 1, MAX_OBJECTS),
            " ".join(self._text(entry, "name").split())[:MAX_NAME] or "Object",
            self._checked("removed", entry.get("removed", True), lambda v: isinstance(v, bool)),
            self._checked("motion", entry.get("motion", "object"), get_args(Motion).__contains__),
        )

    def _prompt(self, entry: Mapping[str, Any], mark: SourceMark) -> Prompt:
        points = []
        for value in self._list(entry, "points"):
            if not isinstance(value, list) or len(value) != 3 or not isinstance(value[2], bool):
                raise self._broken("points")
            x, y, positive = value
            points.append(Point(self._number("points", x), self._number("points", y), positive))
        box = entry.get("box")
        if box is not None:
            self._checked("box", box, lambda v: isinstance(v, list) and len(v) == 4)
            x0, y0, x1, y1 = (self._number("box", edge) for edge in box)
            box = (x0, y0, x1, y1)
        prompt = Prompt(
            tuple(points),
            box,
            self._mask(entry, "given", mark),
            self._whole(entry, "choice", 0, MAX_FRAME) if "choice" in entry else 0,
            self._checked("origin", entry.get("origin", "drawn"), get_args(Origin).__contains__),
        )
        check(prompt, mark.height, mark.width)
        return prompt

    def _mask(self, entry: Mapping[str, Any], key: str, mark: SourceMark) -> Mask | None:
        name = entry.get(key)
        if name is None:
            return None
        labels = decode_labels(self._bytes(key, name, mark), f"{name} in {self._name}")
        mask: Mask = labels > 0
        return mask

    def _picture(self, name: str, mark: SourceMark) -> Frame:
        data = self._bytes("keyframes", name, mark)
        try:
            with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
                return np.array(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise UserError(f"{name} in {self._name} is damaged ({error})") from None

    def _bytes(self, key: str, name: object, mark: SourceMark) -> bytes:
        """Return a PNG of the size of the video."""
        if not isinstance(name, str) or name not in self._archive.NameToInfo:
            raise self._broken(key)
        data = self._archive.read(name)
        if declared_size(data, name) != (mark.width, mark.height):
            raise UserError(f"{name} in {self._name} has not the size of the video")
        self._pixels += mark.width * mark.height
        if self._pixels > MAX_TOTAL_PIXELS:
            raise UserError(f"{self._name} is refused: its masks would fill the memory")
        return data

    def _options(self) -> Options:
        """Return options; those this version does not know, or that make no sense, are refused."""
        given = dict(self._table(self._content.get("options")))
        settings = self._sound(Settings, self._table(given.pop("settings", None)), "settings: ")
        search = given.pop("search", None)
        if search is not None:
            search = self._sound(Search, self._table(search), "search: ")
        if given.get("redetect") == 0:
            raise self._broken("redetect")
        rate = self._checked("fps", given.pop("fps", "24"), _is_rate)
        more = {"settings": settings, "search": search, "fps": Fraction(rate)}
        return self._sound(Options, given, "", more)

    def _sound(
        self,
        kind: type[RecordT],
        given: Mapping[str, Any],
        what: str,
        more: Mapping[str, object] = NOTHING,
    ) -> RecordT:
        """Return a record of the values given, each of which suits its field."""
        kinds = get_type_hints(kind)
        for name, value in given.items():
            if name not in kinds or not _suits(kinds[name], value):
                raise self._broken(f"{what}{name}")
        return kind(**given, **more)

    def _table(self, value: object) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self._broken("tables")
        return value

    def _list(self, entry: Mapping[str, Any], key: str) -> list[Any]:
        found: list[Any] = self._checked(key, entry.get(key), lambda v: isinstance(v, list))
        return found

    def _text(self, entry: Mapping[str, Any], key: str) -> str:
        text: str = self._checked(
            key, entry.get(key), lambda v: isinstance(v, str) and 0 < len(v) < 1000
        )
        return text

    def _whole(self, entry: Mapping[str, Any], key: str, low: int, high: int) -> int:
        def is_sound(value: object) -> bool:
            return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

        return int(self._checked(key, entry.get(key), is_sound))

    def _number(self, key: str, value: object) -> float:
        def is_sound(number: Any) -> bool:
            return (
                isinstance(number, int | float)
                and not isinstance(number, bool)
                and abs(number) < 1e6
            )

        return float(self._checked(key, value, is_sound))

    def _checked(self, key: str, value: Any, is_sound: Callable[[Any], bool]) -> Any:
        if not is_sound(value):
            raise self._broken(key)
        return value

    def _broken(self, key: str) -> UserError:
        return UserError(f"{self._name} is not a sound project: its {key} cannot be right")


def _is_rate(value: object) -> bool:
    """Return whether a value is a rate as `Fraction` writes it."""
    return isinstance(value, str) and _RATE.fullmatch(value) is not None


def _suits(kind: Any, value: Any) -> bool:
    """Return whether a value is of the kind a setting is declared as."""
    if get_origin(kind) in (Union, UnionType):
        return any(_suits(each, value) for each in get_args(kind))
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind in (int, float):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and (kind is float or isinstance(value, int)) and 0 <= value < 1e6
    if kind is str:
        return isinstance(value, str) and 0 < len(value) < MAX_TEXT
    return isinstance(value, kind)
