"""What motion says of every pixel, looked at once per cell."""

from collections.abc import Sequence

import cv2
import numpy as np

from tracker.classical.appearance import STRIDE, Floats, cell_centres
from tracker.classical.layers import Motion, motion_odds
from tracker.classical.softmaps import winning_layer


def pixel_motion_odds(
    grid: Floats, places: Floats, trust: Floats, prior: Floats, motions: Sequence[Motion]
) -> Floats:
    """Return (layers, h, w): log odds of each object against the background, see `motion_odds`.

    `grid` and `places` (h, w, 2) are where pixels are and where flow says they were, `trust`
    (h, w) how far to trust it, `prior` (layers, h, w) what is expected.
    """
    height, width = trust.shape
    rows, columns = cell_centres(height, width)
    here, before = (v[rows[:, None], columns].view(np.complex64)[..., 0] for v in (grid, places))
    expected = winning_layer(prior[:, rows[:, None], columns])
    odds = motion_odds(here, before, trust[rows[:, None], columns], expected, motions)
    size = (len(columns) * STRIDE, len(rows) * STRIDE)
    return np.stack([cv2.resize(one, size)[:height, :width] for one in odds])
