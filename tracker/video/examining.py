"""A first look at a video file: its first picture, and what the headers claim."""

from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from tracker.types import UserError
from tracker.video.colour import colour_of
from tracker.video.decoding import Damage, have_sound_times, pictures
from tracker.video.info import VideoInfo
from tracker.video.layouts import layout_of, needs_conversion
from tracker.video.notices import Notices
from tracker.video.opening import decoder_of, open_container, video_stream
from tracker.video.orientation import Orientation, orientation_of, turned_layout

NUM_PROBED = 32  # packets looked at before the first picture is decoded
MAX_RATE = 1000
DEFAULT_RATE = Fraction(25)  # of files that do not say


@dataclass(frozen=True)
class Examined:
    """What the first look found."""

    info: VideoInfo
    orientation: Orientation
    has_sound_times: bool


def examine(path: Path, notices: Notices) -> Examined:
    """Open a video file and decode its first picture.

    Raises:
        UserError: It is not a video that can be read.
    """
    with open_container(path) as container:
        stream = video_stream(container, path)
        demuxed = container.demux(stream)
        packets: list[av.Packet[VideoStream]] = []
        with suppress(av.FFmpegError):  # met again below, after the packets before it
            packets.extend(islice(demuxed, NUM_PROBED))
        has_sound_times = have_sound_times(packets, container.format.name)
        decoder = decoder_of(stream, notices)
        picture = next(pictures(chain(packets, demuxed), decoder, Damage()), None)
        if picture is None:
            raise UserError(
                f"no picture of {path.name} can be decoded: it is damaged, encrypted or cut off; "
                "copy or export it again"
            )
        orientation = orientation_of(picture)
        info = _describe(path, container, stream, picture, orientation)
    if not has_sound_times:
        info = replace(info, time_base=1 / info.rate, start_seconds=Fraction(0))
    if picture.interlaced_frame:
        notices.say("interlaced", "the interlaced video is treated as progressive")
    if needs_conversion(info.pixel_format):
        notices.say(
            "format", f"the {info.pixel_format} samples were converted to {info.layout.name}"
        )
    return Examined(info, orientation, has_sound_times)


def _describe(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    picture: av.VideoFrame,
    orientation: Orientation,
) -> VideoInfo:
    height, width = picture.height, picture.width
    layout = turned_layout(layout_of(picture.format.name), orientation, height, width)
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    if not Fraction(1, 100) < aspect < 100:
        aspect = Fraction(1)
    if orientation.transposed:
        width, height, aspect = height, width, 1 / aspect
    rates = (stream.average_rate, stream.guessed_rate)
    rate = next((Fraction(r) for r in rates if r and 0 < r <= MAX_RATE), DEFAULT_RATE)
    time_base = Fraction(stream.time_base or Fraction(1, 90_000))
    seconds: float | None = None
    if stream.duration:
        seconds = float(stream.duration * time_base)
    elif container.duration:
        seconds = container.duration / 1_000_000  # FFmpeg counts microseconds
    num_frames = stream.frames or (round(seconds * rate) if seconds else None)
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        num_frames=max(1, num_frames) if num_frames is not None else None,
        frames_are_exact=False,
        rate=rate,
        duration_seconds=seconds,
        pixel_aspect=aspect,
        bit_depth=layout.depth,
        pixel_format=picture.format.name,
        has_audio=bool(container.streams.audio),
        time_base=time_base,
        layout=layout,
        colour=colour_of(picture),
        start_seconds=(picture.pts or 0) * time_base,
        has_subtitles=bool(container.streams.subtitles),
        sound_rates=tuple(s.rate for s in container.streams.audio if s.codec_context and s.rate),
    )
