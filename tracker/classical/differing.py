"""What a pixel's difference from the background says: measured, not set.

It is the likelihood ratio of two distributions, of differences where background is expected
near the objects, and of differences where an object is.  Where the background is known badly
(parallax, moving water, an object like what is behind it) these are alike, and nothing is
said.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracker.classical.appearance import Floats
from tracker.classical.layers import median

BINS = np.array([0.5, 1, 1.5, 2, 3, 4, 6, 8, 11, 15, 20, 28, 40, 60], np.float32)  # Lab units
KEPT = 0.8  # of the counts of differences, per frame
UNDECIDED = 30.0  # pixels' worth of differences that say nothing
TAILS = 0.005  # probability, by bin, of a difference for reasons not foreseen
WEIGHT = 3.0  # of the log odds: what they must outweigh, appearance, is weighed 4
SPEAKS_AGAINST = 12.0  # log odds: the most that equalling the background says against an object
SPEAKS_FOR = 4.0  # the most that differing says for an object: shadows differ as well
ALIKE = 4.0  # Lab units: a place is the same if it does not differ more than this,
USUALLY = 2.0  # or than so many times what background usually differs by


class Differing:
    """The differences of every layer of one video: the background and each object."""

    def __init__(self) -> None:
        self._counts: list[Floats] = []  # by layer: of differences, by bin

    def forget(self) -> None:
        """Begin anew: the next frame is of another scene."""
        self._counts = []

    def count(self, differences: Sequence[NDArray[np.intp]]) -> None:
        """Note a frame's differences (N,), in bins, of the background and each object."""
        for layer, bins in enumerate(differences):
            if layer == len(self._counts):
                self._counts.append(np.zeros(len(BINS) + 1, np.float32))
            new = np.bincount(bins, minlength=len(BINS) + 1)
            self._counts[layer] = np.asarray(KEPT * self._counts[layer] + new, np.float32)

    def odds(self, bins: NDArray[np.intp]) -> list[Floats]:
        """Return what differences (h, w), in bins, say for each object: log odds (h, w)."""
        shares = [counts / max(1, counts.sum()) for counts in self._counts]
        mean = sum(shares) / np.float32(len(shares))
        likely = [
            (counts + UNDECIDED * mean) / (counts.sum() + UNDECIDED) + TAILS
            for counts in self._counts
        ]
        tables = [WEIGHT * np.log(one / likely[0]) for one in likely[1:]]
        return [
            np.clip(table, -SPEAKS_AGAINST, SPEAKS_FOR).astype(np.float32)[bins] for table in tables
        ]


def in_bins(differences: Floats) -> NDArray[np.intp]:
    """Return the bins that differences (...), in units of CIE Lab, are counted in."""
    return np.digitize(differences, BINS)


def most_alike(background: Floats) -> float:
    """Return how far a place that is the same may differ, given how background (N,) does."""
    return max(ALIKE, USUALLY * median(background)) if background.size else ALIKE


def outside(colours: Floats, least: Floats, most: Floats) -> Floats:
    """Return (...): how far `colours` (..., 3) lie outside the bounds (..., 3)."""
    beyond = np.maximum(np.maximum(colours - most, least - colours), 0)
    x, y, z = beyond[..., 0], beyond[..., 1], beyond[..., 2]
    return np.asarray(np.sqrt(x * x + y * y + z * z), np.float32)
