"""One user's work: the video, what was said about it, and what came of it.

A `Session` never changes; every action returns a new one, and undo is the edit before.
Big arrays are shared between them.  Only the frame being looked at is held, never the
clip.  All files of a session lie in one temporary directory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from tracker import images
from tracker.desk import View
from tracker.edits import Edit, Stroke, TrackedObject
from tracker.folders import new_run, safe_stem
from tracker.jobs import Job
from tracker.options import Options
from tracker.prompts import Place, check
from tracker.results import Result
from tracker.types import Box, Frame, LabelMap, Mask, Point, Prompt, Segmentation, UserError
from tracker.video import VideoInfo

MAX_UNDO = 50
KEPT = "run.kept"  # what the last run offline knew, for the next to go on from
THUMBNAIL_PIXELS = 96 * 72
EMPTY = Edit()
DEFAULT = Options()

LookAt = Callable[[int], View]  # frame index -> what it looks like
FindObject = Callable[[int, Prompt], Segmentation]  # frame index, prompt -> masks
Showing: TypeAlias = Literal["marks", "masks", "result", "repair"]


@dataclass(frozen=True, eq=False)
class Session:
    """One user's video and all that was done with it so far."""

    folder: Path
    source: Path  # in the folder
    name: str  # of the file as the user knows it
    upload: Path | None  # where the file came from, if it is to go with the session
    info: VideoInfo
    view: View  # the frame being looked at
    edit: Edit = EMPTY
    past: tuple[Edit, ...] = ()
    hidden: frozenset[int] = frozenset()  # ids of objects that are not drawn
    result: Result | None = None
    showing: Showing = "marks"
    base: Options = DEFAULT  # of its project: counts where the page has no control
    taken: Mapping[int, Path] = field(default_factory=dict)  # frames of the result, to be mended

    @property
    def owner(self) -> str:
        """Return a name for this session that nobody else has or can guess."""
        return self.folder.name

    @property
    def num_frames(self) -> int:
        """Return how many frames can be looked at; at least one."""
        return max(1, self.info.num_frames or 1)

    def labels(self, index: int) -> LabelMap:
        """Return what is marked in a frame, source size; where objects overlap, the newer."""
        labels = np.zeros((self.info.height, self.info.width), np.uint8)
        for place in sorted(place for place in self.edit.masks if place.frame == index):
            labels[self.edit.masks[place]] = place.object_id
        return labels

    def seen_labels(self) -> LabelMap:
        """Return what is known of the frame looked at: what was tracked, then what is marked."""
        marked: LabelMap = self.labels(self.view.index)
        if self.view.labels is None:
            return marked
        said = {place.object_id for place in self.edit.masks if place.frame == self.view.index}
        tracked = [each.id for each in self.edit.objects if each.id not in said]
        free = (marked == 0) & np.isin(self.view.labels, tracked)
        marked[free] = self.view.labels[free]
        return marked

    def picture(self) -> Frame:
        """Return the frame looked at with every object in it that is not hidden."""
        height, width = self.view.picture.shape[:2]
        points = [
            Point(
                (point.x + 0.5) * (width / self.info.width) - 0.5,
                (point.y + 0.5) * (height / self.info.height) - 0.5,
                point.positive,
            )
            for place, prompt in self.edit.prompts.items()
            if place.frame == self.view.index and place.object_id not in self.hidden
            for point in prompt.points
        ]
        return images.overlay(self.view.picture, self._picture_labels(), points)

    def mask_picture(self) -> Frame:
        """Return the masks alone, in their colours on black."""
        black = np.zeros_like(self.view.picture)
        return images.overlay(black, self._picture_labels(), opacity=1)

    def _picture_labels(self) -> LabelMap:
        """Return the labels to be drawn, at the size of the picture."""
        height, width = self.view.picture.shape[:2]
        rows = (np.arange(height) + 0.5) * (self.info.height / height)
        columns = (np.arange(width) + 0.5) * (self.info.width / width)
        labels: LabelMap = self.seen_labels()[rows.astype(int)[:, None], columns.astype(int)]
        labels[np.isin(labels, list(self.hidden))] = 0
        return labels

    def seek(self, index: int, look: LookAt) -> "Session":
        """Look at another frame; past the ends is the last one there."""
        index = min(max(0, index), self.num_frames - 1)
        return self if index == self.view.index else replace(self, view=look(index))

    def click(self, point: Point, find: FindObject) -> "Session":
        """Say that `point`, in the frame looked at, is or is not on the current object.

        Raises:
            UserError: the point is outside the frame, or the first one says "not here".
        """
        before = self._prompt()
        if not (point.positive or before.points or before.box or before.mask is not None):
            raise UserError("click on the object first; then mark what does not belong to it")
        return self._find(replace(before, points=(*before.points, point)), find)

    def draw_box(self, box: Box, find: FindObject) -> "Session":
        """Say that the current object lies in a box; clicks made before are forgotten.

        Raises:
            UserError: the box is outside the frame.
        """
        return self._find(Prompt(box=box), find)

    def brush(self, stroke: Stroke) -> "Session":
        """Paint the mask of the current object, or erase some of it.

        What clicks and boxes meant stays as it is; later clicks start from the painted mask.

        Raises:
            UserError: there is nothing to erase.
        """
        painted = images.stroke(self.info.height, self.info.width, stroke.points, stroke.radius)
        mask = self._known_mask()
        if mask is None:
            if stroke.erases:
                raise UserError(f"{self.edit.object.name} has no mask here yet; paint it first")
            return self._mark(Prompt(mask=painted), painted)
        mask = mask & ~painted if stroke.erases else mask | painted
        return self._mark(Prompt(mask=mask), mask)

    def undo(self, look: LookAt) -> "Session":
        """Take back the last edit, and look at the frame it was made in."""
        if not self.past:
            return self
        undone = replace(self, edit=self.past[-1], past=self.past[:-1], showing="marks")
        return undone.seek(self.edit.frame, look)

    def reset(self) -> "Session":
        """Forget all clicks and objects; undo brings them back."""
        return self.change(replace(EMPTY, first=self.edit.first, last=self.edit.last))

    def add_object(self) -> "Session":
        """Add an object, and let the next clicks be about it."""
        last = self.edit.objects[-1]
        if not self.edit.places_of(last.id):
            raise UserError(f"{last.name} is not marked yet; click on it first")
        return self.change(self.edit.add_object())

    def pick_object(self, object_id: int) -> "Session":
        """Let the next clicks be about another object; it is drawn, if it was hidden."""
        self.edit[object_id]
        shown = self.hidden - {object_id}
        return replace(self, edit=replace(self.edit, current=object_id), hidden=shown)

    def change_object(self, changed: TrackedObject) -> "Session":
        """Give an object another name, purpose or motion."""
        return self.change(self.edit.change_object(changed))

    def delete_object(self, object_id: int) -> "Session":
        """Forget one object and its marks; the last one is only emptied."""
        return self.change(self.edit.delete_object(object_id))

    def hide(self, object_id: int, *, hidden: bool) -> "Session":
        """Draw an object no more, or again."""
        self.edit[object_id]
        others = self.hidden - {object_id}
        return replace(self, hidden=others | {object_id} if hidden else others)

    def limit(self, first: int, last: int | None) -> "Session":
        """Work on a part of the video only: frames `first` to `last`, inclusive."""
        end = self.num_frames - 1
        first = min(max(0, first), end)
        last = None if last is None or last >= end else max(first, last)
        return self.change(replace(self.edit, first=first, last=last))

    def job(self, options: Options, *, fill: bool = True) -> Job:
        """Return the removal of everything marked; its files lie in a new folder.

        Raises:
            UserError: nothing is marked, or all that is marked is to be kept.
        """
        prompted = {index: self.labels(index) for index in self.edit.marked_frames}
        prompted = {index: labels for index, labels in prompted.items() if labels.any()}
        if not prompted:
            raise UserError("nothing is marked yet; click on the object to remove first")
        removed = tuple(each.id for each in self.edit.objects if each.removed)
        if fill and not removed:
            raise UserError("every object is to be kept; choose Remove for at least one")
        folder = new_run(self.folder)
        kept = self.folder / KEPT if options.mode == "offline" else None
        stem = safe_stem(self.name)
        job = Job(
            source=self.source,
            output=folder / f"{stem}_clean.mp4" if fill else None,
            prompted=prompted,
            objects=None if len(removed) == len(self.edit.objects) else removed,
            masks_out=folder / f"{stem}_masks.zip",
            overlay_out=folder / f"{stem}_overlay.mp4",
            names={each.id: each.name for each in self.edit.objects},
            first=self.edit.first,
            last=self.edit.last,
            keyframes=dict(self.edit.keyframes),
            motion=self.edit.motions,
            keep=kept,
            earlier=kept if kept is not None and kept.exists() else None,
        )
        return options.applied(job)

    def with_result(self, result: Result) -> "Session":
        """Keep what a run made, and show it if there is a video."""
        showing: Showing = "result" if result.clean else "marks"
        return replace(self, result=result, showing=showing, taken={})

    def show(self, showing: Showing) -> "Session":
        """Show the marks, or the masks or the result if there are any."""
        result = self.result
        found = {"masks": result and result.masks, "result": result and result.clean}
        return replace(self, showing=showing if found.get(showing) else "marks")

    def refresh(self, look: LookAt) -> "Session":
        """Look at the same frame again: a run may have found something in it."""
        return replace(self, view=look(self.view.index))

    def change(self, edit: Edit) -> "Session":
        """Make an edit that undo takes back."""
        edit = replace(edit, frame=self.view.index)
        past = (*self.past, self.edit)[-MAX_UNDO:]
        return replace(self, edit=edit, past=past, showing="marks")

    def _place(self) -> Place:
        return Place(self.view.index, self.edit.current)

    def _prompt(self) -> Prompt:
        """Return what was said of the current object here, or what tracking found."""
        said = self.edit.prompts.get(self._place())
        return Prompt(mask=self._known_mask(), origin="tracked") if said is None else said

    def _known_mask(self) -> Mask | None:
        mask = self.edit.masks.get(self._place())
        if mask is None and self.view.labels is not None:
            mask = self.view.labels == self.edit.current
        return mask if mask is not None and mask.any() else None

    def _find(self, prompt: Prompt, find: FindObject) -> "Session":
        check(prompt, self.info.height, self.info.width)
        return self._mark(prompt, find(self.view.index, prompt).masks[0])

    def _mark(self, prompt: Prompt, mask: Mask) -> "Session":
        thumbnail = images.thumbnail(self.view.picture, mask, THUMBNAIL_PIXELS)
        return self.change(self.edit.mark(self._place(), prompt, mask, thumbnail))
