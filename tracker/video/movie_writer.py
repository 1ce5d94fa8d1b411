"""One video file in the making: pictures, sound, and what is left of it if all goes wrong.

.mkv and .webm are written as they will be: Matroska survives being cut off.  .mp4 and .mov
would be lost with their index, so pictures go to a fragmented file first, and that is
rewritten with the sound, and the index in front, when all are there.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from tracker.types import Frame
from tracker.video.codecs import EDITOR_CODECS
from tracker.video.editing import EditorEncoder
from tracker.video.encoding import PictureEncoder
from tracker.video.frames import SourceFrame
from tracker.video.info import VideoInfo
from tracker.video.matroska import set_pixel_aspect
from tracker.video.notices import Notices
from tracker.video.soundtrack import Soundtrack

Encoder: TypeAlias = PictureEncoder | EditorEncoder

LATEST_START = 60  # seconds; a clock that begins later (broadcasts) is set back to zero


class MovieWriter:
    """Writes `temporary`, a file of the ending of the final name."""

    def __init__(
        self,
        temporary: Path,
        info: VideoInfo,
        notices: Notices,
        codec: str,
        metadata: Mapping[str, str],
    ) -> None:
        self._path = temporary
        temporary.touch()  # so that a folder closed to us is met now, not after the work
        self._info = info
        self._notices = notices
        self._codec = codec
        self._metadata = metadata
        self._is_matroska = temporary.suffix.lower() in (".mkv", ".webm")
        self._container: OutputContainer | None = None
        self._encoder: Encoder | None = None
        self._soundtrack: Soundtrack | None = None
        self._shift = Fraction(0)

    def write(self, frame: SourceFrame) -> None:
        """Append a source picture."""
        encoder = self._started(frame.time, from_rgb=False)
        self._append(encoder, encoder.from_source(frame), frame.time, frame.duration)

    def write_rgb(self, rgb: Frame, time: Fraction) -> None:
        """Append an RGB picture."""
        encoder = self._started(time, from_rgb=True)
        self._append(encoder, encoder.from_rgb(rgb), time, None)

    def _append(
        self,
        encoder: Encoder,
        picture: av.VideoFrame,
        time: Fraction,
        duration: Fraction | None,
    ) -> None:
        encoder.encode(picture, time + self._shift, duration)
        if self._soundtrack is not None:
            self._soundtrack.advance(time + self._shift)

    def _started(self, time: Fraction, *, from_rgb: bool) -> Encoder:
        if self._encoder is not None:
            return self._encoder
        self._shift = -time if time < 0 or time > LATEST_START else Fraction(0)
        if self._shift:
            self._notices.say("start", f"time stamps began at {float(time):.3f} s; moved to 0")
        options = dict(MATROSKA_OPTIONS)
        if not self._is_matroska:
            options = dict(FRAGMENT_OPTIONS)
            options |= _timescale([self._info.time_base])
        container = _open_for_writing(self._path, options)
        container.metadata.update(self._metadata)
        self._container = container
        self._encoder = self._make_encoder(container, from_rgb=from_rgb)
        if self._is_matroska and self._info.has_other_tracks:
            self._soundtrack = Soundtrack(self._info, container, self._shift, self._notices)
        return self._encoder

    def _make_encoder(self, container: OutputContainer, *, from_rgb: bool) -> Encoder:
        info, notices = self._info, self._notices
        if self._codec in EDITOR_CODECS:
            return EditorEncoder(container, info, notices, codec=self._codec, from_rgb=from_rgb)
        lossless = self._codec == "ffv1"
        return PictureEncoder(container, info, notices, lossless=lossless, from_rgb=from_rgb)

    def finish(self, *, whole: bool) -> Path:
        """Complete the file and return the path it is under.

        With `whole`, all sound is there, else as much as there are pictures.
        """
        if self._container is not None and self._encoder is not None:
            self._encoder.finish()
            if self._soundtrack is not None and whole:
                self._soundtrack.finish()
        self.close()
        if self._is_matroska:
            self._shape_pixels()
            return self._path
        final = whole_name(self._path)
        rewrite_fragments(
            self._path, final, self._info, self._shift, self._notices, whole_sound=whole
        )
        self._path.unlink()
        return final

    def _shape_pixels(self) -> None:
        info = self._info
        if info.pixel_aspect == 1:
            return
        if not set_pixel_aspect(self._path, info.width, info.height, info.pixel_aspect):
            self._notices.say("aspect", f"the shape of pixels, {info.pixel_aspect}, is not kept")

    def close(self) -> None:
        """Let go of all files."""
        if self._soundtrack is not None:
            self._soundtrack.close()
            self._soundtrack = None
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def leave(self) -> Path:
        """Close, whatever happens, and return the path of what there is, finished or not."""
        with suppress(av.FFmpegError, OSError):  # a full disk may be why we are here
            self.close()
        whole_name(self._path).unlink(missing_ok=True)
        return self._path


_MUXERS = {".mkv": "matroska", ".webm": "webm", ".mov": "mov", ".mp4": "mp4"}

# Matroska would move everything so that nothing begins before zero, as AAC does by 21 ms.
MATROSKA_OPTIONS = {"avoid_negative_ts": "disabled", "flush_packets": "1"}
FRAGMENT_OPTIONS = {
    "movflags": "delay_moov+default_base_moof",
    "frag_duration": "500000",  # microseconds: what a crash can cost
    "flush_packets": "1",
}


def _timescale(time_bases: list[Fraction]) -> dict[str, str]:
    """Count delays of tracks in units fine enough for exact starts (by default, 1 ms)."""
    scale = 1
    for time_base in time_bases:
        denominator = time_base.denominator
        while denominator < 10_000:  # as the muxer does with the track's own
            denominator *= 2
        if math.lcm(scale, denominator) < 2**31:
            scale = math.lcm(scale, denominator)
    return {"movie_timescale": str(max(scale, 10_000))}


def _open_for_writing(path: Path, options: dict[str, str]) -> OutputContainer:
    name = _MUXERS[path.suffix.lower()]
    return av.open(str(path.absolute()), "w", format=name, container_options=options)


def whole_name(fragments: Path) -> Path:
    """Return the name under which fragments are rewritten."""
    return fragments.with_suffix(f".whole{fragments.suffix}")


def rewrite_fragments(
    fragments: Path,
    final: Path,
    info: VideoInfo | None,
    shift: Fraction,
    notices: Notices,
    *,
    whole_sound: bool,
) -> int:
    """Copy the pictures of `fragments` into an ordinary .mp4 or .mov, with the sound of the source.

    Returns the number of pictures copied; fragments that were cut off count no further.
    """
    num_pictures = 0
    with av.open(str(fragments.absolute())) as source:
        stream = source.streams.video[0]
        time_bases = [Fraction(stream.time_base or 1)]
        if info is not None:
            time_bases += [Fraction(1, rate) for rate in info.sound_rates]
        options = {"movflags": "faststart", **_timescale(time_bases)}
        target = _open_for_writing(final, options)
        soundtrack = None
        try:
            copy: VideoStream = target.add_stream_from_template(stream)
            copy.time_base = stream.time_base
            copy.codec_context.codec_tag = stream.codec_context.codec_tag  # says which ProRes
            if info is not None and info.has_other_tracks:
                soundtrack = Soundtrack(info, target, shift, notices)
            packets = source.demux(stream)
            while True:
                try:
                    packet = next(packets, None)
                except av.FFmpegError:
                    break
                if packet is None or packet.is_corrupt:
                    break
                if packet.dts is None:
                    continue
                if soundtrack is not None and packet.pts is not None:
                    soundtrack.advance(packet.pts * packet.time_base)
                packet.stream = copy
                target.mux(packet)
                num_pictures += 1
            if soundtrack is not None and whole_sound:
                soundtrack.finish()
        finally:
            if soundtrack is not None:
                soundtrack.close()
            target.close()
    return num_pictures
