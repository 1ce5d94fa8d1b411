"""What things look like: descriptions of small cells, and a bounded memory of them by layer.

A layer is the background (0) or one object (1 and up).  A cell is a square of STRIDE pixels,
described by its colour at several scales and the gradients around it.  A new cell is
compared with remembered ones of every layer, near where that layer's motion has carried
them: non-local matching in the manner of Ramakanth and Babu (SeamSeg, CVPR 2014) and of Hu
and others (VideoMatch, ECCV 2018), with hand-made features.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.layers import Motion

Floats = NDArray[np.float32]
Places = NDArray[np.complex64]  # x + iy in pixels

STRIDE = 4  # pixels per cell side
COLOUR_SCALES = ((1, 0.1), (3, 0.07), (7, 0.05))  # box side, cells; weight of one Lab unit
GRADIENT_SCALES = ((3, 1.5), (5, 1.5))  # box side, cells; weight
FLAT_GRADIENT = 200.0  # Scharr units: gradients well below this are noise
# A histogram of eight orientations, into which a gradient goes by the cosine of its angle to
# each, has harmonics 0, 1, 2 and hardly any others.  These five numbers are as far apart as the
# eight: weights by Parseval's theorem from 1/pi + cos(a)/2 + 2/(3 pi) cos(2a), the cosine's half.
ANY_ANGLE = 8**0.5 / np.pi
DOUBLE_ANGLE = 4 / (3 * np.pi)  # and 1 for the gradient itself
RECENT_AGES = (1, 3, 8)  # frames; which earlier frames a cell is compared with
BLOCKS = 3  # per locality: cells further apart than one to two blocks are not compared
AT_ONCE = 32  # rows compared with many others in one product
MAX_GIVEN = 3  # frames with given labels kept in memory: the first and the newest


def cell_centres(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and the columns of the cells' centres, at least one of each."""
    rows, columns = (
        np.minimum(np.arange(STRIDE // 2, size + STRIDE // 2, STRIDE), size - 1)
        for size in (height, width)
    )
    return rows, columns


def describe(half_lab: Floats, gray: NDArray[np.uint8]) -> Floats:
    """Return (rows, columns, features): one description per cell.

    Args:
        half_lab: (H // 2, W // 2, 3), at least one pixel; CIE Lab, L in [0, 100].
        gray: (H, W).
    """
    rows, columns = cell_centres(*gray.shape)
    cells = len(columns), len(rows)
    # Everything described is at least a cell wide: half the size shows it as well.
    half = (half_lab.shape[1], half_lab.shape[0])
    gray = np.asarray(cv2.resize(gray, half, interpolation=cv2.INTER_AREA), np.uint8)
    x, y = cv2.Scharr(gray, cv2.CV_32F, 1, 0), cv2.Scharr(gray, cv2.CV_32F, 0, 1)
    steepness = np.asarray(cv2.magnitude(x, y), np.float32)
    double = np.float32(DOUBLE_ANGLE) / np.maximum(steepness, np.float32(1))
    directed = cv2.merge((x, y, (x * x - y * y) * double, x * y * 2 * double))
    colours, directed, steepness = (
        np.asarray(cv2.resize(maps, cells, interpolation=cv2.INTER_AREA), np.float32)
        for maps in (half_lab, directed, steepness * np.float32(ANY_ANGLE))
    )

    def pooled(maps: Floats, side: int) -> Floats:
        return np.asarray(cv2.blur(maps, (side, side)), np.float32)

    parts = [pooled(colours, side) * np.float32(weight) for side, weight in COLOUR_SCALES]
    for side, weight in GRADIENT_SCALES:
        harmonics = np.dstack((pooled(directed, side), pooled(steepness, side)))
        length = np.sqrt(np.einsum("hwn,hwn->hw", harmonics, harmonics))[..., None]
        parts.append(harmonics * (np.float32(weight) / (length + np.float32(FLAT_GRADIENT))))
    return np.concatenate(parts, axis=-1)


@dataclass(frozen=True, eq=False)
class Remembered:
    """The cells of one frame, by layer."""

    features: tuple[Floats, ...]  # per layer (N, features)
    places: list[Places]  # per layer (N,): where the layer's motion has carried them by now


class PatchMemory:
    """Cells of given and of recent frames; its size does not grow with the video."""

    def __init__(self) -> None:
        self._given: list[Remembered] = []
        self._recent: deque[Remembered] = deque(maxlen=max(RECENT_AGES))

    def __len__(self) -> int:
        """Return how many cells are remembered."""
        entries = (*self._given, *self._recent)
        return sum(len(places) for entry in entries for places in entry.places)

    def remember(
        self,
        features: Floats,
        places: Places,
        layers: NDArray[np.intp],
        num_layers: int,
        *,
        given: bool,
    ) -> None:
        """Keep cells (N, features) at `places` (N,) of `layers` (N,)."""
        chosen = [layers == layer for layer in range(num_layers)]
        entry = Remembered(
            tuple(features[which] for which in chosen), [places[which] for which in chosen]
        )
        if given:
            self._recent.clear()
            self._given.append(entry)
            if len(self._given) > MAX_GIVEN:
                del self._given[1]
        else:
            self._recent.append(entry)

    def move(self, motions: Sequence[Motion]) -> None:
        """Carry every remembered place along with its layer."""
        for entry in (*self._given, *self._recent):
            for layer, places in enumerate(entry.places):
                entry.places[layer] = motions[layer].apply(places)

    def shift(self, layer: int, by: complex) -> None:
        """Move every remembered place of `layer`."""
        for entry in (*self._given, *self._recent):
            if layer < len(entry.places):
                entry.places[layer] = entry.places[layer] + np.complex64(by)

    def given(self, layer: int) -> tuple[Floats, Places]:
        """Return features (N, features) and places (N,) of `layer` in the newest given frame."""
        for entry in reversed(self._given):
            if layer < len(entry.places) and len(entry.places[layer]):
                return entry.features[layer], entry.places[layer]
        return np.empty((0, 0), np.float32), np.empty(0, np.complex64)

    def looks(self, layer: int) -> Floats:
        """Return features (N, features) of `layer` in all frames that cells are compared with."""
        entries = [entry for entry in self._compared() if layer < len(entry.places)]
        return np.concatenate([entry.features[layer] for entry in entries])

    def _compared(self) -> list[Remembered]:
        """Return the frames that cells are compared with."""
        recent = [self._recent[-age] for age in RECENT_AGES if age <= len(self._recent)]
        return [*self._given, *recent]

    def distances(
        self, features: Floats, places: Places, num_layers: int, locality: float
    ) -> Floats:
        """Return (layers, N): squared distance to the nearest remembered cell of each layer.

        Args:
            features: (N, features) of the cells asked about.
            places: (N,).
            num_layers: of the result; a layer without memory is infinitely far.
            locality: pixels that weigh as much as one unit of features.
        """
        entries = self._compared()
        blocks = _Blocks(places, locality / BLOCKS)
        questions = _joined(features, places, locality).take(blocks.order, axis=0)
        lengths = _squared(questions)
        questions = np.concatenate((questions, np.ones((len(places), 1), np.float32)), axis=1)
        ordered = np.full((num_layers, len(places)), np.inf, np.float32)
        for layer in range(num_layers):
            known = [e for e in entries if layer < len(e.places) and len(e.places[layer])]
            if not known:
                continue
            where = np.concatenate([entry.places[layer] for entry in known])
            order, pairs = blocks.pairs(where)
            if not len(order):
                continue
            described = np.concatenate([entry.features[layer] for entry in known])
            rows = _joined(described.take(order, axis=0), where.take(order), locality)
            # |q - m|^2 = |q|^2 - 2 (q.m - |m|^2 / 2): the product of a row that ends in 1 and a
            # column that ends in -|m|^2 / 2.  Small products read columns faster than rows.
            columns = np.vstack((cv2.transpose(rows), np.float32(-0.5) * _squared(rows)))
            nearest = np.full(len(places), -np.inf, np.float32)
            for asked, parts in pairs:
                near = np.concatenate([columns[:, part] for part in parts], axis=1)
                (questions[asked] @ near).max(axis=1, out=nearest[asked])
            ordered[layer] = np.maximum(lengths - 2 * nearest, 0)
        result = np.empty_like(ordered)
        result[:, blocks.order] = ordered
        return result


class _Blocks:
    """Squares of the frame: what lies in one is compared with what lies in it and around it."""

    def __init__(self, places: Places, side: float) -> None:
        """Sort `places` (N,) into squares of `side` pixels; `order` lists them so."""
        self._side = side
        self._corner = np.complex64(
            complex(places.real.min(), places.imag.min()) if len(places) else 0
        )
        row, column = self._indices(places)
        # A margin around all keeps rows apart.
        self._height, self._width = row.max(initial=0) + 3, column.max(initial=0) + 3
        keys = self._keys(row, column)
        self.order = np.argsort(keys, kind="stable")
        self._found, starts = np.unique(keys[self.order], return_index=True)
        self._bounds = [*starts.tolist(), len(places)]

    def pairs(self, places: Places) -> tuple[NDArray[np.intp], list[tuple[slice, list[slice]]]]:
        """Return the order to bring `places` (M,) into, and what is near what.

        Places near none are left out.  Of each block: which of the ordered places asked about
        lie in it, and which of the `places`, so ordered, are near them.
        """
        row, column = self._indices(places)
        usable = np.flatnonzero(
            (column >= -1) & (column <= self._width - 2) & (row >= -1) & (row <= self._height - 2)
        )
        keys = self._keys(row[usable], column[usable])
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        middles = self._found[:, None] + self._width * np.arange(-1, 2)
        starts = np.searchsorted(keys, (middles - 1).astype(np.int16)).tolist()
        stops = np.searchsorted(keys, (middles + 1).astype(np.int16), side="right").tolist()
        result = []
        for index, (firsts, lasts) in enumerate(zip(starts, stops, strict=True)):
            parts = [slice(a, b) for a, b in zip(firsts, lasts, strict=True) if a < b]
            if parts:
                result.append((slice(self._bounds[index], self._bounds[index + 1]), parts))
        return usable[order], result

    def _keys(self, row: NDArray[np.intp], column: NDArray[np.intp]) -> NDArray[np.int16]:
        """Return one number per square, row by row; numpy sorts short ones several times faster."""
        keys: NDArray[np.int16] = ((row + 1) * self._width + column + 1).astype(np.int16)
        return keys

    def _indices(self, places: Places) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the row and the column of the square each of `places` lies in."""
        offset = (places - self._corner) / np.float32(self._side)
        row, column = (np.floor(part).astype(np.intp) for part in (offset.imag, offset.real))
        return row, column


def nearest_rows(left: Floats, right: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Return which row of (M, features) is nearest to each of (N, features), and how far.

    Distances (N,) are squared.  M is at least 1.
    """
    which = np.empty(len(left), np.intp)
    far = np.empty(len(left), np.float32)
    # |a - b|^2 = |a|^2 + |b|^2 - 2 a.b: matrix products; rounding may leave a little below 0.
    columns, lengths = np.ascontiguousarray(np.float32(-2) * right.T), _squared(right)
    for start in range(0, len(left), AT_ONCE):  # what is small stays in the processor
        part = slice(start, start + AT_ONCE)
        some = left[part] @ columns
        some += lengths
        some.argmin(axis=1, out=which[part])
        far[part] = some[np.arange(len(some)), which[part]]
    far += _squared(left)
    return which, far


def _squared(rows: Floats) -> Floats:
    """Return (N,): the squared length of each row of (N, features)."""
    lengths: Floats = np.einsum("nf,nf->n", rows, rows)
    return lengths


def _joined(features: Floats, places: Places, locality: float) -> Floats:
    """Return features with the place, in units of `locality`, as two more of them."""
    where = (places / np.float32(locality)).astype(np.complex64).view(np.float32).reshape(-1, 2)
    return np.concatenate((features, where), axis=1)
