"""The pixels of a hole as lists of numbers: NumPy and OpenCV are quickest on long plain arrays.

They are kept as planes of N, a multiple of `ROW`: the last pixel is repeated until a row is
full, as cv2.remap wants pictures.  The pixels of a row are neighbours: they come tile by tile,
so that whole rows can be left out where a source shows nothing of use.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.flow import sample_at, tamed
from tracker.classical.planes import channels, join, rounded, split
from tracker.classical.registration import Offer
from tracker.classical.views import Box, View
from tracker.types import Mask

TILE = 16  # pixels, the side of a square whose pixels follow each other
ROW = TILE * TILE  # pixels

Plane = NDArray[np.float32]  # (N,)
Planes = NDArray[np.float32]  # (3, N): red, green, blue


@dataclass(frozen=True, eq=False)
class Spots:
    """Some pixels of a frame, in order; all (N,)."""

    count: int  # of them that are pixels; the others repeat the last one
    index: NDArray[np.intp]  # in the box around the hole, counted row by row
    x: Plane  # in the frame
    y: Plane
    half_x: Plane  # in the registered part, at half the working size
    half_y: Plane

    @property
    def places(self) -> NDArray[np.intp]:
        """Return `index` without what repeats."""
        return self.index[: self.count]

    def rows(self, numbers: NDArray[np.intp]) -> "Spots":
        """Return some rows of them, at least one."""
        index = self.index.reshape(-1, ROW)[numbers].ravel()
        planes = (self.x, self.y, self.half_x, self.half_y)
        return Spots(len(index), index, *(one.reshape(-1, ROW)[numbers].ravel() for one in planes))

    def take(self, numbers: NDArray[np.intp]) -> "Spots":
        """Return some of them, at least one."""
        padded = _fill_up(numbers)
        places = (one.take(padded) for one in (self.x, self.y, self.half_x, self.half_y))
        return Spots(len(numbers), self.index.take(padded), *places)


def spots_of(target: View, part: Box) -> Spots:
    """Return the pixels of a hole (not empty) around which `part`, working size, is looked at."""
    hole = target.hole[target.box]
    inside = np.flatnonzero(_tiled(hole))
    tile, place = _parted(_fill_up(inside).astype(np.int32), ROW)
    down, across = _parted(tile, -(-hole.shape[1] // TILE))
    row, column = _parted(place, TILE)
    rows, columns = down * TILE + row, across * TILE + column
    index = rows.astype(np.intp) * hole.shape[1] + columns
    y, x = (
        np.add(place, edge.start, dtype=np.float32)
        for place, edge in zip((rows, columns), target.box, strict=True)
    )
    halves = []
    for axis, places in ((0, y), (1, x)):
        size = part[axis].stop - part[axis].start
        to_half = max(1, size // 2) / size
        scale = target.size[axis] / target.hole.shape[axis] * to_half
        shift = (scale - 1) / 2 - part[axis].start * to_half
        halves.append(places * np.float32(scale) + np.float32(shift))
    return Spots(len(inside), index, x, y, halves[1], halves[0])


@dataclass(frozen=True, eq=False)
class Laid:
    """Where a source shows each of N spots, and what is to be said of it."""

    x: Plane  # in the source, full size
    y: Plane
    offset: list[Plane]  # what is to be added to its red, green and blue
    error: Plane  # squared, to be expected
    weight: Plane  # see `lay`


def lay(source: View, offer: Offer, spots: Spots, weight: NDArray[np.float32] | None) -> Laid:
    """Return where the source shows the spots, as offered; `weight` (h / 2, w / 2) comes along."""
    carried = offer.error if weight is None else weight
    moved = join([offer.shift, carried, carried])  # four channels are the quickest
    dx, dy, importance, _ = spread_out(moved, spots.half_x, spots.half_y)
    *offset, error = spread_out(offer.tones, spots.half_x, spots.half_y)
    ratio_y, ratio_x = (
        np.float32(full / small) for full, small in zip(source.hole.shape, source.size, strict=True)
    )
    dx *= ratio_x
    dy *= ratio_y
    dx += spots.x
    dy += spots.y
    height, width = source.hole.shape
    return Laid(tamed(dx, width), tamed(dy, height), offset, error, importance)


def within(source: View, laid: Laid) -> NDArray[np.bool_]:
    """Return (N,), whether the source has such places."""
    height, width = source.hole.shape
    inside: NDArray[np.bool_] = (laid.x >= -0.5) & (laid.x <= width - 0.5)
    inside &= laid.y >= -0.5
    inside &= laid.y <= height - 0.5
    return inside


def usable_at(source: View, x: Plane, y: Plane) -> NDArray[np.bool_]:
    """Return (N,), whether what lies at places of the source, full size, may be copied."""
    if not source.has_hole:
        return np.ones(len(x), bool)
    rows, columns = source.box  # its border is usable, or that of the frame
    places = (x - np.float32(columns.start), y - np.float32(rows.start))
    table = (place.reshape(-1, ROW) for place in places)
    unusable = sample_at(source.unusable, *table, interpolation=cv2.INTER_NEAREST)
    usable: NDArray[np.bool_] = unusable.reshape(-1) == 0
    return usable


def spread_out(image: NDArray[np.float32], x: Plane, y: Plane) -> list[Plane]:
    """Return each channel of `image` (h, w, C), read between pixels at N places."""
    table = sample_at(image, x.reshape(-1, ROW), y.reshape(-1, ROW))
    return [plane.reshape(-1) for plane in split(table)]


def colours_at(frame: NDArray[np.uint8], laid: Laid) -> Planes:
    """Return (3, N): what a frame shows at places, brought to the target's exposure."""
    places = laid.x.reshape(-1, ROW), laid.y.reshape(-1, ROW)
    seen = channels(sample_at(frame, *places, interpolation=cv2.INTER_CUBIC))
    colours = np.empty((3, len(laid.x)), np.float32)
    for result, plane, offset in zip(colours, seen, laid.offset, strict=True):
        np.add(plane.reshape(-1), offset, out=result)
    return colours


def gather(patch: NDArray[np.uint8], index: NDArray[np.intp]) -> Planes:
    """Return (3, N): the colours of some pixels of a picture without gaps in memory."""
    colours = channels(patch.reshape(-1, 3).take(index, axis=0)[None])
    return colours[:, 0].astype(np.float32)


def put(patch: NDArray[np.uint8], index: NDArray[np.intp], colours: Planes) -> None:
    """Set the colours (3, N) of some pixels of a picture, as `gather` returns them."""
    flat, first = patch.reshape(-1), 3 * index
    for channel, plane in enumerate(colours):  # three numbers at a time take twice as long
        flat[first + channel] = rounded(plane[None])[0]


def _tiled(hole: Mask) -> Mask:
    """Return the pixels of (h, w) tile by tile, with those that complete the last tiles."""
    bottom, right = -hole.shape[0] % TILE, -hole.shape[1] % TILE
    padded = cv2.copyMakeBorder(hole.view(np.uint8), 0, bottom, 0, right, cv2.BORDER_CONSTANT)
    tiles = np.asarray(padded).reshape(-1, TILE, padded.shape[1] // TILE, TILE)
    return tiles.swapaxes(1, 2).ravel().view(bool)


def _parted(
    numbers: NDArray[np.int32], divisor: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return quotients and remainders, quicker than np.divmod."""
    quotients = numbers // np.int32(divisor)
    return quotients, numbers - quotients * np.int32(divisor)


def _fill_up(numbers: NDArray[np.intp]) -> NDArray[np.intp]:
    padded = np.empty(-(-len(numbers) // ROW) * ROW, np.intp)
    padded[: len(numbers)], padded[len(numbers) :] = numbers, numbers[-1]
    return padded
