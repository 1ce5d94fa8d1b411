"""What to remove, said in Python or JSON: clicks, boxes and masks, each in a frame.

The command line's texts (`2:412,230@15`) are read in `tracker/prompts.py`; both end as the
same `Prompts`.  In JSON a click is `{"x": 412, "y": 230}`, a box `{"box": [100, 80, 300,
260]}`; both may say `"object"` (default 1) and `"frame"` (default 0), a click also
`"positive": false`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from tracker.masks import read_label_image
from tracker.prompts import Place, Prompts, add_labels
from tracker.types import MAX_OBJECTS, LabelMap, Point, Prompt, UserError

MAX_PROMPTS = 10_000
MAX_NUMBER = 1e6  # of pixels, and of frames: 9 hours
MAX_SHOWN = 60  # characters of what is wrong
_FORM = 'write a click as {"x": 412, "y": 230} and a box as {"box": [100, 80, 300, 260]}'
_KNOWN = {"x", "y", "box", "positive", "object", "frame"}


@dataclass(frozen=True)
class Click:
    """A point, in pixels of the upright source, that is on an object; or is not."""

    x: float
    y: float
    positive: bool = True
    object: int = 1
    frame: int = 0


@dataclass(frozen=True)
class Rectangle:
    """A box around an object: its left, top, right and bottom edge, in pixels."""

    x0: float
    y0: float
    x1: float
    y1: float
    object: int = 1
    frame: int = 0


@dataclass(frozen=True, eq=False)
class Marked:
    """Objects marked in a frame: labels (H, W), 0 = none; or a PNG that holds them."""

    labels: LabelMap | Path
    frame: int = 0


Pointing: TypeAlias = Click | Rectangle | Marked


def gather(said: Iterable[Pointing]) -> Prompts:
    """Return all that was said, by frame and object.

    Raises:
        UserError: An object's id or a frame's number cannot be one, or a box is empty.
    """
    prompts: Prompts = {}
    for each in said:
        if each.frame < 0:
            raise UserError(f"frame {each.frame} does not exist; frames are counted from 0")
        if isinstance(each, Marked):
            given = each.labels
            labels = read_label_image(given) if isinstance(given, Path) else given
            add_labels(prompts, labels, each.frame)
            continue
        if not 1 <= each.object <= MAX_OBJECTS:
            raise UserError(f"object {each.object} is not an id; use 1 to {MAX_OBJECTS}")
        place = Place(each.frame, each.object)
        prompt = prompts.get(place, Prompt())
        if isinstance(each, Click):
            point = Point(each.x, each.y, each.positive)
            prompts[place] = replace(prompt, points=(*prompt.points, point))
        elif each.x1 <= each.x0 or each.y1 <= each.y0:
            box = f"{each.x0:g},{each.y0:g},{each.x1:g},{each.y1:g}"
            raise UserError(f"the box {box} is empty; give its left, top, right and bottom edge")
        else:
            prompts[place] = replace(prompt, box=(each.x0, each.y0, each.x1, each.y1))
    return prompts


def from_json(value: object) -> list[Pointing]:
    """Return the clicks and boxes of a list that came from outside.

    Raises:
        UserError: It is not such a list; the message says which entry and how to write it.
    """
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list) or not value:
        raise UserError(f"prompts are a list of clicks and boxes; {_FORM}")
    if len(value) > MAX_PROMPTS:
        raise UserError(f"{len(value)} prompts are too many; at most {MAX_PROMPTS} are read")
    return [_one(number, each) for number, each in enumerate(value)]


def _one(number: int, entry: object) -> Pointing:
    if not isinstance(entry, Mapping):
        raise UserError(f"prompt {number} is {shown(entry)}; {_FORM}")
    if strange := sorted(map(str, set(entry) - _KNOWN)):
        raise UserError(f"prompt {number} has the unknown key {shown(strange[0])}; {_FORM}")
    object_id, frame = entry.get("object", 1), entry.get("frame", 0)
    for name, given in (("object", object_id), ("frame", frame)):
        is_whole = isinstance(given, int) and not isinstance(given, bool)
        if not is_whole or not abs(given) < MAX_NUMBER:
            raise UserError(f"prompt {number}: {name} is {shown(given)}; give a whole number")
    if "box" in entry:
        box = entry["box"]
        if not isinstance(box, list) or len(box) != 4:
            raise UserError(
                f"prompt {number}: box is {shown(box)}; give left, top, right and bottom"
            )
        x0, y0, x1, y1 = (_number(number, "box", edge) for edge in box)
        return Rectangle(x0, y0, x1, y1, object_id, frame)
    positive: Any = entry.get("positive", True)
    if not isinstance(positive, bool):
        raise UserError(f"prompt {number}: positive is {shown(positive)}; give true or false")
    x, y = (_number(number, axis, entry.get(axis)) for axis in ("x", "y"))
    return Click(x, y, positive, object_id, frame)


def _number(number: int, name: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < MAX_NUMBER:
        raise UserError(f"prompt {number}: {name} is {shown(value)}; {_FORM}")
    return float(value)


def shown(value: object) -> str:
    """Return a value from outside as a message may hold it."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no number of over 4,300 digits
        return "far too long"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
