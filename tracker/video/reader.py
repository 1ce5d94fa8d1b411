"""Reading videos: files of any kind and folders of images, frame by frame or at random."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

from tracker.closable import Closable
from tracker.types import Frame, UserError
from tracker.video.array_source import ArraySource
from tracker.video.folder_source import FolderSource
from tracker.video.frames import SourceFrame
from tracker.video.info import VideoInfo, past_the_end
from tracker.video.movie_source import MovieSource
from tracker.video.notices import Notices
from tracker.video.paths import is_folder

BACKWARDS_BYTES = 96 << 20  # decoded pictures held while reading backwards
MAX_SKIP = 32  # frames decoded for nothing before seeking is thought better


def probe(path: Path, fps: Fraction = Fraction(24)) -> VideoInfo:
    """Return what a video file or a folder of images is; `fps` is the rate of a folder.

    Raises:
        UserError: It is not a video that can be read.
    """
    with VideoReader(path, fps) as reader:
        return reader.info


class VideoReader(Closable):
    """A video to be read, upright, with exact times; nothing is held but the current frames.

    Raises:
        UserError: The path is not a video that can be read, or stops being one on the way.
    """

    def __init__(self, path: Path | Sequence[Frame], fps: Fraction = Fraction(24)) -> None:
        """Open a video file, a folder of images, or RGB frames that are in memory already.

        Args:
            path: The file or folder; or frames, uint8 (H, W, 3).
            fps: The rate of a folder or of frames.
        """
        if fps <= 0:
            raise UserError(f"{fps} frames per second is not a rate; give a positive number")
        self._notices = Notices()
        self._source: MovieSource | FolderSource | ArraySource
        if not isinstance(path, Path):
            self._source = ArraySource(path, Fraction(fps))
        elif is_folder(path):
            self._source = FolderSource(path, Fraction(fps), self._notices)
        else:
            self._source = MovieSource(path, self._notices)
        self._cursor: Iterator[SourceFrame] = iter(())
        self._next_index: int | None = None
        self._newest: SourceFrame | None = None

    @property
    def info(self) -> VideoInfo:
        """Return what the video is; the number of frames is exact after a complete reading."""
        return self._source.info

    @property
    def notices(self) -> list[str]:
        """Return what the user should know, a sentence each; may grow while reading."""
        return self._notices.sentences

    def __iter__(self) -> Iterator[SourceFrame]:
        """Yield all frames; every call starts again from frame 0."""
        return self._source.frames(0)

    def frames(self, start: int) -> Iterator[SourceFrame]:
        """Yield the frames from `start` on; none if there are not so many."""
        return self._source.frames(start)

    def read(self, index: int) -> SourceFrame:
        """Return frame `index`, the one a plain reading would deliver at that place.

        Raises:
            UserError: There is no such frame.
        """
        if index < 0:
            raise UserError(f"frame {index} does not exist; frames are counted from 0")
        if self._newest is not None and self._newest.index == index:
            return self._newest
        if self._next_index is None or not self._next_index <= index < self._next_index + MAX_SKIP:
            self._rewind()
            promised = self._source.length_by_packets() if index else None
            if promised is not None and index >= promised:
                raise UserError(past_the_end(index, promised))
            self._cursor, self._next_index = self._source.frames(index), index
        for frame in self._cursor:
            self._next_index = frame.index + 1
            if frame.index == index:
                self._newest = frame
                return frame
        self._rewind()
        raise UserError(past_the_end(index, self._count()))

    def backwards(self, stop: int) -> Iterator[SourceFrame]:
        """Yield frames stop-1, stop-2 … 0, decoding stretches that fit in bounded memory.

        Raises:
            UserError: The video has fewer than `stop` frames.
        """
        stretch = max(8, BACKWARDS_BYTES // self._bytes_per_frame())
        for end in range(stop, 0, -stretch):
            start = max(0, end - stretch)
            frames = [frame.detached() for frame in islice(self._source.frames(start), end - start)]
            if len(frames) < end - start:
                raise UserError(past_the_end(stop - 1, self._count()))
            while frames:
                yield frames.pop()

    def close(self) -> None:
        """Let go of the file."""
        self._rewind()

    def _rewind(self) -> None:
        close = getattr(self._cursor, "close", None)
        if close is not None:
            close()
        self._cursor, self._next_index, self._newest = iter(()), None, None

    def _count(self) -> int:
        if not self.info.frames_are_exact:
            for _ in self._source.frames(0):
                pass
        return self.info.num_frames or 0

    def _bytes_per_frame(self) -> int:
        info = self.info
        layout = info.layout
        samples = 0
        for plane in range(layout.num_planes):
            rows, columns = layout.shape(plane, info.height, info.width)
            samples += rows * columns
        return samples * (1 if layout.depth == 8 else 2)
