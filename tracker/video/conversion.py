"""Planes of one YUV format from pictures of another: depth, chroma grid, range, alpha."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tracker.video.colour import (
    Colour,
    is_full_range,
    to_eight_bits,
    without_subsampling,
)
from tracker.video.compositing import planes_from_rgb
from tracker.video.frames import SourceFrame
from tracker.video.layouts import Layout, Samples


def to_yuv(frame: SourceFrame, target: Layout, colour: Colour) -> list[Samples]:
    """Return a picture as planes of a YUV layout.

    Samples of the same range keep their values exactly where the depth allows.  RGB, and
    YUV of the other range, go by way of 8-bit RGB.
    """
    source, planes = frame.layout, list(frame.planes)
    same_range = is_full_range(source, frame.colour) == is_full_range(target, colour)
    if source.family == "rgb" or not same_range:
        result = planes_from_rgb(target, colour, frame.rgb)
    else:
        colours = planes[:1] if source.family == "grey" else planes[:3]
        result = _to_depth(source, colours, frame.colour, target.depth)
        if source.family == "grey":
            middle = 1 << (target.depth - 1)
            shape = target.shape(1, frame.height, frame.width)
            result += [np.full(shape, middle, target.dtype)] * 2
        else:
            result = _resample(replace(source, depth=target.depth, has_alpha=False), result, target)
        if target.has_alpha:
            result.append(np.full((frame.height, frame.width), target.maximum, target.dtype))
    if target.has_alpha and source.has_alpha:
        scale = target.maximum / source.maximum
        result[-1] = np.rint(planes[-1] * scale).astype(target.dtype)
    return result


def _to_depth(
    source: Layout, planes: Sequence[Samples], colour: Colour, depth: int
) -> list[Samples]:
    """Round or extend samples to another depth of the same range."""
    if source.depth == depth:
        return list(planes)
    if depth == 8:
        return to_eight_bits(source, planes, colour)
    target = replace(source, depth=depth)
    if is_full_range(source, colour):
        scale = target.maximum / source.maximum
        return [np.rint(plane * scale).astype(target.dtype) for plane in planes]
    if source.depth < depth:
        return [np.left_shift(plane.astype(target.dtype), depth - source.depth) for plane in planes]
    down = source.depth - depth
    half = 1 << (down - 1)
    return [
        np.minimum((plane.astype(np.uint32) + half) >> down, target.maximum).astype(target.dtype)
        for plane in planes
    ]


def _resample(source: Layout, planes: list[Samples], target: Layout) -> list[Samples]:
    """Bring chroma to another grid: repeated where it is finer, averaged where coarser."""
    if (source.shift_x, source.shift_y) == (target.shift_x, target.shift_y):
        return planes
    _, full = without_subsampling(source, planes)
    chroma = full[1:3]
    for axis, shift in ((0, target.shift_y), (1, target.shift_x)):
        for _ in range(shift):
            chroma = [_halve(plane, axis) for plane in chroma]
    return [full[0], *chroma]


def _halve(plane: Samples, axis: int) -> Samples:
    """Average pairs of samples along an axis, repeating the last of an odd number."""
    margins = [(0, 0), (0, 0)]
    margins[axis] = (0, plane.shape[axis] % 2)
    even = np.moveaxis(np.pad(plane, margins, mode="edge"), axis, 0).astype(np.uint32)
    halved = ((even[::2] + even[1::2] + 1) >> 1).astype(plane.dtype)
    return np.ascontiguousarray(np.moveaxis(halved, 0, axis))


def pad_to(layout: Layout, planes: Sequence[Samples], height: int, width: int) -> list[Samples]:
    """Repeat last rows and columns until planes are those of a picture of this size."""
    result: list[Samples] = []
    for index, plane in enumerate(planes):
        rows, columns = layout.shape(index, height, width)
        down, right = rows - plane.shape[0], columns - plane.shape[1]
        result.append(np.pad(plane, ((0, down), (0, right)), mode="edge"))
    return result
