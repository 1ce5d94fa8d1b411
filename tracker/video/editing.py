"""Pictures to packets for editing suites: ProRes, H.265, and layers with transparency."""

from dataclasses import replace

import av
from av.container import OutputContainer

from tracker.types import Frame
from tracker.video.codecs import EDITOR_CODECS
from tracker.video.colour import LIMITED, Colour, effective_matrix
from tracker.video.compositing import planes_from_rgb
from tracker.video.conversion import pad_to, to_yuv
from tracker.video.encoding import playable_colour, say_what_is_padded
from tracker.video.formats import pack
from tracker.video.frames import SourceFrame
from tracker.video.info import VideoInfo
from tracker.video.layouts import Layout
from tracker.video.notices import Notices
from tracker.video.track import Track, TrackFormat


class EditorEncoder(Track):
    """One video stream of a codec in `EDITOR_CODECS`, fed with source pictures or RGB."""

    def __init__(
        self,
        target: OutputContainer,
        info: VideoInfo,
        notices: Notices,
        *,
        codec: str,
        from_rgb: bool,
    ) -> None:
        """Add the stream; `notices` hears what it cannot keep."""
        found = EDITOR_CODECS[codec]
        self.layout = found.layout
        self.colour = _colour(info, from_rgb=from_rgb, limited=found.limited_range)
        # Chroma of several pixels is shared; no encoder takes half a share.
        height, width = info.height + info.height % 2, info.width + info.width % 2
        self._size = (height, width)
        say_what_is_padded(info, notices)
        if codec in ("prores", "h265"):
            _say_what_is_lost(info, self.layout, codec, notices)
        super().__init__(
            target,
            info,
            TrackFormat(
                found.encoder,
                self.layout.name,
                self._size,
                self.colour,
                found.options,
                found.only_key_pictures,
                found.tag,
            ),
        )
        if codec == "vp9":
            self.stream.metadata["alpha_mode"] = "1"

    def from_source(self, frame: SourceFrame) -> av.VideoFrame:
        """Return a source picture in this encoder's format."""
        planes = to_yuv(frame, self.layout, self.colour)
        return pack(self.layout, pad_to(self.layout, planes, *self._size))

    def from_rgb(self, rgb: Frame) -> av.VideoFrame:
        """Return an RGB picture, (H, W, 3), in this encoder's format."""
        planes = planes_from_rgb(self.layout, self.colour, rgb)
        return pack(self.layout, pad_to(self.layout, planes, *self._size))


def _colour(info: VideoInfo, *, from_rgb: bool, limited: bool) -> Colour:
    colour = playable_colour(info, from_rgb=from_rgb)
    if not limited:
        return colour
    return replace(colour, range=LIMITED, matrix=effective_matrix(colour, info.height))


def _say_what_is_lost(info: VideoInfo, target: Layout, codec: str, notices: Notices) -> None:
    source, lost = info.layout, []
    if source.depth > target.depth:
        lost.append(f"{source.depth} bits became {target.depth}")
    finer = (source.shift_x, source.shift_y) < (target.shift_x, target.shift_y)
    if source.family == "rgb" or (source.family == "yuv" and finer):
        lost.append(f"colour became {'4:2:2' if codec == 'prores' else '4:2:0'}")
    if source.has_alpha:
        lost.append("transparency was dropped")
    if lost:
        notices.say("depth", f"{codec} keeps less than the source: {', '.join(lost)}")
