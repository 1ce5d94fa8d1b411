"""What the camera did between two frames: a homography from one to the other.

A homography is float64 (3, 3) and takes points (x, y) of one frame to the same places of
the background in the other, in pixels of the working size.
"""

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.flow import Flow, sample
from tracker.classical.layers import median
from tracker.types import Mask

Homography: TypeAlias = NDArray[np.float64]  # (3, 3)
Points: TypeAlias = NDArray[np.float32]  # (N, 2), x then y

_CELL = 12  # pixels: one corner is taken from every such square
_FLATTEST_CORNER = 2e-5  # smaller eigenvalue of the gradient below which there is no corner
_INLIER_DISTANCE = 1.0  # pixels
_STILL = 0.02  # pixels: if standing still explains the points nearly as well, it stands still
_IDENTITY = np.eye(3)
_NEXT = np.array([1, 2, 3, 0])  # of the corners of an outline


@dataclass(frozen=True, eq=False)
class Motion:
    """A homography and the share of the points that agree with it."""

    homography: Homography
    support: float


def apply(homography: Homography, places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return where `places` (..., 2) go."""
    if len(places) == 0 or is_identity(homography):
        return places
    moved = cv2.perspectiveTransform(places.reshape(-1, 1, 2), homography)
    return np.asarray(moved, np.float32).reshape(places.shape)


def is_identity(homography: Homography) -> bool:
    """Return whether nothing moves at all."""
    return bool((homography == _IDENTITY).all())


def chain(first: Homography, second: Homography) -> Homography:
    """Return the homography that does `first`, then `second`."""
    both = second @ first
    result: Homography = both / both[2, 2]
    return result


def outline_of(part: tuple[slice, slice]) -> Points:
    """Return the corners of an area given as rows and columns, (4, 2), in order."""
    (top, bottom), (left, right) = ((edge.start, edge.stop) for edge in part)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def is_plausible(homography: Homography, outline: Points) -> bool:
    """Return whether the `outline` (4, 2) keeps its orientation and a sensible size."""
    moved = apply(homography, outline)
    if not np.isfinite(moved).all():
        return False
    width, height = np.ptp(outline, axis=0)
    sides = moved[_NEXT] - moved
    following = sides[_NEXT]
    turns = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    ratio = turns / max(1, height * width)
    return bool((ratio > 1 / 16).all() and (ratio < 16).all())


def corners(gray: NDArray[np.uint8], known: Mask, cell: int = _CELL) -> Points:
    """Return the strongest corner of each small square where there is one, (N, 2)."""
    height, width = gray.shape
    strength = cv2.cornerMinEigenVal(gray, 3)
    strength = np.where(known, strength, np.float32(0))
    rows, columns = -(-height // cell), -(-width // cell)
    padded = np.zeros((rows * cell, columns * cell), np.float32)
    padded[:height, :width] = strength
    squares = padded.reshape(rows, cell, columns, cell).swapaxes(1, 2)
    cells = squares.reshape(rows * columns, cell * cell)
    best = cells.argmax(axis=1)
    strong = cells[np.arange(len(cells)), best] > _FLATTEST_CORNER
    index = np.flatnonzero(strong)
    x = index % columns * cell + best[strong] % cell
    y = index // columns * cell + best[strong] // cell
    return np.stack((x, y), axis=-1).astype(np.float32)


def at(values: NDArray[np.float32], points: Points) -> NDArray[np.float32]:
    """Return (N, ...) the values at whole-pixel points."""
    result: NDArray[np.float32] = values[points[:, 1].astype(int), points[:, 0].astype(int)]
    return result


def fit(points: Points, moved: Points, outline: Points) -> Motion | None:
    """Fit the motion most points agree with: a homography, or a shift if points are few.

    Exactly the identity where the camera stands still, so that nothing is resampled.

    Args:
        points: (N, 2).
        moved: (N, 2), where they went.
        outline: (4, 2), the corners of the area the motion is wanted for, see `outline_of`.
    """
    if len(points) == 0:
        return None
    homography: Homography | None = None
    if len(points) >= 16:
        found, _ = cv2.findHomography(points, moved, cv2.USAC_MAGSAC, _INLIER_DISTANCE)
        if found is not None and is_plausible(np.asarray(found, np.float64), outline):
            homography = np.asarray(found, np.float64)
    if homography is None:
        homography = np.eye(3)
        homography[:2, 2] = np.median(moved - points, axis=0)
    distance = np.linalg.norm(apply(homography, points) - moved, axis=1)
    stillness = np.linalg.norm(points - moved, axis=1)
    if median(stillness) < 1.25 * median(distance) + _STILL:
        homography, distance = np.eye(3), stillness
    return Motion(homography, float((distance < 2 * _INLIER_DISTANCE).mean()))


def likeness(
    first: NDArray[np.uint8], second: NDArray[np.uint8], places: Flow, points: Points
) -> float:
    """Return the median correlation of small squares around `points`, in [-1, 1].

    `places` (H, W, 2) says where each pixel of `first` lies in `second`.
    """
    height, width = first.shape
    half = max(1, width // 2), max(1, height // 2)
    seen = sample(second, places)
    one = np.asarray(cv2.resize(first, half, interpolation=cv2.INTER_AREA), np.float32)
    two = np.asarray(cv2.resize(seen, half, interpolation=cv2.INTER_AREA), np.float32)
    size = (5, 5)
    mean_one, mean_two = cv2.blur(one, size), cv2.blur(two, size)
    covariance = cv2.blur(one * two, size) - mean_one * mean_two
    power_one = cv2.blur(one * one, size) - mean_one * mean_one
    power_two = cv2.blur(two * two, size) - mean_two * mean_two
    correlation = covariance / np.sqrt(np.maximum(power_one * power_two, 1))
    halves = np.minimum(points // 2, np.array([half[0] - 1, half[1] - 1], np.float32))
    return median(at(np.asarray(correlation, np.float32), halves))
