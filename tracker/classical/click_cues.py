"""What one frame says about which pixels belong together, at a working size.

Colours, edges and, where neighbouring frames are offered, motion relative to the camera:
dense flow (OpenCV's DIS; Kroeger et al., ECCV 2016) minus the homography most of the frame
follows.  Everything here is read-only once made.
"""

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.types import Frame, Mask

Plane: TypeAlias = NDArray[np.float32]  # (H, W) at the working size

BINS = 16  # per colour axis
MOTION_LIMIT = 1.5  # log-odds of moving are clipped to +- this


def shrink(frame: Frame, max_pixels: int) -> Frame:
    """Return `frame` with at most about `max_pixels` pixels; never enlarged."""
    height, width = frame.shape[:2]
    factor = min(1.0, (max_pixels / (height * width)) ** 0.5)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small, dtype=np.uint8)


def camera_residual(frame: Frame, other: Frame) -> Plane:
    """Return how far each pixel moves against the camera, in units of the frame's own noise.

    The camera's motion is a homography fitted robustly to the flow; above 1 a pixel moves
    more than three times as far as the median pixel does and than a third of a pixel.
    """
    height, width = frame.shape[:2]
    flow_engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (frame, other)]
    flow = flow_engine.calc(grey[0], grey[1], np.zeros((height, width, 2), np.float32))
    y, x = np.mgrid[4:height:8, 4:width:8].reshape(2, -1)
    start = np.stack((x, y), axis=1).astype(np.float32)
    cv2.setRNGSeed(0)  # RANSAC draws from OpenCV's global generator
    camera, _ = cv2.findHomography(start, start + flow[y, x], cv2.RANSAC, 1.0)
    if camera is None:
        return np.zeros((height, width), np.float32)
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    moved = cv2.perspectiveTransform(grid.reshape(1, -1, 2), camera).reshape(height, width, 2)
    length = np.linalg.norm(grid + flow - moved, axis=2)
    noise = 3.0 * float(np.median(length)) + 0.3
    return np.asarray(length / noise, dtype=np.float32)


class Cues:
    """The cues of one frame.

    Attributes:
        lab: (H, W, 3) uint8, CIELAB.
        edges: (H, W), colour gradient per pixel.
        cost: (H, W), price of stepping on a pixel: near 0 in flat areas, 1 on an average one.
        moving: (H, W), log-odds that a pixel moves against the camera; None without neighbours.
    """

    def __init__(self, frame: Frame, neighbours: Sequence[Frame], max_pixels: int) -> None:
        small = shrink(frame, max_pixels)
        self.height, self.width = small.shape[:2]
        self.scale_x = self.width / frame.shape[1]
        self.scale_y = self.height / frame.shape[0]
        self.lab = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), dtype=np.uint8)
        smooth = cv2.GaussianBlur(self.lab.astype(np.float32), (0, 0), 1.0)
        gradient_x = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8)
        gradient_y = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)
        self.edges: Plane = np.sqrt((gradient_x**2 + gradient_y**2).sum(axis=2), dtype=np.float32)
        self.cost: Plane = self.edges / (self.edges.mean() + np.float32(1e-3)) + np.float32(0.1)
        low = self.lab.reshape(-1, 3).min(axis=0).astype(np.float32)
        span = np.maximum(self.lab.reshape(-1, 3).max(axis=0) - low, 24.0)
        levels = np.minimum((self.lab - low) / span * BINS, BINS - 1).astype(np.int32)
        self._bins = (levels[..., 0] * BINS + levels[..., 1]) * BINS + levels[..., 2]
        self.moving = self._moving(small, neighbours)

    def _moving(self, small: Frame, neighbours: Sequence[Frame]) -> Plane | None:
        size = (self.width, self.height)
        if not neighbours or min(size) < 16:  # too small for optical flow
            return None
        odds = np.zeros((self.height, self.width), np.float32)
        for neighbour in neighbours:
            other = np.asarray(cv2.resize(neighbour, size, interpolation=cv2.INTER_AREA), np.uint8)
            length = np.maximum(camera_residual(small, other), 1e-3)
            odds += np.clip(np.log(length), -MOTION_LIMIT, MOTION_LIMIT) / len(neighbours)
        return odds

    def histogram(self, weight: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the colour distribution under `weight` (H, W), blurred by one bin; sums to 1."""
        counts = np.bincount(self._bins.ravel(), weight.ravel(), BINS**3)
        cube: NDArray[np.float64] = counts.astype(np.float64).reshape(BINS, BINS, BINS)
        for axis in range(3):
            padding = [(1, 1) if a == axis else (0, 0) for a in range(3)]
            wide = np.pad(cube, padding, mode="edge")
            last, middle, first = (
                np.take(wide, np.arange(start, start + BINS), axis=axis) for start in (0, 1, 2)
            )
            cube = last / 4 + middle / 2 + first / 4
        return np.asarray(cube.ravel() / max(float(cube.sum()), 1e-9))

    def colour_odds(self, inside: Mask, outside: Mask) -> Plane:
        """Return each pixel's log-odds of having a colour of `inside` rather than `outside`."""
        ratio = (self.histogram(inside * 1.0) + 1e-4) / (self.histogram(outside * 1.0) + 1e-4)
        return np.asarray(np.log(ratio)[self._bins], dtype=np.float32)
