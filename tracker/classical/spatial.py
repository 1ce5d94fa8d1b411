"""Fill a hole from what surrounds it in the same frame, and say how far that can be trusted."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.blend import mean_square
from tracker.classical.flow import complete
from tracker.types import Mask

_SWEEPS = (9, 9, 7, 5, 3)  # sides of the boxes that smooth what was filled, coarse to fine
_LAGS = (1, 2, 4, 8, 16, 32)  # pixels: distances at which likeness is measured


def spread(colours: NDArray[np.float32], hole: Mask) -> NDArray[np.float32]:
    """Return (h, w, C) with the hole filled smoothly: a membrane hung on its border.

    The pull-push fill is close to it; sweeps with ever smaller boxes remove its blocks.
    """
    filled = complete(colours, hole)
    inside = hole[..., None]
    for side in _SWEEPS:
        filled = np.where(inside, cv2.blur(filled, (side, side)), filled)
    return filled


def doubt(colours: NDArray[np.float32], hole: Mask) -> NDArray[np.float32]:
    """Return (h, w), the squared error to be expected of `spread`, 0 outside the hole.

    A pixel that far from the border differs from it as much as known pixels that far from
    each other do (their variogram; half of it, as the membrane is a mean of many).
    """
    distance = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)
    known = ~hole
    lags, differences = [0.0], [0.0]
    for lag in _LAGS:
        across = known[:, lag:] & known[:, :-lag]
        down = known[lag:] & known[:-lag]
        if across.sum() + down.sum() < 16:
            break
        total = float(mean_square(colours[:, lag:] - colours[:, :-lag])[across].sum())
        total += float(mean_square(colours[lag:] - colours[:-lag])[down].sum())
        lags.append(float(lag))
        differences.append(max(differences[-1], total / float(across.sum() + down.sum())))
    expected = np.interp(distance, lags, differences) / 2
    return np.asarray(np.where(hole, expected, 0), np.float32)
