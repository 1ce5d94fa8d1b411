"""The video track of a file being written: pictures of one format in, packets out."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from tracker.video.colour import Colour
from tracker.video.info import VideoInfo

KEY_SECONDS = 2  # a key picture at least this often: what a crash can cost, and how far to seek
MAX_ENCODER_THREADS = 8
HALF_A_MILLISECOND = Fraction(1, 2000)


@dataclass(frozen=True)
class TrackFormat:
    """How the pictures of a track are compressed."""

    encoder: str  # FFmpeg's name
    pixel_format: str
    size: tuple[int, int]  # height, width
    colour: Colour
    options: Mapping[str, str] = field(default_factory=dict)
    only_key_pictures: bool = False
    tag: str | None = None  # four letters by which players know the codec; None: FFmpeg's choice


class Track:
    """One video stream of a container."""

    def __init__(self, target: OutputContainer, info: VideoInfo, format_: TrackFormat) -> None:
        """Add the stream to `target`, with the clock and the shape of pixels of `info`."""
        self._target = target
        self._counts_milliseconds = target.format.name in ("matroska", "webm")
        self._last_millisecond = -1
        self._durations: dict[int, int] = {}
        self._default_duration = max(1, round(1 / info.rate / info.time_base))
        rate = info.rate.limit_denominator(1 << 20)
        options = dict(format_.options)
        added = target.add_stream(format_.encoder, rate=rate, options=options)
        stream = cast(VideoStream, added)
        stream.height, stream.width = format_.size
        stream.pix_fmt = format_.pixel_format
        stream.time_base = info.time_base
        context = stream.codec_context
        context.time_base = info.time_base
        context.sample_aspect_ratio = info.pixel_aspect
        colour = format_.colour
        context.colorspace, context.color_range = colour.matrix, colour.range
        context.color_primaries, context.color_trc = colour.primaries, colour.transfer
        context.thread_count = min(MAX_ENCODER_THREADS, os.cpu_count() or 1)
        context.gop_size = max(1, min(300, round(KEY_SECONDS * info.rate)))
        if format_.only_key_pictures:
            context.gop_size = 1
        if format_.tag is not None:
            context.codec_tag = format_.tag
        self.stream: VideoStream = stream

    def encode(self, picture: av.VideoFrame, time: Fraction, duration: Fraction | None) -> None:
        """Encode a picture of this track's format, shown at `time` seconds."""
        time_base = self._time_base
        exact = self._apart(time) if self._counts_milliseconds else time
        picture.pts = round(exact / time_base)
        picture.time_base = time_base
        ticks = max(1, round(duration / time_base)) if duration else self._default_duration
        self._durations[picture.pts] = ticks
        self._mux(self.stream.encode(picture))

    def _apart(self, time: Fraction) -> Fraction:
        """Return `time`, or a millisecond after the picture before if that has the same one.

        Matroska counts milliseconds, and players take pictures of one time for a broken file.
        """
        millisecond = max(math.floor(time * 1000 + Fraction(1, 2)), self._last_millisecond + 1)
        self._last_millisecond = millisecond
        shifted = Fraction(millisecond, 1000)
        return shifted if abs(shifted - time) > HALF_A_MILLISECOND else time

    def finish(self) -> None:
        """Encode what is still held back."""
        self._mux(self.stream.encode(None))

    @property
    def _time_base(self) -> Fraction:
        return Fraction(self.stream.codec_context.time_base)

    def _mux(self, packets: "list[av.Packet[VideoStream]]") -> None:
        for packet in packets:
            ticks = self._durations.pop(packet.pts or 0, self._default_duration)
            if not packet.duration:
                packet.duration = ticks
            self._target.mux(packet)
