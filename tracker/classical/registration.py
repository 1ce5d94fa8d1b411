"""Lay one frame over another around a hole: motions, exposure and how well they agree.

The motion inside the hole cannot be seen, only guessed from around it, and there may be
several things behind it.  So each source makes several offers: the motion most of the
surroundings share, the next one, and dense flow carried smoothly into the hole.  Each offer
brings its colours, brought to the target's exposure, and the error to be expected of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.blend import mean_square
from tracker.classical.camera import Homography, apply, at, fit, gaps, outline_of, strongest
from tracker.classical.flow import (
    Flow,
    FlowEstimator,
    complete,
    complete_motion,
    pixel_grid,
    sample,
)
from tracker.classical.layers import median
from tracker.classical.planes import join, repeat, split
from tracker.classical.steps import SPACING, Link
from tracker.classical.views import View, box_around
from tracker.lazy import lazily
from tracker.types import Mask

_PATCH = np.ones((9, 9), np.uint8)  # pixels: flow closer to the unknown is not trusted
_PRIOR_CAMERA = 4.0  # of a motion that moves all alike
_PRIOR_FLOW = 1.0  # of flow carried into the hole
_PRIOR_OTHER = 0.5  # of the motion of a part of the surroundings
_DRIFT = 3.0  # pixels: chained homographies are corrected by as much
_SAME = 0.35  # pixels: motions that differ less inside the hole are one
_LARGEST_OFFSET = 48.0  # grey levels: a larger change of exposure is a mistake
_EXPOSURE_BOX = (15, 15)  # pixels of half the working size
_ERROR_BOX = (7, 7)
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

    All has half the working size, (h / 2, w / 2).
    """

    shift: Flow  # (h / 2, w / 2, 2), working pixels: to where the source shows the same
    colours: NDArray[np.float32]  # (h / 2, w / 2, 4), corrected; the last says nothing
    # (h / 2, w / 2, 4): what was added to the source's colours, and the expected squared error
    tones: NDArray[np.float32]
    error: NDArray[np.float32]  # (h / 2, w / 2), the same error
    visible: Mask  # (h / 2, w / 2), where the source shows the background
    prior: float  # how much this kind of motion is believed before looking
    share: NDArray[np.float32] | float = 1.0  # (h / 2, w / 2), belief among the source's offers

    def surer(self, factor: np.float32) -> "Offer":
        """Return it with so much of its squared error."""
        error, tones = self.error * factor, self.tones.copy()
        cv2.insertChannel(error, tones, 3)
        return replace(self, error=error, tones=tones)


class Surroundings:
    """The part of the target around its hole, prepared once for all sources."""

    def __init__(self, target: View, part: tuple[slice, slice]) -> None:
        rows, columns = part
        self.part = part
        self.index = target.index
        self.known = target.known[part]
        self.gray = target.gray[part]
        self.strength = target.strength[part]
        height, width = self.known.shape
        self.corner = np.array([columns.start, rows.start], np.float32)
        self.grid = pixel_grid(*target.size)[part]
        self.half = max(1, width // 2), max(1, height // 2)
        share = self.shrink(self.known.astype(np.float32))
        self.half_known = share > _WHOLE
        self.inner = box_around(~self.half_known, margin=2)  # rows and columns of the hole
        colours = cv2.cvtColor(self.shrink(target.small[part]), cv2.COLOR_RGB2RGBA)
        self.half_colours = np.asarray(colours, np.float32)
        self.half_grid = self.shrink(self.grid)
        self.probes = ~self.half_known[::2, ::2]

    @lazily
    def contrast(self) -> tuple[np.float32, np.float32]:
        """Return the squared change of colours from pixel to pixel, and their variance."""
        colours, both = self.half_colours, self.half_known[1:, 1:] & self.half_known[:-1, :-1]
        change = 0.0
        for other in (colours[1:, :-1], colours[:-1, 1:]):
            step = cv2.absdiff(colours[1:, 1:], other)
            squares = cv2.mean(cv2.multiply(step, step), both.view(np.uint8))
            change += sum(squares[:3]) / (3 * 2 * 4)  # pixels of half the size are two apart
        _, deviation = cv2.meanStdDev(self.half_colours, mask=self.half_known.view(np.uint8))
        return np.float32(change), np.float32(np.square(deviation[:3]).mean())

    def shrink(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return `values` at half the working size."""
        return np.asarray(cv2.resize(values, self.half, interpolation=cv2.INTER_AREA))


def register(
    around: Surroundings, source: View, link: Link, estimator: FlowEstimator, most: int
) -> tuple[list[Offer], Link]:
    """Return up to `most` offers of `source` for what is hidden, and the link as refined."""
    known, gray, half_grid = around.known, around.gray, around.half_grid
    if abs(source.index - around.index) == 1 and most == 1:
        return _offer_step(around, source, link), link
    base = link.places(around.grid)
    both = known & source.shows(base)
    if np.count_nonzero(both) < _FEWEST_PIXELS:
        return [], link
    overlay, underlay = gray.copy(), sample(source.gray, base)
    unknown, differs = (~known).view(np.uint8), (known & ~both).view(np.uint8)
    cv2.copyTo(underlay, unknown, overlay)  # the hole shows the source: no motion there
    cv2.copyTo(gray, differs, underlay)
    flow = estimator.between(overlay, underlay)
    reliable = cv2.erode(both.view(np.uint8), _PATCH, borderValue=1).view(bool)
    if not reliable.any():
        reliable = both
    motions = _motions(around, link, flow, reliable, most)
    offers: list[Offer] = []
    for places, prior in _choices(around, link, motions, flow, reliable):
        shift = places - half_grid
        if all(_differ(around, shift, it.shift) for it in offers):
            more = _dispute(around, link) if prior == _PRIOR_FLOW else None
            offer = _offer(around, source, shift, prior, more)
            if offer is not None:
                offers.append(offer)
        if len(offers) == most:
            break
    return _weigh(offers), _refine(link, motions, around.part)


def _choices(
    around: Surroundings, link: Link, motions: list[Homography], flow: Flow, reliable: Mask
) -> Iterator[tuple[Flow, float]]:
    """Yield where the target's part may lie in the source, and how much each is believed."""
    grid = around.half_grid
    for motion in motions[:1]:
        yield apply(motion, grid), _PRIOR_CAMERA
    yield link.places(grid + _carry(around, flow, reliable)), _PRIOR_FLOW
    yield apply(link.homography, grid), _PRIOR_CAMERA
    for motion in motions[1:]:
        yield apply(motion, grid), _PRIOR_OTHER


def _offer_step(around: Surroundings, source: View, step: Link) -> list[Offer]:
    """Return what a neighbour offers along the step to it, which will do: one offer or none.

    What the step adds to the camera's motion is a guess inside the hole: there it must explain
    the surroundings better than that alone.  Frames to come are not asked: little is won.
    """
    shifts = [step.places(around.half_grid) - around.half_grid]
    straight = apply(step.homography, around.half_grid) - around.half_grid
    if source.index < around.index and _differ(around, straight, shifts[0]):
        shifts.append(straight)
    more = _dispute(around, step)
    offers = [_offer(around, source, shift, _PRIOR_FLOW, more) for shift in shifts]
    found = [offer for offer in offers if offer is not None]
    if len(found) < 2:
        return found
    offer, plain = found
    is_better = (offer.error <= plain.error).view(np.uint8)
    for better, picture in (
        (offer.shift, plain.shift),
        (offer.colours, plain.colours),
        (offer.tones, plain.tones),
        (offer.error, plain.error),
        (offer.visible.view(np.uint8), plain.visible.view(np.uint8)),
    ):
        cv2.copyTo(better, is_better, picture)
    return [plain]


def _dispute(around: Surroundings, link: Link) -> NDArray[np.float32] | None:
    """Return (h / 2, w / 2), the squared error to expect where a link's motion is disputed.

    Colours a little apart differ by their gradient, far ones as any two do.
    """
    if link.dispute is None:
        return None
    squared = sample(link.dispute, around.half_grid * np.float32(1 / SPACING))
    change, variance = around.contrast
    return np.asarray(np.minimum(squared * change, variance), np.float32)


def lay_still(around: Surroundings, plate: View) -> list[Offer]:
    """Return what `plate` offers, a frame that needs no motion: one offer or none."""
    offer = _offer(around, plate, np.zeros_like(around.half_grid), _PRIOR_CAMERA)
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


def _differ(around: Surroundings, one: Flow, two: Flow) -> bool:
    gap = np.abs(one[::2, ::2] - two[::2, ::2])[around.probes]
    return bool(gap.max(initial=0) > _SAME)


def _carry(around: Surroundings, flow: Flow, reliable: Mask) -> Flow:
    """Return the flow at half its size, smooth, carried into what is not reliable."""
    weight = reliable.astype(np.float32)
    share = around.shrink(weight)
    mean = around.shrink(flow * repeat(weight, 2))
    mean /= repeat(np.maximum(share, np.float32(1e-6)), 2)
    return np.asarray(cv2.blur(complete_motion(mean, share <= 0), (3, 3)), np.float32)


def _motions(
    around: Surroundings, link: Link, flow: Flow, reliable: Mask, most: int
) -> list[Homography]:
    """Return the dominant motion of the part, and another that many points follow."""
    points = strongest(around.strength, reliable, _CELL)
    start = points + around.corner
    moved = link.places(start + at(flow, points))
    motions: list[Homography] = []
    enough = max(_FEWEST_POINTS, len(points) // 6)
    for _ in range(1 if most <= 2 else 2):  # the second would not be offered
        motion = fit(start, moved, outline_of(around.part))
        if motion is None:
            break
        distance = gaps(apply(motion.homography, start), moved)
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


def _offer(
    around: Surroundings,
    source: View,
    shift: Flow,
    prior: float,
    more: NDArray[np.float32] | None = None,
) -> Offer | None:
    """Measure exposure and error where both are known, carry them in, expect `more` error."""
    places = around.half_grid + shift
    visible = source.shows(places)
    both = around.half_known & visible
    total = np.count_nonzero(both)
    if total < _FEWEST_PIXELS // 4:
        return None
    shown = sample(source.tones, source.to_tiny(places))
    *difference, _ = split(around.half_colours - shown)
    share = both.astype(np.float32)
    squared = mean_square(difference)
    squared *= share
    usual = share * (squared < _STRANGE * median(squared[both]) + _EXPOSURE_STEP**2)
    unexplained = float(squared.sum()) / total
    _, deviation = cv2.meanStdDev(around.half_colours, mask=both.view(np.uint8))
    variance = float(np.square(deviation[:3]).mean())
    if unexplained > max(25.0, 0.8 * variance):
        return None
    sums = join([*(one * usual for one in difference), usual])
    *wide, weight = split(cv2.blur(sums, _EXPOSURE_BOX))
    np.maximum(weight, np.float32(1e-6), out=weight)
    for one in wide:
        one /= weight
    error = np.asarray(cv2.blur(squared, _ERROR_BOX), np.float32)
    error /= np.maximum(cv2.blur(share, _ERROR_BOX), np.float32(1e-6))
    error -= mean_square(wide)
    kept = [np.clip(one, -_LARGEST_OFFSET, _LARGEST_OFFSET) for one in wide]
    tones = complete(join([*kept, np.maximum(error, np.float32(0))]), ~both)
    error = np.asarray(cv2.extractChannel(tones, 3), np.float32)
    if abs(source.index - around.index) > 1 and shift.any():  # the camera moves
        error += np.float32(_SURPRISE * variance)
    if more is not None:
        error += more
    cv2.insertChannel(error, tones, 3)
    return Offer(shift, shown + tones, tones, error, visible, prior)
