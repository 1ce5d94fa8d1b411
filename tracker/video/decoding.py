"""Packets to pictures and time stamps to times, when some of them may be broken."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from tracker.video.info import VideoInfo


@dataclass
class Damage:
    """What could not be read in one pass."""

    num_lost: int = 0  # packets without a picture
    is_cut_off: bool = False
    num_repaired_times: int = 0


def pictures(
    packets: "Iterable[av.Packet[VideoStream]]", decoder: VideoCodecContext, damage: Damage
) -> Iterator[av.VideoFrame]:
    """Decode every whole picture, in the order they are shown, counting what is broken."""
    source = iter(packets)
    while True:
        try:
            packet = next(source, None)
        except av.FFmpegError:
            damage.is_cut_off = True
            packet = None
        if packet is not None and packet.is_corrupt and packet.size:
            damage.num_lost += 1
            continue
        is_last = packet is None or packet.size == 0
        try:
            decoded = decoder.decode(None if is_last else packet)
        except EOFError:  # emptied already
            return
        except av.FFmpegError:
            damage.num_lost += not is_last
            decoded = []
        yield from decoded
        if is_last:
            return


class Clock:
    """Turns time stamps into strictly growing times; without any, spaces frames evenly."""

    def __init__(self, info: VideoInfo, damage: Damage, *, has_sound_times: bool) -> None:
        self._time_base = info.time_base
        self._step = max(info.time_base, round(1 / info.rate / info.time_base) * info.time_base)
        self._has_sound_times = has_sound_times
        self._damage = damage
        self._last: Fraction | None = None
        self.num_frames = 0

    def time(self, picture: av.VideoFrame) -> Fraction:
        """Return when `picture`, the next one, is shown, in seconds."""
        self.num_frames += 1
        if not self._has_sound_times:
            return (self.num_frames - 1) * self._step
        time = None if picture.pts is None else picture.pts * self._time_base
        if time is None or (self._last is not None and time <= self._last):
            time = Fraction(0) if self._last is None else self._last + self._step
            self._damage.num_repaired_times += 1
        self._last = time
        return time


def have_sound_times(packets: "list[av.Packet[VideoStream]]", format_name: str) -> bool:
    """Return whether the time stamps of a file's first packets can be believed.

    AVI stores none: FFmpeg derives them, rightly unless pictures are reordered.
    """
    stamps = [packet.pts for packet in packets if packet.size]
    known = [ticks for ticks in stamps if ticks is not None]
    if len(known) < len(stamps) or len(set(known)) < len(known):
        return False
    return format_name != "avi" or known == sorted(known)
