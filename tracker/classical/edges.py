"""Edge-aware smoothing: soft maps made to follow the edges of a colour picture.

The guided filter (He, Sun and Tang, "Guided Image Filtering", PAMI 2013) with a colour guide,
its coefficients found at half the size (He and Sun, "Fast guided filter", 2015).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class GuidedFilter:
    """Smooths maps within regions of like colour of one guide."""

    def __init__(self, guide: Floats, radius: int, smoothness: float) -> None:
        """Prepare for many maps.

        Args:
            guide: (3, H, W), about [0, 1].
            radius: pixels, of the square window.
            smoothness: variance of the guide below which a window counts as flat.
        """
        self._guide = guide
        height, width = guide.shape[1:]
        self._half = max(1, width // 2), max(1, height // 2)
        side = 2 * (radius // 2) + 1
        self._box = (side, side)
        self._small = small = [self._shrink(channel) for channel in guide]
        self._mean = [self._blur(channel) for channel in small]
        a, b, c, d, e, f = (
            self._blur(small[i] * small[j]) - self._mean[i] * self._mean[j]
            for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
        )
        a, d, f = (variance + np.float32(smoothness) for variance in (a, d, f))
        # The inverse of the symmetric 3x3 covariance [[a, b, c], [b, d, e], [c, e, f]].
        p, q, r = d * f - e * e, c * e - b * f, b * e - c * d
        s, t, u = a * f - c * c, b * c - a * e, a * d - b * b
        scale = 1 / (a * p + b * q + c * r)
        self._inverse = [[scale * v for v in row] for row in ((p, q, r), (q, s, t), (r, t, u))]

    def smooth(self, values: Floats) -> Floats:
        """Return `values` (H, W) smoothed; may leave their range a little."""
        small = self._shrink(values)
        mean = self._blur(small)
        with_guide = [
            self._blur(channel * small) - channel_mean * mean
            for channel, channel_mean in zip(self._small, self._mean, strict=True)
        ]
        offset = mean
        smoothed = np.zeros_like(values)
        for row, channel, channel_mean in zip(self._inverse, self._guide, self._mean, strict=True):
            slope = row[0] * with_guide[0] + row[1] * with_guide[1] + row[2] * with_guide[2]
            offset = offset - slope * channel_mean
            smoothed += self._enlarge(self._blur(slope)) * channel
        return smoothed + self._enlarge(self._blur(offset))

    def _shrink(self, values: Floats) -> Floats:
        return np.asarray(cv2.resize(values, self._half, interpolation=cv2.INTER_AREA), np.float32)

    def _enlarge(self, values: Floats) -> Floats:
        height, width = self._guide.shape[1:]
        return np.asarray(cv2.resize(values, (width, height)), np.float32)

    def _blur(self, values: Floats) -> Floats:
        return np.asarray(cv2.blur(values, self._box), np.float32)
