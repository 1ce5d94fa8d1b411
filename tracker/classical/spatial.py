"""Fill a hole from what surrounds it in the same frame, and say how far that can be trusted."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.blend import mean_square
from tracker.classical.flow import complete
from tracker.types import Mask

_SWEEPS = 16  # of relaxation on every level
_COARSEST = 8  # pixels: smaller pictures are not halved any more
_LAGS = (1, 2, 4, 8, 16, 32)  # pixels: distances at which likeness is measured


def spread(colours: NDArray[np.float32], hole: Mask) -> NDArray[np.float32]:
    """Return (h, w, C) with the hole filled smoothly: a membrane hung on its border.

    Every pixel becomes the mean of those around it (Laplace's equation), solved from coarse
    to fine: each level starts from the one of half its size.
    """
    if not hole.any():
        return colours
    height, width = hole.shape
    filled = np.array(colours, np.float32, order="C")
    if min(height, width) < _COARSEST:
        return complete(filled, hole)
    known = (~hole).astype(np.float32)
    half = (width + 1) // 2, (height + 1) // 2
    share = np.asarray(cv2.resize(known, half, interpolation=cv2.INTER_AREA), np.float32)
    weighted = filled * known[..., None]
    mean = np.asarray(cv2.resize(weighted, half, interpolation=cv2.INTER_AREA), np.float32)
    mean /= np.maximum(share, np.float32(1e-6))[..., None]
    coarse = spread(mean, share <= 0)
    inside = hole.astype(np.uint8)
    cv2.copyTo(cv2.resize(coarse, (width, height)), inside, filled)
    for _ in range(_SWEEPS):
        cv2.copyTo(cv2.blur(filled, (3, 3), borderType=cv2.BORDER_REPLICATE), inside, filled)
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
