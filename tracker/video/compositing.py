"""Putting filled pixels into a picture, in the picture's own samples.

A sample whose footprint has no alpha keeps its bits.  A chroma sample shared by several
pixels takes the alpha-weighted mean of their fill, as much as its footprint is covered.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.types import Alpha, Frame
from tracker.video.colour import Colour, from_rgb_matrix
from tracker.video.layouts import Layout, Samples


def blend(
    layout: Layout, planes: Sequence[Samples], colour: Colour, filled: Frame, alpha: Alpha
) -> list[Samples]:
    """Return the planes with `filled` mixed in where `alpha` is above zero.

    Args:
        layout: What the planes are.
        planes: Of a picture of H x W pixels; left as they are.
        colour: What its samples mean.
        filled: (H, W, 3) RGB.
        alpha: (H, W), 0 to 1.
    """
    height, width = planes[0].shape
    covered = alpha > 0
    result = list(planes)
    rows = np.flatnonzero(covered.any(axis=1))
    if not rows.size:
        return result
    columns = np.flatnonzero(covered[rows[0] : rows[-1] + 1].any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    ys, xs = np.nonzero(covered[box])
    places = (ys + rows[0]) * width + (xs + columns[0])
    pixels = filled.reshape(-1, 3)[places].astype(np.float32)
    weights = alpha.reshape(-1)[places]
    factors, offsets = from_rgb_matrix(layout, colour, height)
    pooled = None
    for index in range(len(factors)):
        if layout.is_chroma(index) and (layout.shift_x or layout.shift_y):
            if pooled is None:
                pooled = _pool(layout, places, pixels, weights, height, width)
            at, colours, strength = pooled
        else:
            at, colours, strength = places, pixels, weights
        fill = colours @ factors[index] + offsets[index]
        plane = planes[index].copy()
        flat = plane.reshape(-1)
        mixed = _mix(flat[at], fill, strength)
        flat[at] = np.clip(mixed, 0, layout.maximum).astype(layout.dtype)
        result[index] = plane
    return result


def _mix(
    source: Samples, fill: NDArray[np.float32], strength: NDArray[np.float32]
) -> NDArray[np.float32]:
    base = source.astype(np.float32)
    mixed: NDArray[np.float32] = np.rint(base + strength * (fill - base))
    return mixed


def _pool(
    layout: Layout,
    places: NDArray[np.intp],
    pixels: NDArray[np.float32],
    weights: NDArray[np.float32],
    height: int,
    width: int,
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
    """Gather covered pixels into the chroma samples they share.

    Returns:
        Flat positions (M,) in the chroma plane, the mean RGB (M, 3) of each one's covered
        pixels, and how far (M,) its footprint, cut at the border, is covered.
    """
    _, columns = layout.shape(1, height, width)
    ys, xs = np.divmod(places, width)
    cells = (ys >> layout.shift_y) * columns + (xs >> layout.shift_x)
    first, last = int(cells.min()), int(cells.max())
    local, size = cells - first, last - first + 1
    total = np.bincount(local, weights, size)
    at = np.flatnonzero(total)
    mean = [np.bincount(local, weights * pixels[:, c], size)[at] / total[at] for c in range(3)]
    cell_rows, cell_columns = np.divmod(at + first, columns)
    tall = np.minimum(height - (cell_rows << layout.shift_y), 1 << layout.shift_y)
    wide = np.minimum(width - (cell_columns << layout.shift_x), 1 << layout.shift_x)
    strength = (total[at] / (tall * wide)).astype(np.float32)
    return at + first, np.stack(mean, axis=1).astype(np.float32), strength


def planes_from_rgb(layout: Layout, colour: Colour, rgb: Frame) -> list[Samples]:
    """Return an RGB picture, (H, W, 3), as planes of `layout`; alpha is opaque."""
    height, width = rgb.shape[:2]
    blank = [
        np.full(layout.shape(index, height, width), layout.maximum, layout.dtype)
        for index in range(layout.num_planes)
    ]
    return blend(layout, blank, colour, rgb, np.ones((height, width), np.float32))
