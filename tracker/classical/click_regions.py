"""Tools that turn evidence per pixel into regions: distance, depth, cut, connection."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.click_window import Plane
from tracker.types import Mask

CERTAIN = 8.0  # log-odds at which a pixel's side is fixed
_LEVELS = 60.0  # grey levels that log-odds are coded in
_FAR = np.float32(1e6)


def geodesic_distance(cost: Plane, seeds: Mask, max_sweeps: int = 24) -> Plane:
    """Return the cheapest 4-connected path from `seeds` to each pixel.

    `cost` (H, W) is the price of entering a pixel.  Whole rows and columns are relaxed at
    once: min over k <= j of d[k] + C[j] - C[k], with C the running sum of costs.
    """
    distance = np.where(seeds, np.float32(0), _FAR)
    along_x, along_y = np.cumsum(cost, axis=1), np.cumsum(cost, axis=0)
    least = np.minimum.accumulate
    for _ in range(max_sweeps):
        before = distance
        distance = np.minimum(distance, along_x + least(distance - along_x, axis=1))
        back = least((distance + along_x)[:, ::-1], axis=1)[:, ::-1]
        distance = np.minimum(distance, back - along_x)
        distance = np.minimum(distance, along_y + least(distance - along_y, axis=0))
        back = least((distance + along_y)[::-1], axis=0)[::-1]
        distance = np.minimum(distance, back - along_y)
        if float(np.abs(before - distance).max()) < 1e-3:
            break
    return np.asarray(distance, dtype=np.float32)


def minimum_cut(log_odds: Plane, lab: NDArray[np.uint8], smoothness: float) -> Mask:
    """Return the cheapest mask: pixels pay their log-odds, borders pay where colours agree.

    The max-flow inside cv2.grabCut solves it: the log-odds become one channel of its image,
    and two fixed single-Gaussian models differ only in their mean along that channel, which
    makes their log-ratio linear in it.  The other two channels are the strongest principal
    components of the colours, and price the borders.

    Args:
        log_odds: (H, W); beyond +-`CERTAIN` the pixel's side is fixed.
        lab: (H, W, 3).
        smoothness: 0 leaves the sign of the log-odds; 2 is usual.
    """
    if min(log_odds.shape) < 3:  # too thin for borders to matter
        return np.asarray(log_odds > 0)
    colours = lab.reshape(-1, 3).astype(np.float32)
    colours -= colours.mean(axis=0)
    _, axes = np.linalg.eigh(colours.T @ colours)
    image = np.empty((*log_odds.shape, 3), np.uint8)
    image[..., 0] = np.clip((log_odds / CERTAIN + 1) / 2, 0, 1) * _LEVELS
    image[..., 1:] = np.clip(colours @ axes[:, 1:] * 0.9 + 128, 0, 255).reshape(*lab.shape[:2], 2)
    reach = min(600.0, CERTAIN * 50.0 / max(smoothness, 1e-3))  # grabCut's borders cost up to 50

    def model(mean: float) -> NDArray[np.float64]:
        weights = np.array([1.0, 0, 0, 0, 0])
        means = np.zeros((5, 3))
        means[0] = (mean, 128, 128)
        covariances = np.tile(np.eye(3), (5, 1, 1))
        covariances[0] = np.diag((_LEVELS**2 / (2 * reach), 1e4, 1e4))
        return np.concatenate((weights, means.ravel(), covariances.ravel()))[None]

    sides = np.where(log_odds > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    sides[log_odds >= CERTAIN] = cv2.GC_FGD
    sides[log_odds <= -CERTAIN] = cv2.GC_BGD
    mode = cv2.GC_EVAL_FREEZE_MODEL
    cv2.grabCut(image, sides, (0, 0, 1, 1), model(0.0), model(_LEVELS), 1, mode)
    return np.asarray((sides == cv2.GC_FGD) | (sides == cv2.GC_PR_FGD))


def component_at(mask: Mask, x: int, y: int) -> Mask:
    """Return the 8-connected part of `mask` that holds (x, y); empty if `mask` does not."""
    _, components = cv2.connectedComponents(mask.astype(np.uint8))
    return np.asarray(mask & (components == components[y, x]))


def depth_inside(mask: Mask) -> Plane:
    """Return each pixel's distance to the nearest pixel outside `mask`, the frame included."""
    padded = np.pad(mask.astype(np.uint8), 1)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1], np.float32)
