"""How a frame differs from the background, asked only of frames the clicked object has left.

What an object will cover differs from most frames as much as the object does, though nothing
moves there yet: a ghost, as change detection calls it.  But a frame that shows the object at a
place says nothing of the background there.  So corners of what moves with the click are
followed through the frames that were laid over it, a similarity is fitted to them (RANSAC),
and each frame is left out where it takes the object to; but only after or before the frame
where the object is followed out of its place: one that stays, or is lost, casts no such ghost.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.camera import corners
from tracker.classical.click_background import COMPARED_EVERY, Differences, Laid, usual
from tracker.classical.click_window import Plane
from tracker.types import Mask

_CELL = 6  # pixels: one corner is taken from every such square
_FEWEST_CORNERS = 4
_RETURNED = 1.0  # pixels: a corner followed there and back ends at most so far off
_TOGETHER = 1.5  # pixels off the common motion
_FOLLOWING = 0.3  # share of the corners that move together; with fewer the object is lost
_MOST_GROWTH = 2.0  # of the object; a fit beyond is no motion
_STAYED = 0.5  # share of its place that it still covers; with more it has not left

Similarity = NDArray[np.float64]  # (2, 3)


def without(around: Differences, moving: Mask) -> Plane | None:
    """Return `around.far` (h, w) without the frames that show the object; 0 where none is left.

    Frames of a side (later, earlier) on which it is not seen to leave its place are all kept.

    Args:
        around: how the frame differs from others.
        moving: (H, W) of any size, what moves with the click.
    """
    if around.far is None or around.grey is None:
        return around.far
    height, width = around.grey.shape
    size = (width, height)
    here = cv2.resize(moving.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    found: list[Plane] = []
    cv2.setRNGSeed(0)  # RANSAC draws from OpenCV's global generator
    for side in around.sides:
        course = _follow(around.grey, here > 0, side)
        shown = [cv2.warpAffine(here, one, size, flags=cv2.INTER_NEAREST) > 0 for one in course]
        stayed = min((float(there[here > 0].mean()) for there in shown), default=1.0)
        if stayed > _STAYED:
            shown = []
        for number, laid in enumerate(side):
            far = laid.far
            if number < len(shown):
                far = np.where(shown[number], np.float32(np.nan), far)
            found += [far] * ((number + 1) % COMPARED_EVERY == 0)
    return usual(found)


def _follow(grey: NDArray[np.uint8], example: Mask, side: Sequence[Laid]) -> list[Similarity]:
    """Return where `example` goes in each frame of `side`, until it is lost."""
    course: list[Similarity] = []
    start = corners(grey, example, _CELL)
    before, places = grey, start
    for laid in side:
        if len(start) < _FEWEST_CORNERS:
            break
        moved, known = _step(before, laid.grey, places)
        back, known_back = _step(laid.grey, before, moved)
        kept = known & known_back & (np.linalg.norm(back - places, axis=1) < _RETURNED)
        start, places, before = start[kept], moved[kept], laid.grey
        if len(start) < _FEWEST_CORNERS:
            break
        motion, together = cv2.estimateAffinePartial2D(
            start, places, method=cv2.RANSAC, ransacReprojThreshold=_TOGETHER
        )
        if motion is None or together.mean() < _FOLLOWING:
            break
        growth = float(np.hypot(motion[0, 0], motion[1, 0]))
        if not 1 / _MOST_GROWTH < growth < _MOST_GROWTH:
            break
        course.append(np.asarray(motion, np.float64))
    return course


def _step(
    first: NDArray[np.uint8], second: NDArray[np.uint8], places: NDArray[np.float32]
) -> tuple[NDArray[np.float32], Mask]:
    """Return where corners (N, 2) of `first` lie in `second`, and which were found."""
    moved, status, _ = cv2.calcOpticalFlowPyrLK(
        first, second, places[:, None], np.empty(0, np.float32), winSize=(11, 11), maxLevel=2
    )
    return np.asarray(moved, np.float32)[:, 0], np.asarray(status[:, 0] > 0)
