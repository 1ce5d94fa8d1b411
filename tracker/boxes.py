"""Boxes around holes: where they are, how large a picture each may become, which to join."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tracker import images
from tracker.types import Mask

MOST_BOXES = 3
LEAST_MARGIN = 48  # pixels around a hole
MARGIN = 0.5  # of the hole's longer side
CLEARLY = 1.25  # times the detail: several boxes, or one instead of the frame, are worth it


@dataclass(frozen=True)
class Box:
    """Rows and columns of a frame: first, and one past the last."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        """Return the number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Return the number of columns."""
        return self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Return what to index a frame with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def margin(self) -> int:
        """Return how much of the surroundings a hole of this size needs, in pixels."""
        return max(LEAST_MARGIN, round(MARGIN * max(self.height, self.width)))

    def holds(self, other: "Box") -> bool:
        """Return whether `other` lies inside."""
        rows = self.top <= other.top and other.bottom <= self.bottom
        return rows and self.left <= other.left and other.right <= self.right

    def joined(self, other: "Box") -> "Box":
        """Return the smallest box that holds both."""
        return Box(
            min(self.top, other.top),
            max(self.bottom, other.bottom),
            min(self.left, other.left),
            max(self.right, other.right),
        )

    def touches(self, other: "Box") -> bool:
        """Return whether the boxes have pixels in common."""
        rows = self.top < other.bottom and other.top < self.bottom
        return rows and self.left < other.right and other.left < self.right

    def grown(self, margin: int, frame_size: tuple[int, int]) -> "Box":
        """Return the box with a margin, as far as the frame (height, width) goes."""
        return Box(
            max(0, self.top - margin),
            min(frame_size[0], self.bottom + margin),
            max(0, self.left - margin),
            min(frame_size[1], self.right + margin),
        )

    def widened(self, height: int, width: int, frame_size: tuple[int, int]) -> "Box":
        """Return the box at least so large, inside the frame, in the middle where it was."""
        top, bottom = _widened(self.top, self.bottom, height, frame_size[0])
        left, right = _widened(self.left, self.right, width, frame_size[1])
        return Box(top, bottom, left, right)


@dataclass(frozen=True)
class Room:
    """How large a picture an inpainter may be given: all of it is worked on."""

    max_pixels: int | None = None  # None: any number
    grain: tuple[int, int] = (1, 1)  # height, width: pictures are padded to multiples of it

    def fit(self, height: int, width: int) -> tuple[float, tuple[int, int]]:
        """Return the scale, at most 1, at which a box fits best, and what it is padded to."""
        if self.max_pixels is None:
            return 1.0, self._padded(height, width)
        if self.grain == (1, 1):
            scale = min(1.0, math.sqrt(self.max_pixels / (height * width)))
            return scale, (max(1, int(height * scale)), max(1, int(width * scale)))
        best, best_size = 0.0, self.grain
        tall, wide = self.grain
        for rows in range(tall, max(tall, self.max_pixels // wide) + 1, tall):
            columns = max(1, self.max_pixels // (rows * wide)) * wide
            scale = min(1.0, rows / height, columns / width)
            if scale > best:
                best, best_size = scale, (rows, columns)
        if best == 1.0:
            return best, self._padded(height, width)
        return best, best_size

    def shared_by(self, number: int) -> "Room":
        """Return the room each of so many pictures has."""
        return Room(None if self.max_pixels is None else self.max_pixels // number, self.grain)

    def _padded(self, height: int, width: int) -> tuple[int, int]:
        tall, wide = self.grain
        return -(-height // tall) * tall, -(-width // wide) * wide


def holes_in(holes: Sequence[Mask]) -> list[Box]:
    """Return a box around each connected part of the holes, taken together."""
    return [
        Box(rows.start, rows.stop, columns.start, columns.stop)
        for rows, columns in images.connected_parts(np.logical_or.reduce(list(holes)))
    ]


def choose_boxes(
    parts: Sequence[Box], frame_size: tuple[int, int], room: Room
) -> list[tuple[Box, tuple[int, int]]]:
    """Return boxes that hold all `parts` with their margins, and the size of each one's picture.

    Several boxes share the room of one, so they never cost more; they are taken where that
    shows clearly more detail.  So is one box instead of the whole frame.
    """
    boxes = _join_touching([part.grown(part.margin, frame_size) for part in parts])
    while len(boxes) > MOST_BOXES:
        boxes = _join_touching(_join_nearest(boxes))
    everything = Box(0, frame_size[0], 0, frame_size[1])
    union = boxes[0]
    for box in boxes[1:]:
        union = union.joined(box)
    chosen, detail = [everything], room.fit(*frame_size)[0]
    for candidates in ([union], boxes):
        share = room.shared_by(len(candidates))
        shown = min(share.fit(box.height, box.width)[0] for box in candidates)
        if shown > CLEARLY * detail or (room.max_pixels is None and len(candidates) == 1):
            chosen, detail = candidates, shown
    share = room.shared_by(len(chosen))
    return [_fitted(box, share, frame_size) for box in chosen]


def move_box(box: Box, towards: Box, frame_size: tuple[int, int]) -> Box:
    """Return a box of the same size with the middle of another, inside the frame."""
    down = (towards.top + towards.bottom - box.top - box.bottom) // 2
    right = (towards.left + towards.right - box.left - box.right) // 2
    down = min(max(down, -box.top), frame_size[0] - box.bottom)
    right = min(max(right, -box.left), frame_size[1] - box.right)
    return Box(box.top + down, box.bottom + down, box.left + right, box.right + right)


def _fitted(box: Box, room: Room, frame_size: tuple[int, int]) -> tuple[Box, tuple[int, int]]:
    """Return the box, using what would be padding for more surroundings, and its picture's size."""
    scale, padded = room.fit(box.height, box.width)
    box = box.widened(int(padded[0] / scale), int(padded[1] / scale), frame_size)
    size = round(box.height * scale), round(box.width * scale)
    return box, (max(1, size[0]), max(1, size[1]))


def _widened(start: int, stop: int, length: int, limit: int) -> tuple[int, int]:
    length = min(limit, max(length, stop - start))
    start = min(max(0, start - (length - (stop - start)) // 2), limit - length)
    return start, start + length


def _join_touching(boxes: Sequence[Box]) -> list[Box]:
    joined: list[Box] = []
    for box in boxes:
        while touching := [other for other in joined if other.touches(box)]:
            joined = [other for other in joined if other not in touching]
            for other in touching:
                box = box.joined(other)
        joined.append(box)
    return joined


def _join_nearest(boxes: Sequence[Box]) -> list[Box]:
    def growth(pair: tuple[Box, Box]) -> int:
        both = pair[0].joined(pair[1])
        return both.height * both.width - sum(box.height * box.width for box in pair)

    one, two = min(combinations(boxes, 2), key=growth)
    return [box for box in boxes if box not in (one, two)] + [one.joined(two)]
