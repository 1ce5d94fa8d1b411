"""What moves in the true frames: flow, what is hidden, the camera, the rest.

The flow is OpenCV's DIS (preset MEDIUM) between true frames; a pixel is visible in both if
flow there and back cancel (Sundaram et al., ECCV 2010).  Published warping errors use other
flows, so figures compare within this program only.
"""

from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray

from tracker.classical.flow import MEDIUM, Flow, FlowEstimator, pixel_grid, warp
from tracker.evaluation.protocol import Pixels
from tracker.types import Mask

_STEP = 8  # pixels between the places a camera's motion is fitted to
_SWEEPS = 10


@dataclass(frozen=True, eq=False)
class Motion:
    """How one true frame moves to the next."""

    flow_to_next: Flow
    visible: Mask  # pixels of the first frame that the second shows, too
    camera: float  # mean displacement of the fitted affine motion, as a share of the diagonal
    background: float  # mean displacement that is left, as a share of the diagonal


class MotionEstimator:
    """Finds the motion between true frames."""

    def __init__(self) -> None:
        self._flow = FlowEstimator(MEDIUM)

    def between(self, first: Pixels, second: Pixels) -> Motion:
        """Return the motion from the first frame to the second, (H, W, 3) each."""
        first_gray, second_gray = _gray(first), _gray(second)
        there = self._flow.between(first_gray, second_gray)
        back = warp(self._flow.between(second_gray, first_gray), there)
        gap = ((there + back) ** 2).sum(axis=-1)
        length = (there**2).sum(axis=-1) + (back**2).sum(axis=-1)
        places, last = there + pixel_grid(*gap.shape), np.subtract(gap.shape[::-1], 1)
        stays = ((places >= 0) & (places <= last)).all(axis=-1)
        visible = stays & (gap < 0.01 * length + 0.5)
        camera = _affine(there)
        diagonal = hypot(*first_gray.shape)
        return Motion(
            there,
            visible,
            float(np.hypot(camera[..., 0], camera[..., 1]).mean()) / diagonal,
            float(np.hypot(*np.moveaxis(there - camera, -1, 0)).mean()) / diagonal,
        )


def _gray(frame: Pixels) -> NDArray[np.uint8]:
    """Return the luma of (H, W, 3) RGB (ITU-R BT.601)."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    gray: NDArray[np.uint8] = np.rint(np.asarray(frame, np.float32) @ weights).astype(np.uint8)
    return gray


def _affine(flow: Flow) -> NDArray[np.float64]:
    """Return the affine motion most of `flow` agrees with, (H, W, 2).

    Least squares, reweighted so that what moves otherwise loses its say (Cauchy weights).
    """
    grid = np.asarray(pixel_grid(*flow.shape[:2]), np.float64)
    basis = np.dstack([grid, np.ones(flow.shape[:2])])
    rows = basis[::_STEP, ::_STEP].reshape(-1, 3)
    values = np.asarray(flow[::_STEP, ::_STEP], np.float64).reshape(-1, 2)
    weights = np.ones(len(rows))
    for _ in range(_SWEEPS):
        root = np.sqrt(weights)[:, None]
        model = np.linalg.lstsq(root * rows, root * values, rcond=None)[0]
        error = ((values - rows @ model) ** 2).sum(axis=1)
        weights = 1 / (1 + error / max(float(np.median(error)), 1e-3))
    return np.asarray(basis @ model)
