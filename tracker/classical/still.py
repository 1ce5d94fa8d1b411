"""What a camera that stands still has seen at every place: a running mean, one more source.

A mean of many frames has less noise than any of them, and remembers what no recent frame
shows.  What comes to stay takes a place over by a majority vote (Boyer and Moore, 1981):
frames that agree with the mean count for it, others against it, and at zero it begins anew.
So somebody who passes by leaves nothing.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.views import View

_EVERY = 4  # frames: those in between show much the same
_FEWEST = 2  # frames in a mean that is shown: fewer only repeat what the nearest frame says
_MOST = 16  # frames in the mean; what is older counts ever less
_CONTRADICTION = 20  # grey levels
_LEAST_SHOWN = 0.1  # of a hole


class StillPlate:
    """The mean of what was seen since the camera last moved."""

    def __init__(self, working_side: int) -> None:
        self._working_side = working_side  # pixels, see View
        self._mean: NDArray[np.float32] | None = None  # (H, W, 3)
        self._count = np.zeros((1, 1), np.uint8)  # (H, W), frames in the mean, up to _MOST
        self._view: View | None = None
        self._last = -_EVERY

    def forget(self) -> None:
        """Begin anew: the camera has moved."""
        self._mean = self._view = None
        self._last = -_EVERY

    def under(self, target: View) -> View | None:
        """Return the plate as a frame whose hole is what it lacks; None if of little use."""
        if self._mean is None:
            return None
        known = self._count[target.box][target.hole[target.box]] >= _FEWEST
        if known.mean() < _LEAST_SHOWN:
            return None
        if self._view is None:
            frame = np.asarray(cv2.convertScaleAbs(self._mean), np.uint8)
            self._view = View(self._last, frame, self._count < _FEWEST, self._working_side)
        return self._view

    def learn(self, view: View) -> None:
        """Take in what a frame shows around its hole."""
        if 0 <= view.index - self._last < _EVERY:
            return
        if self._mean is None:
            self._mean = np.zeros(view.frame.shape, np.float32)
            self._count = np.zeros(view.hole.shape, np.uint8)
        count = self._count
        seen = np.ones(view.hole.shape, bool)
        if view.has_hole:
            seen[view.box] = view.unusable == 0
        gap = cv2.absdiff(cv2.convertScaleAbs(self._mean), view.frame)
        gap = cv2.blur(cv2.cvtColor(gap, cv2.COLOR_RGB2GRAY), (3, 3))
        against = seen & (gap > _CONTRADICTION) & (count > 0)
        count -= against
        taken = seen & ~(against & (count > 0))
        count += taken & (count < _MOST)
        for number in range(1, _MOST + 1):
            part = taken & (count == number)
            if part.any():
                cv2.accumulateWeighted(view.frame, self._mean, 1 / number, part.view(np.uint8))
        self._view, self._last = None, view.index
