"""The files a job leaves: all of them whole under their names, or none."""

import os
from contextlib import ExitStack
from pathlib import Path

from tracker import images
from tracker.closable import Closable
from tracker.crew import objects_to_remove
from tracker.exports.layers import cut_out, layer_info, patch_layer
from tracker.exports.manifest import Manifest
from tracker.exports.mattes import MatteWriter
from tracker.jobs import Job
from tracker.masks import MaskWriter
from tracker.types import LabelMap, UserError
from tracker.video import SourceFrame, VideoReader, VideoWriter


class Outputs(Closable):
    """The clean video and what else a job asks for, written frame by frame.

    Everything is written under temporary names; `commit` gives all files their own.
    Leaving without it keeps the finished part of the videos as `NAME.partial.EXT`.
    """

    def __init__(self, job: Job, reader: VideoReader) -> None:
        _check_names(job)
        self._chosen = objects_to_remove(job)
        self._stack = ExitStack()
        self._masks: MaskWriter | None = None
        self._matte: MatteWriter | None = None
        with ExitStack() as opening:  # if one cannot be opened, none stays

            def video(path: Path | None, codec: str | None = None) -> VideoWriter | None:
                if path is None:
                    return None
                writer = VideoWriter(path, reader, overwrite=job.overwrite, codec=codec)
                return opening.enter_context(writer)

            def layer(path: Path | None) -> VideoWriter | None:
                if path is None:
                    return None
                info = layer_info(reader.info)
                writer = VideoWriter(path, info, overwrite=job.overwrite, is_layer=True)
                return opening.enter_context(writer)

            self._video = video(job.output, job.codec)
            if job.masks_out is not None:
                manifest = Manifest(job.source.name, job.names)
                masks = MaskWriter(job.masks_out, job.overwrite, reader.info.num_frames, manifest)
                self._masks = opening.enter_context(masks)
            self._overlay = video(job.overlay_out)
            if job.matte_out is not None:
                matte = MatteWriter(job.matte_out, reader.info, overwrite=job.overwrite)
                self._matte = opening.enter_context(matte)
            self._cutout, self._patch = layer(job.cutout_out), layer(job.patch_out)
            self._stack = opening.pop_all()

    def write(self, result: SourceFrame) -> None:
        """Append a frame of the clean video and of the patch, if they are wanted."""
        if self._video is not None:
            self._video.write(result)
        if self._patch is not None:
            self._patch.write(patch_layer(result))

    def write_labels(self, source: SourceFrame, labels: LabelMap) -> None:
        """Append a frame of everything that shows the objects, as far as it is wanted."""
        if self._masks is not None:
            self._masks.write(labels, source.time)
        if self._overlay is not None:
            self._overlay.write_rgb(images.overlay(source.rgb, labels), source.time)
        if self._matte is not None:
            self._matte.write(source, labels)
        if self._cutout is not None:
            self._cutout.write(cut_out(source, labels, self._chosen))

    def commit(self) -> None:
        """Finish all files and give them their names."""
        writers = [each for each in (self._masks, *self._others(), self._video) if each is not None]
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
        writers = [writer for writer in (self._video, *self._others()) if writer is not None]
        return tuple(dict.fromkeys(notice for writer in writers for notice in writer.notices))

    def _others(self) -> tuple[VideoWriter | MatteWriter | None, ...]:
        return (self._overlay, self._matte, self._cutout, self._patch)


def output_paths(job: Job) -> list[Path]:
    """Return the files a job leaves."""
    named = (
        job.output,
        job.masks_out,
        job.overlay_out,
        job.matte_out,
        job.cutout_out,
        job.patch_out,
    )
    return [path for path in named if path is not None]


def _check_names(job: Job) -> None:
    """Refuse files that would overwrite each other or what is read."""
    seen: dict[str, Path] = {}
    for path in (job.source, job.masks, *output_paths(job)):
        if path is None:
            continue
        name = os.path.normcase(path.resolve())
        if name in seen:
            raise UserError(f"{path} is named twice; give every file its own name")
        seen[name] = path
