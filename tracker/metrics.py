"""How good a result is, given the truth: pixels, masks, and steadiness over time.

Definitions are those of the published tables, so that numbers can be laid side by side:
PSNR and SSIM as E2FGVI measured them (Li et al., CVPR 2022), J and F as the DAVIS benchmark
does (Perazzi et al., CVPR 2016), the warping error after Lai et al. (ECCV 2018).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, hypot, isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.types import Mask

PEAK = 255.0
_BOUNDARY_REACH = 0.008  # of the diagonal: how far a boundary may lie off and still count


@dataclass(frozen=True)
class Summary:
    """A measure over the frames of one object, as DAVIS sums it up."""

    mean: float
    recall: float  # part of the frames above 0.5
    decay: float  # mean of the first quarter less that of the last: what is lost with time


def psnr(image: NDArray[Any], truth: NDArray[Any], mask: Mask | None = None) -> float:
    """Return the peak signal-to-noise ratio in decibels, infinite for equal pictures.

    Args:
        image: (H, W, C) or (H, W), values 0 to 255, whole numbers or not.
        truth: the same shape.
        mask: (H, W), the pixels that count; None: all.

    Raises:
        ValueError: the shapes differ, or `mask` is empty.
    """
    _require_same_shape(image, truth)
    error = (np.asarray(image, np.float64) - truth) ** 2
    if mask is not None:
        error = error[_nonempty(mask, image)]
    mean = float(error.mean())
    return float(10 * np.log10(PEAK**2 / mean)) if mean > 0 else float("inf")


def ssim(image: NDArray[Any], truth: NDArray[Any], window: int = 65) -> float:
    """Return the mean structural similarity (Wang et al., 2004), 1 for equal pictures.

    `window` = 65 is E2FGVI's; 7 is the usual default elsewhere, and the two must not be
    compared.  See `ssim_map`.
    """
    return float(ssim_map(image, truth, window).mean())


def ssim_map(image: NDArray[Any], truth: NDArray[Any], window: int = 65) -> NDArray[np.float64]:
    """Return the structural similarity (Wang et al., 2004) around every place.

    Uniform window, sample covariance, places where the window would leave the picture left
    out.

    Args:
        image: (H, W, C) or (H, W), values 0 to 255.
        truth: the same shape.
        window: side of the window in pixels, odd.

    Returns:
        (H - window + 1, W - window + 1, ...), 1 where both are equal.

    Raises:
        ValueError: the shapes differ, `window` is even, or it is larger than the picture.
    """
    _require_same_shape(image, truth)
    if window % 2 == 0 or window > min(image.shape[:2]):
        raise ValueError(f"window is {window}, must be odd and fit into {image.shape[:2]} (H, W)")
    x, y = np.asarray(image, np.float64), np.asarray(truth, np.float64)
    mean_x, mean_y = _window_mean(x, window), _window_mean(y, window)
    unbiased = window**2 / (window**2 - 1)
    var_x = unbiased * (_window_mean(x * x, window) - mean_x**2)
    var_y = unbiased * (_window_mean(y * y, window) - mean_y**2)
    covariance = unbiased * (_window_mean(x * y, window) - mean_x * mean_y)
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return np.asarray(likeness / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)))


def region_similarity(found: Mask, truth: Mask) -> float:
    """Return J, the intersection over the union of two (H, W) masks; 1 if both are empty."""
    _require_same_shape(found, truth)
    union = int(np.count_nonzero(found | truth))
    return int(np.count_nonzero(found & truth)) / union if union else 1.0


def boundary_measure(found: Mask, truth: Mask) -> float:
    """Return F: how well the outlines of two (H, W) masks agree, 0 to 1.

    The harmonic mean of precision and recall of boundary pixels, one counting as met if the
    other boundary passes within 0.8 % of the diagonal (8 pixels at 854x480).
    """
    _require_same_shape(found, truth)
    radius = ceil(_BOUNDARY_REACH * hypot(*found.shape))
    found_edge, true_edge = _boundary(found), _boundary(truth)
    num_found, num_true = np.count_nonzero(found_edge), np.count_nonzero(true_edge)
    if num_found == 0 or num_true == 0:
        return 1.0 if num_found == num_true else 0.0
    precision = np.count_nonzero(found_edge & _dilate(true_edge, radius)) / num_found
    recall = np.count_nonzero(true_edge & _dilate(found_edge, radius)) / num_true
    total = precision + recall
    return float(2 * precision * recall / total) if total else 0.0


def summarise(values: Sequence[float]) -> Summary:
    """Sum up J or F of an object's frames, in order.

    DAVIS's semi-supervised tables leave out the first frame, which is given, and the last.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values to sum up")
    series = np.asarray(values, np.float64)
    ends = np.floor(np.linspace(1, len(series), 5) + 0.5).astype(int) - 1
    first, last = series[ends[0] : ends[1] + 1], series[ends[3] : ends[4] + 1]
    return Summary(
        mean=float(series.mean()),
        recall=float((series > 0.5).mean()),
        decay=float(first.mean() - last.mean()),
    )


def warping_error(
    frame: NDArray[Any],
    following: NDArray[Any],
    flow_to_next: NDArray[np.floating[Any]],
    visible: Mask | None = None,
) -> float:
    """Return the mean squared change of a point's colour from one frame to the next.

    Measured in [0, 1] colours, so 1e-3 is a lot.  The flow must be that of the true video,
    else a blurred result looks steady.

    Args:
        frame: (H, W, C), values 0 to 255.
        following: the frame after it, the same shape.
        flow_to_next: (H, W, 2), pixels, x then y, from `frame` to `following`.
        visible: (H, W), pixels of `frame` to be seen in both (not occluded); None: all.
            Pixels that leave the picture never count.

    Raises:
        ValueError: the shapes do not fit together, or no pixel counts.
    """
    _require_same_shape(frame, following)
    height, width = frame.shape[:2]
    if flow_to_next.shape != (height, width, 2):
        raise ValueError(f"flow is {flow_to_next.shape} but frames are {(height, width)} (H, W)")
    flow = np.asarray(flow_to_next, np.float64)
    x = np.arange(width, dtype=np.float64) + flow[..., 0]
    y = np.arange(height, dtype=np.float64)[:, None] + flow[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    counts = _nonempty(inside if visible is None else inside & visible, frame)
    moved = _bilinear(np.asarray(following, np.float64), x[counts], y[counts])
    return float((((np.asarray(frame, np.float64)[counts] - moved) / PEAK) ** 2).mean())


def _require_same_shape(image: NDArray[Any], truth: NDArray[Any]) -> None:
    if image.shape != truth.shape:
        raise ValueError(f"shapes differ: {image.shape} and {truth.shape}")


def _nonempty(mask: Mask, image: NDArray[Any]) -> Mask:
    if mask.shape != image.shape[:2]:
        raise ValueError(f"mask is {mask.shape} but image is {image.shape[:2]} (H, W)")
    if not mask.any():
        raise ValueError("no pixel counts: the mask is empty")
    return mask


def _window_mean(image: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Return the mean of each window that lies inside: (H - window + 1, W - window + 1, ...)."""
    for axis in (0, 1):
        # Sums along one line of at most a few thousand values: float64 loses nothing that shows.
        lines = np.moveaxis(image, axis, 0)
        sums = np.zeros((len(lines) + 1, *lines.shape[1:]))
        np.cumsum(lines, axis=0, out=sums[1:])
        image = np.moveaxis((sums[window:] - sums[:-window]) / window, 0, axis)
    return image


def _boundary(mask: Mask) -> Mask:
    """Return the pixels that differ from their right, lower or lower right neighbour."""
    inside = np.asarray(mask, np.bool_)
    padded = np.pad(inside, ((0, 1), (0, 1)), mode="edge")
    right, below, diagonal = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    return np.asarray((inside != right) | (inside != below) | (inside != diagonal))


def _dilate(mask: Mask, radius: int) -> Mask:
    """Dilate by a disk: every pixel within `radius` of a true one becomes true."""
    height, width = mask.shape
    padded = np.pad(mask, radius)
    before = np.cumsum(np.pad(padded, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
    result = np.zeros_like(mask, dtype=np.bool_)
    for dy in range(-radius, radius + 1):
        reach = isqrt(radius**2 - dy**2)
        first, last = radius - reach, radius + reach + 1
        rows = before[radius + dy : radius + dy + height]
        result |= rows[:, last : last + width] > rows[:, first : first + width]
    return result


def _bilinear(
    image: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Read (H, W, C) at N places inside it: (N, C)."""
    left = np.minimum(x.astype(int), max(0, image.shape[1] - 2))
    top = np.minimum(y.astype(int), max(0, image.shape[0] - 2))
    right = np.minimum(left + 1, image.shape[1] - 1)
    bottom = np.minimum(top + 1, image.shape[0] - 1)
    u, v = (x - left)[:, None], (y - top)[:, None]
    upper = (1 - u) * image[top, left] + u * image[top, right]
    lower = (1 - u) * image[bottom, left] + u * image[bottom, right]
    return np.asarray((1 - v) * upper + v * lower)
