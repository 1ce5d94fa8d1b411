"""How a camera was held: the display matrix, applied to planes so that nothing is left of it."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import av
from av.sidedata.sidedata import Type

from tracker.video.colour import without_subsampling
from tracker.video.layouts import Layout, Samples


@dataclass(frozen=True)
class Orientation:
    """How stored pictures become upright: first transposed, then mirrored."""

    transposed: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @property
    def is_upright(self) -> bool:
        """Return whether nothing is to be done."""
        return self == UPRIGHT


UPRIGHT = Orientation()
_ROTATIONS = {  # by degrees, counter-clockwise
    90: Orientation(transposed=True, flip_rows=True),
    180: Orientation(flip_rows=True, flip_columns=True),
    270: Orientation(transposed=True, flip_columns=True),
}


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Return the orientation a decoded picture carries; slanted matrices count as upright."""
    try:
        side_data: Any = frame.side_data
        matrix = side_data.get(Type.DISPLAYMATRIX)
    except ValueError:  # PyAV does not know all kinds of side data, Exif for one
        return _ROTATIONS.get(frame.rotation % 360, UPRIGHT)
    if matrix is None:
        return UPRIGHT
    # Row vectors (x, y, 1) times a 3x3 matrix: x' = a x + c y, y' = b x + d y.
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(matrix)[:36])
    if max(abs(b), abs(c)) < 0.01 * min(abs(a), abs(d)):
        return Orientation(flip_rows=d < 0, flip_columns=a < 0)
    if max(abs(a), abs(d)) < 0.01 * min(abs(b), abs(c)):
        return Orientation(transposed=True, flip_rows=b < 0, flip_columns=c < 0)
    return UPRIGHT


def turned_layout(layout: Layout, orientation: Orientation, height: int, width: int) -> Layout:
    """Return the layout pictures of stored size (height, width) have once upright.

    Chroma stays subsampled unless there is no such format (4:1:1 turned on its side) or an
    odd side is mirrored, which would put chroma samples between their pixels.
    """
    mirrors_x = orientation.flip_rows if orientation.transposed else orientation.flip_columns
    mirrors_y = orientation.flip_columns if orientation.transposed else orientation.flip_rows
    is_off_grid = (mirrors_x and width % (1 << layout.shift_x) != 0) or (
        mirrors_y and height % (1 << layout.shift_y) != 0
    )
    turned = layout
    if orientation.transposed:
        turned = replace(layout, shift_x=layout.shift_y, shift_y=layout.shift_x)
    if turned.is_known and not is_off_grid:
        return turned
    return replace(layout, shift_x=0, shift_y=0)


def turn(
    layout: Layout, planes: Sequence[Samples], orientation: Orientation
) -> tuple[Layout, list[Samples]]:
    """Return the planes upright, as views where possible, and their layout."""
    height, width = planes[0].shape
    turned = turned_layout(layout, orientation, height, width)
    if (turned.shift_x, turned.shift_y) == (0, 0) and (layout.shift_x or layout.shift_y):
        layout, planes = without_subsampling(layout, planes)
    upright = []
    for plane in planes:
        if orientation.transposed:
            plane = plane.T
        if orientation.flip_rows:
            plane = plane[::-1]
        if orientation.flip_columns:
            plane = plane[:, ::-1]
        upright.append(plane)
    return turned, upright
