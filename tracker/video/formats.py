"""Decoded pictures to planes and back, with the very values that were decoded.

Packed, semi-planar, palette and big-endian formats are rearranged, never converted; only
the few formats without a planar twin (Bayer, floating point, bit-packed) go through
FFmpeg's converter.
"""

from collections.abc import Sequence

import av
import numpy as np

from tracker.types import UserError
from tracker.video.layouts import (
    PACKED_422,
    PACKED_444,
    PACKED_RGB,
    SEMI_PLANAR,
    WORD_SHIFTS,
    Layout,
    Samples,
    layout_of,
    needs_conversion,
    stem_of,
)


def raw_plane(frame: av.VideoFrame, index: int, dtype: str, values_per_row: int) -> Samples:
    """View plane `index` of a decoded picture as (rows, values), without its padding."""
    plane = frame.planes[index]
    raw = np.frombuffer(memoryview(plane), np.uint8)
    pitch = abs(plane.line_size)
    rows = raw[: pitch * plane.height].reshape(plane.height, pitch)
    itemsize = np.dtype(dtype).itemsize
    view: Samples = rows[:, : values_per_row * itemsize].view(dtype)
    if plane.line_size < 0:
        view = view[::-1]
    return view


def _native(samples: Samples) -> Samples:
    return samples if samples.dtype.isnative else samples.astype(samples.dtype.newbyteorder("="))


def unpack(frame: av.VideoFrame) -> tuple[Layout, list[Samples]]:
    """Return the planes of a decoded picture, as views where the format is planar already.

    Raises:
        UserError: The format is one that nothing here can rearrange or convert.
    """
    name = frame.format.name
    layout = layout_of(name)
    if needs_conversion(name):
        frame, name = _convert(frame, layout.name), layout.name
    stem = stem_of(name)
    height, width = frame.height, frame.width
    word = ">u2" if name.endswith("be") else "<u2"
    dtype = "u1" if layout.depth == 8 else word
    if stem == "pal8":
        return layout, _from_palette(frame)
    if stem in ("monow", "monob"):
        bits = np.unpackbits(raw_plane(frame, 0, "u1", -(-width // 8)), axis=1)[:, :width]
        ink = bits if stem == "monob" else 1 - bits
        return layout, [(ink * np.uint8(255)).astype(np.uint8)]
    if stem in ("ya8", "ya16"):
        pairs = _native(raw_plane(frame, 0, dtype, 2 * width)).reshape(height, width, 2)
        grey = np.ascontiguousarray(pairs[..., 0])
        return layout, [grey, grey, grey, np.ascontiguousarray(pairs[..., 1])]
    if stem in PACKED_RGB:
        order = PACKED_RGB[stem]
        pixels = _native(raw_plane(frame, 0, dtype, len(order) * width))
        return layout, _pick(pixels.reshape(height, width, len(order)), order, "gbra")
    if stem in PACKED_444:
        order = PACKED_444[stem]
        pixels = _native(raw_plane(frame, 0, dtype, len(order) * width))
        return layout, _pick(pixels.reshape(height, width, len(order)), order, "yuva")
    if stem in PACKED_422:
        return layout, _from_packed_422(frame, layout, stem, dtype)
    if stem in SEMI_PLANAR:
        return layout, _from_semi_planar(frame, layout, stem, dtype)
    planes = []
    for index in range(layout.num_planes):
        columns = layout.shape(index, height, width)[1]
        planes.append(_native(raw_plane(frame, index, dtype, columns)))
    return layout, planes


def _convert(frame: av.VideoFrame, target: str) -> av.VideoFrame:
    name = frame.format.name
    try:
        # Asked to convert this one, FFmpeg 8 ends the whole process.
        if not name.startswith("yaf32"):
            # In one thread: some of its converters write into each other's rows.
            return frame.reformat(format=target, threads=1)
    except av.FFmpegError:
        pass  # it refuses politely
    raise UserError(f"pictures of the format {name} cannot be read here; convert the file first")


def _pick(pixels: Samples, order: str, wanted: str) -> list[Samples]:
    return [np.ascontiguousarray(pixels[..., order.index(c)]) for c in wanted if c in order]


def _from_palette(frame: av.VideoFrame) -> list[Samples]:
    indices = raw_plane(frame, 0, "u1", frame.width)
    # The palette is 256 native-endian words of 0xAARRGGBB.
    palette = np.frombuffer(memoryview(frame.planes[1]), np.uint32)[:256]
    colours = [(palette >> shift & 255).astype(np.uint8) for shift in (8, 0, 16, 24)]
    return [colour[indices] for colour in colours]


def _from_packed_422(frame: av.VideoFrame, layout: Layout, stem: str, dtype: str) -> list[Samples]:
    order = PACKED_422[stem]
    pairs = -(-frame.width // 2)
    groups = raw_plane(frame, 0, dtype, 4 * pairs).astype(layout.dtype)
    groups = groups.reshape(frame.height, pairs, 4)
    groups >>= WORD_SHIFTS.get(stem, 0)
    first, second = [position for position, c in enumerate(order) if c == "y"]
    luma = groups[..., (first, second)].reshape(frame.height, 2 * pairs)[:, : frame.width]
    u, v = (np.ascontiguousarray(groups[..., order.index(c)]) for c in "uv")
    return [np.ascontiguousarray(luma), u, v]


def _from_semi_planar(frame: av.VideoFrame, layout: Layout, stem: str, dtype: str) -> list[Samples]:
    shift, order = SEMI_PLANAR[stem]
    rows, columns = layout.shape(1, frame.height, frame.width)
    luma = raw_plane(frame, 0, dtype, frame.width).astype(layout.dtype)
    pairs = _native(raw_plane(frame, 1, dtype, 2 * columns)).reshape(rows, columns, 2)
    planes = [luma, *_pick(pairs, order, "uv")]
    for plane in planes:
        plane >>= shift
    return planes


def pack(layout: Layout, planes: Sequence[Samples]) -> av.VideoFrame:
    """Copy planes into a new picture of FFmpeg's format `layout.name`."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, layout.name)
    for index, samples in enumerate(planes):
        target = raw_plane(frame, index, "u1" if layout.depth == 8 else "<u2", samples.shape[1])
        target[:] = samples
    return frame


def pack_pixels(pixels: Samples, format_name: str) -> av.VideoFrame:
    """Copy interleaved pixels, (H, W, C) or (H, W), into a picture of a packed format."""
    height, width = pixels.shape[:2]
    frame = av.VideoFrame(width, height, format_name)
    flat = pixels.reshape(height, -1)
    dtype = "u1" if pixels.dtype == np.uint8 else (">u2" if format_name.endswith("be") else "<u2")
    raw_plane(frame, 0, dtype, flat.shape[1])[:] = flat
    return frame
