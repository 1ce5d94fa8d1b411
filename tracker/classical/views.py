"""One frame of the video as the inpainter keeps it, and how many of them it keeps."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.camera import corner_strength, outline_of
from tracker.classical.flow import Flow, sample
from tracker.classical.spatial import spread
from tracker.images import shrink_hole, shrink_quickly
from tracker.lazy import lazily
from tracker.types import Frame, Mask

Box: TypeAlias = tuple[slice, slice]  # rows, columns

AROUND = 16  # pixels of the frame around its hole that a fill looks at
_MOSTLY = 250  # of 255: this much of what is sampled must be known
_SOFT_EDGE = 2  # pixels around a hole that are not copied: bicubic sampling reaches them


@dataclass(frozen=True, eq=False)
class Fill:
    """How the hole of a frame was filled, in a box (h, w) around it."""

    box: Box  # in the frame; a margin of the hole's surroundings is in it
    filled: Frame  # the whole frame
    # (h, w, 4): the squared error to be expected; 255 where the filled frame shows what some
    # frame saw; 1 where `detail` holds; nothing.  Four channels are read in one go.
    state: NDArray[np.float32]
    # (h, w, 4), what is invented, less the membrane; the last says nothing
    detail: NDArray[np.float32] | None

    def copy(self) -> "Fill":
        """Return one that may be changed without changing this one."""
        return replace(self, filled=self.filled.copy(), state=self.state.copy())

    def change(
        self,
        patch: NDArray[np.uint8],
        index: NDArray[np.intp],
        error: NDArray[np.float32],
        genuine: Mask,
    ) -> None:
        """Give it another box, other errors and genuine pixels; `index` as in `Spots`."""
        self.filled.setflags(write=True)
        self.filled[self.box] = patch
        self.filled.setflags(write=False)
        table = self.state.reshape(-1, 4)
        table[index, 0], table[index, 1] = error, 255 * genuine


class View:
    """A frame, its hole, and both at working size; what lies under the hole is never used."""

    def __init__(self, index: int, frame: Frame, hole: Mask, working_side: int) -> None:
        self._working_side = working_side  # pixels: of the longer side, where motion is estimated
        self.index = index
        self.frame = frame
        self.hole = hole
        self.is_keyframe = False  # given by the user as it should look
        self.fill: Fill | None = None  # how it was filled, later

    @lazily
    def has_hole(self) -> bool:
        """Return whether anything is to be filled."""
        return bool(self.hole.any())

    @lazily
    def box(self) -> Box:
        """Return the rows and columns of the frame that hold its hole and what is around it."""
        return box_around(self.hole, margin=AROUND)

    @lazily
    def size(self) -> tuple[int, int]:
        """Return the working (height, width)."""
        height, width = self.hole.shape
        scale = min(1.0, self._working_side / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))

    @lazily
    def outline(self) -> NDArray[np.float32]:
        """Return the corners of the frame at working size, (4, 2)."""
        height, width = self.size
        return outline_of((slice(0, height), slice(0, width)))

    @lazily
    def known(self) -> Mask:
        """Return (h, w) at working size: True where no hole pixel takes part."""
        known: Mask = ~shrink_hole(self.hole, *self.size)
        return known

    @lazily
    def usable(self) -> NDArray[np.uint8]:
        """Return (h, w) at working size: 255 where `known`."""
        return self.known.astype(np.uint8) * np.uint8(255)

    def shows(self, places: Flow) -> Mask:
        """Return where `places` (h, w, 2) at working size lie inside and outside the hole."""
        usable = sample(self.usable, places, border=cv2.BORDER_CONSTANT)
        return np.asarray(usable > _MOSTLY)

    @lazily
    def small(self) -> Frame:
        """Return the frame at working size, its hole filled smoothly from around it."""
        small = self.frame
        if self.size != self.hole.shape:
            small = shrink_quickly(self.frame, *self.size)
        if not self.has_hole:
            return small
        rows, columns = box_around(~self.known, margin=4)
        small = np.array(small)
        part = spread(small[rows, columns].astype(np.float32), ~self.known[rows, columns])
        small[rows, columns] = np.rint(part)
        return small

    @lazily
    def gray(self) -> NDArray[np.uint8]:
        """Return (h, w): the brightness of `small`."""
        return np.asarray(cv2.cvtColor(self.small, cv2.COLOR_RGB2GRAY), np.uint8)

    @lazily
    def strength(self) -> NDArray[np.float32]:
        """Return (h, w): how much of a corner each pixel of `gray` is."""
        return corner_strength(self.gray)

    @lazily
    def tiny(self) -> Frame:
        """Return `small` at half its size."""
        height, width = self.size
        half = max(1, width // 2), max(1, height // 2)
        return np.asarray(cv2.resize(self.small, half, interpolation=cv2.INTER_AREA), np.uint8)

    @lazily
    def tones(self) -> NDArray[np.float32]:
        """Return `tiny`, (h / 2, w / 2, 4); the last says nothing, but four are read quickest."""
        return cv2.cvtColor(self.tiny, cv2.COLOR_RGB2RGBA).astype(np.float32)

    def to_tiny(self, places: Flow) -> Flow:
        """Return working-size `places` (h, w, 2) in pixels of `tiny`."""
        scale = [self.tiny.shape[axis] / self.size[axis] for axis in (1, 0)]
        matrix = np.array(
            [[scale[0], 0, (scale[0] - 1) / 2], [0, scale[1], (scale[1] - 1) / 2]], np.float32
        )
        return np.asarray(cv2.transform(places, matrix), np.float32)

    @lazily
    def unusable(self) -> NDArray[np.uint8]:
        """Return (h, w) of `box`, 255 where nothing may be copied: the hole and its soft edge."""
        kernel = np.ones((2 * _SOFT_EDGE + 1,) * 2, np.uint8)
        return np.asarray(cv2.dilate(self.hole[self.box].astype(np.uint8) * 255, kernel), np.uint8)


def box_around(mask: Mask, margin: int) -> Box:
    """Return the rows and columns that hold `mask` (not empty) and a margin.

    They begin and end at even numbers (or the frame's end), so that halves fit halves.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    edges = []
    for inside, size in zip((rows, columns), mask.shape, strict=True):
        start = max(0, int(inside[0]) - margin) // 2 * 2
        stop = -(-(int(inside[-1]) + 1 + margin) // 2) * 2
        edges.append(slice(start, min(size, stop)))
    return edges[0], edges[1]


def worth_keeping(indices: Collection[int], current: int) -> set[int]:
    """Return which past frames to remember: dense just now, ever sparser further back.

    The two newest of each age between powers of two (1, 2-3, 4-7, ... frames) up to
    `_OLDEST_OCTAVE`: a fixed number of frames, however long the video.
    """
    octaves: dict[int, list[int]] = {}
    for index in sorted(indices):
        age = current - index
        if age > 0:
            octaves.setdefault(age.bit_length(), []).append(index)
    kept: set[int] = set()
    for octave, members in octaves.items():
        if octave <= _OLDEST_OCTAVE:
            kept.update((members[0], members[-1]))  # the oldest, so that some reach the next octave
    return kept


_OLDEST_OCTAVE = 10  # 2**10 frames: 40 seconds at 25 frames per second
