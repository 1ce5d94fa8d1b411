"""How much of copied detail shows: octave by octave, each as strong as it may be.

Detail that is not the true one makes a fill err more, by its own square; a fill without any
looks painted.  So a price is set, a share of the power that the texture around the hole has: by
as much as that power a fill without texture errs anyway.  What is bought for it is as much
energy of gradients as can be had, for that is what eyes miss: fine detail first, which costs
little and has most of it, then coarser (Lagrange).  What is foretold costs nothing (Wiener).
"""

from collections.abc import Sequence

import numpy as np

from tracker.classical.blend import mean_square
from tracker.classical.spots import Plane, Planes

_PRICE = 0.05  # of the power of texture: 10 log10(1.05) = 0.21 dB are the most that is lost
_HALVINGS = 30  # of the range, as a power of two, in which the worth of gradients is looked for
_LEAST, _MOST = -10.0, 20.0


def weigh(
    bands: Sequence[Planes], pixels: Sequence[float], strength: Plane, foretold: Sequence[Plane]
) -> Planes:
    """Return (3, N), the sum of bands of detail, each as strong as it may be.

    Args:
        bands: (3, N) each, grey levels, the finest first.
        pixels: by band, the size of its finest details, in pixels.
        strength: (N,), grey levels, how far their sum should stray from 0.
        foretold: by band, (N,), 0 to 1, the share of it that is right.
    """
    whole = np.sqrt(mean_square(sum(bands, np.zeros_like(bands[0]))))
    # What is stronger than texture is here is an edge.
    fits = np.minimum(1, strength / np.maximum(whole, np.float32(1e-3)))
    guessed = [(1 - one) * fits for one in foretold]
    power = [
        float((mean_square(one) * part**2).mean()) for one, part in zip(bands, guessed, strict=True)
    ]
    worth = [size**-2 for size in pixels]  # gradients in a band, by its own power
    price = _PRICE * float(np.square(strength).mean())
    low, high = _LEAST, _MOST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        cost = sum(one * _shown(middle, each) ** 2 for one, each in zip(power, worth, strict=True))
        low, high = (middle, high) if cost < price else (low, middle)
    total = np.zeros_like(bands[0])
    for band, right, part, each in zip(bands, foretold, guessed, worth, strict=True):
        total += band * (fits * right + part * np.float32(_shown(low, each)))
    return total


def _shown(exponent: float, worth: float) -> float:
    """Return how much of what is guessed is shown, 0 to 1."""
    gain = 2**exponent * worth
    return gain / (1 + gain)
