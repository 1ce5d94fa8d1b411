"""A region that sticks to the plane behind it: a crack, a logo on a wall.

Corners of the region and around it, on the same plane, are followed from frame to frame,
which says roughly where the plane is.  Then the picture the region was given in is laid
there by a homography, and every corner is looked for next to where it should be: so errors
do not add up.  Corners that are hidden, or belong to something in front, do not agree and do
not count.  A plane that was lost is looked for by distinctive points of the whole picture.

The iterative search for a corner is that of Lucas and Kanade (IJCAI 1981; pyramids by
Bouguet, 2001); which corners agree is found by MAGSAC++ (Barath and others, CVPR 2020).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.camera import Homography, Points, apply, chain, corners, is_plausible
from tracker.classical.features import Features, describe, match
from tracker.types import Frame, Mask

SIDE = 640  # pixels: the longer side of the pictures that are compared
SURROUNDINGS = (0.25, 0.75, 3.0)  # of the region's extent, at least; the next if corners are few
ENOUGH = 60  # corners
MOST = 400
FEWEST = 8  # that must agree
CELL = 8  # pixels: one corner is taken from every such square
STEP_AGREES, PLACE_AGREES = 1.5, 1.0  # pixels
RETURNS = 0.7  # pixels: a corner followed there and back must come back so close
WINDOW = (21, 21)  # pixels: what is compared around a corner
PATIENCE = 5  # frames between two searches for a plane that was lost
HALF_IS_SURE = 0.5  # share of the corners in sight that must agree to be certain


@dataclass(frozen=True, eq=False)
class _Given:
    """The frame a region was given in."""

    gray: NDArray[np.uint8]
    mask: NDArray[np.float32]  # of the region, 0 to 1
    points: Points  # corners of the plane
    outline: Points  # (4, 2), of the region
    features: Features


class SurfaceTrack:
    """One region of one plane.  What is returned is at the size of the frames."""

    def __init__(self, frame: Frame, mask: Mask) -> None:
        """Begin with the region (H, W), which must not be empty, as it is in `frame`."""
        self._scale = min(1.0, SIDE / max(frame.shape[:2]))
        gray = self._small(frame)
        height, width = gray.shape
        small = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        rows, columns = np.nonzero(small > 0)
        box = (float(columns.min()), float(rows.min()), float(columns.max()), float(rows.max()))
        left, top, right, bottom = box
        outline = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
        everywhere = np.ones(gray.shape, bool)
        points = _corners_around(gray, box)
        features = describe(gray, everywhere, faintly=True)
        self._given = _Given(gray, mask.astype(np.float32), points, outline, features)
        self._place: Homography = np.eye(3)  # from the given frame to the newest
        self._last, self._agree = gray, np.ones(len(points), bool)
        self._frames_lost = 0

    def step(self, frame: Frame) -> tuple[Mask, float]:
        """Return where the region (H, W) is in the next frame, and how sure that is, 0 to 1."""
        gray = self._small(frame)
        moved = chain(self._place, self._step_to(gray))
        found = self._register(gray, moved)
        if found is None and self._frames_lost % PATIENCE == 0:
            again = match(self._given.features, describe(gray, np.ones(gray.shape, bool)))
            if again is not None and is_plausible(again, self._given.outline):
                found = self._register(gray, again)
        self._frames_lost = 0 if found is not None else self._frames_lost + 1
        self._place, share = (moved, 0.0) if found is None else found
        self._last = gray
        return self._region(frame.shape[0], frame.shape[1]), min(1.0, share / HALF_IS_SURE)

    def _small(self, frame: Frame) -> NDArray[np.uint8]:
        gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        if self._scale < 1:
            height, width = (max(1, round(side * self._scale)) for side in gray.shape)
            gray = cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(gray, np.uint8)

    def _step_to(self, gray: NDArray[np.uint8]) -> Homography:
        """Return what the plane did since the last frame, as far as can be seen."""
        known = apply(self._place, self._given.points)[self._agree]
        known = known[_inside(known, gray.shape)]
        if len(known) < FEWEST:  # nothing of it is in sight: the camera's motion is a guess
            known = corners(self._last, np.ones(gray.shape, bool), 2 * CELL)
        where, kept = _follow(self._last, gray, known)
        found = _homography(known[kept], where, STEP_AGREES)
        return np.eye(3) if found is None else found[0]

    def _register(
        self, gray: NDArray[np.uint8], guess: Homography
    ) -> tuple[Homography, float] | None:
        """Return where exactly the plane is, near a guess, and which share of it agrees."""
        height, width = gray.shape
        expected = apply(guess, self._given.points)
        visible = np.flatnonzero(_inside(expected, gray.shape))
        if len(visible) < FEWEST:
            return None
        laid = cv2.warpPerspective(
            self._given.gray, guess, (width, height), borderMode=cv2.BORDER_REPLICATE
        )
        where, kept = _follow(np.asarray(laid, np.uint8), gray, expected[visible])
        seen = visible[kept]
        found = _homography(self._given.points[seen], where, PLACE_AGREES)
        if found is None or not is_plausible(found[0], self._given.outline):
            return None
        homography, agrees = found
        self._agree = np.zeros(len(expected), bool)
        self._agree[seen[agrees]] = True
        return homography, float(np.count_nonzero(agrees) / len(visible))

    def _region(self, height: int, width: int) -> Mask:
        """Return the region in the newest frame, at the size of the frames."""
        small_height, small_width = self._given.gray.shape
        shrink = _scaling(small_width / width, small_height / height)
        whole = np.linalg.inv(shrink) @ self._place @ shrink
        laid = cv2.warpPerspective(self._given.mask, whole, (width, height))
        return np.asarray(laid > 0.5)


def _scaling(x: float, y: float) -> Homography:
    """Return the homography from pixel centres to those of a picture scaled by x and y."""
    return np.array([[x, 0, x / 2 - 0.5], [0, y, y / 2 - 0.5], [0, 0, 1.0]])


def _corners_around(gray: NDArray[np.uint8], box: tuple[float, float, float, float]) -> Points:
    """Return corners in a box and around it, as near as there are enough; (N, 2)."""
    left, top, right, bottom = box
    extent = max(right - left, bottom - top, 24.0)
    found: Points = np.empty((0, 2), np.float32)
    for share in SURROUNDINGS:
        margin = share * extent
        near = np.zeros(gray.shape, bool)
        rows = slice(max(0, int(top - margin)), int(bottom + margin) + 2)
        near[rows, max(0, int(left - margin)) : int(right + margin) + 2] = True
        found = corners(gray, near, CELL)
        if len(found) >= ENOUGH:
            break
    return found[:: -(-len(found) // MOST)] if len(found) else found


def _inside(points: Points, shape: tuple[int, ...], margin: int = 2) -> NDArray[np.bool_]:
    x, y = points[:, 0], points[:, 1]
    result: NDArray[np.bool_] = (
        (x >= margin) & (y >= margin) & (x < shape[1] - margin) & (y < shape[0] - margin)
    )
    return result


def _follow(
    first: NDArray[np.uint8], second: NDArray[np.uint8], points: Points
) -> tuple[Points, NDArray[np.intp]]:
    """Return where points (N, 2) of the first picture are in the second, and which are found."""
    if not len(points):
        return points, np.empty(0, np.intp)
    asked = points.reshape(-1, 1, 2)
    there, found, _ = cv2.calcOpticalFlowPyrLK(first, second, asked, asked.copy(), winSize=WINDOW)
    back, returned, _ = cv2.calcOpticalFlowPyrLK(second, first, there, there.copy(), winSize=WINDOW)
    miss = np.linalg.norm((back - asked)[:, 0], axis=1)
    kept = np.flatnonzero((found[:, 0] > 0) & (returned[:, 0] > 0) & (miss < RETURNS))
    return np.asarray(there[kept, 0], np.float32), kept


def _homography(
    points: Points, moved: Points, distance: float
) -> tuple[Homography, NDArray[np.bool_]] | None:
    """Return the homography most points agree with, and which do; None if too few do."""
    if len(points) < FEWEST:
        return None
    found, agrees = cv2.findHomography(points, moved, cv2.USAC_MAGSAC, distance)
    if found is None or np.count_nonzero(agrees) < FEWEST:
        return None
    return np.asarray(found, np.float64), np.asarray(agrees[:, 0] > 0)
