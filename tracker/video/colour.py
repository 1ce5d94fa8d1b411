"""What sample values mean as colours, and pictures as RGB.

Numbers for matrix, range, primaries and transfer are those of ISO/IEC 23091-2, which
FFmpeg shares.  RGB made here uses each chroma sample for its whole footprint and exact
rounding, so that composing RGB back (see `compositing`) gives the same samples within one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tracker import images
from tracker.types import Frame
from tracker.video.formats import pack, raw_plane
from tracker.video.layouts import Layout, Samples

UNSPECIFIED = 2
LIMITED, FULL = 1, 2  # of `Colour.range`; 0 is unspecified

# Weights of red and blue in luma, by matrix number; 1 and 5 serve what is not listed.
_WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114)}
_WEIGHTS |= {7: (0.212, 0.087), 9: (0.2627, 0.0593)}
_CONVERTER_NUMBERS = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}  # as libswscale counts them

# libswscale's SWS_POINT | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT: without the last two its
# pictures are 1.2 levels too dark on average; through planar RGB it is also fast.
_EXACT = 0x10 | 0x40000 | 0x2000


@dataclass(frozen=True)
class Colour:
    """The colour tags of a video."""

    matrix: int = UNSPECIFIED
    range: int = 0  # 0 unspecified, 1 limited (16-235), 2 full
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED


def colour_of(picture: av.VideoFrame) -> Colour:
    """Return the colour tags of a decoded picture."""
    limits = FULL if picture.format.name.startswith("yuvj") else int(picture.color_range)
    return Colour(
        matrix=int(picture.colorspace),
        range=limits,
        primaries=int(getattr(picture, "color_primaries", UNSPECIFIED)),
        transfer=int(getattr(picture, "color_trc", UNSPECIFIED)),
    )


def effective_matrix(colour: Colour, height: int) -> int:
    """Return the matrix to compute with: the tagged one, else what players assume by size."""
    if colour.matrix in _WEIGHTS:
        return colour.matrix
    return 1 if height >= 720 else 5


def converter_number(matrix: int) -> int:
    """Return libswscale's number for a matrix."""
    return _CONVERTER_NUMBERS[matrix]


def is_full_range(layout: Layout, colour: Colour) -> bool:
    """Return whether samples use all values: as tagged; untagged YUV does not, others do."""
    if layout.family == "rgb":
        return True
    if colour.range == 0:
        return layout.family == "grey"
    return colour.range == FULL


def luma_scale(layout: Layout, colour: Colour) -> tuple[float, float]:
    """Return (black, white) of luma or grey, in sample values."""
    if is_full_range(layout, colour):
        return 0.0, float(layout.maximum)
    unit = 1 << (layout.depth - 8)
    return 16.0 * unit, 235.0 * unit


def from_rgb_matrix(
    layout: Layout, colour: Colour, height: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (P, 3) factors and (P,) offsets from RGB, 0 to 255, to samples of each plane.

    P is the number of planes without alpha; chroma planes are meant for averaged RGB.
    """
    if layout.family == "rgb":
        step = layout.maximum / 255
        return np.array([[0, step, 0], [0, 0, step], [step, 0, 0]], np.float32), np.zeros(
            3, np.float32
        )
    red, blue = _WEIGHTS[effective_matrix(colour, height)]
    luma = np.array([red, 1 - red - blue, blue])
    black, white = luma_scale(layout, colour)
    rows, offsets = [luma * (white - black) / 255], [black]
    if layout.family == "yuv":
        unit = 1 << (layout.depth - 8)
        span = layout.maximum if is_full_range(layout, colour) else 224.0 * unit
        rows.append((np.array([0, 0, 1]) - luma) / (2 * (1 - blue)) * span / 255)
        rows.append((np.array([1, 0, 0]) - luma) / (2 * (1 - red)) * span / 255)
        offsets += [128.0 * unit] * 2
    return np.array(rows, np.float32), np.array(offsets, np.float32)


def to_rgb(layout: Layout, planes: Sequence[Samples], colour: Colour) -> Frame:
    """Return a picture as RGB, uint8 (H, W, 3), read-only; alpha is left out."""
    height, width = planes[0].shape
    if layout.family == "yuv":
        rgb = _convert(layout, planes, colour)
    else:
        table = _table_to_rgb(layout, colour)
        channels = [planes[2], planes[0], planes[1]] if layout.family == "rgb" else [planes[0]]
        rgb = np.empty((height, width, 3), np.uint8)
        for index, channel in enumerate(channels):
            rgb[..., index] = channel if table is None else table[channel]
        if layout.family == "grey":
            rgb[..., 1:] = rgb[..., :1]
    rgb.setflags(write=False)
    return rgb


def _table_to_rgb(layout: Layout, colour: Colour) -> NDArray[np.uint8] | None:
    """Return the table from samples to 0-255, or None if they are that already."""
    black, white = luma_scale(layout, colour)
    if layout.depth == 8 and black == 0:
        return None
    levels = (np.arange(layout.maximum + 1) - black) * (255 / (white - black))
    table: NDArray[np.uint8] = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return table


def _convert(layout: Layout, planes: Sequence[Samples], colour: Colour) -> NDArray[np.uint8]:
    height, width = planes[0].shape
    planes = planes[:3]
    flat = replace(layout, has_alpha=False)
    if layout.shift_x > 1 or layout.shift_y > 1 or not flat.is_known:
        # The converter reads 4:1:1 and 4:1:0 chroma off its grid.
        flat, planes = without_subsampling(flat, planes)
    if layout.depth > 8 and is_full_range(layout, colour):
        # The converter takes 1023 for 255.75 and would be brighter by up to half a level.
        flat, planes = replace(flat, depth=8), to_eight_bits(flat, planes, colour)
    down, right = -height % (1 << flat.shift_y), -width % (1 << flat.shift_x)
    if down or right:
        # With odd sides it stretches chroma over the picture instead of keeping to the grid.
        planes = [np.pad(planes[0], ((0, down), (0, right)), mode="edge"), *planes[1:]]
    # A copy, not the decoder's own picture: that may say where chroma was sampled, and the
    # converter would look for it there, between the pixels.
    picture = pack(flat, planes)
    picture.colorspace = effective_matrix(colour, height)  # PyAV 17 heeds BT.2020 only here
    matrix = converter_number(picture.colorspace)
    limits = FULL if is_full_range(layout, colour) else LIMITED
    options: dict[str, Any] = {"src_colorspace": matrix, "dst_colorspace": matrix}
    options |= {"src_color_range": limits, "dst_color_range": FULL, "interpolation": _EXACT}
    # In one thread: the stages of a removal are at work side by side already.
    planar = picture.reformat(format="gbrp", threads=1, **options)
    red, green, blue = (raw_plane(planar, i, "u1", width)[:height] for i in (2, 0, 1))
    return images.interleaved(red, green, blue)


def to_eight_bits(layout: Layout, planes: Sequence[Samples], colour: Colour) -> list[Samples]:
    """Round YUV or grey samples to eight bits of the same range; alpha is left out."""
    levels = np.arange(layout.maximum + 1)
    luma = chroma = np.minimum((levels + (1 << layout.depth - 9)) >> (layout.depth - 8), 255)
    if is_full_range(layout, colour):
        exact = levels * (255 / layout.maximum)
        # The middle of chroma is 128 and 512, not 127.5 and 511.5.
        middle = exact[1 << (layout.depth - 1)]
        luma, chroma = np.rint(exact), np.clip(np.rint(exact - middle + 128), 0, 255)
    tables = [luma.astype(np.uint8), chroma.astype(np.uint8), chroma.astype(np.uint8)]
    return [table[plane] for table, plane in zip(tables, planes, strict=False)]


def without_subsampling(layout: Layout, planes: Sequence[Samples]) -> tuple[Layout, list[Samples]]:
    """Give every pixel its own chroma sample, by repetition: nothing is lost or invented."""
    height, width = planes[0].shape
    full = Layout(layout.family, layout.depth, has_alpha=layout.has_alpha)
    result: list[Samples] = []
    for index, plane in enumerate(planes):
        if layout.is_chroma(index):
            plane = plane.repeat(1 << layout.shift_y, axis=0).repeat(1 << layout.shift_x, axis=1)
            plane = plane[:height, :width]
        result.append(plane)
    return full, result
