"""Dense optical flow, and what one does with it: warp, compose, check, complete.

A flow is float32 (H, W, 2), pixels, x then y, and points from each pixel of its first
frame to where that pixel is seen in its second.  The estimate is OpenCV's DIS (Kroeger
and others, ECCV 2016: fast optical flow using dense inverse search).
"""

import threading
from functools import lru_cache
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.planes import join, repeat, split
from tracker.types import Mask

Flow: TypeAlias = NDArray[np.float32]  # (H, W, 2), pixels, x then y
Gray: TypeAlias = NDArray[np.uint8]  # (H, W)

ULTRAFAST: int = cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST
FAST: int = cv2.DISOPTICAL_FLOW_PRESET_FAST
MEDIUM: int = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM

_SMALLEST_SIDE = 32  # DIS refuses images with fewer than a few of its 8 pixel patches
_MEDIAN_SWEEPS = 6
_ONE_MOTION = 0.5  # pixels: smaller differences need no sharp change
_LARGEST_REMAP_SIDE = 32_766  # cv2.remap addresses pixels with 16 bits
_NO_MAP: Any = None  # cv2.remap: x and y lie in one map (its stubs do not know)


class FlowEstimator:
    """Dense flow between two grey frames of one size; may be used in several threads."""

    def __init__(
        self, preset: int = FAST, finest_scale: int | None = None, refinements: int | None = None
    ) -> None:
        """Make an estimator.

        Args:
            preset: trades time for detail: ULTRAFAST, FAST or MEDIUM.
            finest_scale: halvings of the finest level looked at; None: the preset's own.
                On sharp pictures 2 (FAST) errs by 0.12 pixels, 1 by 0.05, 0 by 0.025; each
                takes about four times as long as the one before.
            refinements: sweeps of the smoothing after each level; None: the preset's own.
                Without, DIS takes half the time and errs half as much again.
        """
        self._preset, self._finest_scale = preset, finest_scale
        self._refinements = refinements
        self._own = threading.local()  # OpenCV's estimators have one user at a time

    def _dis(self, *, is_guided: bool) -> Any:
        """Return this thread's estimator.

        A start that is given leaves traces in OpenCV's estimator: later flows without one
        differ by a hundredth of a pixel.  So there is another for them.
        """
        name = "guided" if is_guided else "plain"
        found = getattr(self._own, name, None)
        if found is None:
            found = cv2.DISOpticalFlow.create(self._preset)
            if self._finest_scale is not None:
                found.setFinestScale(self._finest_scale)
            if self._refinements is not None:
                found.setVariationalRefinementIterations(self._refinements)
            setattr(self._own, name, found)
        return found

    def between(
        self,
        first_gray: NDArray[np.uint8],
        second_gray: NDArray[np.uint8],
        initial: Flow | None = None,
    ) -> Flow:
        """Return the flow from the first frame to the second, starting at `initial` if given.

        Raises:
            ValueError: the frames differ in size.
        """
        if first_gray.shape != second_gray.shape:
            raise ValueError(f"first frame is {first_gray.shape} but second is {second_gray.shape}")
        height, width = first_gray.shape
        bottom, right = max(0, _SMALLEST_SIDE - height), max(0, _SMALLEST_SIDE - width)
        if bottom or right:
            first_gray, second_gray = (
                np.pad(gray, ((0, bottom), (0, right)), mode="edge")
                for gray in (first_gray, second_gray)
            )
            if initial is not None:
                initial = np.pad(initial, ((0, bottom), (0, right), (0, 0)), mode="edge")
        start = None if initial is None else np.array(initial, np.float32, order="C")
        first, second = np.ascontiguousarray(first_gray), np.ascontiguousarray(second_gray)
        flow: Flow = self._dis(is_guided=start is not None).calc(first, second, start)
        return flow[:height, :width]


@lru_cache(maxsize=8)
def pixel_grid(height: int, width: int) -> Flow:
    """Return (H, W, 2): every pixel's own place, x then y; read-only."""
    grid = np.empty((height, width, 2), np.float32)
    grid[..., 0] = np.arange(width, dtype=np.float32)
    grid[..., 1] = np.arange(height, dtype=np.float32)[:, None]
    grid.flags.writeable = False
    return grid


def sample(
    image: NDArray[Any],
    places: Flow,
    *,
    interpolation: int = cv2.INTER_LINEAR,
    border: int = cv2.BORDER_REPLICATE,
) -> NDArray[Any]:
    """Read `image` at absolute `places` (h, w, 2), which may be another size than the image.

    Outside, the nearest border pixel is read (or zero with cv2.BORDER_CONSTANT).
    """
    limit = _LARGEST_REMAP_SIDE
    if not cv2.norm(places, cv2.NORM_INF) <= limit:  # it would overflow inside cv2.remap
        places = np.clip(places, -limit, limit)
    result: NDArray[Any] = cv2.remap(image, places, _NO_MAP, interpolation, borderMode=border)
    return result


def sample_at(
    image: NDArray[Any],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    *,
    interpolation: int = cv2.INTER_LINEAR,
) -> NDArray[Any]:
    """Read `image` at absolute places (h, w), as `sample` does, but `tamed` ones only."""
    result: NDArray[Any] = cv2.remap(image, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE)
    return result


def tamed(places: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return places along one side of a frame of so many pixels, near enough to be read.

    If any is wild (cv2.remap would overflow), those outside are taken back next to the frame.
    """
    if cv2.norm(places, cv2.NORM_INF) <= _LARGEST_REMAP_SIDE // 2:
        return places
    return np.clip(places, np.float32(-1), np.float32(size))


def warp(
    image: NDArray[Any],
    flow: Flow,
    *,
    interpolation: int = cv2.INTER_LINEAR,
    border: int = cv2.BORDER_REPLICATE,
) -> NDArray[Any]:
    """Read `image` where `flow` points: the second frame as the first one saw it.

    Args:
        image: (H, W) or (H, W, C), uint8 or float32.
        flow: (H, W, 2), from each output pixel to the pixel it is read from.
        interpolation: cv2.INTER_NEAREST for labels and masks (as uint8).
        border: what lies outside `image`: its nearest pixel, or zero (cv2.BORDER_CONSTANT).

    Raises:
        ValueError: `image` and `flow` differ in height or width.
    """
    height, width = image.shape[:2]
    if flow.shape[:2] != (height, width):
        raise ValueError(f"flow is {flow.shape[:2]} but image is {(height, width)} (H, W)")
    places = flow + pixel_grid(height, width)
    return sample(image, places, interpolation=interpolation, border=border)


def compose(first: Flow, second: Flow) -> Flow:
    """Return the flow that follows `first`, then `second` from where `first` arrives."""
    composed: Flow = first + warp(second, first)
    return composed


def consistency(flow_to_next: Flow, flow_to_previous: Flow) -> NDArray[np.float32]:
    """Return, per pixel of the first frame, how far there and back ends from the start.

    Args:
        flow_to_next: (H, W, 2), from this frame to the next.
        flow_to_previous: (H, W, 2), from the next frame to this one.

    Returns:
        (H, W) distance in pixels; infinite where `flow_to_next` leaves the frame.
    """
    distance = length(compose(flow_to_next, flow_to_previous))
    distance[~lands_inside(flow_to_next)] = np.inf
    return distance


def length(flow: Flow) -> NDArray[np.float32]:
    """Return (H, W): how long each vector is; np.hypot, careful about overflow, is slow."""
    x, y = cv2.split(flow)
    return np.asarray(cv2.magnitude(x, y), np.float32)


def lands_inside(flow: Flow) -> Mask:
    """Return (H, W): True where `flow` ends inside the frame."""
    height, width = flow.shape[:2]
    places = flow + pixel_grid(height, width)
    x, y = places[..., 0], places[..., 1]
    inside: Mask = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    return inside


def complete(flow: NDArray[np.float32], hole: Mask) -> NDArray[np.float32]:
    """Return `flow` with its hole filled smoothly from what surrounds it.

    Pull and push (Gortler and others, SIGGRAPH 1996, "The lumigraph", section 3.4): known
    values are averaged down a pyramid until nothing is unknown, then handed back up into the
    holes.  Any number of channels may be filled this way, not only two.

    Args:
        flow: (H, W) or (H, W, C) float32; its values inside the hole do not matter.
        hole: (H, W), True where the value is unknown.

    Returns:
        As `flow`; unchanged outside the hole; zero if nothing is known.
    """
    if not hole.any():
        return flow
    known: NDArray[np.uint8] = np.asarray(~hole).view(np.uint8)
    values = np.zeros_like(flow, order="C")
    cv2.copyTo(flow, known, values)
    levels: list[tuple[NDArray[np.float32], NDArray[np.uint8]]] = []
    while np.count_nonzero(known) < known.size and max(known.shape) > 1:
        levels.append((values, known))
        values, weight = (_halve(one) for one in (values, known.astype(np.float32)))
        # Full trust as soon as one of the four pixels below is known: edges are not thinned.
        known = np.asarray(weight > 0).view(np.uint8)
        weight = np.maximum(weight, np.float32(1e-6))
        channels = 1 if values.ndim == 2 else values.shape[2]
        values /= repeat(weight, channels) if channels < 5 else weight[..., None]
    for finer, certain in reversed(levels):
        rows, columns = values.shape[:2]
        twice = cv2.resize(values, (2 * columns, 2 * rows), interpolation=cv2.INTER_LINEAR)
        values = np.asarray(twice[: certain.shape[0], : certain.shape[1]], np.float32)
        cv2.copyTo(finer, certain, values)
    return values.reshape(flow.shape)


def _halve(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return means of four; what lies beyond the last row or column is 0."""
    bottom, right = values.shape[0] % 2, values.shape[1] % 2
    if bottom or right:
        border = cv2.copyMakeBorder(values, 0, bottom, 0, right, cv2.BORDER_CONSTANT)
        values = np.asarray(border, np.float32)
    half = (values.shape[1] // 2, values.shape[0] // 2)
    return np.asarray(cv2.resize(values, half, interpolation=cv2.INTER_AREA), np.float32)


def complete_motion(flow: Flow, hole: Mask) -> Flow:
    """Return `flow` with its hole filled by pieces that move alike.

    Two things behind a hole do not shade into each other as `complete` would have it.  Median
    filtering until little changes makes the change between them sudden, along a short line
    (it moves level lines by their curvature; Guichard and Morel, 1997).
    """
    filled = complete(flow, hole)
    unknown = hole.view(np.uint8)
    left, top, width, height = cv2.boundingRect(unknown)
    if not width:
        return filled
    part = (
        slice(max(0, top - 4), top + height + 4),
        slice(max(0, left - 4), left + width + 4),
    )
    inside, piece = unknown[part], split(filled[part])
    extremes = [cv2.minMaxLoc(axis, inside)[:2] for axis in piece]
    if max(high - low for low, high in extremes) < _ONE_MOTION:
        return filled
    size = (2 * ((inside.shape[1] + 1) // 2), 2 * ((inside.shape[0] + 1) // 2))
    for axis in piece:
        coarse = _sharpen(axis[::2, ::2], inside[::2, ::2])
        twice = cv2.resize(coarse, size, interpolation=cv2.INTER_NEAREST)
        cv2.copyTo(twice[: inside.shape[0], : inside.shape[1]], inside, axis)
    filled[part] = join([_sharpen(axis, inside) for axis in piece])
    return filled


def _sharpen(axis: NDArray[np.float32], hole: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return one coordinate (h, w) of a motion, median filtered where `hole` is not 0."""
    result, kept = np.array(axis), np.equal(hole, 0).view(np.uint8)
    for _ in range(_MEDIAN_SWEEPS):
        cv2.medianBlur(result, 5, dst=result)
        cv2.copyTo(axis, kept, result)
    return result
