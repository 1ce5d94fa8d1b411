"""How a frame lies in one next to it: found by dense flow, said by few numbers."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.camera import (
    LEAST_LIKENESS,
    Homography,
    Motion,
    Points,
    apply,
    at,
    fit,
    likeness,
    strongest,
)
from tracker.classical.flow import (
    FAST,
    Flow,
    FlowEstimator,
    complete,
    complete_motion,
    pixel_grid,
    sample,
)
from tracker.classical.parts import parts_of
from tracker.classical.spatial import doubt
from tracker.classical.views import View, box_around
from tracker.lazy import lazily
from tracker.types import Mask

SPACING = 4  # pixels between two lattice points
_LARGEST_RESIDUAL = 0.25  # of the longer side: more is a mistake
_NOISE = 0.1  # pixels, of flow from one frame to the next
_TURNS = 2  # in which a place is looked for against a link: motion is smooth
_FAR = 2.0  # pixels: a guess that far off has misled the flow: it is looked for again
_EDGE = 9  # pixels: side of the square of flow that must be known for its middle to be trusted


@dataclass(frozen=True, eq=False)
class Link:
    """Where pixels of one frame lie in another, working size."""

    homography: Homography
    residual: Flow  # (h / 4, w / 4, 2): what is to be added, on a lattice
    # (h / 4, w / 4): of a step's residual, squared pixels, 0 where it was seen; None: unknown
    variance: NDArray[np.float32] | None = None
    # (h / 4, w / 4): by how much what foretells it disagrees, squared pixels; None: it does not
    dispute: NDArray[np.float32] | None = None

    @lazily
    def is_plain(self) -> bool:
        """Return whether the homography says all."""
        return not self.residual.any()

    def places(self, grid: Flow) -> Flow:
        """Return where `grid` (..., 2) lies in the other frame."""
        if grid.size == 0 or self.is_plain:
            return apply(self.homography, grid)
        table = grid if grid.ndim == 3 else grid[None]
        extra = sample(self.residual, table * np.float32(1 / SPACING)).reshape(grid.shape)
        extra += apply(self.homography, grid)
        return np.asarray(extra, np.float32)


def lattice(height: int, width: int) -> Flow:
    """Return the lattice points of a frame, (h / 4, w / 4, 2), whole pixels."""
    return pixel_grid(-(-height // SPACING), -(-width // SPACING)) * np.float32(SPACING)


def reverse(link: Link, nodes: Flow) -> Link:
    """Return the link from the other frame back: each of its `nodes` is looked for in turn."""
    back = np.asarray(np.linalg.inv(link.homography), np.float64)
    back /= back[2, 2]
    if link.is_plain and link.dispute is None:
        return Link(back, link.residual)
    straight = apply(back, nodes)
    places = straight
    for _ in range(_TURNS):
        extra = sample(link.residual, places * np.float32(1 / SPACING))
        places = apply(back, nodes - extra)
    dispute = link.dispute
    if dispute is not None:
        dispute = sample(dispute, places * np.float32(1 / SPACING))
    return Link(back, places - straight, dispute=dispute)


class StepFinder:
    """Finds steps between neighbours; may be used in several threads."""

    def __init__(self) -> None:
        self._estimator = FlowEstimator(FAST, finest_scale=1, refinements=0)

    def step(self, first: View, second: View, before: Link | None) -> Link | None:
        """Return the step between neighbours, None across a cut.

        `before` is the step before it, if it is known: motion mostly goes on.
        """
        found = None
        if before is not None and not np.array_equal(before.homography, np.eye(3)):
            found = self.between(first, second, go_on(before, lattice(*first.size)))
        return self.between(first, second) if found is None else found

    def between(self, first: View, second: View, guess: Link | None = None) -> Link | None:
        """Return the link between two frames that show much the same; None if they do not.

        What is guessed stands in for what the holes hide, and draws the flow around them along:
        where the guess was wrong, flow is looked for again.
        """
        points = strongest(first.strength, first.known)
        if len(points) == 0:
            nodes = lattice(*first.size)
            return Link(np.eye(3), np.zeros_like(nodes))  # nothing to see, nothing to misplace
        flow, motion = self._look(first, second, points, guess)
        if guess is not None and motion is not None and _is_far(motion, guess, first.outline):
            guess = replace(guess, homography=motion.homography)
            flow, motion = self._look(first, second, points, guess)
        if motion is None:
            return None
        clear = is_clear(second, points + at(flow, points))
        agreement = likeness(first.gray, second.gray, flow, points[clear])
        if agreement < LEAST_LIKENESS:
            return None
        return Link(
            motion.homography, *self._residual(first, second, flow, motion.homography, guess)
        )

    def _look(
        self, first: View, second: View, points: Points, guess: Link | None
    ) -> tuple[Flow, Motion | None]:
        """Return the flow from one frame to another, and the camera's motion, if it is found."""
        if guess is None:
            flow = self._estimator.between(first.gray, second.gray)
        else:
            grid = pixel_grid(*first.size)
            pair = with_holes_alike(first, second, guess)
            flow = self._estimator.between(*pair, apply(guess.homography, grid) - grid)
        moved = points + at(flow, points)
        clear = is_clear(second, moved)
        return flow, fit(points[clear], moved[clear], first.outline)

    def _residual(
        self, first: View, second: View, flow: Flow, homography: Homography, guess: Link | None
    ) -> tuple[Flow, NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """Return what `flow` says beyond the homography, carried in; see `carry_in`."""
        height, width = first.size
        nodes = lattice(height, width)
        places = cv2.blur(flow, (SPACING, SPACING))[::SPACING, ::SPACING] + nodes
        known = first.known if not first.has_hole else _shrink(first.known)
        reliable = known[::SPACING, ::SPACING] & is_clear(second, places)
        rest = places - apply(homography, nodes)
        variance = dispute = None
        if not reliable.all():
            rest, variance, dispute = carry_in(rest, ~reliable, guess)
        parts = cv2.split(rest)
        power = parts[0] * parts[0] + parts[1] * parts[1]
        power /= power + np.float32(_NOISE**2)  # what may be noise counts for little
        limit = _LARGEST_RESIDUAL * max(height, width)
        parts = [np.clip(axis * power, -limit, limit) for axis in parts]
        return np.asarray(cv2.merge(parts), np.float32), variance, dispute


def _is_far(motion: Motion, guess: Link, outline: Points) -> bool:
    """Return whether the camera moved otherwise than was guessed."""
    gap = apply(motion.homography, outline) - apply(guess.homography, outline)
    return float(np.median(np.hypot(gap[:, 0], gap[:, 1]))) > _FAR


def carry_in(
    rest: Flow, hole: Mask, guess: Link | None
) -> tuple[Flow, NDArray[np.float32], NDArray[np.float32] | None]:
    """Return a residual (h / 4, w / 4, 2) carried into a hole, its variance, and the dispute.

    Each part of its surroundings is carried in by itself, see `parts.py`.  They foretell the
    part's motion, and so does how the same places moved a step ago (`guess`), changed as the
    surroundings have changed since: each weighed by the inverse of its variance
    (Kalman, 1960), (h / 4, w / 4), as the variogram of what is carried in says.  Where the two
    disagree, or a place moved before as another part does (Blom and Bar-Shalom, 1988),
    something else may be hidden than either knows: see `Link`.
    """
    parts = parts_of(rest, hole)
    if guess is not None and guess.is_plain:
        guess = None
    if len(parts) == 1:
        only = _foretell(rest, hole, guess, complete_motion(rest, hole))
        motion = np.where(hole[..., None], only.motion, rest)
        return motion, only.variance, None if guess is None else only.dispute * hole
    found = [_foretell(rest, ~part.seen, guess, complete(rest, ~part.seen)) for part in parts]
    motion, variance, dispute = np.array(rest), np.zeros_like(rest[..., 0]), None
    for part, one in zip(parts, found, strict=True):
        motion[part.hidden] = one.motion[part.hidden]
        variance[part.hidden] = one.variance[part.hidden]
    if guess is not None:
        likely = [part.likely * one.likely for part, one in zip(parts, found, strict=True)]
        total = np.maximum(np.sum(likely, axis=0), np.float32(1e-9))
        dispute = np.zeros_like(variance)
        for part, one, weight in zip(parts, found, likely, strict=True):
            dispute[part.hidden] += one.dispute[part.hidden]
            dispute += hole * weight / total * np.square(one.motion - motion).sum(axis=-1)
    return motion, variance, dispute


@dataclass(frozen=True, eq=False)
class _Foretold:
    """How hidden places move if they belong to one part; all are (h / 4, w / 4)."""

    motion: Flow  # (h / 4, w / 4, 2), the residual
    variance: NDArray[np.float32]  # squared pixels
    dispute: NDArray[np.float32]  # squared pixels, by how much the past disagrees
    likely: NDArray[np.float32]  # how likely they have moved as they did if they do


def _foretell(rest: Flow, unseen: Mask, guess: Link | None, around: Flow) -> _Foretold:
    """Return what `carry_in` does for one part; `around` is what its surroundings foretell."""
    variance = doubt(rest, unseen)
    if guess is None:
        return _Foretold(around, variance, np.zeros_like(variance), np.ones_like(variance))
    change = rest - guess.residual
    foretold, risk = guess.residual + complete(change, unseen), doubt(change, unseen)
    if guess.variance is not None:
        risk += guess.variance
    total = variance + risk
    share = variance / np.maximum(total, np.float32(1e-6))
    gap = foretold - around
    squared = gap[..., 0] * gap[..., 0] + gap[..., 1] * gap[..., 1]
    total += np.float32(_NOISE**2)
    likely = np.exp(squared / (-2 * total)) / total
    return _Foretold(
        around + share[..., None] * gap, share * risk, share * (1 - share) * squared, likely
    )


def go_on(step: Link, nodes: Flow) -> Link:
    """Return what the next step is likely to be: every place goes on as it did."""
    if step.is_plain:
        return step
    straight = apply(step.homography, nodes)
    residual = step.residual
    for _ in range(_TURNS):
        places = (straight + residual) * np.float32(1 / SPACING)
        residual = sample(step.residual, places)
    variance = None if step.variance is None else sample(step.variance, places)
    return Link(step.homography, residual, variance)


def with_holes_alike(
    first: View, second: View, guess: Link
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return both frames, grey, each with what the other shows in its hole, moved by a guess.

    What holes are filled with smoothly moves as they do, not as the background, and draws the
    flow around them along.
    """
    one, two = first.gray, second.gray
    if first.has_hole:
        one, part = one.copy(), box_around(~first.known, margin=0)
        there = guess.places(np.ascontiguousarray(pixel_grid(*first.size)[part]))
        cv2.copyTo(sample(two, there), ~first.usable[part], one[part])
    if second.has_hole:
        two, part = two.copy(), box_around(~second.known, margin=0)
        back = reverse(guess, lattice(*second.size))
        there = back.places(np.ascontiguousarray(pixel_grid(*second.size)[part]))
        cv2.copyTo(sample(one, there), ~second.usable[part], two[part])
    return one, two


def _shrink(known: Mask) -> Mask:
    kernel = np.ones((_EDGE, _EDGE), np.uint8)
    shrunk: Mask = cv2.erode(known.astype(np.uint8), kernel, borderValue=1) > 0
    return shrunk


def is_clear(view: View, places: Flow) -> Mask:
    """Return whether each of `places` (..., 2) lies inside the view and outside its hole."""
    table = places if places.ndim == 3 else places[None]
    nearest, outside = cv2.INTER_NEAREST, cv2.BORDER_CONSTANT
    seen = sample(view.usable, table, interpolation=nearest, border=outside)
    return np.asarray(seen.reshape(places.shape[:-1]) > 0)
