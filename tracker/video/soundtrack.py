"""The sound and subtitles of the source, copied packet by packet beside the new pictures."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Stream

from tracker.video.info import VideoInfo
from tracker.video.notices import Notices
from tracker.video.opening import open_container

# What players expect in .mp4; its specification allows more than they read.
MP4_CODECS = frozenset({"aac", "mp3", "mp3float", "ac3", "eac3", "opus", "flac", "alac"})
MOV_CODECS = frozenset({"aac", "mp3", "mp3float", "ac3", "eac3", "alac"})  # and PCM
AAC_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)


class Soundtrack:
    """Feeds the other tracks of a source into a container, as far as the pictures have come.

    Packets are copied untouched.  Sound the container cannot hold is encoded as AAC,
    subtitles it cannot hold are left out, and a notice says so.
    """

    def __init__(
        self,
        info: VideoInfo,
        target: OutputContainer,
        shift: Fraction,
        notices: Notices,
    ) -> None:
        """Prepare the tracks.

        Args:
            info: The source.
            target: Gains one stream for each track.
            shift: Seconds to add to every time stamp.
            notices: Where to say what could not be kept as it was.
        """
        self._target = target
        self._shift = shift
        self._notices = notices
        self._container = open_container(info.path)
        self._copies: dict[int, Stream] = {}
        self._encoders: dict[int, AudioStream] = {}
        for number, stream in enumerate(self._container.streams.audio, 1):
            self._add_sound(number, stream)
        for subtitles in self._container.streams.subtitles:
            if not self._copy(subtitles):
                sentence = f"subtitles are left out because {self._ending} cannot hold them"
                notices.say("subtitles", sentence)
        kept = [s for s in self._container.streams if self._is_kept(s)]
        self._packets: Iterator[Any] = self._container.demux(*kept) if kept else iter(())
        self._waiting: Any = None

    @property
    def _ending(self) -> str:
        return {"mp4": ".mp4", "mov": ".mov"}.get(self._target.format.name, ".mkv")

    def _holds(self, codec: str) -> bool:
        """Return whether players expect sound of this codec in the container."""
        if self._ending == ".mov":
            return codec in MOV_CODECS or codec.startswith("pcm_s")
        return self._ending == ".mkv" or codec in MP4_CODECS

    def _is_kept(self, stream: Stream) -> bool:
        return stream.index in self._copies or stream.index in self._encoders

    def _copy(self, stream: Stream) -> bool:
        """Add a twin of `stream`, unless the container refuses its kind."""
        if stream.codec_context is None:
            return False
        try:
            copy = self._target.add_stream_from_template(stream)
        except ValueError:
            return False
        copy.metadata.update(_language(stream))
        self._copies[stream.index] = copy
        return True

    def _add_sound(self, number: int, stream: AudioStream) -> None:
        kind = f"sound{number}"
        if stream.codec_context is None or not stream.rate:
            self._notices.say(kind, f"sound track {number} cannot be read and is left out")
            return
        codec = stream.codec_context.name
        if self._holds(codec) and self._copy(stream):
            return
        rate = min(AAC_RATES, key=lambda r: (r < stream.rate, abs(r - stream.rate)))
        encoder = self._target.add_stream("aac", rate=rate)
        encoder.layout = AAC_LAYOUTS.get(stream.layout.nb_channels, "stereo")
        encoder.bit_rate = 96_000 * encoder.layout.nb_channels
        encoder.metadata.update(_language(stream))
        self._encoders[stream.index] = encoder
        self._notices.say(
            kind, f"audio {codec} was converted to AAC because {self._ending} cannot hold it"
        )

    def advance(self, until: Fraction | None) -> None:
        """Write all packets up to the time `until`, seconds after shifting; None: the rest."""
        while True:
            packet = self._waiting or self._next()
            self._waiting = None
            if packet is None:
                return
            ticks = packet.dts if packet.dts is not None else packet.pts
            if (
                until is not None
                and ticks is not None
                and ticks * packet.time_base + self._shift > until
            ):
                self._waiting = packet
                return
            self._write(packet)

    def finish(self) -> None:
        """Write the rest of the sound."""
        self.advance(None)
        for encoder in self._encoders.values():
            self._target.mux(encoder.encode(None))

    def close(self) -> None:
        """Let go of the source."""
        self._container.close()

    def _next(self) -> Any:
        try:
            packet = next(self._packets, None)
        except av.FFmpegError:
            self._notices.say("sound", "the sound is damaged and ends early")
            return None
        return packet

    def _write(self, packet: Any) -> None:
        stream = packet.stream
        encoder = self._encoders.get(stream.index)
        if encoder is None:
            if packet.dts is None and packet.pts is None:
                return  # the demuxer's sign that the track ends
            shift = round(self._shift / packet.time_base)
            packet.pts = (packet.pts if packet.pts is not None else packet.dts or 0) + shift
            packet.dts = packet.dts + shift if packet.dts is not None else packet.pts
            packet.stream = self._copies[stream.index]
            self._target.mux(packet)
            return
        try:
            frames = packet.decode()
        except av.FFmpegError:
            self._notices.say("sound", "damaged parts of the sound were left out")
            return
        for frame in frames:
            if frame.pts is not None and frame.time_base:
                frame.pts += round(self._shift / frame.time_base)
            self._target.mux(encoder.encode(frame))


def _language(stream: Stream) -> dict[str, str]:
    return {key: stream.metadata[key] for key in ("language", "title") if key in stream.metadata}
