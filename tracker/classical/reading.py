"""The colours of the hole's pixels at full size, each read once from the frame that saw it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.blend import Reading
from tracker.classical.flow import sample_at
from tracker.classical.planes import split
from tracker.classical.registration import Offer, Surroundings
from tracker.classical.spatial import doubt, spread
from tracker.classical.spots import ROW, Plane, Planes, Spots, colours_at, lay, spread_out, within
from tracker.classical.views import View

_THIN = 6.0  # pixels of the working size, half the width of a hole that is a line
_MOST_PIXELS = 432 * 243  # of a hole's box that is looked at in full size
LEAST_WEIGHT = np.float32(1e-12)  # of what is seen but not believed


def read(source: View, offer: Offer, spots: Spots, weight: NDArray[np.float32]) -> Reading:
    """Return what the source shows at N spots.

    Args:
        source: where colours come from.
        offer: how the source lies there.
        spots: which pixels.
        weight: (h / 2, w / 2) of the part.
    """
    laid = lay(source, offer, spots, weight)
    places = laid.x.reshape(-1, ROW), laid.y.reshape(-1, ROW)
    unusable = sample_at(source.unusable, *places, interpolation=cv2.INTER_NEAREST)
    usable = (unusable.reshape(-1) == 0) & within(source, laid)
    count = np.maximum(laid.weight, LEAST_WEIGHT) * usable
    return Reading(colours_at(source.frame, laid), laid.error, count).at(slice(spots.count))


def from_around(target: View, around: Surroundings, spots: Spots) -> tuple[Planes, Plane]:
    """Return what the surroundings foretell, (3, N), and the squared error to expect, (N,).

    They are looked at in half the working size, which loses nothing in the midst of a large
    hole; of a thin one (a wire) they foretell fine detail, so that is looked at in full size.
    """
    hole = target.hole[target.box]
    if target.size != target.hole.shape and hole.size <= _MOST_PIXELS:
        thick = 2 * _THIN * target.hole.shape[0] / target.size[0]
        padded = cv2.copyMakeBorder(hole.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        if 2 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max()) <= thick:
            whole = target.frame[target.box].astype(np.float32)
            error = doubt(whole, hole).ravel().take(spots.places)
            smooth = split(spread(whole, hole))
            return np.stack([plane.ravel().take(spots.places) for plane in smooth]), error
    unknown = ~around.half_known
    colours = around.half_colours.copy()
    cv2.insertChannel(doubt(colours, unknown), colours, 3)
    *shown, error = spread_out(colours, spots.half_x, spots.half_y)
    return np.stack(shown)[:, : spots.count], error[: spots.count]
