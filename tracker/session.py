"""One user's work: the video, what was said about it, and what came of it.

A `Session` never changes; every action returns a new one, and undo is the edit before.
Big arrays are shared between them.  Only the frame being looked at is held, never the
clip.  All files of a session lie in one temporary directory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from tracker import images
from tracker.desk import View
from tracker.folders import new_run, safe_stem
from tracker.jobs import Job, Mode, Report
from tracker.prompts import Place, check
from tracker.types import MAX_OBJECTS, Frame, LabelMap, Mask, Point, Prompt, Segmentation, UserError
from tracker.video import VideoInfo

MAX_UNDO = 50

LookAt = Callable[[int], View]  # frame index -> what it looks like
FindObject = Callable[[int, Prompt], Segmentation]  # frame index, prompt -> masks


@dataclass(frozen=True)
class TrackedObject:
    """One thing to remove."""

    id: int
    name: str


@dataclass(frozen=True, eq=False)
class Edit:
    """Everything that undo brings back."""

    objects: tuple[TrackedObject, ...] = (TrackedObject(1, "Object 1"),)
    current: int = 1  # id of the object that clicks are about
    prompts: Mapping[Place, Prompt] = field(default_factory=lambda: MappingProxyType({}))
    masks: Mapping[Place, Mask] = field(default_factory=lambda: MappingProxyType({}))
    frame: int = 0  # where it was made


@dataclass(frozen=True)
class Options:
    """How to remove."""

    mode: Mode = "offline"
    dilate: float | None = None  # source pixels; None: by the size of the frame
    propagator: str = "auto"
    inpainter: str = "auto"


@dataclass(frozen=True)
class Result:
    """The files a run left, and what it did."""

    clean: Path | None
    masks: Path | None
    overlay: Path | None
    report: Report | None = None
    complete: bool = True


@dataclass(frozen=True, eq=False)
class Session:
    """One user's video and all that was done with it so far."""

    folder: Path
    source: Path  # in the folder
    name: str  # of the file as the user knows it
    upload: Path | None  # where the file came from, if it is to go with the session
    info: VideoInfo
    view: View  # the frame being looked at
    edit: Edit = Edit()
    past: tuple[Edit, ...] = ()
    result: Result | None = None

    @property
    def owner(self) -> str:
        """Return a name for this session that nobody else has or can guess."""
        return self.folder.name

    @property
    def num_frames(self) -> int:
        """Return how many frames can be looked at; at least one."""
        return max(1, self.info.num_frames or 1)

    @property
    def prompted_frames(self) -> tuple[int, ...]:
        """Return the frames in which something is marked."""
        return tuple(sorted({place.frame for place in self.edit.masks}))

    def num_points(self, object_id: int) -> int:
        """Return how often one object was clicked, in all frames."""
        prompts = self.edit.prompts
        return sum(len(prompts[place].points) for place in prompts if place.object_id == object_id)

    def labels(self, index: int) -> LabelMap:
        """Return what is marked in a frame, source size; where objects overlap, the newer."""
        labels = np.zeros((self.info.height, self.info.width), np.uint8)
        for place in sorted(place for place in self.edit.masks if place.frame == index):
            labels[self.edit.masks[place]] = place.object_id
        return labels

    def picture(self) -> Frame:
        """Return the frame looked at with everything marked in it."""
        picture = self.view.picture
        height, width = picture.shape[:2]
        rows = (np.arange(height) + 0.5) * (self.info.height / height)
        columns = (np.arange(width) + 0.5) * (self.info.width / width)
        labels = self.labels(self.view.index)[rows.astype(int)[:, None], columns.astype(int)]
        points = [
            Point(
                (point.x + 0.5) * (width / self.info.width) - 0.5,
                (point.y + 0.5) * (height / self.info.height) - 0.5,
                point.positive,
            )
            for place, prompt in self.edit.prompts.items()
            if place.frame == self.view.index
            for point in prompt.points
        ]
        return images.overlay(picture, labels, points)

    def seek(self, index: int, look: LookAt) -> "Session":
        """Look at another frame."""
        if index == self.view.index:
            return self
        return replace(self, view=look(index))

    def click(self, point: Point, find: FindObject) -> "Session":
        """Say that `point`, in the frame looked at, is or is not on the current object.

        Raises:
            UserError: the point is outside the frame, or the first one says "not here".
        """
        index = self.view.index
        place = Place(index, self.edit.current)
        before = self.edit.prompts.get(place, Prompt())
        if not point.positive and not before.points:
            raise UserError("click on the object first; then mark what does not belong to it")
        prompt = replace(before, points=(*before.points, point))
        check(prompt, self.info.height, self.info.width)
        mask = find(index, prompt).masks[0]
        return self._with(
            replace(
                self.edit,
                prompts=MappingProxyType({**self.edit.prompts, place: prompt}),
                masks=MappingProxyType({**self.edit.masks, place: mask}),
            )
        )

    def undo(self, look: LookAt) -> "Session":
        """Take back the last edit, and look at the frame it was made in."""
        if not self.past:
            return self
        undone = replace(self, edit=self.past[-1], past=self.past[:-1], result=None)
        return undone.seek(self.edit.frame, look)

    def reset(self) -> "Session":
        """Forget all clicks and objects; undo brings them back."""
        return self._with(Edit())

    def add_object(self) -> "Session":
        """Add an object, and let the next clicks be about it."""
        objects = self.edit.objects
        if not self.num_points(objects[-1].id):
            raise UserError(f"{objects[-1].name} has no clicks yet; click on it first")
        number = max(each.id for each in objects) + 1
        if number > MAX_OBJECTS:
            raise UserError(f"{MAX_OBJECTS} objects are the most one video can have")
        added = (*objects, TrackedObject(number, f"Object {number}"))
        return self._with(replace(self.edit, objects=added, current=number))

    def pick_object(self, object_id: int) -> "Session":
        """Let the next clicks be about another object."""
        if object_id not in {each.id for each in self.edit.objects}:
            raise UserError(f"there is no object {object_id}; choose one of the list")
        return replace(self, edit=replace(self.edit, current=object_id))

    def delete_object(self, object_id: int) -> "Session":
        """Forget one object and its clicks; the last one is only emptied."""
        objects = tuple(each for each in self.edit.objects if each.id != object_id)
        if not objects:
            return self.reset()
        kept = {place for place in self.edit.prompts if place.object_id != object_id}
        current = self.edit.current if self.edit.current != object_id else objects[-1].id
        return self._with(
            Edit(
                objects,
                current,
                MappingProxyType({place: self.edit.prompts[place] for place in kept}),
                MappingProxyType({place: self.edit.masks[place] for place in kept}),
            )
        )

    def job(self, options: Options) -> Job:
        """Return the removal of everything marked; its files lie in a new folder.

        Raises:
            UserError: nothing is marked.
        """
        prompted = {index: self.labels(index) for index in self.prompted_frames}
        prompted = {index: labels for index, labels in prompted.items() if labels.any()}
        if not prompted:
            raise UserError("nothing is marked yet; click on the object to remove first")
        folder = new_run(self.folder)
        stem = safe_stem(self.name)
        return Job(
            source=self.source,
            output=folder / f"{stem}_clean.mp4",
            prompted=prompted,
            mode=options.mode,
            propagator=options.propagator,
            inpainter=options.inpainter,
            dilate=options.dilate,
            masks_out=folder / f"{stem}_masks.zip",
            overlay_out=folder / f"{stem}_overlay.mp4",
            names={each.id: each.name for each in self.edit.objects},
        )

    def with_result(self, result: Result) -> "Session":
        """Keep what a removal made."""
        return replace(self, result=result)

    def back_to_marks(self) -> "Session":
        """Leave the result."""
        return replace(self, result=None)

    def _with(self, edit: Edit) -> "Session":
        edit = replace(edit, frame=self.view.index)
        return replace(self, edit=edit, past=(*self.past, self.edit)[-MAX_UNDO:], result=None)


def results_of(job: Job, report: Report | None) -> Result:
    """Return the files `job` left: all of them, or, after a cancel, the finished part."""

    def existing(path: Path | None) -> Path | None:
        if path is None:
            return None
        partial = path.with_name(f"{path.stem}.partial{path.suffix}")
        return next((each for each in (path, partial) if each.exists()), None)

    found = (existing(job.output), existing(job.masks_out), existing(job.overlay_out))
    return Result(*found, report=report, complete=report is not None)
