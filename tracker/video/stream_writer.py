"""Pictures to a pipe: H.264 without delay, for players and other programs."""

from typing import BinaryIO

import av

from tracker.closable import Closable
from tracker.types import UserError
from tracker.video.colour import LIMITED, Colour
from tracker.video.conversion import pad_to, to_yuv
from tracker.video.encoding import PLAYABLE, playable_colour
from tracker.video.formats import pack
from tracker.video.frames import SourceFrame
from tracker.video.info import VideoInfo
from tracker.video.track import Track, TrackFormat

FORMATS = {"mpegts": "mpegts", "mkv": "matroska"}
_OPTIONS = {"preset": "ultrafast", "tune": "zerolatency", "crf": "18"}


class StreamWriter(Closable):
    """Writes every picture as soon as it is given; there is nothing to be whole or not."""

    def __init__(self, file: BinaryIO, info: VideoInfo, format_name: str = "mpegts") -> None:
        """Begin a stream.

        Args:
            file: Where to; a pipe will do.
            info: Of the source: size, rate, colours.
            format_name: A key of `FORMATS`.
        """
        options = {"flush_packets": "1"}
        self._container = av.open(file, "w", format=FORMATS[format_name], container_options=options)
        self._colour = _limited(playable_colour(info, from_rgb=False))
        self._size = (info.height + info.height % 2, info.width + info.width % 2)
        self._track = Track(
            self._container,
            info,
            TrackFormat("libx264", PLAYABLE.name, self._size, self._colour, _OPTIONS),
        )
        self._is_open = True

    def write(self, frame: SourceFrame) -> None:
        """Write a picture.

        Raises:
            UserError: Nobody reads any more.
        """
        planes = pad_to(PLAYABLE, to_yuv(frame, PLAYABLE, self._colour), *self._size)
        try:
            self._track.encode(pack(PLAYABLE, planes), frame.time, frame.duration)
        except (av.FFmpegError, OSError) as error:
            self._is_open = False
            raise UserError(f"the stream cannot be written: {error.strerror}") from None

    def commit(self) -> None:
        """Finish the stream."""
        if self._is_open:
            self._track.finish()
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._is_open:
            self._is_open = False
            self._container.close()


def _limited(colour: Colour) -> Colour:
    return Colour(colour.matrix, LIMITED, colour.primaries, colour.transfer)
