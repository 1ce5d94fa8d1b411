"""Windows that touch a hole, and the known windows of the same picture most like them.

A search looks everywhere in a small picture; in a larger one it goes on from what was found at
half the size, and tries what neighbours found, and places chosen at random (PatchMatch: Barnes
and others, SIGGRAPH 2009).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tracker.classical.flow import Flow
from tracker.classical.planes import Floats, repeat
from tracker.classical.spatial import spread
from tracker.lazy import lazily
from tracker.types import Mask

REACH = 3  # pixels on either side of a window's middle
SIDE = 2 * REACH + 1
_WINDOW = np.ones((SIDE, SIDE), np.uint8)
_MOSTLY = 0.6  # of a pixel of half the size: is known if so much of it is
_INWARDS = 1.3  # a window counts less, by this for every pixel, the farther inside its middle is
_USUAL = 0.75  # of the windows differ less than is usual
_ROUNDING = 100.0  # a window's squared difference if every number differs by a grey level
_BROAD = (9, 9)  # pixels: detail is what differs from the mean of so many
_SIDES = ((0, 1), (1, 0), (0, -1), (-1, 0))
_NARROWER = 4  # every random search is so many times as narrow as the one before
_MOST_PAIRS = 400_000  # of windows compared at once: sources are left out evenly for more

Numbers = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Level:
    """A picture of some size."""

    picture: Floats  # (h, w, 4): red, green, blue, and roughness as it counts beside them
    wanted: Mask  # (h, w)
    usable: Mask  # (h, w), where pieces may come from

    def halved(self) -> "Level":
        """Return it at half its size."""
        height, width = self.wanted.shape
        half = -(-width // 2), -(-height // 2)
        shares = []
        for mask in (~self.wanted, self.usable):
            share = cv2.resize(mask.astype(np.float32), half, interpolation=cv2.INTER_AREA)
            shares.append(np.asarray(share, np.float32))
        known = (~self.wanted).astype(np.float32)
        weighed = cv2.resize(self.picture * repeat(known, 4), half, interpolation=cv2.INTER_AREA)
        whole = cv2.resize(self.picture, half, interpolation=cv2.INTER_AREA)
        wanted = shares[0] < _MOSTLY
        mean = np.asarray(weighed) / repeat(np.maximum(shares[0], np.float32(1e-6)), 4)
        cv2.copyTo(whole, wanted.view(np.uint8), mean)
        return Level(mean, wanted, (shares[1] >= _MOSTLY) & ~wanted)


class Search:
    """The windows that touch a hole, and what they have found."""

    def __init__(self, level: Level, sources: Mask) -> None:
        self._level, self._sources = level, sources
        height, width = level.wanted.shape
        self._shape = height, width
        touched = cv2.dilate(level.wanted.view(np.uint8), _WINDOW) > 0
        self._rows, self._columns = np.nonzero(touched)
        self._stride = width + 2 * REACH  # of a picture with a margin around it
        self._number = np.full(self._shape, -1, np.intp)
        self._number[touched] = np.arange(len(self._rows))
        depth = cv2.distanceTransform(level.wanted.view(np.uint8), cv2.DIST_L2, 3)
        self._trust = np.float32(_INWARDS) ** -depth[touched]
        self._now = level.picture  # the hole as voted last
        self._around = level.picture  # and what windows found for what is around it
        self._row, self._column = self._rows, self._columns  # of what they found
        self._gap = np.zeros(len(self._rows), np.float32)

    @classmethod
    def over(cls, level: Level) -> "Search | None":
        """Return the search of a level; None if no window is known."""
        sources = cv2.erode(
            level.usable.view(np.uint8), _WINDOW, borderType=cv2.BORDER_CONSTANT, borderValue=0
        )
        return cls(level, sources > 0) if sources.any() else None

    def look_everywhere(self) -> None:
        """Find the most like of all windows, or of as many as can be compared."""
        rows, columns, offered, power = self._offered
        asked = _windows(self._now, self._rows, self._columns)
        unlike = (np.float32(-2) * asked) @ offered.T
        unlike += power
        best = unlike.argmin(axis=1)
        self._row, self._column = rows[best], columns[best]
        self._gap = self._unlike(
            _with_margin(self._now), np.arange(len(best)), self._row, self._column
        )

    @lazily
    def _offered(self) -> tuple[Numbers, Numbers, Floats, Floats]:
        """Return rows, columns, numbers and their squares' sums of known windows: some or all."""
        rows, columns = np.nonzero(self._sources)
        every = -(-len(rows) * len(self._rows) // _MOST_PAIRS)
        rows, columns = rows[::every], columns[::every]
        offered = _windows(self._level.picture, rows, columns)
        return rows, columns, offered, np.square(offered).sum(axis=1)

    def go_on_from(self, coarse: "Search") -> None:
        """Begin with what was found at half the size."""
        height, width = coarse._shape
        near = coarse._number[
            np.minimum(self._rows // 2, height - 1), np.minimum(self._columns // 2, width - 1)
        ]
        down, right = coarse._row - coarse._rows, coarse._column - coarse._columns
        row = np.clip(self._rows + 2 * down[near] * (near >= 0), 0, self._shape[0] - 1)
        column = np.clip(self._columns + 2 * right[near] * (near >= 0), 0, self._shape[1] - 1)
        astray = ~self._sources[row, column]
        if astray.any():  # the nearest of those that may be taken
            _, labels = cv2.distanceTransformWithLabels(
                (~self._sources).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
            )
            rows, columns = np.nonzero(self._sources)
            place = np.empty(labels.max() + 1, np.intp)
            place[labels[rows, columns]] = np.arange(len(rows))
            nearest = place[labels[row[astray], column[astray]]]
            row[astray], column[astray] = rows[nearest], columns[nearest]
        self._row, self._column = row, column

    def improve(self, random: np.random.Generator) -> None:
        """Try what neighbours found, and places around what was found."""
        picture = _with_margin(self._now)
        self._gap = self._unlike(picture, np.arange(len(self._rows)), self._row, self._column)
        for down, right in _SIDES:
            rows = np.clip(self._rows + down, 0, self._shape[0] - 1)
            columns = np.clip(self._columns + right, 0, self._shape[1] - 1)
            other = self._number[rows, columns]
            self._try(picture, self._row[other] - down, self._column[other] - right, other >= 0)
        radius = max(self._shape) // 2
        while radius >= 1:
            row, column = (
                place + random.integers(-radius, radius, len(place), endpoint=True)
                for place in (self._row, self._column)
            )
            self._try(picture, row, column, np.ones(len(row), bool))
            radius //= _NARROWER

    def _try(
        self, picture: Floats, row: Numbers, column: Numbers, where: NDArray[np.bool_]
    ) -> None:
        """Take what is more like, of places offered to every window `where` they hold."""
        height, width = self._shape
        held = where & (row >= 0) & (row < height) & (column >= 0) & (column < width)
        held &= (row != self._row) | (column != self._column)
        some = np.flatnonzero(held)
        some = some[self._sources[row[some], column[some]]]
        gap = self._unlike(picture, some, row[some], column[some])
        better = gap < self._gap[some]
        taken = some[better]
        self._row[taken], self._column[taken] = row[taken], column[taken]
        self._gap[taken] = gap[better]

    def _unlike(self, picture: Floats, some: Numbers, row: Numbers, column: Numbers) -> Floats:
        """Return the squared difference of some windows from those at other places."""
        table = picture.reshape(-1, picture.shape[2])
        one = self._rows[some] * self._stride + self._columns[some]
        other = row * self._stride + column
        gap = np.zeros(len(some), np.float32)
        for step in _steps(self._stride):
            difference = table.take(one + step, axis=0)
            difference -= table.take(other + step, axis=0)
            gap += np.einsum("nc,nc->n", difference, difference)
        return gap

    def vote(self) -> None:
        """Make the hole the mean of what all windows found."""
        usual = max(float(np.quantile(self._gap, _USUAL)), _ROUNDING)
        weight = np.exp(self._gap / np.float32(-2 * usual)) * self._trust
        table = _with_margin(self._level.picture).reshape(-1, 4)
        one = self._rows * self._stride + self._columns
        other = self._row * self._stride + self._column
        total, share = np.zeros_like(table), np.zeros(len(table), np.float32)
        for step in _steps(self._stride):
            total[one + step] += table.take(other + step, axis=0) * weight[:, None]
            share[one + step] += weight
        total /= np.maximum(share, np.float32(1e-12))[:, None]
        height, width = self._shape
        inner = slice(REACH, REACH + height), slice(REACH, REACH + width)
        voted = np.ascontiguousarray(total.reshape(-1, self._stride, 4)[inner])
        self._around = voted
        self._now = self._level.picture.copy()
        cv2.copyTo(voted, self._level.wanted.view(np.uint8), self._now)

    def completed(self) -> Floats:
        """Return (h, w, 3): the picture with what was found, brought to the hole's border."""
        wanted, truth = self._level.wanted, self._level.picture[..., :3]
        edge = (cv2.dilate(wanted.view(np.uint8), np.ones((3, 3), np.uint8)) > 0) & ~wanted
        gap = np.where(edge[..., None], truth - self._around[..., :3], np.float32(0))
        colours = truth.copy()
        met = self._around[..., :3] + spread(np.asarray(gap, np.float32), wanted)
        cv2.copyTo(np.ascontiguousarray(met), wanted.view(np.uint8), colours)
        return colours

    def shift(self) -> Flow:
        """Return (h, w, 2), x and y: how far from each pixel lies what was found for it."""
        shift = np.zeros((*self._shape, 2), np.float32)
        shift[self._rows, self._columns, 0] = self._column - self._columns
        shift[self._rows, self._columns, 1] = self._row - self._rows
        return shift

    def agreement(self) -> float:
        """Return the share of the variance around the hole that what was found explains."""
        known = ~self._level.wanted
        next_to = np.zeros(self._shape, bool)
        next_to[self._rows, self._columns] = True
        next_to &= known & self._level.usable
        truth = self._level.picture
        weight = known.astype(np.float32)
        share = np.maximum(cv2.blur(weight, _BROAD), np.float32(1e-6))
        mean = cv2.blur(truth * repeat(weight, 4), _BROAD) / repeat(share, 4)
        error, power = (
            np.square((truth - other)[next_to][:, :3]).sum() for other in (self._around, mean)
        )
        return max(0.0, 1 - float(error) / max(float(power), 1e-6))


def _windows(picture: Floats, rows: Numbers, columns: Numbers) -> Floats:
    """Return (N, numbers of a window) around some pixels."""
    windows = sliding_window_view(_with_margin(picture), (SIDE, SIDE), axis=(0, 1))
    return np.asarray(windows[rows, columns].reshape(len(rows), -1), np.float32)


def _with_margin(picture: Floats) -> Floats:
    margin = (REACH,) * 4
    return np.asarray(cv2.copyMakeBorder(picture, *margin, cv2.BORDER_REFLECT_101), np.float32)


def _steps(stride: int) -> list[int]:
    """Return how far, in a row of all pixels, every second of a window's is from its first."""
    window = [(down, right) for down in range(SIDE) for right in range(SIDE)]
    return [down * stride + right for down, right in window if (down + right) % 2 == 0]
