"""Pictures to packets: H.264 that plays everywhere, or FFV1 that loses nothing."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import av
import numpy as np
from av.container import OutputContainer

from tracker.types import Frame
from tracker.video.colour import (
    FULL,
    LIMITED,
    Colour,
    converter_number,
    effective_matrix,
    is_full_range,
    to_eight_bits,
    without_subsampling,
)
from tracker.video.compositing import planes_from_rgb
from tracker.video.formats import pack, pack_pixels
from tracker.video.frames import SourceFrame
from tracker.video.info import VideoInfo
from tracker.video.layouts import Layout, Samples
from tracker.video.notices import Notices
from tracker.video.track import Track, TrackFormat

# Constant quantisation keeps every picture above 42 dB, whatever it shows; rate control would
# spend less on hard ones.  Without B-pictures the worst are better at the same size.  Scene cuts
# are not looked for: a picture all new is as good and as large without being a key picture.
# CAVLC instead of CABAC writes the same pictures in two thirds of the time and a sixth more bytes.
H264_OPTIONS = {
    "preset": "superfast",
    "qp": "17",
    "bf": "0",
    "sc_threshold": "0",
    "coder": "cavlc",
}
PLAYABLE = Layout("yuv", 8, 1, 1)  # what browsers play: yuv420p
_FROM_RGB = 0x2 | 0x40000 | 0x4000  # SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP


class PictureEncoder(Track):
    """One video stream of a container, fed with source pictures or RGB."""

    def __init__(
        self,
        target: OutputContainer,
        info: VideoInfo,
        notices: Notices,
        *,
        lossless: bool,
        from_rgb: bool,
    ) -> None:
        """Add the stream.

        Args:
            target: The container; gains a stream.
            info: Size, clock, shape of pixels and colours of the source.
            notices: Where to say what the output cannot keep.
            lossless: FFV1 in the source's own format, else H.264.
            from_rgb: The pictures come as RGB; lossless output is RGB then.
        """
        self._lossless = lossless
        if lossless:
            self.layout, self.colour = info.layout, info.colour
            if from_rgb:
                self.layout, self.colour = Layout("rgb", 8), _rgb_tags(info)
            self._format = _lossless_format(self.layout)
            height, width = info.height, info.width
            options = _ffv1_options(height, width, self._format)
        else:
            self.layout, self.colour = PLAYABLE, playable_colour(info, from_rgb=from_rgb)
            self._format = "yuv420p"
            height, width = info.height + info.height % 2, info.width + info.width % 2
            options = dict(H264_OPTIONS)
            _say_what_is_lost(info, notices, from_rgb=from_rgb)
        self._size = (height, width)
        super().__init__(
            target,
            info,
            TrackFormat(
                "ffv1" if lossless else "libx264",
                self._format,
                self._size,
                self.colour,
                options,
                only_key_pictures=lossless,
            ),
        )

    def from_source(self, frame: SourceFrame) -> av.VideoFrame:
        """Return a source picture in this encoder's format."""
        if self.layout.family == "rgb" and frame.layout.family != "rgb":
            return self.from_rgb(frame.rgb)
        if self._lossless:
            planes: Sequence[Samples] = frame.planes
            if frame.layout != self.layout:
                planes = planes_from_rgb(self.layout, self.colour, frame.rgb)
            return _pack_lossless(self.layout, planes, self._format)
        if frame.layout.family == "rgb":
            return self.from_rgb(frame.rgb)
        return pack(PLAYABLE, _pad(_to_playable(frame), self._size))

    def from_rgb(self, rgb: Frame) -> av.VideoFrame:
        """Return an RGB picture, (H, W, 3), in this encoder's format."""
        if self._lossless:
            if self.layout == Layout("rgb", 8):
                planes = [rgb[..., 1], rgb[..., 2], rgb[..., 0]]
            else:
                planes = planes_from_rgb(self.layout, self.colour, rgb)
            return _pack_lossless(self.layout, planes, self._format)
        picture = pack_pixels(_pad([rgb], self._size)[0], "rgb24")
        number = converter_number(effective_matrix(self.colour, self._size[0]))
        limits = FULL if is_full_range(PLAYABLE, self.colour) else LIMITED
        options: dict[str, Any] = {"src_colorspace": number, "dst_colorspace": number}
        options |= {"src_color_range": FULL, "dst_color_range": limits}
        return picture.reformat(format="yuv420p", interpolation=_FROM_RGB, **options)


def playable_colour(info: VideoInfo, *, from_rgb: bool) -> Colour:
    """Return the tags of H.264 made from this source: its own, made complete if it is RGB."""
    colour = info.colour
    if info.layout.family == "rgb":
        return Colour(matrix=1, range=LIMITED, primaries=1, transfer=1)
    if info.layout.family == "grey":
        limits = FULL if is_full_range(info.layout, colour) else LIMITED
        return replace(colour, range=limits, matrix=effective_matrix(colour, info.height))
    if from_rgb:
        return replace(colour, matrix=effective_matrix(colour, info.height), range=LIMITED)
    return colour


def _rgb_tags(info: VideoInfo) -> Colour:
    return Colour(0, FULL, info.colour.primaries, info.colour.transfer)


def say_what_is_padded(info: VideoInfo, notices: Notices) -> None:
    """Say that an odd size becomes even."""
    if info.width % 2:
        notices.say("width", _padding("width", "column", info.width))
    if info.height % 2:
        notices.say("height", _padding("height", "row", info.height))


def _say_what_is_lost(info: VideoInfo, notices: Notices, *, from_rgb: bool) -> None:
    say_what_is_padded(info, notices)
    if from_rgb:
        return
    layout = info.layout
    lost = []
    if layout.depth > 8:
        lost.append(f"{layout.depth} bits became 8")
    if layout.family == "rgb":
        lost.append("RGB became 4:2:0")
    elif layout.family == "yuv" and (layout.shift_x, layout.shift_y) != (1, 1):
        lost.append("colour became 4:2:0")
    if layout.has_alpha:
        lost.append("transparency was dropped")
    if lost:
        notices.say("depth", f".mp4 is made to play everywhere: {', '.join(lost)}; .mkv keeps all")


def _padding(side: str, line: str, length: int) -> str:
    return f"odd {side} {length} padded to {length + 1} by repeating the last {line}"


@cache
def _formats_of_ffv1() -> frozenset[str]:
    return frozenset(f.name for f in av.Codec("ffv1", "w").video_formats or ())


def _lossless_format(layout: Layout) -> str:
    """Return the format in which FFV1 takes pictures of this layout."""
    if layout == Layout("rgb", 8):
        return "bgr0"
    if layout == Layout("rgb", 8, has_alpha=True):
        return "bgra"
    if layout.name not in _formats_of_ffv1():
        raise ValueError(f"FFV1 has no format for {layout}")
    return layout.name


@cache
def _ffv1_options(height: int, width: int, name: str) -> dict[str, str]:
    """Return the most parallel way in which FFV1 can encode pictures of this size.

    Slices must meet chroma on whole samples, so small or odd pictures allow few or none.
    """
    ways = [{"level": "3", "slicecrc": "1", "slices": slices} for slices in ("16", "4")]
    if height * width < 1_000_000:
        del ways[0]
    for options in (*ways, {"level": "3", "slicecrc": "1"}):
        context: Any = av.CodecContext.create("ffv1", "w")
        context.width, context.height, context.pix_fmt = width, height, name
        context.time_base, context.options = Fraction(1, 25), options
        try:
            context.open()
        except av.FFmpegError:
            continue
        return options
    return {"level": "1"}


def _pack_lossless(layout: Layout, planes: Sequence[Samples], name: str) -> av.VideoFrame:
    if name not in ("bgr0", "bgra"):
        return pack(layout, planes)
    pixels = np.zeros((*planes[0].shape, 4), np.uint8)
    for channel, plane in zip((1, 0, 2, 3), planes, strict=False):
        pixels[..., channel] = plane
    return pack_pixels(pixels, name)


def _to_playable(frame: SourceFrame) -> list[Samples]:
    """Return planes of 8-bit 4:2:0 from any YUV or grey picture, of the same range."""
    layout, planes = frame.layout, list(frame.planes)
    if layout.depth > 8:
        planes = to_eight_bits(layout, planes, frame.colour)
    if layout.family == "grey":
        rows, columns = PLAYABLE.shape(1, frame.height, frame.width)
        return [planes[0], *[np.full((rows, columns), 128, np.uint8)] * 2]
    if (layout.shift_x, layout.shift_y) != (1, 1):
        eight = replace(layout, depth=8)
        _, planes_444 = without_subsampling(eight, planes)
        return [planes_444[0], *(_halve(plane) for plane in planes_444[1:3])]
    return planes[:3]


def _halve(plane: Samples) -> Samples:
    """Average 2x2 samples, repeating the last row or column of an odd plane."""
    height, width = plane.shape
    even = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge").astype(np.uint16)
    total = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    return ((total + 2) >> 2).astype(np.uint8)


def _pad(planes: list[Samples], size: tuple[int, int]) -> list[Samples]:
    """Repeat the last row and column where the picture is smaller than `size`."""
    height, width = planes[0].shape[:2]
    down, right = size[0] - height, size[1] - width
    if not down and not right:
        return planes
    margins = ((0, down), (0, right), (0, 0))
    # Chroma of an odd picture is rounded up already.
    return [np.pad(planes[0], margins[: planes[0].ndim], mode="edge"), *planes[1:]]
