"""What moves against the camera: evidence that pixels of one frame belong together.

Dense flow to each neighbouring frame (OpenCV's DIS; Kroeger et al., ECCV 2016) minus the
homography most of the frame follows.  Flow bleeds over an object's border, so two cues that
need none speak there.  A pixel that looks the same where the camera's motion alone would put
it is background, whatever its flow says; more so if it looks different where the clicked
pixel's motion would put it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.click_regions import component_at
from tracker.classical.click_window import Plane, shrink
from tracker.types import Box, Frame, Mask

_COARSE_PIXELS, _FINE_PIXELS = 60_000, 120_000
_SMALLEST_SIDE = 16  # pixels; below, flow says nothing
_BLEEDING = 6.0  # pixels that flow reaches over a border, at the working size
_BLEEDING_CLICKED = 4.0  # the same where two motions were compared, which do not bleed
_LEAST_TRUST = 0.1  # what is left of the evidence at its own border


@dataclass(frozen=True, eq=False)
class _View:
    """One neighbour against the frame, at the working size.

    Attributes:
        motion: (H, W, 2), against the camera, in units of its noise.
        noise: pixels per unit of motion.
        carried: (H, W, 2), where the camera's motion takes each pixel, x then y.
        image: (H, W, 3), the neighbour.
        usual: grey levels two pixels may differ by and still be the same.
    """

    motion: Plane
    noise: float
    carried: Plane
    image: Frame
    usual: float


class MotionCues:
    """Motion of one frame against its neighbours; says nothing where there are none.

    Motion is in units of the frame's own noise: 1 is a third of a pixel more than three
    times what the median pixel moves.

    Args:
        frame: (H, W, 3).
        neighbours: frames of any size, close to it in time.
        is_fine: whether flow is followed down to single pixels of twice as many, for about
            four times the time: thin and small parts then have motions of their own.
    """

    def __init__(self, frame: Frame, neighbours: Sequence[Frame], *, is_fine: bool = False) -> None:
        small = shrink(frame, _FINE_PIXELS if is_fine else _COARSE_PIXELS)
        self._height, self._width = small.shape[:2]
        self._scale = (self._width / frame.shape[1], self._height / frame.shape[0])
        self._small = small
        if min(self._height, self._width) < _SMALLEST_SIDE:
            neighbours = ()
        with ThreadPoolExecutor(2) as pool:
            view = partial(_against_camera, small, is_fine=is_fine)
            self._views = list(pool.map(view, neighbours))
        changes = [_mismatch(small, view.image, view.carried, view.usual) for view in self._views]
        self._change = np.min(changes, axis=0) if changes else None

    def odds_in(self, box: Box) -> Plane | None:
        """Return log-odds (h, w) that a pixel moves, and as what moves in `box` does, or None."""
        moving = self.moving()
        if moving is None:
            return None
        (left, right), (top, bottom) = (
            (int(low * scale), int(np.ceil(high * scale)))
            for low, high, scale in zip(box[:2], box[2:], self._scale, strict=True)
        )
        inside = np.zeros(moving.shape, bool)
        inside[top:bottom, left:right] = moving[top:bottom, left:right] > 0
        odds = _trust_inside(moving, _BLEEDING)
        if inside.any():
            odds = (odds + self._odds_as(inside)) / np.float32(2)
        return odds

    def odds_at(self, x: float, y: float) -> Plane | None:
        """Return log-odds (h, w) that a pixel moves as frame pixel (x, y) does, or None.

        Where that pixel rests, only what moves is told apart: much else rests too.
        """
        if self._change is None:
            return None
        column, row = self._locate(x, y)
        around = np.zeros((self._height, self._width), bool)
        around[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = True
        return self._odds_as(around)

    def part_at(self, odds: Plane, x: float, y: float) -> Mask:
        """Return the connected part of positive `odds` that holds frame pixel (x, y), or none."""
        return component_at(odds > 0, *self._locate(x, y))

    def _locate(self, x: float, y: float) -> tuple[int, int]:
        column = min(self._width - 1, int((x + 0.5) * self._scale[0]))
        row = min(self._height - 1, int((y + 0.5) * self._scale[1]))
        return column, row

    def _odds_as(self, example: Mask) -> Plane:
        """Return log-odds that a pixel moves as the median pixel of `example` does."""
        moving = self.moving()
        if moving is None or self._change is None:
            raise ValueError("no neighbours to tell motion from")
        alike = np.zeros_like(moving)
        misfits = []
        speed = 0.0
        for view in self._views:
            motion = view.motion
            own = np.median(motion[example], axis=0)
            nearer = (_length(motion) + 1) / (_length(motion - own) + 1)
            alike += np.clip(np.log(nearer), -3, 3).astype(np.float32) / len(self._views)
            speed += float(np.linalg.norm(own)) / len(self._views)
            moved = (view.carried + own * view.noise).astype(np.float32)
            misfits.append(_mismatch(self._small, view.image, moved, view.usual))
        sure = np.float32(np.clip(speed - 0.5, 0, 1))
        # What fits the camera's motion better than the click's is not of the click; the other
        # way round says little, as parts of a thing move in their own ways.
        worse = np.maximum(np.min(misfits, axis=0) - self._change, 0)
        together = alike + np.float32(1.25) * self._change - np.float32(0.75) - worse
        odds = sure * together + (1 - sure) * np.minimum(-moving, 0)
        return _trust_inside(odds, _BLEEDING_CLICKED)

    def moving(self) -> Plane | None:
        """Return log-odds (h, w) that a pixel moves against the camera, None without neighbours."""
        if self._change is None:
            return None
        lengths = [_length(view.motion) for view in self._views]
        fast = np.mean([np.clip(np.log(length + 1e-3), -1.5, 1.5) for length in lengths], axis=0)
        return np.asarray(fast + 1.25 * self._change - 0.75, dtype=np.float32)


def _against_camera(frame: Frame, neighbour: Frame, *, is_fine: bool) -> _View:
    height, width = frame.shape[:2]
    resized = cv2.resize(neighbour, (width, height), interpolation=cv2.INTER_AREA)
    other = np.asarray(resized, dtype=np.uint8)
    engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    if is_fine:
        engine.setFinestScale(0)
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (frame, other)]
    flow = engine.calc(grey[0], grey[1], np.zeros((height, width, 2), np.float32))
    y, x = np.mgrid[4:height:8, 4:width:8].reshape(2, -1)
    start = np.stack((x, y), axis=1).astype(np.float32)
    cv2.setRNGSeed(0)  # RANSAC draws from OpenCV's global generator
    camera, _ = cv2.findHomography(start, start + flow[y, x], cv2.RANSAC, 1.0)
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    if camera is None:
        carried = grid
    else:
        moved = cv2.perspectiveTransform(grid.reshape(1, -1, 2), camera)
        carried = np.asarray(moved, dtype=np.float32).reshape(height, width, 2)
    motion = grid + flow - carried
    noise = 3 * float(np.median(_length(motion))) + 0.3

    usual = 3 * float(np.median(_difference(frame, other, carried))) + 6
    return _View((motion / noise).astype(np.float32), noise, carried, other, usual)


def _mismatch(frame: Frame, other: Frame, places: Plane, usual: float) -> Plane:
    """Return how unlike `other` at `places` (H, W, 2) `frame` is: 0 to 2, 1 for `usual`."""
    smooth = cv2.GaussianBlur(_difference(frame, other, places), (0, 0), 1.0)
    return np.asarray(np.clip(np.asarray(smooth) / usual, 0, 2), dtype=np.float32)


def _difference(frame: Frame, other: Frame, places: Plane) -> Plane:
    """Return the largest difference over the channels (H, W), 0 where a place is outside."""
    height, width = frame.shape[:2]
    columns, lines = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    seen = cv2.remap(other, columns, lines, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    red, green, blue = cv2.split(cv2.absdiff(frame, seen))  # far faster than numpy's max
    difference = cv2.max(cv2.max(red, green), blue).astype(np.float32)
    inside = (columns >= 0) & (columns <= width - 1) & (lines >= 0) & (lines <= height - 1)
    difference[~inside] = 0
    return difference


def _length(vectors: NDArray[np.floating]) -> Plane:
    """Return the length (H, W) of each vector (H, W, 2); many times as fast as numpy's norm."""
    return np.asarray(np.sqrt(vectors[..., 0] ** 2 + vectors[..., 1] ** 2), np.float32)


def _trust_inside(odds: NDArray[np.floating], bleeding: float) -> Plane:
    """Weaken evidence within `bleeding` pixels of the border between its signs."""
    smooth = np.asarray(cv2.GaussianBlur(odds.astype(np.float32), (0, 0), 1.5))
    positive = (smooth > 0).astype(np.uint8)
    depth = np.where(
        positive > 0,
        cv2.distanceTransform(positive, cv2.DIST_L2, 3),
        cv2.distanceTransform(1 - positive, cv2.DIST_L2, 3),
    )
    return np.asarray(smooth * np.clip(depth / bleeding, _LEAST_TRUST, 1), dtype=np.float32)
