"""A rectangle of a frame seen at a size of its own, and how to get in and out of it.

Objects of every size are looked at in windows of the same number of pixels, so nothing
downstream knows scale.
"""

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.differing import BINS as STEPS
from tracker.types import Box, Frame, Mask

Plane: TypeAlias = NDArray[np.float32]  # (H, W)

_BINS = 16  # per colour axis of a histogram
_LEAST_SPAN = 24.0  # grey levels; narrower colour ranges are not stretched over all bins
_RARE = 3e-4  # share of pixels under which a colour's frequency is not trusted
_RARE_DIFFERENCE = 0.01  # the same of a difference from the background
_MOST_COLOUR = 4.0  # log-odds
_DIFFERENCE_WEIGHT = 0.67
_MOST_AGREEING, _MOST_DIFFERING = 2.0, 4.0  # log-odds; what stays in its place may be meant


@dataclass(frozen=True, eq=False)
class Sight:
    """A frame and, if known, how it differs from the background.

    Attributes:
        frame: (H, W, 3).
        differences: (h, w) of any size, covering the frame; see `click_background`.
    """

    frame: Frame
    differences: Plane | None = None


def shrink(frame: Frame, max_pixels: int) -> Frame:
    """Return `frame` with at most about `max_pixels` pixels; never enlarged."""
    height, width = frame.shape[:2]
    factor = min(1.0, (max_pixels / (height * width)) ** 0.5)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if size == (width, height):
        return frame
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


class Window:
    """The part of a frame within `box`, reduced to at most about `max_pixels`.

    Attributes:
        lab: (h, w, 3) uint8, CIELAB.
        edges: (h, w), colour gradient, grey levels per pixel.
        x, y: (w,) and (h,), where its columns and rows lie in the frame.
        colours: (h, w), the number of each pixel's colour, from 0.
        differences: (h, w) from the background, as in `Sight`; None where unknown.
        steps: (h, w), the same as numbers from 0.
        pixel_area: of one of its pixels, in frame pixels.
        cuts: whether more of the frame lies left, above, right and below.
    """

    def __init__(self, sight: Sight, box: Box, max_pixels: int) -> None:
        frame = sight.frame
        self._height, self._width = frame.shape[:2]
        self.left = min(self._width - 1, max(0, int(np.floor(box[0]))))
        self.top = min(self._height - 1, max(0, int(np.floor(box[1]))))
        right = max(self.left + 1, min(self._width, int(np.ceil(box[2]))))
        bottom = max(self.top + 1, min(self._height, int(np.ceil(box[3]))))
        self.cuts = (self.left > 0, self.top > 0, right < self._width, bottom < self._height)
        small = shrink(frame[self.top : bottom, self.left : right], max_pixels)
        self.height, self.width = small.shape[:2]
        self._step_x = (right - self.left) / self.width  # frame pixels per window pixel
        self._step_y = (bottom - self.top) / self.height
        self.pixel_area = self._step_x * self._step_y
        self.x = (np.arange(self.width) + 0.5) * self._step_x + self.left - 0.5  # in the frame
        self.y = (np.arange(self.height) + 0.5) * self._step_y + self.top - 0.5

        self.lab = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), dtype=np.uint8)
        smooth = cv2.GaussianBlur(self.lab.astype(np.float32), (0, 0), 1.0)
        across = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8))
        down = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8))
        self.edges: Plane = np.sqrt((across**2 + down**2).sum(axis=2), dtype=np.float32)
        low = self.lab.reshape(-1, 3).min(axis=0).astype(np.float32)
        span = np.maximum(self.lab.reshape(-1, 3).max(axis=0) - low, _LEAST_SPAN)
        level = np.minimum((self.lab - low) / span * _BINS, _BINS - 1).astype(np.int32)
        self.colours: NDArray[np.int32] = (level[..., 0] * _BINS + level[..., 1]) * _BINS + level[
            ..., 2
        ]
        self.differences, self.steps = None, None
        if sight.differences is not None:
            self.differences = self.view(sight.differences)
            self.steps = np.digitize(self.differences, STEPS)

    def locate(self, x: float, y: float) -> tuple[int, int] | None:
        """Return the window's (column, row) of frame point (x, y), or None outside it."""
        column = int(np.floor((x + 0.5 - self.left) / self._step_x))
        row = int(np.floor((y + 0.5 - self.top) / self._step_y))
        inside = 0 <= column < self.width and 0 <= row < self.height
        return (column, row) if inside else None

    def distance(self, x: float, y: float) -> Plane:
        """Return each pixel's distance from frame point (x, y), in frame pixels."""
        return np.asarray(np.hypot(self.x - x, (self.y - y)[:, None]), dtype=np.float32)

    def view(self, plane: NDArray[np.generic]) -> Plane:
        """Return `plane`, which covers the whole frame at any size, as the window sees it."""
        scale_x, scale_y = plane.shape[1] / self._width, plane.shape[0] / self._height
        step_x, step_y = self._step_x * scale_x, self._step_y * scale_y
        start_x = self.left * scale_x + step_x / 2 - 0.5
        start_y = self.top * scale_y + step_y / 2 - 0.5
        to_plane = np.array([[step_x, 0, start_x], [0, step_y, start_y]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (self.width, self.height)
        values = plane.astype(np.float32)
        seen = cv2.warpAffine(values, to_plane, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(seen, dtype=np.float32)

    def place(self, mask: Mask) -> Mask:
        """Return the window's `mask` as a mask of the whole frame, False outside the window."""
        size = (round(self.width * self._step_x), round(self.height * self._step_y))
        full = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        result = np.zeros((self._height, self._width), bool)
        result[self.top : self.top + size[1], self.left : self.left + size[0]] = full > 0.5
        return result

    def histogram(self, weight: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return the colour distribution under `weight` (h, w), blurred by a bin; sums to 1."""
        counts = np.bincount(self.colours.ravel(), weight.ravel().astype(np.float64), _BINS**3)
        cube: NDArray[np.float64] = counts.astype(np.float64).reshape(_BINS, _BINS, _BINS)
        for axis in range(3):
            planes = np.moveaxis(cube, axis, 0)
            blurred = planes / 2
            blurred[1:] += planes[:-1] / 4
            blurred[:-1] += planes[1:] / 4
            blurred[[0, -1]] += planes[[0, -1]] / 4
            cube = np.moveaxis(blurred, 0, axis)
        return np.asarray(cube.ravel() / max(float(cube.sum()), 1e-9))

    def colour_odds(self, inside: NDArray[np.generic], outside: NDArray[np.generic]) -> Plane:
        """Return log-odds (h, w) of a colour under weights `inside` rather than `outside`."""
        ratio = (self.histogram(inside) + _RARE) / (self.histogram(outside) + _RARE)
        return np.asarray(np.log(ratio)[self.colours], dtype=np.float32)

    def appearance_odds(self, inside: NDArray[np.generic], outside: NDArray[np.generic]) -> Plane:
        """Return `colour_odds`, and the same of how a pixel differs from the background."""
        odds = np.clip(self.colour_odds(inside, outside), -_MOST_COLOUR, _MOST_COLOUR)
        if self.steps is None:
            return odds
        shares = [
            self._difference_shares(weight) + _RARE_DIFFERENCE for weight in (inside, outside)
        ]
        said = np.clip(np.log(shares[0] / shares[1]), -_MOST_AGREEING, _MOST_DIFFERING)
        return odds + (_DIFFERENCE_WEIGHT * said).astype(np.float32)[self.steps]

    def unlikeness(self, one: Mask, other: Mask) -> float | None:
        """Return how unlike two parts differ from the background, 0 to 1 (Bhattacharyya)."""
        if self.steps is None:
            return None
        shares = self._difference_shares(one), self._difference_shares(other)
        return 1 - float(np.sqrt(shares[0] * shares[1]).sum())

    def _difference_shares(self, weight: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return the distribution of differences under `weight` (h, w), blurred by a step."""
        if self.steps is None:
            raise ValueError("differences from the background are not known")
        weights = weight.ravel().astype(np.float64)
        counts = np.bincount(self.steps.ravel(), weights, len(STEPS) + 1)
        blurred = np.convolve(np.pad(counts, 1, mode="edge"), (0.25, 0.5, 0.25), "valid")
        return np.asarray(blurred / max(float(blurred.sum()), 1e-9))
