"""What a mask owes to the clicks it came from."""

from collections.abc import Sequence

import numpy as np

from tracker.types import Mask, Point

RADIUS_SHARE = 0.01  # of the frame's longer side: the disc a disobeyed click gets


def keep_promises(mask: Mask, points: Sequence[Point]) -> Mask:
    """Return `mask` with every positive point inside and every negative one outside.

    A point the mask disobeys gets a small disc, which stays clear of points of the other
    sign.  Where two points share a pixel the later one counts.

    Args:
        mask: (H, W).
        points: all within the frame.
    """
    height, width = mask.shape
    result = mask.copy()
    pixels = [(round(point.x), round(point.y), point.positive) for point in points]
    rows, columns = np.ogrid[:height, :width]
    for x, y, positive in pixels:
        if result[y, x] == positive:
            continue
        others = [np.hypot(x - u, y - v) / 2 for u, v, sign in pixels if sign != positive]
        radius = min([RADIUS_SHARE * max(height, width), *others])
        result[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = positive
    for x, y, positive in pixels:
        result[y, x] = positive
    return result
