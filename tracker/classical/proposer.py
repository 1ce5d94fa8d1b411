"""Objects nobody pointed at, without weights: what moves against the camera.

Where the picture moves otherwise than the homography most of it follows, a box is drawn
around each connected patch, and the box is answered as if a person had drawn it.  What
stands still is not found.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from tracker.classical.click_motion import MotionCues
from tracker.classical.click_proposals import in_box
from tracker.classical.click_window import Sight, shrink
from tracker.types import Frame, Proposal

_CANVAS_PIXELS = 410_000  # 854x480; larger frames are worked on reduced
_LEAST_ODDS = 0.5  # that a pixel moves
_SPECK, _GAP = 3, 7  # pixels of the motion map: smaller patches go, smaller gaps are closed
_LEAST_SHARE = 0.002  # of the frame: smaller patches are noise or too small to follow


class ClassicalProposer:
    """Finds what moves; remembers nothing."""

    def propose(self, frame: Frame, neighbours: Sequence[Frame] = ()) -> list[Proposal]:
        """Return masks of what moves in `frame` (H, W, 3), most certain first.

        Args:
            frame: to look at.
            neighbours: frames shortly before or after; without any nothing is found.
        """
        canvas = shrink(frame, _CANVAS_PIXELS)
        sight = Sight(canvas)
        cues = MotionCues(canvas, neighbours)
        odds = cues.moving()
        if odds is None:
            return []
        smooth = np.asarray(cv2.GaussianBlur(odds, (0, 0), 1.5))
        patches = (smooth > _LEAST_ODDS).astype(np.uint8)
        for operation, side in ((cv2.MORPH_OPEN, _SPECK), (cv2.MORPH_CLOSE, _GAP)):
            kernel = np.ones((side, side), np.uint8)
            patches = np.asarray(cv2.morphologyEx(patches, operation, kernel), np.uint8)
        count, components, boxes, _ = cv2.connectedComponentsWithStats(patches)
        height, width = frame.shape[:2]
        across, down = canvas.shape[1] / odds.shape[1], canvas.shape[0] / odds.shape[0]
        found = []
        for index in range(1, count):
            left, top, wide, high, area = (int(value) for value in boxes[index])
            if area < _LEAST_SHARE * odds.size:
                continue
            box = (left * across, top * down, (left + wide) * across, (top + high) * down)
            region = in_box(sight, box, cues.odds_in(box), is_around_motion=True)
            mask = region.place(sight).astype(np.float32)
            full = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR))
            certainty = float(np.tanh(smooth[components == index].mean()))
            found.append(Proposal(full > 0.5, certainty))
        return sorted(found, key=lambda each: each.score, reverse=True)
