"""Lay one frame over another around a hole: motions, exposure and how well they agree.

The motion inside the hole cannot be seen, only guessed from around it, and there may be
several things behind it.  So each source makes several offers: the motion most of the
surroundings share, the next one, and dense flow carried smoothly into the hole.  Each offer
brings its colours, brought to the target's exposure, and the error to be expected of them.
"""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.blend import mean_square
from tracker.classical.camera import Homography, apply, at, corners, fit, outline_of
from tracker.classical.chain import Link
from tracker.classical.flow import (
    Flow,
    FlowEstimator,
    complete,
    complete_motion,
    pixel_grid,
    sample,
)
from tracker.classical.views import View
from tracker.types import Mask

_PATCH = 9  # pixels: flow closer than this to the unknown is not trusted
_PRIOR_CAMERA = 4.0  # of a motion that moves all alike
_PRIOR_FLOW = 1.0  # of flow carried into the hole
_PRIOR_OTHER = 0.5  # of the motion of a part of the surroundings
_DRIFT = 3.0  # pixels: chained homographies are corrected by as much
_SAME = 0.35  # pixels: motions that differ less inside the hole are one
_PATCH = 9  # pixels: flow closer than this to the unknown is not trusted
_LARGEST_OFFSET = 48.0  # grey levels: a larger change of exposure is a mistake
_EXPOSURE_REACH = 7  # pixels of half the working size: half the side of a box
_ERROR_REACH = 3
_EXPOSURE_STEP = 25.0  # grey levels: so large a difference is still one of exposure
_STRANGE = np.float32(6.0)  # times the median: differences of things, not of exposure
_FEWEST_PIXELS = 64  # seen in both frames
_NOISE = np.float32(10.0)  # grey levels squared: smaller errors do not tell motions apart
_SURPRISE = 0.02  # how likely the hole hides something that moved, unlike its surroundings
_WHOLE = 0.999  # share of known pixels
_CELL = 10  # pixels: one corner is taken from every such square
_FEWEST_POINTS = 20  # that move together beside the dominant motion


@dataclass(frozen=True, eq=False)
class Offer:
    """What a source says about a part of the target if its pixels moved in a certain way.

    `places` has the working size, (h, w); all else half of it, (h / 2, w / 2).
    """

    places: Flow  # (h, w, 2), in the source
    colours: NDArray[np.float32]  # (h / 2, w / 2, 3), corrected
    offset: NDArray[np.float32]  # (h / 2, w / 2, 3), what was added to the source's colours
    error: NDArray[np.float32]  # (h / 2, w / 2), expected squared error of a colour
    visible: Mask  # (h / 2, w / 2), where the source shows the background
    prior: float  # how much this kind of motion is believed before looking
    share: NDArray[np.float32] | float = 1.0  # (h / 2, w / 2), belief among the source's offers


class Surroundings:
    """The part of the target around its hole, prepared once for all sources."""

    def __init__(self, target: View, part: tuple[slice, slice]) -> None:
        rows, columns = part
        self.part = part
        self.index = target.index
        self.known = target.known[part]
        self.gray = target.gray[part]
        height, width = self.known.shape
        self.grid = pixel_grid(height, width) + np.array([columns.start, rows.start], np.float32)
        self.half = max(1, width // 2), max(1, height // 2)
        share = self.shrink(self.known.astype(np.float32))
        self.half_known = share > _WHOLE
        self.half_colours = self.shrink(target.small[part])
        self.half_grid = self.shrink(self.grid)
        self.probes = ~self.known[::4, ::4]

    def shrink(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return `values` at half the working size."""
        return np.asarray(cv2.resize(values, self.half, interpolation=cv2.INTER_AREA), np.float32)


def register(
    around: Surroundings, source: View, link: Link, estimator: FlowEstimator, most: int
) -> tuple[list[Offer], Link]:
    """Return up to `most` offers of `source` for what is hidden, and the link as refined."""
    known, grid, gray = around.known, around.grid, around.gray
    base = link.places(grid)
    both = known & visible_in(source, base)
    if np.count_nonzero(both) < _FEWEST_PIXELS:
        return [], link
    if abs(source.index - around.index) == 1 and most == 1:
        offer = _offer(around, source, base, _PRIOR_FLOW)  # the step between neighbours will do
        return ([offer] if offer is not None else []), link
    seen = sample(source.gray, base)
    overlay = np.where(both | known, gray, seen)  # the hole shows the source: no motion there
    underlay = np.where(both | ~known, seen, gray)
    flow = estimator.between(overlay, underlay)
    reliable = cv2.erode(both.astype(np.uint8), np.ones((_PATCH, _PATCH)), borderValue=1) > 0
    if not reliable.any():
        reliable = both
    motions = _motions(around, link, flow, reliable, most)
    carried = link.places(grid + _carry(around, flow, reliable))
    choices = [(apply(motion, grid), _PRIOR_CAMERA) for motion in motions[:1]]
    choices.append((carried, _PRIOR_FLOW))
    choices.append((apply(link.homography, grid), _PRIOR_CAMERA))
    choices.extend((apply(motion, grid), _PRIOR_OTHER) for motion in motions[1:])
    offers: list[Offer] = []
    for places, prior in choices:
        if len(offers) < most and all(_differ(around, places, it.places) for it in offers):
            offer = _offer(around, source, places, prior)
            if offer is not None:
                offers.append(offer)
    return _weigh(offers), _refine(link, motions, around.part)


def lay_still(around: Surroundings, plate: View) -> list[Offer]:
    """Return what `plate` offers, a frame that needs no motion: one offer or none."""
    offer = _offer(around, plate, around.grid, _PRIOR_CAMERA)
    return [] if offer is None else [offer]


def _weigh(offers: list[Offer]) -> list[Offer]:
    """Return the offers of one source with their believability: they exclude each other.

    A motion that fits the surroundings badly must not be believed only because the better
    one says that the source does not show this pixel.
    """
    if len(offers) < 2:
        return offers
    likely = [np.square(offer.prior / np.square(offer.error + _NOISE)) for offer in offers]
    total = np.sum(likely, axis=0)
    return [replace(offer, share=one / total) for offer, one in zip(offers, likely, strict=True)]


def visible_in(source: View, places: Flow) -> Mask:
    """Return where `places` lie inside the source and outside its hole."""
    usable = sample(source.usable, places, border=cv2.BORDER_CONSTANT)
    visible: Mask = usable > 250
    return visible


def _differ(around: Surroundings, one: Flow, two: Flow) -> bool:
    gap = np.abs(one[::4, ::4] - two[::4, ::4])[around.probes]
    return bool(gap.max(initial=0) > _SAME)


def _carry(around: Surroundings, flow: Flow, reliable: Mask) -> Flow:
    """Return the flow, smooth, carried into what is not reliable."""
    height, width = reliable.shape
    weight = reliable.astype(np.float32)
    share = around.shrink(weight)
    mean = around.shrink(flow * weight[..., None])
    mean /= np.maximum(share, np.float32(1e-6))[..., None]
    smooth = cv2.blur(complete_motion(mean, share <= 0), (3, 3))
    return np.asarray(cv2.resize(smooth, (width, height)), np.float32)


def _motions(
    around: Surroundings, link: Link, flow: Flow, reliable: Mask, most: int
) -> list[Homography]:
    """Return the dominant motion of the part, and another that many points follow."""
    points = corners(around.gray, reliable, _CELL)
    start = at(around.grid, points)
    moved = link.places(start + at(flow, points))
    motions: list[Homography] = []
    enough = max(_FEWEST_POINTS, len(points) // 6)
    for _ in range(1 if most <= 2 else 2):  # the second would not be offered
        motion = fit(start, moved, outline_of(around.part))
        if motion is None:
            break
        distance = np.linalg.norm(apply(motion.homography, start) - moved, axis=1)
        if motions and np.count_nonzero(distance < 1) < enough:
            break
        motions.append(motion.homography)
        start, moved = start[distance > 2], moved[distance > 2]
        if len(start) < enough:
            break
    return motions


def _refine(link: Link, motions: list[Homography], part: tuple[slice, slice]) -> Link:
    """Return the link with its homography as found in the `part`, if it has only drifted."""
    outline = outline_of(part)
    for motion in motions[:1]:
        if np.abs(apply(motion, outline) - apply(link.homography, outline)).max() < _DRIFT:
            return Link(motion, link.residual)
    return link


def _offer(around: Surroundings, source: View, places: Flow, prior: float) -> Offer | None:
    """Measure exposure and error where both are known, and carry them into the hole."""
    half_places = around.half_grid + around.shrink(places - around.grid)
    visible = visible_in(source, half_places)
    both = around.half_known & visible
    total = np.count_nonzero(both)
    if total < _FEWEST_PIXELS // 4:
        return None
    shown = sample(source.tiny, source.to_tiny(half_places))
    share = both.astype(np.float32)
    difference = cv2.subtract(around.half_colours, shown, dtype=cv2.CV_32F) * share[..., None]
    squared = mean_square(difference)
    usual = share * (squared < _STRANGE * np.median(squared[both]) + _EXPOSURE_STEP**2)
    wide = _local_mean(difference * usual[..., None], usual, _EXPOSURE_REACH)
    unexplained = float(squared.sum()) / total
    seen = around.half_colours[both]
    variance = float(np.square(seen - seen.mean(axis=0)).mean())
    if unexplained > max(25.0, 0.8 * variance):
        return None
    local = _local_mean(squared[..., None], share, _ERROR_REACH)[..., 0]
    error = np.maximum(local - mean_square(wide), 0)
    packed = np.dstack((np.clip(wide, -_LARGEST_OFFSET, _LARGEST_OFFSET), error))
    packed = complete(packed, ~both)
    if places is not around.grid and abs(source.index - around.index) > 1:  # the camera moves
        packed[..., 3] += np.float32(_SURPRISE * variance)
    offset, error = np.ascontiguousarray(packed[..., :3]), np.ascontiguousarray(packed[..., 3])
    return Offer(places, shown + offset, offset, error, visible, prior)


def _local_mean(
    weighted: NDArray[np.float32], share: NDArray[np.float32], reach: int
) -> NDArray[np.float32]:
    """Return the mean around each pixel over what is known; `weighted` is already weighted."""
    size = (2 * reach + 1, 2 * reach + 1)
    total = np.asarray(cv2.blur(weighted, size), np.float32).reshape(weighted.shape)
    total /= np.maximum(cv2.blur(share, size), np.float32(1e-6))[..., None]
    return total
