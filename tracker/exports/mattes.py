"""Mattes: label maps as a black and white video, for editing suites and back.

Object 1 is white (255), object 2 the level below, and so on: to the eye, and to a luma
matte, all are white, yet ids come back bit-exactly.  A note in the file says so; in a matte
without that note, what is brighter than middle grey is object 1.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from tracker.closable import Closable
from tracker.spool import LabelSpool
from tracker.types import LabelMap, UserError
from tracker.video import SourceFrame, VideoInfo, VideoReader, VideoWriter
from tracker.video.colour import Colour
from tracker.video.layouts import Layout
from tracker.video.tags import read_tags

GREY = Layout("grey", 8)
NOTE = {"CLEANPLATE_MATTE": "levels: 256 minus the id of the object"}
MIDDLE = 128


class MatteWriter(Closable):
    """An .mkv (FFV1) of levels; whole under its name or not at all, as `VideoWriter`."""

    def __init__(self, path: Path, info: VideoInfo, *, overwrite: bool = False) -> None:
        if path.suffix.lower() != ".mkv":
            raise UserError(f"{path.name}: unknown ending; a matte is written to an .mkv (FFV1)")
        plain = replace(
            info, layout=GREY, colour=Colour(), has_audio=False, has_subtitles=False, sound_rates=()
        )
        self._writer = VideoWriter(path, plain, overwrite=overwrite, metadata=NOTE)

    def write(self, source: SourceFrame, labels: LabelMap) -> None:
        """Append the labels of a frame."""
        self._writer.write(
            SourceFrame(
                source.index,
                source.time,
                GREY,
                [levels_of(labels)],
                Colour(),
                duration=source.duration,
            )
        )

    @property
    def notices(self) -> list[str]:
        """Return what could not be kept, a sentence each."""
        return self._writer.notices

    def complete(self) -> None:
        """Write everything there is to write; only the name is missing."""
        self._writer.complete()

    def commit(self) -> None:
        """Finish the matte and give it its name."""
        self._writer.commit()

    def close(self) -> None:
        """Abandon the matte unless it was committed."""
        self._writer.close()


def levels_of(labels: LabelMap) -> LabelMap:
    """Return labels as levels: 0 stays, object k becomes 256 - k; its own inverse."""
    return np.negative(labels)  # modulo 256


class MatteReader(Closable):
    """Label maps of a matte video by frame index, decoded once into a file on disk.

    Raises:
        UserError: It is not a video that can be read.
    """

    is_still = False

    def __init__(self, path: Path) -> None:
        self._path = path
        with VideoReader(path) as reader:
            self._size = (reader.info.height, reader.info.width)
            has_ids = NOTE.keys() <= read_tags(path).keys()
            self._spool = LabelSpool(*self._size)
            try:
                for index, labels in enumerate(_labels(reader, has_ids=has_ids)):
                    self._spool[index] = labels
            except BaseException:
                self._spool.close()
                raise

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._spool)

    def __getitem__(self, index: int) -> LabelMap:
        """Return the labels of frame `index`, uint8 (H, W)."""
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        return self._spool[index]

    def check(self, num_frames: int, height: int, width: int) -> None:
        """Refuse a matte that does not fit a clip.

        Raises:
            UserError: The number or the size of its frames differs from the clip's.
        """
        name = self._path.name
        if len(self) != num_frames:
            raise UserError(
                f"{name} has {len(self)} frames but the clip has {num_frames}; "
                "a matte needs a frame for each of the clip's"
            )
        if self._size != (height, width):
            raise UserError(
                f"{name} is {self._size[1]}x{self._size[0]} but the clip is {width}x{height}; "
                "a matte must have the size of the clip"
            )

    def close(self) -> None:
        """Delete the file."""
        self._spool.close()


def _labels(reader: VideoReader, *, has_ids: bool) -> Iterator[LabelMap]:
    for frame in reader:
        if has_ids and frame.layout == GREY:
            yield levels_of(np.asarray(frame.planes[0], np.uint8))
        else:
            yield (frame.rgb[..., 1] >= MIDDLE).astype(np.uint8)
