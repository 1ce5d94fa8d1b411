"""Frames at working size, and small operations on soft label maps.

A soft map is float32 (layers, h, w): the probability of every layer in every pixel.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.appearance import STRIDE, Floats, Places, cell_centres, describe
from tracker.images import areas, bounding_box, fit_within, shrink_quickly
from tracker.types import Frame, LabelMap, Mask

Region: TypeAlias = tuple[slice, slice]
ValueT = TypeVar("ValueT", bound=np.generic)

WORKING_PIXELS = 576 * 324
MOST_PIXELS = 864 * 486  # where there is time to look closer at small objects, ...
FEW = 2  # ... and no more than these: more share them, as work grows with every object
OBJECT_PIXELS = 640 * STRIDE**2  # that the smallest object is to have then: 640 cells
FLOW_PIXELS = 216 * 122  # flow gains little from more
CODE = np.array([[2.55, 0, 0, 0], [0, 1, 0, 128], [0, 0, 1, 128]], np.float32)  # of CIE Lab
REACH = 0.12  # of the longer side: how far from where it is expected an object may be


@dataclass(frozen=True, eq=False)
class Gray:
    """The lightness of a frame."""

    fine: NDArray[np.uint8]  # (h, w), at working size
    coarse: NDArray[np.uint8]  # at most FLOW_PIXELS


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame at working size."""

    gray: NDArray[np.uint8]  # at most FLOW_PIXELS
    small: Frame  # (h, w, 3)
    half: Floats  # (h // 2, w // 2, 3), at least one pixel; CIE Lab, L in [0, 100]
    coded: NDArray[np.uint8]  # the same in 8 bits, see `coded`
    features: Floats  # (rows, columns, features)


def pixels_for(labels: LabelMap) -> int:
    """Return how many pixels to follow the objects in `labels` at, where there is time."""
    counts = areas(labels)[1:]
    objects = counts[counts > 0]
    smallest = int(objects.min(initial=labels.size))
    most = MOST_PIXELS * FEW // max(FEW, len(objects))
    return max(WORKING_PIXELS, min(most, OBJECT_PIXELS * labels.size // smallest))


def at_working_size(frame: Frame, pixels: int = WORKING_PIXELS) -> Frame:
    """Return `frame` (H, W, 3) at about so many pixels, enlarged if it has fewer.

    Cells, edges and motion are measured in pixels of this size: a small video, followed at its
    own, would be one of objects a few cells large.
    """
    height, width = frame.shape[:2]
    scale = math.sqrt(pixels / (height * width))
    if scale > 1:
        size = round(width * scale), round(height * scale)
        return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    return shrink_quickly(frame, *fit_within(height, width, pixels))


def gray_of(small: Frame) -> Gray:
    """Return the lightness of a frame that has its working size."""
    fine = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    height, width = fit_within(fine.shape[0], fine.shape[1], FLOW_PIXELS)
    coarse = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    return Gray(fine, np.asarray(coarse, np.uint8))


def look_closely(small: Frame, gray: Gray) -> Picture:
    """Return a frame that has its working size, and this lightness, with its cells described."""
    height, width = small.shape[:2]
    half_size = max(1, width // 2), max(1, height // 2)
    rgb = cv2.resize(small, half_size, interpolation=cv2.INTER_AREA).astype(np.float32)
    half = np.asarray(cv2.cvtColor(rgb / np.float32(255), cv2.COLOR_RGB2Lab), np.float32)
    return Picture(gray.coarse, small, half, coded(half), describe(half, gray.fine))


def coded(lab: Floats) -> NDArray[np.uint8]:
    """Return CIE Lab (h, w, 3) in 8 bits: rounded to 0.4 units of L and 1 of a and b."""
    return np.asarray(cv2.convertScaleAbs(cv2.transform(lab, CODE)), np.uint8)


def cell_places(height: int, width: int) -> Places:
    """Return (rows, columns): the cells' centres as x + iy."""
    rows, columns = cell_centres(height, width)
    return (columns[None] + 1j * rows[:, None]).astype(np.complex64)


def at_cells(maps: NDArray[ValueT]) -> NDArray[ValueT]:
    """Return (rows, columns) of the values (H, W) at the cells' centres."""
    rows, columns = cell_centres(*maps.shape)
    picked: NDArray[ValueT] = maps.take(rows, axis=0).take(columns, axis=1)
    return picked


def cells_touched(mask: Mask) -> Mask:
    """Return (rows, columns): the cells of which any pixel is in `mask` (H, W)."""
    return cell_means(mask.astype(np.float32)) > 0


def cell_means(values: Floats) -> Floats:
    """Return (rows, columns): the mean of `values` (H, W) in each cell."""
    bottom, right = (-size % STRIDE for size in values.shape)
    if bottom or right:
        values = np.asarray(
            cv2.copyMakeBorder(values, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.float32
        )
    return shrunk(values, (values.shape[0] // STRIDE, values.shape[1] // STRIDE))


def cells_inside(mask: Mask) -> Mask:
    """Return (rows, columns): the cells whose centres are in `mask`, or one that it touches."""
    inside = at_cells(mask)
    if mask.any() and not inside.any():
        y, x = np.argwhere(mask)[0]
        inside[min(y // STRIDE, len(inside) - 1), min(x // STRIDE, inside.shape[1] - 1)] = True
    return inside


def blurred(maps: Floats, side: int) -> Floats:
    """Return maps (layers, h, w) averaged over squares."""
    return np.stack([cv2.blur(one, (side, side)) for one in maps])


def grown(mask: Mask, reach: int) -> Mask:
    """Return `mask` grown by `reach` pixels in x and in y."""
    side = 2 * reach + 1
    dilated = cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8))
    return np.asarray(dilated > 0)


def around(objects: Mask) -> Mask:
    """Return (rows, columns): the cells within reach of `objects` (h, w)."""
    return grown(cells_touched(objects), int(REACH * max(objects.shape)) // STRIDE)


def square(places: Places, centre: complex, radius: float) -> Mask:
    """Return (...): True within `radius` of `centre` in x and in y."""
    away = places - np.complex64(centre)
    inside: Mask = (np.abs(away.real) <= radius) & (np.abs(away.imag) <= radius)
    return inside


def pixels_of(cells: Region, shape: tuple[int, ...]) -> Region:
    """Return the pixels of a box of `cells`, in a map of `shape`."""
    rows, columns = (
        slice(side.start * STRIDE, min(size, side.stop * STRIDE))
        for side, size in zip(cells, shape, strict=True)
    )
    return rows, columns


def spread(cells: NDArray[ValueT], side: int, shape: tuple[int, ...]) -> NDArray[ValueT]:
    """Return (h, w) of `shape`: every cell as a square of `side` pixels, cut off at the border."""
    pixels: NDArray[ValueT] = cells.repeat(side, axis=1).repeat(side, axis=0)
    return pixels[: shape[0], : shape[1]]


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
    scale_y, scale_x = height / soft.shape[1], width / soft.shape[2]
    for layer, identity in enumerate(ids, start=1):
        others = np.delete(soft, layer, axis=0).max(axis=0) if len(soft) > 2 else soft[0]
        lead = soft[layer] - others
        box = bounding_box(lead > 0, margin=1)  # nothing further away can win
        if box is None:
            continue
        top, left = int(box[0].start * scale_y), int(box[1].start * scale_x)
        bottom = min(height, math.ceil(box[0].stop * scale_y))
        right = min(width, math.ceil(box[1].stop * scale_x))
        # From a pixel of the result to the place in `lead` with the same centre.
        matrix = np.array(
            [
                [1 / scale_x, 0, (left + 0.5) / scale_x - 0.5],
                [0, 1 / scale_y, (top + 0.5) / scale_y - 0.5],
            ]
        )
        larger = cv2.warpAffine(
            lead,
            matrix,
            (right - left, bottom - top),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        np.copyto(labels[top:bottom, left:right], identity, where=np.asarray(larger) > 0)
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
        np.copyto(winner, layer, where=soft[layer] > best)
        np.maximum(best, soft[layer], out=best)
    return winner


def pieces(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the connected pieces of `mask` (h, w), numbered from 1 (h, w), and areas (pieces,).

    Beside them there is 0, whose area is not told.
    """
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    box = slice(top, top + height), slice(left, left + width)
    parts = np.zeros(mask.shape, np.int32)
    if not width:
        return parts, np.zeros(1, np.int32)
    found = cv2.connectedComponentsWithStats(np.ascontiguousarray(mask[box]).view(np.uint8))
    parts[box], areas = found[1], np.array(found[2][:, cv2.CC_STAT_AREA], np.int32)
    areas[0] = 0
    return parts, areas


def clear(soft: Floats, winner: NDArray[np.uint8], layer: int, where: Mask) -> None:
    """Take pixels (h, w) from a layer and give them to the background.

    `soft` (layers, h, w) and which of them wins (h, w) are changed in place.
    """
    soft[0][where] += soft[layer][where]
    soft[layer][where] = 0
    winner[where] = winning_layer(soft[:, where])


def softmax(score: Floats) -> Floats:
    """Return probabilities (layers, h, w) from log odds."""
    score = np.exp(score - score.max(axis=0))
    share: Floats = score / score.sum(axis=0)
    return share
