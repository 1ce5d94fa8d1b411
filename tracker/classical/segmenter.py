"""Clicks and boxes to a mask without weights: colour, edges and, if offered, motion.

Clicks are answered in order.  Each proposes regions of several sizes around itself (a
geodesic ball, or what moves there; then colour models and a minimum cut, as GrabCut of
Rother et al., SIGGRAPH 2004, but with our own evidence), and the region that stands out
best is added to what the clicks before it meant, or taken from it.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from tracker.classical.click_cues import Cues, Plane
from tracker.classical.click_regions import (
    CERTAIN,
    component_at,
    geodesic_distance,
    minimum_cut,
)
from tracker.types import Frame, Mask, Point, Prompt, Segmentation

WORKING_PIXELS = 32_000
SIZES = (0.005, 0.015, 0.04, 0.1, 0.2)  # of the area a click may still choose from
SMOOTHNESS = 2.0
SPATIAL_WEIGHT = 2.0
MOTION_WEIGHT = 2.0


def check_prompt(frame: Frame, prompt: Prompt) -> None:
    """Raise ValueError where `prompt` says nothing or does not fit `frame`."""
    height, width = frame.shape[:2]
    if not prompt.points and prompt.box is None and prompt.mask is None:
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


class ClassicalSegmenter:
    """Segments one video's frames; remembers the cues of the last frame it saw."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._cues: Cues | None = None

    def segment(
        self, frame: Frame, prompt: Prompt, neighbours: Sequence[Frame] = ()
    ) -> Segmentation:
        """Return up to three masks of what `prompt` means, best first.

        Every mask holds all positive points and no negative one, and is never empty.

        Raises:
            ValueError: nothing is prompted, a point or the box lies outside the frame, or
                the mask has another size.
        """
        check_prompt(frame, prompt)
        if self._cues is None or self._frame is not frame:
            self._cues = Cues(frame, neighbours, WORKING_PIXELS)
            self._frame = frame
        cues = self._cues
        mask = np.zeros((cues.height, cues.width), bool)
        if prompt.mask is not None:
            size = (cues.width, cues.height)
            share = cv2.resize(prompt.mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
            mask = np.asarray(share) > 0.5
        elif prompt.box is not None:
            mask = _boxed(cues, prompt.box)
        elif not prompt.points[0].positive:
            mask[:] = True
        for point in prompt.points:
            x = min(cues.width - 1, int((point.x + 0.5) * cues.scale_x))
            y = min(cues.height - 1, int((point.y + 0.5) * cues.scale_y))
            mask = _clicked(cues, mask, x, y, positive=point.positive)
        height, width = frame.shape[:2]
        soft = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        return Segmentation((keep_promises(np.asarray(soft > 0.5), prompt.points),), (1.0,))


def keep_promises(mask: Mask, points: Sequence[Point]) -> Mask:
    """Return `mask` with a small disc at each positive point, without one at each negative.

    Discs shrink to stay clear of points of the other sign; an empty mask becomes the pixel
    least surely outside.
    """
    height, width = mask.shape
    result = mask.copy()
    pixels = [(round(point.x), round(point.y), point.positive) for point in points]
    for x, y, positive in pixels:
        if result[y, x] == positive:
            continue
        others = [np.hypot(x - u, y - v) for u, v, sign in pixels if sign != positive]
        radius = max(0, int(min([max(height, width) / 100, *[other / 2 for other in others]])))
        window = (
            slice(max(0, y - radius), y + radius + 1),
            slice(max(0, x - radius), x + radius + 1),
        )
        result[window] = positive
    for x, y, positive in pixels:
        result[y, x] = positive
    if not result.any():
        far = np.ones_like(result, dtype=np.uint8)
        for x, y, _ in pixels:
            far[y, x] = 0
        distance = cv2.distanceTransform(far, cv2.DIST_L2, 3)
        result[np.unravel_index(int(np.argmax(distance)), distance.shape)] = True
    return result


def _boxed(cues: Cues, box: tuple[float, float, float, float]) -> Mask:
    x0, y0, x1, y1 = box
    inside = np.zeros((cues.height, cues.width), bool)
    inside[
        max(0, int(y0 * cues.scale_y)) : max(1, int(np.ceil(y1 * cues.scale_y))),
        max(0, int(x0 * cues.scale_x)) : max(1, int(np.ceil(x1 * cues.scale_x))),
    ] = True
    mask = inside
    for _ in range(3):
        odds = np.clip(cues.colour_odds(mask, ~mask), -6, 6)
        if cues.moving is not None:
            odds += MOTION_WEIGHT * cues.moving
        odds[~inside] = -CERTAIN
        mask = minimum_cut(odds, cues.lab, SMOOTHNESS)
        if not mask.any():
            return inside
    return mask


def _clicked(cues: Cues, mask: Mask, x: int, y: int, *, positive: bool) -> Mask:
    """Return `mask` with the region meant by a click at (x, y) added or taken away."""
    allowed = ~mask if positive else mask
    if not allowed[y, x]:
        return mask
    regions = _regions(cues, allowed, x, y)
    best = max(regions, key=lambda region: _standing_out(cues, region, allowed, x, y), default=None)
    if best is None:
        return mask
    return mask | best if positive else mask & ~best


def _regions(cues: Cues, allowed: Mask, x: int, y: int) -> list[Mask]:
    """Return regions around (x, y) of several sizes, all within `allowed`."""
    seed = np.zeros_like(allowed)
    seed[y, x] = True
    distance = geodesic_distance(cues.cost, seed)
    reach = np.sort(distance[allowed])
    regions = []
    for size in SIZES:
        radius = max(float(reach[int(size * (len(reach) - 1))]), 1e-3)
        closeness = np.log(radius / np.maximum(distance, np.float32(1e-3))).astype(np.float32)
        prior = SPATIAL_WEIGHT * np.clip(np.float32(1.5) * closeness, -2, 1)
        region = _settle(cues, (distance <= radius) & allowed, prior, allowed, x, y)
        if region.any():
            regions.append(region)
    return regions


def _settle(cues: Cues, region: Mask, prior: Plane, allowed: Mask, x: int, y: int) -> Mask:
    """Alternate colour models and minimum cuts, starting from `region`."""
    for _ in range(2):
        odds = np.clip(cues.colour_odds(region, ~region), -6, 6) + prior
        if cues.moving is not None:
            odds += MOTION_WEIGHT * np.sign(cues.moving[y, x]) * cues.moving
        odds[~allowed] = -CERTAIN
        odds[y, x] = CERTAIN
        region = component_at(minimum_cut(odds, cues.lab, SMOOTHNESS), x, y)
    return region


def _standing_out(cues: Cues, region: Mask, allowed: Mask, x: int, y: int) -> float:
    """Score how much `region` looks like a thing clicked in its middle."""
    bytes_ = region.astype(np.uint8)
    rim = region & ~cv2.erode(bytes_, np.ones((3, 3), np.uint8), borderValue=1).astype(bool)
    edges = cv2.dilate(cues.edges, np.ones((3, 3), np.uint8))
    along = float(edges[rim].mean()) if rim.any() else 0.0
    contrast = along / (along + float(edges.mean()) + 1e-3)
    width = 2 * max(2, int(np.sqrt(region.sum()) / 4)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    ring = cv2.dilate(bytes_, kernel).astype(bool) & ~region & allowed
    overlap = np.sqrt(cues.histogram(region * 1.0) * cues.histogram(ring * 1.0)).sum()
    depth = cv2.distanceTransform(np.pad(bytes_, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    centred = float(depth[y, x] / depth.max())
    return float(contrast * (1.2 - overlap) * (0.3 + centred))
