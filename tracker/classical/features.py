"""Distant frames matched by distinctive points (SIFT; Lowe, IJCV 2004)."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.camera import Homography
from tracker.types import Mask

_MOST_POINTS = 600
_CONTRAST = 0.04  # of a point to its surroundings; OpenCV's default
_FAINT_CONTRAST = 0.005
_CLEARLY_BEST = 0.8  # of the second-best distance
_FEWEST_INLIERS = 12


@dataclass(frozen=True, eq=False)
class Features:
    """Distinctive points of a frame and their descriptions."""

    points: NDArray[np.float32]  # (N, 2)
    descriptors: NDArray[np.float32]  # (N, 128)


def describe(gray: NDArray[np.uint8], known: Mask, *, faintly: bool = False) -> Features:
    """Return the features of what is known of a frame; `faintly`: of little contrast, too."""
    mask = cv2.erode(known.astype(np.uint8) * 255, np.ones((5, 5), np.uint8), borderValue=255)
    contrast = _FAINT_CONTRAST if faintly else _CONTRAST
    sift = cv2.SIFT.create(nfeatures=_MOST_POINTS, contrastThreshold=contrast)
    keypoints, descriptors = sift.detectAndCompute(gray, mask)
    points = np.array([keypoint.pt for keypoint in keypoints], np.float32).reshape(-1, 2)
    if descriptors is None:
        descriptors = np.zeros((0, 128), np.float32)
    return Features(points, np.asarray(descriptors, np.float32))


def match(first: Features, second: Features) -> Homography | None:
    """Return the homography from the first frame to the second, None if they do not match."""
    if min(len(first.points), len(second.points)) < _FEWEST_INLIERS:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(first.descriptors, second.descriptors, k=2)
    good = [
        (best.queryIdx, best.trainIdx)
        for best, second_best in (pair for pair in pairs if len(pair) == 2)
        if best.distance < _CLEARLY_BEST * second_best.distance
    ]
    if len(good) < _FEWEST_INLIERS:
        return None
    one, two = np.array(good).T
    found, inliers = cv2.findHomography(first.points[one], second.points[two], cv2.USAC_MAGSAC, 2.0)
    if found is None or np.count_nonzero(inliers) < max(_FEWEST_INLIERS, 0.2 * len(good)):
        return None
    return np.asarray(found, np.float64)
