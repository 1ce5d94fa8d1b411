"""Writing videos: under a temporary name until everything is there."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import av

from tracker.closable import Closable
from tracker.room import NO_ROOM, no_room
from tracker.types import Frame, UserError
from tracker.video.codecs import ENDINGS, codec_of
from tracker.video.colour import Colour
from tracker.video.folder_writer import FolderWriter
from tracker.video.frames import SourceFrame
from tracker.video.info import VideoInfo
from tracker.video.layouts import Layout
from tracker.video.movie_writer import MovieWriter
from tracker.video.naming import (
    check_output,
    is_folder_name,
    own_files,
    partial_name,
    temporary_name,
)
from tracker.video.notices import Notices
from tracker.video.reader import VideoReader
from tracker.video.salvaging import is_playable, remove, replace, salvage


class VideoWriter(Closable):
    """A video to be written: .mp4 (H.264), .mkv (FFV1, lossless) or a folder of PNG pictures.

    For editing suites also .mov (ProRes 422 HQ) and .mp4 as H.265; and, where the source has
    transparency, .mov (ProRes 4444) and .webm (VP9).

    Used in a `with` block.  Leaving it without `commit` keeps the finished part as
    `NAME.partial.EXT`.

    Raises:
        UserError: The name cannot be used, or the disk is full.
    """

    def __init__(
        self,
        path: Path,
        source: VideoReader | VideoInfo,
        *,
        overwrite: bool = False,
        codec: str | None = None,
        is_layer: bool = False,
        metadata: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Begin a video of the size, clock, colours and sound of `source`.

        Args:
            path: What kind it is follows from the ending; its folder must exist.
            source: What is read; see `rendered` for a video without source.
            overwrite: Replace an existing output, though never the source.
            codec: "h264", "h265" or "prores"; None: by the ending.
            is_layer: The pictures have transparency that is to be kept.
            metadata: Noted in the file, if it is an .mkv.
        """
        self._path = path
        self._info = source.info if isinstance(source, VideoReader) else source
        self._notices = Notices()
        is_folder = is_folder_name(path)
        check_output(path, (self._info.path,), overwrite=overwrite)
        temporary = temporary_name(path)
        self._num_frames = 0
        self._finished: Path | None = None
        self._last_time: Fraction | None = None
        self._is_over = False
        self._target: MovieWriter | FolderWriter
        if is_folder and codec is not None:
            raise UserError(f"{codec} is written to {ENDINGS[codec]}, not to a folder of pictures")
        chosen = None if is_folder else codec_of(path, codec, has_alpha=is_layer)
        with self._explained():
            kept = salvage(path, self._info)
            if kept is not None:
                self._notices.say(
                    "earlier", f"what an earlier run had finished when it was killed is {kept.name}"
                )
            if chosen is None:
                self._target = FolderWriter(temporary, self._info, self._notices)
            else:
                self._target = MovieWriter(temporary, self._info, self._notices, chosen, metadata)

    @classmethod
    def rendered(
        cls, path: Path, width: int, height: int, rate: Fraction, *, overwrite: bool = False
    ) -> "VideoWriter":
        """Begin a video without source, to be fed by `write_rgb`."""
        info = VideoInfo(
            path=Path(os.devnull),
            width=width,
            height=height,
            num_frames=None,
            frames_are_exact=False,
            rate=Fraction(rate),
            duration_seconds=None,
            pixel_aspect=Fraction(1),
            bit_depth=8,
            pixel_format="rgb24",
            has_audio=False,
            time_base=Fraction(1, Fraction(rate).numerator),
            layout=Layout("rgb", 8),
            colour=Colour(),
        )
        return cls(path, info, overwrite=overwrite)

    @property
    def notices(self) -> list[str]:
        """Return what the output could not keep, a sentence each."""
        return self._notices.sentences

    def write(self, frame: SourceFrame) -> None:
        """Append a picture of the source, composited or not."""
        self._check(frame.height, frame.width, frame.time)
        with self._explained():
            self._target.write(frame)
        self._num_frames += 1

    def write_rgb(self, rgb: Frame, time: Fraction) -> None:
        """Append an RGB picture, uint8 (H, W, 3), shown from `time` seconds on."""
        self._check(rgb.shape[0], rgb.shape[1], time)
        with self._explained():
            self._target.write_rgb(rgb, time)
        self._num_frames += 1

    def _check(self, height: int, width: int, time: Fraction) -> None:
        if self._is_over:
            raise ValueError("the video is finished already")
        if (height, width) != (self._info.height, self._info.width):
            raise ValueError(
                f"picture is {(height, width)} but the video is "
                f"{(self._info.height, self._info.width)} (H, W)"
            )
        if self._last_time is not None and time <= self._last_time:
            raise ValueError(f"time {time} does not come after {self._last_time}")
        self._last_time = time

    def complete(self) -> None:
        """Write everything there is to write, the sound included; only the name is missing.

        Raises:
            UserError: The disk is full; what there is becomes `NAME.partial.EXT`.
        """
        if not self._num_frames:
            raise UserError(f"{self._path.name} would have no frames; nothing was written")
        if self._finished is None:
            with self._explained():
                finished = self._target.finish(whole=True)
                _sync(finished)
            self._finished = finished

    def commit(self) -> None:
        """Complete the video and give it its name.

        Raises:
            UserError: As `complete` does.
        """
        self.complete()
        if self._finished is not None:
            with self._explained():
                replace(self._finished, self._path)
        self._is_over = True

    def abandon(self) -> Path | None:
        """Keep what is finished as `NAME.partial.EXT`, playable; None if there is nothing."""
        if self._is_over:
            return None
        self._is_over = True
        partial = partial_name(self._path)
        if self._num_frames:
            with suppress(av.FFmpegError, OSError, UserError):  # no room, or the source is gone
                replace(self._finished or self._target.finish(whole=False), partial)
                return partial
        rest = self._target.leave()
        if self._num_frames and is_playable(rest):
            replace(rest, partial)
            return partial
        remove(rest)
        return None

    def close(self) -> None:
        """Abandon the video unless it was committed."""
        self.abandon()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn failures to write into sentences."""
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            if getattr(error, "errno", None) in NO_ROOM:
                raise UserError(self._no_room()) from None
            reason = getattr(error, "strerror", None) or str(error)
            raise UserError(f"{self._path} cannot be written: {reason}") from error

    def _no_room(self) -> str:
        written = sum(_size(path) for path in own_files(self._path))
        return no_room(self._path, written, self._num_frames, self._info.num_frames)


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(inner.stat().st_size for inner in path.iterdir())
    return path.stat().st_size


def _sync(path: Path) -> None:
    """Have the system write a finished file to the disk before its name is given away."""
    if path.is_file():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
