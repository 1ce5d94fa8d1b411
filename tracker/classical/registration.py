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
from tracker.classical.camera import Homography, apply, at, corners, fit
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
_FEWEST_PIXELS = 64  # seen in both frames
_NOISE = 10.0  # grey levels squared: smaller errors do not tell motions apart
_CELL = 8  # pixels: one corner is taken from every such square
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


def register(
    target: View, source: View, link: Link, part: tuple[slice, slice], estimator: FlowEstimator
) -> tuple[list[Offer], Link]:
    """Return what `source` offers for the `part` of `target`, and the link as refined."""
    known = target.known[part]
    height, width = known.shape
    grid = pixel_grid(height, width)
    grid += np.array([part[1].start, part[0].start], np.float32)
    base = link.places(grid)
    both = known & visible_in(source, base)
    if np.count_nonzero(both) < _FEWEST_PIXELS:
        return [], link
    gray, seen = target.gray[part], sample(source.gray, base)
    overlay = np.where(both | known, gray, seen)  # the hole shows the source: no motion there
    underlay = np.where(both | ~known, seen, gray)
    flow = estimator.between(overlay, underlay)
    reliable = cv2.erode(both.astype(np.uint8), np.ones((_PATCH, _PATCH)), borderValue=1) > 0
    if not reliable.any():
        reliable = both
    motions = _motions(gray, grid, link, flow, reliable, target.size)
    candidates = [(motion, _PRIOR_CAMERA) for motion in motions[:1]]
    candidates.append((link.homography, _PRIOR_CAMERA))
    candidates.extend((motion, _PRIOR_OTHER) for motion in motions[1:])
    carried = link.places(grid + _carry(flow, reliable))
    choices = [(carried, _PRIOR_FLOW)]
    choices += [(apply(motion, grid), prior) for motion, prior in candidates]
    choices.sort(key=lambda choice: -choice[1])
    probes = ~known[::4, ::4]
    offers: list[Offer] = []
    for places, prior in choices:
        if all(_differ(places, offer.places, probes) for offer in offers):
            offer = _offer(target, source, places, part, prior)
            if offer is not None:
                offers.append(offer)
    return _weigh(offers), _refine(link, motions, part)


def _weigh(offers: list[Offer]) -> list[Offer]:
    """Return the offers of one source with their believability: they exclude each other.

    A motion that fits the surroundings badly must not be believed only because the better
    one says that the source does not show this pixel.
    """
    if len(offers) < 2:
        return offers
    likely = [offer.prior / np.square(offer.error + np.float32(_NOISE)) for offer in offers]
    total = np.sum(likely, axis=0)
    return [replace(offer, share=one / total) for offer, one in zip(offers, likely, strict=True)]


def visible_in(source: View, places: Flow) -> Mask:
    """Return where `places` lie inside the source and outside its hole."""
    usable = sample(source.known.astype(np.uint8) * 255, places, border=cv2.BORDER_CONSTANT)
    visible: Mask = usable > 250
    return visible


def _differ(one: Flow, two: Flow, probes: Mask) -> bool:
    gap = np.abs(one[::4, ::4] - two[::4, ::4])[probes]
    return bool(gap.max(initial=0) > _SAME)


def _carry(flow: Flow, reliable: Mask) -> Flow:
    """Return the flow, smooth, carried into what is not reliable."""
    height, width = reliable.shape
    weight = reliable.astype(np.float32)
    half = _half(width, height)
    share = np.asarray(cv2.resize(weight, half, interpolation=cv2.INTER_AREA), np.float32)
    mean = np.asarray(
        cv2.resize(flow * weight[..., None], half, interpolation=cv2.INTER_AREA), np.float32
    )
    mean /= np.maximum(share, np.float32(1e-6))[..., None]
    smooth = cv2.blur(complete_motion(mean, share <= 0), (3, 3))
    return np.asarray(cv2.resize(smooth, (width, height)), np.float32)


def _half(width: int, height: int) -> tuple[int, int]:
    return max(1, width // 2), max(1, height // 2)


def _motions(
    gray: NDArray[np.uint8],
    grid: Flow,
    link: Link,
    flow: Flow,
    reliable: Mask,
    size: tuple[int, int],
) -> list[Homography]:
    """Return the dominant motion of the part, and others that many points follow."""
    points = corners(gray, reliable, _CELL)
    start = at(grid, points)
    moved = link.places(start + at(flow, points))
    motions: list[Homography] = []
    enough = max(_FEWEST_POINTS, len(points) // 6)
    for _ in range(2):
        motion = fit(start, moved, *size)
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
    outline = np.array(
        [[x, y] for x in (part[1].start, part[1].stop) for y in (part[0].start, part[0].stop)],
        np.float32,
    )
    for motion in motions[:1]:
        if np.abs(apply(motion, outline) - apply(link.homography, outline)).max() < _DRIFT:
            return Link(motion, link.residual)
    return link


def _offer(
    target: View, source: View, places: Flow, part: tuple[slice, slice], prior: float
) -> Offer | None:
    """Measure exposure and error where both are known, and carry them into the hole."""
    visible = visible_in(source, places)
    both = target.known[part] & visible
    if np.count_nonzero(both) < _FEWEST_PIXELS:
        return None
    shown = sample(source.small, places)
    weight = both.astype(np.float32)
    difference = cv2.subtract(target.small[part], shown, dtype=cv2.CV_32F) * weight[..., None]
    height, width = both.shape
    half = _half(width, height)

    def shrink(values: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(cv2.resize(values, half, interpolation=cv2.INTER_AREA), np.float32)

    share = shrink(weight)
    unknown = share <= 0
    wide = _local_mean(shrink(difference), share, _EXPOSURE_REACH)
    squared = shrink(mean_square(difference))
    total = float(share.sum())
    unexplained = float(squared.sum()) / total
    if unexplained > 25:
        seen = target.small[part][both].astype(np.float32)
        if unexplained > 0.8 * float(np.square(seen - seen.mean(axis=0)).mean()):
            return None
    offset = complete(np.clip(wide, -_LARGEST_OFFSET, _LARGEST_OFFSET), unknown)
    local = _local_mean(squared[..., None], share, _ERROR_REACH)[..., 0]
    error = complete(np.maximum(local - mean_square(wide), 0), unknown)
    colours = shrink(shown.astype(np.float32)) + offset
    return Offer(places, colours, offset, error, shrink(visible.astype(np.float32)) > 0.5, prior)


def _local_mean(
    weighted: NDArray[np.float32], share: NDArray[np.float32], reach: int
) -> NDArray[np.float32]:
    """Return the mean around each pixel over what is known; `weighted` is already weighted."""
    size = (2 * reach + 1, 2 * reach + 1)
    total = np.asarray(cv2.blur(weighted, size), np.float32).reshape(weighted.shape)
    total /= np.maximum(cv2.blur(share, size), np.float32(1e-6))[..., None]
    return total
