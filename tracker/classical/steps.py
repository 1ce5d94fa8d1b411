"""How a frame lies in one next to it: found by dense flow, said by few numbers."""

from dataclasses import dataclass

import cv2
import numpy as np

from tracker.classical.camera import (
    LEAST_LIKENESS,
    Homography,
    apply,
    at,
    fit,
    likeness,
    strongest,
)
from tracker.classical.flow import FAST, Flow, FlowEstimator, complete_motion, pixel_grid, sample
from tracker.classical.views import View
from tracker.lazy import lazily
from tracker.types import Mask

SPACING = 4  # pixels between two lattice points
_LARGEST_RESIDUAL = 0.25  # of the longer side: more is a mistake
_NOISE = 0.1  # pixels, of flow from one frame to the next
_EDGE = 9  # pixels: side of the square of flow that must be known for its middle to be trusted


@dataclass(frozen=True, eq=False)
class Link:
    """Where pixels of one frame lie in another, working size."""

    homography: Homography
    residual: Flow  # (h / 4, w / 4, 2): what is to be added, on a lattice

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
            found = self.between(first, second, before.homography)
        return self.between(first, second) if found is None else found

    def between(self, first: View, second: View, guess: Homography | None = None) -> Link | None:
        """Return the link between two frames that show much the same; None if they do not."""
        height, width = first.size
        grid, nodes = pixel_grid(height, width), lattice(height, width)
        points = strongest(first.strength, first.known)
        if len(points) == 0:
            return Link(np.eye(3), np.zeros_like(nodes))  # nothing to see, nothing to misplace
        start = None if guess is None else apply(guess, grid) - grid
        flow = self._estimator.between(first.gray, second.gray, start)
        moved = points + at(flow, points)
        clear = is_clear(second, moved)
        motion = fit(points[clear], moved[clear], first.outline)
        if motion is None:
            return None
        agreement = likeness(first.gray, second.gray, flow, points[clear])
        if agreement < LEAST_LIKENESS:
            return None
        return Link(motion.homography, self._residual(first, second, flow, motion.homography))

    def _residual(self, first: View, second: View, flow: Flow, homography: Homography) -> Flow:
        """Return what `flow` says beyond the homography, carried into the holes."""
        height, width = first.size
        nodes = lattice(height, width)
        places = cv2.blur(flow, (SPACING, SPACING))[::SPACING, ::SPACING] + nodes
        known = first.known if not first.has_hole else _shrink(first.known)
        reliable = known[::SPACING, ::SPACING] & is_clear(second, places)
        rest = cv2.split(complete_motion(places - apply(homography, nodes), ~reliable))
        power = rest[0] * rest[0] + rest[1] * rest[1]
        power /= power + np.float32(_NOISE**2)  # what may be noise counts for little
        limit = _LARGEST_RESIDUAL * max(height, width)
        parts = [np.clip(axis * power, -limit, limit) for axis in rest]
        return np.asarray(cv2.merge(parts), np.float32)


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
