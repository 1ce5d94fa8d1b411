"""Fill a hole from what surrounds it in the same frame, and say how far that can be trusted."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.flow import complete
from tracker.classical.planes import repeat, split
from tracker.types import Mask

_SWEEPS = 16  # of relaxation on every level
_COARSEST = 8  # pixels: smaller pictures are not halved any more
_PARTLY = 0.25  # of a pixel of a smaller picture: is known if so much of it is
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
    known = (~hole).view(np.uint8)
    half = (width + 1) // 2, (height + 1) // 2
    share, mean = (
        np.asarray(cv2.resize(one, half, interpolation=cv2.INTER_AREA), np.float32)
        for one in (known.astype(np.float32), cv2.copyTo(filled, known))
    )
    mean /= repeat(np.maximum(share, np.float32(1e-6)), filled.shape[2])
    coarse = spread(mean, share <= 0)
    inside = hole.view(np.uint8)
    cv2.copyTo(cv2.resize(coarse, (width, height)), inside, filled)
    left, top, wide, tall = cv2.boundingRect(inside)
    piece = (slice(max(0, top - 1), top + tall + 1), slice(max(0, left - 1), left + wide + 1))
    part, inside = np.ascontiguousarray(filled[piece]), np.ascontiguousarray(inside[piece])
    blurred = np.empty_like(part)
    for _ in range(_SWEEPS):
        cv2.blur(part, (3, 3), dst=blurred, borderType=cv2.BORDER_REPLICATE)
        cv2.copyTo(blurred, inside, part)
    filled[piece] = part
    return filled


def spread_coarsely(colours: NDArray[np.uint8], hole: Mask, factor: int) -> NDArray[np.float32]:
    """Return a smaller picture with the hole filled as `spread` does.

    A pixel that is partly known is the mean of what is known of it: else the hole would grow,
    and a membrane is best close to what it hangs on.

    Args:
        colours: (h, w, 3).
        hole: (h, w), not all.
        factor: how many times smaller.

    Returns:
        (h / factor, w / factor, 4), rounded up; the last channel says nothing.
    """
    height, width = hole.shape
    known = (~hole).view(np.uint8)
    picture = np.asarray(cv2.cvtColor(cv2.copyTo(colours, known), cv2.COLOR_RGB2RGBA))
    cv2.insertChannel(known, picture, 3)
    margin = (0, -height % factor, 0, -width % factor)
    picture = np.asarray(cv2.copyMakeBorder(picture, *margin, cv2.BORDER_CONSTANT))
    size = picture.shape[1] // factor, picture.shape[0] // factor
    whole = picture.astype(np.float32)
    small = np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.float32)
    share = np.asarray(cv2.extractChannel(small, 3), np.float32)
    small /= repeat(np.maximum(share, np.float32(_PARTLY)), 4)
    return spread(small, share < _PARTLY)


def doubt(colours: NDArray[np.float32], hole: Mask) -> NDArray[np.float32]:
    """Return (h, w), the squared error to be expected of `spread`, 0 outside the hole.

    A pixel that far from the border differs from it as much as known pixels that far from
    each other do (their variogram; half of it, as the membrane is a mean of many).

    Args:
        colours: (h, w, C), red, green and blue first; or a motion, (h, w, 2).
        hole: (h, w).
    """
    distance = cv2.distanceTransform(hole.view(np.uint8), cv2.DIST_L2, 3)
    known, planes = (~hole).view(np.uint8), split(colours)[:3]
    lags, differences = [0.0], [0.0]
    for lag in _LAGS:
        total = count = 0.0
        for ahead, behind in (
            ((slice(None), slice(lag, None)), (slice(None), slice(None, -lag))),
            ((slice(lag, None),), (slice(None, -lag),)),
        ):
            both = known[ahead] & known[behind]
            count += np.count_nonzero(both)
            total += sum(cv2.norm(x[ahead], x[behind], cv2.NORM_L2SQR, both) for x in planes)
        if count < 16:
            break
        lags.append(float(lag))
        differences.append(max(differences[-1], total / (3 * count)))
    expected = np.zeros(hole.shape, np.float32)
    expected[hole] = np.interp(distance[hole], lags, differences) / 2
    return expected
