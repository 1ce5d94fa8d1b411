"""The colours of the hole's pixels at full size, each read once from the frame that saw it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.blend import Reading
from tracker.classical.flow import Flow, sample
from tracker.classical.registration import Offer
from tracker.classical.spatial import doubt, spread
from tracker.classical.views import Box, View

_THIN = 6.0  # pixels of the working size, half the width of a hole that is a line
_MOST_PIXELS = 432 * 243  # of a hole's box that is looked at in full size
LEAST_WEIGHT = np.float32(1e-12)  # of what is seen but not believed


def pixels(rows: NDArray[np.intp], columns: NDArray[np.intp], box: Box) -> Flow:
    """Return (N, 2) places in the frame, x then y, of pixels counted from the corner of `box`."""
    places = np.empty((len(rows), 2), np.float32)
    places[:, 0], places[:, 1] = columns + box[1].start, rows + box[0].start
    return places


def place(source: View, offer: Offer, table: Flow) -> tuple[Flow, Flow, NDArray[np.bool_]]:
    """Return where places of the registered part lie in the source, full size.

    Args:
        source: the frame to read.
        offer: how it lies under the part.
        table: (R, 256, 2), working size, relative to the part's corner.

    Returns:
        (R, 256, 2) places in the source, (R, 256, 2) places in the offer's half-size arrays,
        and (R, 256) whether the source has such a place.
    """
    coarse = np.array(offer.offset.shape[1::-1]) / np.array(offer.places.shape[1::-1])
    half = (table + np.float32(0.5)) * coarse.astype(np.float32) - np.float32(0.5)
    places = source.to_full(sample(offer.places, table))
    height, width = source.hole.shape
    x, y = places[..., 0], places[..., 1]
    within = (x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5)
    return places, half, within


def read(source: View, offer: Offer, inside: Flow, weight: NDArray[np.float32]) -> Reading:
    """Return what the source shows at places given in the registered part.

    Args:
        source: where colours come from.
        offer: how the source lies there.
        inside: (N, 2), working size, relative to the part's corner.
        weight: (h / 2, w / 2) of the part.
    """
    num_places = len(inside)
    table = as_table(inside)
    places, half, usable = place(source, offer, table)
    colour = sample(source.frame, places, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    colour += sample(offer.offset, half)
    usable &= sample(source.unusable, places) == 0
    count = np.where(usable, np.maximum(sample(weight, half), LEAST_WEIGHT), np.float32(0))
    error = sample(offer.error, half)
    return Reading(
        colour.reshape(-1, 3)[:num_places],
        error.reshape(-1)[:num_places],
        count.reshape(-1)[:num_places],
    )


def from_around(
    target: View, part: Box, inside: Flow
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what the surroundings foretell, (N, 3), and the squared error to expect, (N,).

    They are looked at in the working size's `part`, which loses nothing in the midst of a large
    hole; of a thin one (a wire) they foretell fine detail, so that is looked at in full size.

    Args:
        target: the frame being filled.
        part: rows and columns around the hole, working size.
        inside: (N, 2), where the hole's pixels lie in it.
    """
    num_places = len(inside)
    hole = target.hole[target.box]
    if target.size != target.hole.shape and hole.size <= _MOST_PIXELS:
        thick = 2 * _THIN * target.hole.shape[0] / target.size[0]
        padded = np.pad(hole.astype(np.uint8), 1, mode="edge")
        if 2 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max()) <= thick:
            colours = spread(target.frame[target.box].astype(np.float32), hole)
            error = doubt(colours, hole)[hole]
            return colours[hole], error
    table = as_table(inside)
    colours = target.small[part].astype(np.float32)
    error = sample(doubt(colours, ~target.known[part]), table).reshape(-1)[:num_places]
    shown = sample(colours, table).reshape(-1, 3)[:num_places]
    return shown, error


def as_table(places: Flow) -> Flow:
    """Return (N, 2) places as (R, 256, 2), the last one repeated: cv2.remap wants an image."""
    num_places = len(places)
    rows = -(-num_places // 256)
    padded = np.pad(places, ((0, rows * 256 - num_places), (0, 0)), mode="edge")
    return padded.reshape(rows, 256, 2)
