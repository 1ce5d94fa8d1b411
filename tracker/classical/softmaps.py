"""Frames at working size, and small operations on soft label maps.

A soft map is float32 (layers, h, w): the probability of every layer in every pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.appearance import STRIDE, Floats, Places, cell_centres, describe
from tracker.images import bounding_box, fit_within, shrink_quickly
from tracker.types import Frame, LabelMap, Mask

Region: TypeAlias = tuple[slice, slice]

WORKING_PIXELS = 576 * 324
FLOW_PIXELS = 432 * 243  # flow gains little from more


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame at working size."""

    gray: NDArray[np.uint8]  # at most FLOW_PIXELS
    small: Frame  # (h, w, 3)
    half: Floats  # (h // 2, w // 2, 3), at least one pixel; CIE Lab, L in [0, 100]
    features: Floats  # (rows, columns, features)


def look(frame: Frame) -> Picture:
    """Return `frame` at working size, with its cells described."""
    height, width = fit_within(frame.shape[0], frame.shape[1], WORKING_PIXELS)
    small = shrink_quickly(frame, height, width)
    gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    flow_height, flow_width = fit_within(height, width, FLOW_PIXELS)
    flow_gray = cv2.resize(gray, (flow_width, flow_height), interpolation=cv2.INTER_AREA)
    half_size = max(1, width // 2), max(1, height // 2)
    rgb = cv2.resize(small, half_size, interpolation=cv2.INTER_AREA).astype(np.float32)
    half = np.asarray(cv2.cvtColor(rgb / np.float32(255), cv2.COLOR_RGB2Lab), np.float32)
    return Picture(np.asarray(flow_gray, np.uint8), small, half, describe(half, gray))


def cell_places(height: int, width: int) -> Places:
    """Return (rows, columns): the cells' centres as x + iy."""
    rows, columns = cell_centres(height, width)
    return (columns[None] + 1j * rows[:, None]).astype(np.complex64)


def cells_inside(mask: Mask) -> Mask:
    """Return (rows, columns): the cells whose centres are in `mask`, or one that it touches."""
    rows, columns = cell_centres(*mask.shape)
    inside: Mask = mask[rows[:, None], columns]
    if mask.any() and not inside.any():
        y, x = np.argwhere(mask)[0]
        inside[min(y // STRIDE, len(rows) - 1), min(x // STRIDE, len(columns) - 1)] = True
    return inside


def blurred(maps: Floats, side: int) -> Floats:
    """Return maps (layers, h, w) averaged over squares."""
    return np.stack([cv2.blur(one, (side, side)) for one in maps])


def grown(mask: Mask, reach: int) -> Mask:
    """Return `mask` grown by `reach` pixels in x and in y."""
    side = 2 * reach + 1
    dilated = cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8))
    return np.asarray(dilated > 0)


def square(grid: Floats, centre: complex, radius: float) -> Mask:
    """Return (h, w): True within `radius` of `centre` in x and in y."""
    inside: Mask = (np.abs(grid[..., 0] - centre.real) <= radius) & (
        np.abs(grid[..., 1] - centre.imag) <= radius
    )
    return inside


def cell_box(mask: Mask) -> Region | None:
    """Return the smallest box of whole cells around `mask`; None if it is empty."""
    box = bounding_box(mask)
    if box is None:
        return None
    sides = []
    for side, size in zip(box, mask.shape, strict=True):
        start = side.start // STRIDE * STRIDE
        # Cells past the last centre do not exist: the last whole one stretches to the border.
        sides.append(slice(start, min(size, -(-side.stop // STRIDE) * STRIDE)))
    return sides[0], sides[1]


def resized(values: Floats, shape: tuple[int, ...]) -> Floats:
    """Return `values` (h, w) or (h, w, 2) interpolated to `shape` (height, width)."""
    if values.shape[:2] == shape:
        return values
    return np.asarray(cv2.resize(values, (shape[1], shape[0])), np.float32)


def shrunk(values: Floats, shape: tuple[int, ...]) -> Floats:
    """Return `values` (h, w) or (h, w, channels) averaged to a smaller `shape` (height, width)."""
    size = (shape[1], shape[0])
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def enlarged(soft: Floats, ids: Sequence[int], height: int, width: int) -> LabelMap:
    """Return (height, width): `soft` at another size, layer k as label `ids[k - 1]`."""
    labels = np.zeros((height, width), np.uint8)
    for layer, identity in enumerate(ids, start=1):
        others = np.delete(soft, layer, axis=0).max(axis=0)
        lead = cv2.resize(soft[layer] - others, (width, height))
        labels[lead > 0] = identity
    return labels


def rescaled_flow(flow: Floats, shape: tuple[int, ...]) -> Floats:
    """Return `flow` at another size, in pixels of that size."""
    if flow.shape[:2] == shape:
        return flow
    factors = np.array((shape[1] / flow.shape[1], shape[0] / flow.shape[0]), np.float32)
    # As rows of alternating x and y: numpy takes five times as long over a last axis of two.
    rows = resized(flow, shape).reshape(shape[0], -1) * np.tile(factors, shape[1])
    return rows.reshape(shape[0], shape[1], 2)


def winning_layer(soft: Floats) -> NDArray[np.uint8]:
    """Return (h, w): the layer of greatest value; argmax over a first axis is slow."""
    best = soft[0].copy()
    winner = np.zeros(best.shape, np.uint8)
    for layer in range(1, len(soft)):
        winner[soft[layer] > best] = layer
        np.maximum(best, soft[layer], out=best)
    return winner


def softmax(score: Floats) -> Floats:
    """Return probabilities (layers, h, w) from log odds."""
    score = np.exp(score - score.max(axis=0))
    share: Floats = score / score.sum(axis=0)
    return share
