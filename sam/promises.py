"""What a prompt must be, and what a mask owes to the clicks it came from."""

from collections.abc import Sequence

import numpy as np

from tracker.types import Frame, Mask, Point, Prompt

RADIUS_SHARE = 0.01  # of the frame's longer side: the disc a disobeyed click gets


def check_prompt(frame: Frame, prompt: Prompt) -> None:
    """Raise ValueError where `prompt` says nothing or does not fit `frame`."""
    height, width = frame.shape[:2]
    has_mask = prompt.mask is not None and bool(prompt.mask.any())
    if not prompt.points and prompt.box is None and not has_mask:
        raise ValueError("empty prompt: expected a point, a box or a mask")
    for point in prompt.points:
        if not (-0.5 <= point.x < width - 0.5 and -0.5 <= point.y < height - 0.5):
            raise ValueError(
                f"point ({point.x:g}, {point.y:g}) is outside the frame of {width}x{height}"
            )
    if prompt.mask is not None and prompt.mask.shape != (height, width):
        raise ValueError(f"mask is {prompt.mask.shape} but frame is {(height, width)} (H, W)")
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box
        if not (x0 < x1 and y0 < y1 and x1 > 0 and y1 > 0 and x0 < width and y0 < height):
            raise ValueError(f"box {prompt.box} does not overlap the frame of {width}x{height}")


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
