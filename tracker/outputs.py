"""The files a job leaves: all of them whole under their names, or none."""

import os
from contextlib import ExitStack
from pathlib import Path

from tracker import images
from tracker.closable import Closable
from tracker.jobs import Job
from tracker.masks import MaskWriter
from tracker.types import LabelMap, UserError
from tracker.video import SourceFrame, VideoReader, VideoWriter


class Outputs(Closable):
    """The clean video, the masks and the overlay, as far as a job asks for them.

    Everything is written under temporary names; `commit` gives all files their own.
    Leaving without it keeps the finished part of the videos as `NAME.partial.EXT`.
    """

    def __init__(self, job: Job, reader: VideoReader) -> None:
        _check_names(job)
        self._stack = ExitStack()
        self._video = self._masks = self._overlay = None
        with ExitStack() as opening:  # if one cannot be opened, none stays
            if job.output is not None:
                self._video = opening.enter_context(
                    VideoWriter(job.output, reader, overwrite=job.overwrite)
                )
            if job.masks_out is not None:
                self._masks = opening.enter_context(
                    MaskWriter(job.masks_out, job.overwrite, reader.info.num_frames)
                )
            if job.overlay_out is not None:
                self._overlay = opening.enter_context(
                    VideoWriter(job.overlay_out, reader, overwrite=job.overwrite)
                )
            self._stack = opening.pop_all()

    def write(self, result: SourceFrame) -> None:
        """Append a frame of the clean video, if one is wanted."""
        if self._video is not None:
            self._video.write(result)

    def write_labels(self, source: SourceFrame, labels: LabelMap) -> None:
        """Append a frame's masks and overlay, if they are wanted."""
        if self._masks is not None:
            self._masks.write(labels)
        if self._overlay is not None:
            self._overlay.write_rgb(images.overlay(source.rgb, labels), source.time)

    def commit(self) -> None:
        """Finish all files and give them their names."""
        writers = [each for each in (self._masks, self._overlay, self._video) if each is not None]
        for writer in writers:  # what takes time or may fail comes before the first name is given
            writer.complete()
        for writer in writers:
            writer.commit()

    def close(self) -> None:
        """Keep what is finished under partial names, unless it has been committed."""
        self._stack.close()

    @property
    def notices(self) -> tuple[str, ...]:
        """Return what the user should know about the files."""
        writers = [writer for writer in (self._video, self._overlay) if writer is not None]
        return tuple(dict.fromkeys(notice for writer in writers for notice in writer.notices))


def _check_names(job: Job) -> None:
    """Refuse files that would overwrite each other or what is read."""
    seen: dict[str, Path] = {}
    for path in (job.source, job.masks, job.output, job.masks_out, job.overlay_out):
        if path is None:
            continue
        name = os.path.normcase(path.resolve())
        if name in seen:
            raise UserError(f"{path} is named twice; give every file its own name")
        seen[name] = path
