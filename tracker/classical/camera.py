"""What the camera did between two frames: a homography from one to the other.

A homography is float64 (3, 3) and takes points (x, y) of one frame to the same places of
the background in the other, in pixels of the working size.
"""

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.flow import Flow, pixel_grid, sample
from tracker.classical.layers import median
from tracker.types import Mask

Homography: TypeAlias = NDArray[np.float64]  # (3, 3)
Points: TypeAlias = NDArray[np.float32]  # (N, 2), x then y

_CELL = 12  # pixels: one corner is taken from every such square
_FLATTEST_CORNER = 2e-5  # smaller eigenvalue of the gradient below which there is no corner
_FEWEST_CORNERS = 8  # with fewer nobody knows what the camera did
_WINDOW = (15, 15)  # pixels around a corner that are looked for
_INLIER_DISTANCE = 1.0  # pixels
LEAST_LIKENESS = 0.5  # correlation below which two neighbours are of different scenes
_STILL = 0.02  # pixels: if standing still explains the points nearly as well, it stands still
_IDENTITY = np.eye(3).tolist()  # so few numbers are quicker in plain Python


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
    return bool(homography.tolist() == _IDENTITY)


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
    (a, b, c), (d, e, f), (g, h, i) = homography.tolist()
    (left, top), (right, bottom) = outline[::2].tolist()
    area = max(1.0, (right - left) * (bottom - top))
    corner = []
    for x, y in outline.tolist():
        scale = g * x + h * y + i
        if not scale:
            return False
        corner.append(((a * x + b * y + c) / scale, (d * x + e * y + f) / scale))
    for k in range(4):
        (x0, y0), (x1, y1), (x2, y2) = corner[k], corner[(k + 1) % 4], corner[(k + 2) % 4]
        turn = (x1 - x0) * (y2 - y1) - (y1 - y0) * (x2 - x1)
        if not area / 16 < turn < area * 16:  # true of nan as well
            return False
    return True


def corner_strength(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (H, W): the smaller eigenvalue of the gradients around each pixel."""
    return np.asarray(cv2.cornerMinEigenVal(gray, 3), np.float32)


def corners(gray: NDArray[np.uint8], known: Mask, cell: int = _CELL) -> Points:
    """Return the strongest corner of each small square where there is one, (N, 2)."""
    return strongest(corner_strength(gray), known, cell)


def strongest(strength: NDArray[np.float32], known: Mask, cell: int = _CELL) -> Points:
    """Return the corners, as `corners` does, where their strength is known already."""
    height, width = strength.shape
    rows, columns = -(-height // cell), -(-width // cell)
    padded = np.zeros((rows * cell, columns * cell), np.float32)
    cv2.copyTo(strength, known.view(np.uint8), padded[:height, :width])
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


def between(
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    cell: int = _CELL,
    start: Homography | None = None,
) -> Motion | None:
    """Return the motion of most corners from one lightness (h, w) to another.

    None if there are too few.  It is looked for around `start`, or nothing is known of it yet.
    """
    points = corners(first, np.ones(first.shape, bool), cell)
    if len(points) < _FEWEST_CORNERS:
        return None
    guess = points if start is None else apply(start, points)
    moved, status, _ = cv2.calcOpticalFlowPyrLK(
        first,
        second,
        points[:, None],
        guess[:, None].copy(),
        winSize=_WINDOW,
        maxLevel=3 if start is None else 1,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    found = status[:, 0] > 0
    outline = outline_of((slice(0, first.shape[0]), slice(0, first.shape[1])))
    return fit(points[found], moved[found, 0], outline)


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
    distance, stillness = gaps(apply(homography, points), moved), gaps(points, moved)
    if median(stillness) < 1.25 * median(distance) + _STILL:
        homography, distance = np.eye(3), stillness
    return Motion(homography, np.count_nonzero(distance < 2 * _INLIER_DISTANCE) / len(points))


def gaps(one: Points, two: Points) -> NDArray[np.float32]:
    """Return (N,), how far each point is from another; np.linalg.norm takes four times as long."""
    gap = one - two
    x, y = gap[:, 0], gap[:, 1]
    return np.asarray(np.sqrt(x * x + y * y), np.float32)


def likeness(
    first: NDArray[np.uint8], second: NDArray[np.uint8], flow: Flow, points: Points
) -> float:
    """Return the median correlation of small squares around `points`, in [-1, 1].

    It is measured at half the size.  `flow` (H, W, 2) leads from `first` to `second`.
    """
    height, width = first.shape
    half = max(1, width // 2), max(1, height // 2)
    small, other, moved = (
        cv2.resize(one, half, interpolation=cv2.INTER_AREA) for one in (first, second, flow)
    )
    moved = moved * np.float32(0.5) + pixel_grid(half[1], half[0])
    one, two = np.asarray(small, np.float32), np.asarray(sample(other, moved), np.float32)
    size = (5, 5)
    mean_one, mean_two = cv2.blur(one, size), cv2.blur(two, size)
    covariance = cv2.blur(one * two, size) - mean_one * mean_two
    power_one = cv2.blur(one * one, size) - mean_one * mean_one
    power_two = cv2.blur(two * two, size) - mean_two * mean_two
    correlation = covariance / np.sqrt(np.maximum(power_one * power_two, 1))
    halves = np.minimum(points // 2, np.array([half[0] - 1, half[1] - 1], np.float32))
    return median(at(np.asarray(correlation, np.float32), halves))
