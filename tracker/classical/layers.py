"""How each layer of a frame (the background, each object) moves as a whole.

The motion is a similarity: shift, turn and scale, fitted robustly to dense flow.  With
places as complex numbers it is z -> rotation * z + shift, and the fit is linear.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALLEST_LAYER = 12  # flow vectors; fewer do not say how a layer turns
ENOUGH = 500  # flow vectors; more add time, not precision
ITERATIONS = 4


@dataclass(frozen=True)
class Motion:
    """z -> rotation * z + shift, with z = x + iy in pixels."""

    rotation: complex = 1 + 0j
    shift: complex = 0j

    def apply(self, places: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Return where `places` go."""
        moved: NDArray[Any] = places * np.complex64(self.rotation) + np.complex64(self.shift)
        return moved.astype(np.complex64)


def fit_motion(places: NDArray[np.complex64], flow: NDArray[np.complex64]) -> Motion | None:
    """Return the similarity most of `flow` at `places` agrees with; None if there is too little.

    Iteratively reweighted least squares with Cauchy weights, from the median shift.
    """
    if len(places) < SMALLEST_LAYER:
        return None
    thinned = slice(None, None, -(-len(places) // ENOUGH))
    places, flow = places[thinned], flow[thinned]
    shift = complex(np.median(flow.real), np.median(flow.imag))
    slope = 0j  # rotation - 1
    centre = complex(places.mean())
    arms = places - np.complex64(centre)
    for _ in range(ITERATIONS):
        residual = np.abs(flow - np.complex64(slope) * arms - np.complex64(shift))
        scale = max(0.25, 1.5 * float(np.median(residual)))
        weight = 1 / (1 + (residual / scale) ** 2)
        total = float(weight.sum())
        mean_arm, mean_flow = (complex((weight * v).sum()) / total for v in (arms, flow))
        centred = arms - np.complex64(mean_arm)
        spread = float((weight * np.abs(centred) ** 2).sum())
        # A unit of spread per vector keeps a layer that is nearly a point from spinning.
        slope = complex((weight * np.conj(centred) * flow).sum()) / (spread + total)
        shift = mean_flow - slope * mean_arm
    return Motion(1 + slope, shift - slope * centre)


def layer_motions(
    flow_to_next: NDArray[np.float32], layers: NDArray[Any], num_layers: int, step: int = 4
) -> list[Motion]:
    """Return every layer's motion; that of the background where a layer is too small.

    Args:
        flow_to_next: (H, W, 2).
        layers: (H, W) in [0, num_layers), before the motion.
        num_layers: how many motions to return.
        step: every how many pixels the flow is looked at.
    """
    height, width = layers.shape
    flow = np.ascontiguousarray(flow_to_next[::step, ::step]).view(np.complex64)[..., 0]
    y, x = np.arange(0, height, step), np.arange(0, width, step)
    places = (x[None] + 1j * y[:, None]).astype(np.complex64)
    coarse = layers[::step, ::step]
    found = [fit_motion(places[coarse == k], flow[coarse == k]) for k in range(num_layers)]
    background = found[0] or Motion()
    return [motion or background for motion in found]
