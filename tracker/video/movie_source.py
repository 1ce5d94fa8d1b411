"""The pictures of one video file: decoded in order, or from any frame on.

Random access relies on a list of time stamps (from the packets, or better from an earlier
complete reading) and checks every decoded picture against it.  If one does not fit, the
file is read from its start instead, so frame k is always the k-th picture of a plain reading.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av

from tracker.types import UserError
from tracker.video.decoding import Clock, Damage, pictures
from tracker.video.examining import examine
from tracker.video.formats import unpack
from tracker.video.frames import SourceFrame
from tracker.video.notices import Notices
from tracker.video.opening import decoder_of, open_container, video_stream
from tracker.video.orientation import turn
from tracker.video.wholeness import is_cut_off


@dataclass
class _Times:
    """Time stamps of all pictures in order, in ticks, and those of the key pictures."""

    all: Sequence[int]
    keys: Sequence[int]

    def place(self, ticks: int) -> int | None:
        """Return which picture is shown then; None if none is."""
        index = bisect_left(self.all, ticks)
        return index if index < len(self.all) and self.all[index] == ticks else None


class MovieSource:
    """A video file."""

    def __init__(self, path: Path, notices: Notices) -> None:
        self._path = path
        self._notices = notices
        self._times: _Times | None = None
        self._has_scanned = False
        examined = examine(path, notices)
        self.info = examined.info
        self._orientation = examined.orientation
        self._has_sound_times = examined.has_sound_times

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
        damage = Damage()
        ticks, keys = array("q"), array("q")
        with open_container(self._path) as container:
            stream = video_stream(container, self._path)
            decoder = decoder_of(stream, self._notices)
            clock = Clock(self.info, damage, has_sound_times=self._has_sound_times)
            for picture in pictures(container.demux(stream), decoder, damage):
                time = clock.time(picture)
                if picture.pts is not None:
                    ticks.append(picture.pts)
                    if picture.key_frame:
                        keys.append(picture.pts)
                yield self._upright(picture, clock.num_frames - 1, time)
        damage.is_cut_off |= is_cut_off(self._path)
        self._report(damage, clock.num_frames)
        self.info = replace(self.info, num_frames=clock.num_frames, frames_are_exact=True)
        if self._has_sound_times and not damage.num_repaired_times:
            self._times = _Times(ticks, keys)

    def _frames_after_seeking(self, times: _Times, start: int) -> Iterator[SourceFrame]:
        """Yield pictures from `start` on as long as they are the ones expected."""
        key = bisect_right(times.keys, times.all[start]) - 1
        expected = None if key < 0 else times.place(times.keys[key])
        if expected is None:
            return
        with open_container(self._path) as container:
            stream = video_stream(container, self._path)
            try:
                container.seek(times.keys[key], stream=stream)
            except av.FFmpegError:
                return
            decoder = decoder_of(stream, self._notices)
            for picture in pictures(container.demux(stream), decoder, Damage()):
                # Pictures shown before the key picture may lack what they were predicted from.
                if picture.pts is None or picture.pts < times.keys[key]:
                    continue
                if times.place(picture.pts) != expected:
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
        found, found_keys = array("q"), array("q")
        with open_container(self._path) as container:
            stream = video_stream(container, self._path)
            try:
                for packet in container.demux(stream):
                    if packet.size == 0 or packet.is_discard or packet.is_corrupt:
                        continue
                    if packet.pts is None:
                        return None
                    found.append(packet.pts)
                    if packet.is_keyframe:
                        found_keys.append(packet.pts)
            except av.FFmpegError:
                return None
        ticks, keys = array("q", sorted(found)), array("q", sorted(found_keys))
        starts_alike = bool(ticks) and ticks[0] * self.info.time_base == self.info.start_seconds
        if not starts_alike or len(set(ticks)) != len(ticks):
            return None
        return _Times(ticks, keys)

    def _upright(self, picture: av.VideoFrame, index: int, time: Fraction) -> SourceFrame:
        layout, planes = turn(*unpack(picture), self._orientation)
        info = self.info
        frame = SourceFrame(index, time, layout, planes, info.colour)
        if picture.duration:
            frame.duration = picture.duration * info.time_base
        if (frame.width, frame.height) != (info.width, info.height):
            raise UserError(
                f"frame {index} of {info.path.name} is {frame.width}x{frame.height} but the video "
                f"began with {info.width}x{info.height}; cut it where the size changes"
            )
        if layout != info.layout:
            self._notices.say("mixed", f"{layout.name} pictures became {info.layout.name}")
            frame = frame.converted(info.layout, info.colour)
        return frame

    def _report(self, damage: Damage, num_frames: int) -> None:
        if damage.num_lost or damage.is_cut_off:
            what = "is cut off" if damage.is_cut_off else "is damaged"
            sentence = f"{self._path.name} {what}: {num_frames} frames were read"
            if damage.num_lost:
                plural = "s" * (damage.num_lost != 1)
                sentence += f", {damage.num_lost} damaged picture{plural} left out"
            self._notices.say("damage", sentence)
        if damage.num_repaired_times:
            unusable = f"{damage.num_repaired_times} frames without a usable time stamp"
            self._notices.say("times", f"{unusable} were spaced evenly")
