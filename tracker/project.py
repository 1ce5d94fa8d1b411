"""A piece of work without its video: what was said, what was found, and how to remove it.

The video is known by its hash, so that work is never done on another one unawares.
`tracker/project_files.py` keeps projects as files.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tracker.edits import Edit, TrackedObject
from tracker.jobs import Job
from tracker.keyframes import Keyframes
from tracker.options import Options
from tracker.prompts import Place, Prompts
from tracker.types import Frame, LabelMap, Origin, Prompt, UserError

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class SourceMark:
    """By what a video is known again."""

    name: str  # of the file, as the user knows it
    sha256: str
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Project:
    """Everything needed to do a removal again, but the video."""

    source: SourceMark
    edit: Edit
    options: Options = field(default_factory=Options)
    keyframes: Mapping[int, Frame] = field(default_factory=dict)  # as they should look

    def labels(self) -> dict[int, LabelMap]:
        """Return the labels of every marked frame; where objects overlap, higher ids win."""
        found: dict[int, LabelMap] = {}
        for place in sorted(self.edit.masks):
            blank = np.zeros((self.source.height, self.source.width), np.uint8)
            labels = found.setdefault(place.frame, blank)
            labels[self.edit.masks[place]] = place.object_id
        return found

    def job(self, source: Path, output: Path) -> Job:
        """Return the removal on the video that lies at `source`.

        Raises:
            UserError: it is another video, or nothing is to be removed.
        """
        self.check(source)
        removed = tuple(each.id for each in self.edit.objects if each.removed)
        if not removed or not (self.edit.masks or self.options.redetect):
            raise UserError("the project removes nothing: no object is marked to go")
        job = Job(
            source,
            output,
            self.labels(),
            objects=None if len(removed) == len(self.edit.objects) else removed,
            motion=self.edit.motions,
            keyframes=dict(self.keyframes),
            first=self.edit.first,
            last=self.edit.last,
            names={each.id: each.name for each in self.edit.objects},
        )
        return self.options.applied(job)

    def check(self, source: Path) -> None:
        """Refuse a video that is not the one this project is about.

        Raises:
            UserError: its contents differ.
        """
        if hash_of(source) != self.source.sha256:
            raise UserError(
                f"{source.name} is not the video this project was made with ({self.source.name}): "
                "its contents differ; give the original"
            )


def project_of(job: Job, said: Prompts, width: int, height: int) -> Project:
    """Return the project of a job whose prompts were said on the command line."""
    masks = {
        Place(frame, number): labels == number
        for frame, labels in job.prompted.items()
        for number in np.unique(labels[labels > 0]).tolist()
    }
    ids = sorted({place.object_id for place in masks})
    keep = set(ids) if job.objects is None else set(job.objects)
    objects = tuple(
        TrackedObject(
            each,
            job.names.get(each) or f"Object {each}",
            each in keep,
            job.motion.get(each, "object"),
        )
        for each in ids
    )
    is_named = job.search is not None and job.search.words is not None
    origin: Origin = "words" if is_named else "proposed"
    prompts = {
        place: said.get(place, Prompt(mask=mask, origin=origin)) for place, mask in masks.items()
    }
    edit = Edit(
        objects or Edit().objects,
        ids[0] if ids else 1,
        prompts,
        masks,
        first=job.first,
        last=job.last,
    )
    mark = SourceMark(job.source.name, hash_of(job.source), width, height)
    return Project(mark, edit, Options.of(job), dict(Keyframes(job.keyframes)))


def hash_of(source: Path) -> str:
    """Return the SHA-256 of a file, or of all files of a folder with their names.

    Raises:
        UserError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        files = sorted(source.iterdir()) if source.is_dir() else [source]
        for file in files:
            if source.is_dir():
                digest.update(file.name.encode(errors="surrogateescape") + b"\0")
            with file.open("rb") as data:
                while chunk := data.read(CHUNK_BYTES):
                    digest.update(chunk)
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror}") from None
    return digest.hexdigest()
