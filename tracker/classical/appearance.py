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
COLOUR_SCALES = ((5, 0.1), (13, 0.07), (29, 0.05))  # box side, pixels; weight of one Lab unit
GRADIENT_SCALES = ((9, 1.5), (21, 1.5))  # box side, pixels; weight
NUM_ORIENTATIONS = 8
FLAT_GRADIENT = 200.0  # Scharr units: gradients well below this are noise
RECENT_AGES = (1, 3, 8)  # frames; which earlier frames a cell is compared with
MAX_GIVEN = 3  # frames with given labels kept in memory: the first and the newest


def cell_centres(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and the columns of the cells' centres, at least one of each."""
    rows, columns = (
        np.minimum(np.arange(STRIDE // 2, max(size, STRIDE), STRIDE), size - 1)
        for size in (height, width)
    )
    return rows, columns


def describe(lab: Floats, gray: NDArray[np.uint8]) -> Floats:
    """Return (rows, columns, features): one description per cell.

    Args:
        lab: (H, W, 3), CIE Lab, L in [0, 100].
        gray: (H, W).
    """
    rows, columns = cell_centres(*gray.shape)
    parts = []
    for side, weight in COLOUR_SCALES:
        parts.append(cv2.blur(lab, (side, side))[rows][:, columns] * np.float32(weight))
    gradient_x = cv2.Scharr(gray, cv2.CV_32F, 1, 0)
    gradient_y = cv2.Scharr(gray, cv2.CV_32F, 0, 1)
    angles = 2 * np.pi * np.arange(NUM_ORIENTATIONS) / NUM_ORIENTATIONS
    oriented = cv2.merge(
        [
            np.maximum(gradient_x * np.float32(np.cos(a)) + gradient_y * np.float32(np.sin(a)), 0)
            for a in angles
        ]
    )
    for side, weight in GRADIENT_SCALES:
        pooled = cv2.blur(oriented, (side, side))[rows][:, columns]
        length = np.linalg.norm(pooled, axis=-1, keepdims=True)
        parts.append(pooled * (np.float32(weight) / (length + np.float32(FLAT_GRADIENT))))
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

    def distances(
        self, features: Floats, places: Places, num_layers: int, locality: float
    ) -> Floats:
        """Return (N, layers): squared distance to the nearest remembered cell of each layer.

        Args:
            features: (N, features) of the cells asked about.
            places: (N,).
            num_layers: of the result; a layer without memory is infinitely far.
            locality: pixels that weigh as much as one unit of features.
        """
        recent = [self._recent[-age] for age in RECENT_AGES if age <= len(self._recent)]
        entries = [*self._given, *recent]
        questions = _joined(features, places, locality)
        lengths = np.einsum("nf,nf->n", questions, questions)
        questions = np.concatenate((questions, np.ones((len(places), 1), np.float32)), axis=1)
        result = np.full((len(places), num_layers), np.inf, np.float32)
        for layer in range(num_layers):
            known = [entry for entry in entries if layer < len(entry.features)]
            answers = [_joined(e.features[layer], e.places[layer], locality) for e in known]
            if not sum(map(len, answers)):
                continue
            stacked = np.concatenate(answers)
            half = np.einsum("nf,nf->n", stacked, stacked)[:, None] * np.float32(-0.5)
            # |q - m|^2 = |q|^2 - 2 (q.m - |m|^2 / 2): one matrix product.
            nearest = (questions @ np.concatenate((stacked, half), axis=1).T).max(axis=1)
            result[:, layer] = np.maximum(lengths - 2 * nearest, 0)
        return result


def _joined(features: Floats, places: Places, locality: float) -> Floats:
    """Return features with the place, in units of `locality`, as two more of them."""
    where = (places / np.float32(locality)).astype(np.complex64).view(np.float32).reshape(-1, 2)
    return np.concatenate((features, where), axis=1)
