"""The pictures of one video file: decoded in order, or from any frame on.

Random access relies on a list of time stamps (from the packets, or better from an earlier
complete reading) and checks every decoded picture against it.  If one does not fit, the
file is read from its start instead, so frame k is always the k-th picture of a plain reading.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from tracker.types import UserError
from tracker.video.colour import colour_of
from tracker.video.formats import unpack
from tracker.video.frames import SourceFrame
from tracker.video.info import VideoInfo
from tracker.video.layouts import needs_conversion
from tracker.video.notices import Notices
from tracker.video.opening import open_container, video_stream
from tracker.video.orientation import Orientation, orientation_of, turn, turned_layout

MAX_RATE = 1000
NUM_PROBED = 32  # packets looked at before the first picture is decoded


@dataclass
class _Damage:
    """What could not be read in one pass."""

    lost: int = 0  # packets without a picture
    is_cut_off: bool = False
    repaired_times: int = 0


@dataclass
class _Times:
    """Time stamps of all pictures in order, in ticks, and those of the key pictures."""

    all: list[int]
    keys: list[int]
    places: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.places = {ticks: index for index, ticks in enumerate(self.all)}


class MovieSource:
    """A video file."""

    def __init__(self, path: Path, notices: Notices) -> None:
        self._path = path
        self._notices = notices
        self._times: _Times | None = None
        self._has_scanned = False
        self.info, self._orientation = self._examine()

    def _examine(self) -> tuple[VideoInfo, Orientation]:
        with open_container(self._path) as container:
            stream = video_stream(container, self._path)
            packets = list(islice(container.demux(stream), NUM_PROBED))
            self._has_sound_times = _have_sound_times(packets, container.format.name)
            pictures = _pictures(chain(packets, container.demux(stream)), stream, _Damage())
            picture = next(pictures, None)
            if picture is None:
                raise UserError(
                    f"no picture of {self._path.name} can be decoded: it is damaged, encrypted "
                    "or cut off; copy or export it again"
                )
            orientation = orientation_of(picture)
            info = _describe(self._path, container, stream, picture, orientation)
        if not self._has_sound_times:
            info = replace(info, time_base=1 / info.rate, start_seconds=Fraction(0))
        if picture.interlaced_frame:
            self._notices.say("interlaced", "the interlaced video is treated as progressive")
        if needs_conversion(picture.format.name):
            self._notices.say(
                "format", f"the {picture.format.name} samples were converted to {info.layout.name}"
            )
        return info, orientation

    def frames(self, start: int) -> Iterator[SourceFrame]:
        """Yield the pictures from `start` on; none if there are not so many."""
        if start > 0:
            times = self._known_times()
            if times is not None and start < len(times.all):
                for frame in self._frames_after_seeking(times, start):
                    yield frame
                    start = frame.index + 1
                if start == len(times.all):
                    return
        for frame in self._frames_in_order():
            if frame.index >= start:
                yield frame

    def length_by_packets(self) -> int | None:
        """Return how many pictures the packets promise, or None if they do not say."""
        times = self._known_times()
        return None if times is None else len(times.all)

    def _frames_in_order(self) -> Iterator[SourceFrame]:
        damage = _Damage()
        ticks: list[int] = []
        keys: list[int] = []
        with open_container(self._path) as container:
            stream = video_stream(container, self._path)
            clock = _Clock(self.info, damage, has_sound_times=self._has_sound_times)
            for picture in _pictures(container.demux(stream), stream, damage):
                time = clock.time(picture)
                if picture.pts is not None:
                    ticks.append(picture.pts)
                    if picture.key_frame:
                        keys.append(picture.pts)
                yield self._upright(picture, clock.num_frames - 1, time)
        self._report(damage, clock.num_frames)
        self.info = replace(self.info, num_frames=clock.num_frames, frames_are_exact=True)
        if self._has_sound_times and len(ticks) == clock.num_frames and not damage.repaired_times:
            self._times = _Times(ticks, keys)

    def _frames_after_seeking(self, times: _Times, start: int) -> Iterator[SourceFrame]:
        """Yield pictures from `start` on as long as they are the ones expected."""
        key = bisect_right(times.keys, times.all[start]) - 1
        if key < 0 or times.keys[key] not in times.places:
            return
        expected = times.places[times.keys[key]]
        with open_container(self._path) as container:
            stream = video_stream(container, self._path)
            try:
                container.seek(times.keys[key], stream=stream)
            except av.FFmpegError:
                return
            for picture in _pictures(container.demux(stream), stream, _Damage()):
                # Pictures shown before the key picture may lack what they were predicted from.
                if picture.pts is None or picture.pts < times.keys[key]:
                    continue
                if times.places.get(picture.pts) != expected:
                    return
                if expected >= start:
                    yield self._upright(picture, expected, picture.pts * self.info.time_base)
                expected += 1

    def _known_times(self) -> _Times | None:
        if self._times is None and self._has_sound_times and not self._has_scanned:
            self._has_scanned = True
            self._times = self._scan()
        return self._times

    def _scan(self) -> _Times | None:
        """Read the packets' time stamps, without decoding."""
        ticks: list[int] = []
        keys: list[int] = []
        with open_container(self._path) as container:
            stream = video_stream(container, self._path)
            try:
                for packet in container.demux(stream):
                    if packet.size == 0 or packet.is_discard or packet.is_corrupt:
                        continue
                    if packet.pts is None:
                        return None
                    ticks.append(packet.pts)
                    if packet.is_keyframe:
                        keys.append(packet.pts)
            except av.FFmpegError:
                return None
        ticks.sort()
        keys.sort()
        starts_alike = bool(ticks) and ticks[0] * self.info.time_base == self.info.start_seconds
        if not starts_alike or len(set(ticks)) != len(ticks):
            return None
        return _Times(ticks, keys)

    def _upright(self, picture: av.VideoFrame, index: int, time: Fraction) -> SourceFrame:
        decoded: av.VideoFrame | None = picture
        layout, planes = unpack(picture)
        if not self._orientation.is_upright:
            layout, planes = turn(layout, planes, self._orientation)
            decoded = None
        elif layout.name != picture.format.name.replace("yuvj", "yuv"):
            decoded = None
        height, width = planes[0].shape
        info = self.info
        if (width, height) != (info.width, info.height):
            raise UserError(
                f"frame {index} of {info.path.name} is {width}x{height} but the video began with "
                f"{info.width}x{info.height}; cut it where the size changes"
            )
        duration = picture.duration * info.time_base if picture.duration else None
        if layout != info.layout:
            raise UserError(
                f"frame {index} of {info.path.name} is {layout.name} but the video began with "
                f"{info.layout.name}; cut it where the format changes"
            )
        return SourceFrame(
            index, time, layout, planes, info.colour, duration=duration, decoded=decoded
        )

    def _report(self, damage: _Damage, num_frames: int) -> None:
        if damage.lost or damage.is_cut_off:
            lost = f"{damage.lost} damaged picture{'s' * (damage.lost != 1)} left out"
            what = "is cut off" if damage.is_cut_off else "is damaged"
            self._notices.say(
                "damage", f"{self._path.name} {what}: {num_frames} frames were read, {lost}"
            )
        if damage.repaired_times:
            self._notices.say(
                "times",
                f"{damage.repaired_times} frames without a usable time stamp were spaced evenly",
            )


class _Clock:
    """Turns time stamps into strictly growing times; without any, spaces frames evenly."""

    def __init__(self, info: VideoInfo, damage: _Damage, *, has_sound_times: bool) -> None:
        self._time_base = info.time_base
        self._step = max(info.time_base, round(1 / info.rate / info.time_base) * info.time_base)
        self._has_sound_times = has_sound_times
        self._damage = damage
        self._last: Fraction | None = None
        self.num_frames = 0

    def time(self, picture: av.VideoFrame) -> Fraction:
        """Return when `picture` is shown, seconds."""
        self.num_frames += 1
        if not self._has_sound_times:
            return (self.num_frames - 1) * self._step
        time = None if picture.pts is None else picture.pts * self._time_base
        if time is None or (self._last is not None and time <= self._last):
            time = Fraction(0) if self._last is None else self._last + self._step
            self._damage.repaired_times += 1
        self._last = time
        return time


def _pictures(
    packets: "Iterable[av.Packet[VideoStream]]", stream: VideoStream, damage: _Damage
) -> Iterator[av.VideoFrame]:
    """Decode every whole picture from here on, counting what is broken."""
    packets = iter(packets)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            damage.is_cut_off = True
            yield from _rest(stream)
            return
        if packet is None:
            return
        if packet.size and packet.is_corrupt:
            damage.lost += 1
            continue
        try:
            pictures = packet.decode()
        except av.FFmpegError:
            damage.lost += packet.size > 0
            continue
        yield from pictures


def _have_sound_times(packets: "list[av.Packet[VideoStream]]", format_name: str) -> bool:
    """Return whether the packets' time stamps can be believed.

    AVI stores none: FFmpeg derives them, rightly unless pictures are reordered.
    """
    stamps = [packet.pts for packet in packets if packet.size]
    known = [ticks for ticks in stamps if ticks is not None]
    if len(known) < len(stamps) or len(set(known)) < len(known):
        return False
    return format_name != "avi" or known == sorted(known)


def _rest(stream: VideoStream) -> list[av.VideoFrame]:
    try:
        return stream.codec_context.decode(None)
    except av.FFmpegError:
        return []


def _describe(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    picture: av.VideoFrame,
    orientation: Orientation,
) -> VideoInfo:
    layout, _ = unpack(picture)
    height, width = picture.height, picture.width
    layout = turned_layout(layout, orientation, height, width)
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if not Fraction(1, 100) < aspect < 100:
        aspect = Fraction(1)
    if orientation.transposed:
        width, height, aspect = height, width, 1 / aspect
    rate = next(
        (r for r in (stream.average_rate, stream.guessed_rate) if r and 0 < r <= MAX_RATE),
        Fraction(25),
    )
    time_base = Fraction(stream.time_base or Fraction(1, 90000))
    seconds: float | None = None
    if stream.duration:
        seconds = float(stream.duration * time_base)
    elif container.duration:
        seconds = container.duration / 1e6
    num_frames = stream.frames or (round(seconds * rate) if seconds else None)
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        num_frames=max(1, num_frames) if num_frames else None,
        frames_are_exact=False,
        rate=Fraction(rate),
        duration_seconds=seconds,
        pixel_aspect=Fraction(aspect),
        bit_depth=layout.depth,
        pixel_format=picture.format.name,
        has_audio=bool(container.streams.audio),
        time_base=time_base,
        layout=layout,
        colour=colour_of(picture),
        start_seconds=(picture.pts or 0) * time_base,
    )
