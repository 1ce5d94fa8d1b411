"""Exposure evened out: frames as if the camera had always been set as in the first.

Cameras turn themselves darker and lighter, and clips fade; what is known of how things look
would no longer hold.  Colours of neighbouring frames are compared where flow lays them on each
other, channel by channel, so that what comes into sight changes nothing.  What adds up is
taken out in steps, so that nothing is touched where exposure stays as it is.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.appearance import Floats
from tracker.classical.flow import Flow, pixel_grid, sample
from tracker.classical.layers import TRUSTED, median
from tracker.classical.softmaps import resized
from tracker.types import Frame

STEADY = 0.05  # of its logarithm: smaller changes of exposure are left
LARGEST = np.log(4.0)  # a larger factor is not taken out: little but noise would be left
DARKEST, LIGHTEST = 16, 240  # grey levels: beyond, cameras do not show by how much
STRIDE = 4  # pixels from one place that is compared to the next
BLUR = 3  # places: means over so many are compared, as what is read between pixels is smoother
FEWEST = 200  # places that say how exposure has changed


class Exposure:
    """The exposure of the frames of one video."""

    def __init__(self) -> None:
        self._evened = np.zeros(3)  # logarithm of the factors (R, G, B) that are taken out
        self._rest = np.zeros(3)  # and of what is left of them in the newest frame
        self._shown: tuple[Frame, Floats] | None = None  # a frame, and what it shows on the whole

    def even(self, frame: Frame) -> Frame:
        """Return a frame (h, w, 3) without what is known to have changed."""
        if not self._evened.any():
            return frame
        table = np.arange(256)[:, None] * np.exp(-self._evened)
        rounded = np.clip(np.rint(table), 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(frame, rounded[None]), np.uint8)

    def note(self, before: Frame, now: Frame, back: Flow, trust: Floats) -> bool:
        """Compare neighbouring frames; return whether the newest has to be evened anew.

        Args:
            before: (h, w, 3), evened.
            now: (h, w, 3), the newest, evened.
            back: (h, w, 2), flow from it to the one before.
            trust: (h, w), how far to trust that, 0 to 1.
        """
        height, width = (max(1, side // STRIDE) for side in trust.shape)
        step = np.array((width / trust.shape[1], height / trust.shape[0]), np.float32)
        shift, sure = (resized(one, (height, width)) for one in (back, trust))
        places = pixel_grid(height, width) + shift * step
        known = self._shown
        last = known[1] if known and known[0] is before else _means(before, height, width)
        shown = _means(now, height, width)
        self._shown = now, shown
        was = np.asarray(sample(last, places), np.float32)
        usable = (sure > TRUSTED) & _is_exposed(shown) & _is_exposed(was)
        if np.count_nonzero(usable) < FEWEST:
            return False
        ratio = np.log(shown[usable] / was[usable])
        self._rest += [median(channel) for channel in ratio.T]
        evened = np.clip(self._evened + self._rest, -LARGEST, LARGEST)
        if np.abs(evened - self._evened).max() < STEADY:
            return False
        self._rest += self._evened - evened
        self._evened = evened
        return True


def _means(frame: Frame, height: int, width: int) -> Floats:
    """Return (height, width, 3): what a frame shows on the whole around every place."""
    size = (width, height)  # in fractions of grey levels: slow changes are smaller than one
    small = cv2.resize(frame.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(small, (BLUR, BLUR)), np.float32)


def _is_exposed(colours: Floats) -> NDArray[np.bool_]:
    """Return (h, w): where all channels of (h, w, 3) are neither too dark nor too light."""
    return np.asarray(cv2.inRange(colours, (DARKEST,) * 3, (LIGHTEST,) * 3) > 0, np.bool_)
