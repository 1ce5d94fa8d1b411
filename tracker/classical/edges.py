"""Edge-aware smoothing: soft maps made to follow the edges of a colour picture.

The guided filter (He, Sun and Tang, "Guided Image Filtering", PAMI 2013) with a colour guide.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def guided_filter(guide: Floats, maps: Floats, radius: int, smoothness: float) -> Floats:
    """Return `maps` smoothed within regions of like colour.

    Args:
        guide: (H, W, 3), about [0, 1].
        maps: (H, W, K).
        radius: pixels, of the square window.
        smoothness: variance of the guide below which a window counts as flat.

    Returns:
        (H, W, K); may leave the range of `maps` a little.
    """
    box = (2 * radius + 1, 2 * radius + 1)
    height, width, count = maps.shape

    def mean(values: Any) -> Floats:
        blurred: Floats = cv2.blur(values, box)
        return blurred.reshape(height, width, -1)

    guide_mean = mean(guide)
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    products = mean(guide[..., first] * guide[..., second])
    covariance = products - guide_mean[..., first] * guide_mean[..., second]
    a, b, c, d, e, f = (covariance[..., index] for index in range(6))
    a, d, f = (variance + np.float32(smoothness) for variance in (a, d, f))
    # The inverse of the symmetric 3x3 covariance [[a, b, c], [b, d, e], [c, e, f]].
    cofactors = (d * f - e * e, c * e - b * f, b * e - c * d, a * f - c * c, b * c - a * e)
    last = a * d - b * b
    scale = 1 / (a * cofactors[0] + b * cofactors[1] + c * cofactors[2])
    inverse = [scale * cofactor for cofactor in (*cofactors, last)]
    rows = ((0, 1, 2), (1, 3, 4), (2, 4, 5))

    smoothed = np.empty_like(maps)
    for index in range(count):
        values = maps[..., index]
        value_mean = mean(values)[..., 0]
        with_guide = mean(guide * values[..., None]) - guide_mean * value_mean[..., None]
        line = np.empty((height, width, 4), np.float32)
        for row, entries in enumerate(rows):
            line[..., row] = sum(inverse[k] * with_guide[..., j] for j, k in enumerate(entries))
        line[..., 3] = value_mean - (line[..., :3] * guide_mean).sum(axis=-1)
        line = mean(line)
        smoothed[..., index] = (line[..., :3] * guide).sum(axis=-1) + line[..., 3]
    return smoothed
