"""Everything said about a video: objects, marks, the part that is worked on.

An `Edit` never changes; each change returns a new one, which shares the arrays of the old.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from tracker.motions import Motion
from tracker.prompts import Place
from tracker.types import MAX_OBJECTS, Frame, Mask, Prompt, UserError

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

MAX_NAME = 40  # characters


@dataclass(frozen=True)
class TrackedObject:
    """One thing that is followed."""

    id: int
    name: str
    removed: bool = True  # False: it stays, also where it is near one that goes
    motion: Motion = "object"  # follows itself, the surface behind it, or stands on the screen


@dataclass(frozen=True)
class Stroke:
    """One stroke of a brush: a line of some width, in pixels of the source."""

    points: tuple[tuple[float, float], ...]  # x, y
    radius: float
    erases: bool = False


def _empty() -> Mapping[KeyT, ValueT]:
    return MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Edit:
    """Everything that undo brings back."""

    objects: tuple[TrackedObject, ...] = (TrackedObject(1, "Object 1"),)
    current: int = 1  # id of the object that clicks are about
    prompts: Mapping[Place, Prompt] = field(default_factory=_empty)
    masks: Mapping[Place, Mask] = field(default_factory=_empty)  # what the prompts mean
    thumbnails: Mapping[int, Frame] = field(default_factory=_empty)  # object id -> its picture
    first: int = 0  # frames worked on, the in marker
    last: int | None = None  # and the out marker, inclusive; None: to the end
    keyframes: Mapping[int, Path] = field(default_factory=_empty)  # frames as they should look
    frame: int = 0  # where it was made

    @property
    def object(self) -> TrackedObject:
        """Return the object that clicks are about."""
        return self[self.current]

    def __getitem__(self, object_id: int) -> TrackedObject:
        """Return one object.

        Raises:
            UserError: there is none of this id.
        """
        for each in self.objects:
            if each.id == object_id:
                return each
        raise UserError(f"there is no object {object_id}; choose one of the list")

    @property
    def marked_frames(self) -> tuple[int, ...]:
        """Return the frames in which something is marked."""
        return tuple(sorted({place.frame for place in self.masks}))

    @property
    def motions(self) -> dict[int, Motion]:
        """Return how the objects move that do not follow themselves, by id."""
        return {each.id: each.motion for each in self.objects if each.motion != "object"}

    def places_of(self, object_id: int) -> tuple[Place, ...]:
        """Return where an object is marked, by frame."""
        return tuple(sorted(place for place in self.prompts if place.object_id == object_id))

    def mark(self, place: Place, prompt: Prompt, mask: Mask, thumbnail: Frame | None) -> "Edit":
        """Return the edit with a prompt and what it means."""
        known = {} if thumbnail is None else {place.object_id: thumbnail}
        return replace(
            self,
            prompts=_with(self.prompts, {place: prompt}),
            masks=_with(self.masks, {place: mask}),
            thumbnails=_with(self.thumbnails, known),
        )

    def unmark(self, places: Iterable[Place]) -> "Edit":
        """Return the edit without the prompts at some places."""
        gone = set(places)
        return replace(
            self,
            prompts=_without(self.prompts, gone),
            masks=_without(self.masks, gone),
        )

    def add_object(self, name: str = "") -> "Edit":
        """Return the edit with one more object, which the next clicks are about.

        Raises:
            UserError: there are too many.
        """
        number = max(each.id for each in self.objects) + 1
        if number > MAX_OBJECTS:
            raise UserError(f"{MAX_OBJECTS} objects are the most one video can have")
        added = TrackedObject(number, _sound_name(name) or f"Object {number}")
        return replace(self, objects=(*self.objects, added), current=number)

    def change_object(self, changed: TrackedObject) -> "Edit":
        """Return the edit with another object in the place of the one with its id."""
        self[changed.id]  # refuses what is not there
        if not (name := _sound_name(changed.name)):
            raise UserError("a name cannot be empty; type one")
        changed = replace(changed, name=name)
        objects = tuple(changed if each.id == changed.id else each for each in self.objects)
        return replace(self, objects=objects)

    def delete_object(self, object_id: int) -> "Edit":
        """Return the edit without an object and its marks; the last one is only emptied."""
        self[object_id]
        objects = tuple(each for each in self.objects if each.id != object_id)
        if not objects:
            return replace(Edit(), first=self.first, last=self.last, keyframes=self.keyframes)
        current = self.current if self.current != object_id else objects[-1].id
        left = self.unmark(self.places_of(object_id))
        thumbnails = _without(self.thumbnails, {object_id})
        return replace(left, objects=objects, current=current, thumbnails=thumbnails)


def _with(old: Mapping[KeyT, ValueT], new: Mapping[KeyT, ValueT]) -> Mapping[KeyT, ValueT]:
    return MappingProxyType({**old, **new}) if new else old


def _without(old: Mapping[KeyT, ValueT], gone: set[KeyT]) -> Mapping[KeyT, ValueT]:
    return MappingProxyType({key: value for key, value in old.items() if key not in gone})


def _sound_name(name: str) -> str:
    return " ".join(name.split())[:MAX_NAME]
