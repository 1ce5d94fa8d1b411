"""Putting filled pixels into a picture, in the picture's own samples.

A sample whose footprint has no alpha keeps its bits.  A chroma sample shared by several
pixels takes the alpha-weighted mean of their fill, as much as its footprint is covered.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.images import GRID
from tracker.types import Alpha, Frame
from tracker.video.colour import Colour, from_rgb_matrix
from tracker.video.layouts import Layout, Samples

# Rows worked on at once: few enough to stay in the processor's cache and to follow the
# outline of the hole, and a multiple of every subsampling.
BAND = 32


def blend(
    layout: Layout,
    planes: Sequence[Samples],
    colour: Colour,
    filled: Frame,
    alpha: Alpha,
    corner: tuple[int, int] = (0, 0),
) -> list[Samples]:
    """Return the planes with `filled` mixed in where `alpha` is above zero.

    Args:
        layout: What the planes are.
        planes: Of a picture of H x W pixels; left as they are.
        colour: What its samples mean.
        filled: (h, w, 3) RGB, of a part of the picture.
        alpha: (h, w), 0 to 1.
        corner: The first row and column of that part, multiples of `images.GRID`; it ends at
            such ones, or where the picture ends.
    """
    height, width = planes[0].shape
    up, before = corner
    covered = alpha > 0
    rows = up + np.flatnonzero(covered.any(axis=1))
    if not rows.size:
        return list(planes)
    factors, offsets = from_rgb_matrix(layout, colour, height)
    result = [plane.copy() if p < len(factors) else plane for p, plane in enumerate(planes)]
    for band in range(int(rows[0]) // BAND * BAND, int(rows[-1]) + 1, BAND):
        top, bottom = max(band, up), min(band + BAND, up + len(alpha))
        columns = before + np.flatnonzero(covered[top - up : bottom - up].any(axis=0))
        if not columns.size:
            continue
        left = int(columns[0]) >> layout.shift_x << layout.shift_x
        right = min(width, (int(columns[-1]) >> layout.shift_x) + 1 << layout.shift_x)
        box = (slice(top, bottom), slice(left, right))
        part = (slice(top - up, bottom - up), slice(left - before, right - before))
        fill = [filled[part][..., channel].astype(np.float32) for channel in range(3)]
        _blend_box(layout, result, box, factors, offsets, fill, alpha[part])
    return result


def is_on_grid(corner: tuple[int, int], ends: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Return whether a part of a picture (height, width) begins and ends as `blend` wants it."""
    return all(
        start >= 0 and start % GRID == 0 and stop <= length and (stop == length or stop % GRID == 0)
        for start, stop, length in zip(corner, ends, size, strict=True)
    )


def _blend_box(
    layout: Layout,
    planes: list[Samples],
    box: tuple[slice, slice],
    factors: NDArray[np.float32],
    offsets: NDArray[np.float32],
    fill: list[NDArray[np.float32]],
    alpha: Alpha,
) -> None:
    """Mix one box, whose corner lies on the chroma grid, into `planes`."""
    pooled: tuple[list[NDArray[np.float32]], NDArray[np.float32]] | None = None
    for index, (weights, offset) in enumerate(zip(factors, offsets, strict=True)):
        colours, strength, place = fill, alpha, box
        if layout.is_chroma(index) and (layout.shift_x or layout.shift_y):
            pooled = pooled or _pool(fill, alpha, 1 << layout.shift_x, 1 << layout.shift_y)
            colours, strength = pooled
            top, left = box[0].start >> layout.shift_y, box[1].start >> layout.shift_x
            rows, columns = strength.shape
            place = (slice(top, top + rows), slice(left, left + columns))
        target = planes[index][place]
        base = target.astype(np.float32)
        change = sum(w * c for w, c in zip(weights, colours, strict=True) if w) + offset - base
        mixed = np.rint(base + strength * change)
        np.clip(mixed, 0, layout.maximum, out=mixed)
        np.copyto(target, mixed.astype(target.dtype), where=strength > 0)


def _pool(
    fill: list[NDArray[np.float32]], alpha: Alpha, step_x: int, step_y: int
) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """Gather pixels into the chroma samples they share.

    Returns:
        Red, green and blue: for each chroma sample the mean over its covered pixels; and
        how far its footprint, cut at the border of the picture, is covered.
    """
    covered = _sums(alpha, step_x, step_y)
    area = _sums(np.ones_like(alpha), step_x, step_y)
    divisor = np.maximum(covered, np.finfo(np.float32).tiny)  # uncovered ones are not used
    sums = [_sums(channel * alpha, step_x, step_y) for channel in fill]
    means = [np.divide(total, divisor, dtype=np.float32) for total in sums]
    return means, np.divide(covered, area, dtype=np.float32)


def _sums(values: NDArray[np.float32], step_x: int, step_y: int) -> NDArray[np.float32]:
    """Add up blocks of step_y x step_x values; the last ones may be smaller."""
    rows, columns = -(-values.shape[0] // step_y), -(-values.shape[1] // step_x)
    total = np.zeros((rows, columns), np.float32)
    for y in range(step_y):
        for x in range(step_x):
            part = values[y::step_y, x::step_x]
            total[: part.shape[0], : part.shape[1]] += part
    return total


def planes_from_rgb(layout: Layout, colour: Colour, rgb: Frame) -> list[Samples]:
    """Return an RGB picture, (H, W, 3), as planes of `layout`; alpha is opaque."""
    height, width = rgb.shape[:2]
    blank = [
        np.full(layout.shape(index, height, width), layout.maximum, layout.dtype)
        for index in range(layout.num_planes)
    ]
    return blend(layout, blank, colour, rgb, np.ones((height, width), np.float32))
