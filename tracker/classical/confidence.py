"""How sure one may be of a carried mask: what is reported, and what the engine goes by.

Reported is how likely a mask is to be right, from two signs.  One is how likely the pixels just
outside it are the object, too: a mask that has lost a part, or slides onto something else, is
seldom surrounded by what clearly is background.  The other is how much is missing: how far the
cells of the object as it was given are from those of the mask, the half of similarity that asks
for completeness (Simakov and others, "Summarizing visual data using bidirectional similarity",
CVPR 2008).  The weights are those of a logistic regression on whether the intersection over union
with the truth is above 0.6, a mistake that goes unnoticed counting as much as two good masks that
are doubted; 162 clips of 13 objects, hidden for a while in most of them.

What the engine itself goes by, when it looks for an object or learns how it looks, are two other
signs: how undecided the mask's own pixels are, and how unlike the object they have become.  They
tell less, but err on the side on which an engine should: what was tried is in
docs/classical/following.md.
"""

import cv2
import numpy as np

from tracker.classical.appearance import Floats, nearest_rows
from tracker.classical.lost import LARGEST_MODEL
from tracker.images import bounding_box
from tracker.types import Mask

BIAS = -10.7
AROUND = -5.66  # per unit of the logarithm of the mean probability just outside
MISSING = -2.21  # per unit of the logarithm of the typical squared distance
LEAST_AROUND = 0.02  # of a probability: soft labels are never sharper
RING = 4  # pixels: what is just outside

TRUST_BIAS = -6.16
DECIDED = 1.86  # per unit of log odds of the mean probability
UNLIKE_GIVEN = -0.90  # per unit of the logarithm of the typical squared distance
LEAST_DOUBT = 1e-3  # of a mean probability

LEAST_DISTANCE = 0.05  # squared, of features: nothing is more alike than noise allows
ENOUGH = 150  # cells say how alike an object is


def unlikeness(cells: Floats, others: Floats) -> Floats:
    """Return (n,): the squared distances of some of `cells` from what is nearest among others.

    Args:
        cells: (N, features).
        others: (M, features).
    """
    if not len(cells) or not len(others):
        return np.empty(0, np.float32)
    some = cells[:: -(-len(cells) // ENOUGH)]
    model = others[:: -(-len(others) // LARGEST_MODEL)]
    return np.maximum(nearest_rows(some, model)[1], 0)


def likely_around(soft: Floats, mask: Mask) -> float:
    """Return the mean of `soft` (h, w) just outside `mask` (h, w); 0 if there is no outside."""
    box = bounding_box(mask, margin=RING)
    if box is None:
        return 0.0
    inside = mask[box].astype(np.uint8)
    ring = cv2.dilate(inside, np.ones((2 * RING + 1, 2 * RING + 1), np.uint8)) - inside
    return float(cv2.mean(soft[box], ring)[0])


def confidence(around: float, missing: Floats) -> float:
    """Return how likely a mask is to be right, in [0, 1]: what is reported.

    Args:
        around: what `likely_around` says of it.
        missing: what `unlikeness` says of the object's given cells beside those of the mask.
    """
    if not len(missing):
        return 0.0
    score = BIAS + AROUND * np.log(around + LEAST_AROUND)
    score += MISSING * np.log(float(np.median(missing)) + LEAST_DISTANCE)
    return float(1 / (1 + np.exp(-score)))


def trust_in(probability: float, distances: Floats) -> float:
    """Return how much the engine goes by a mask, in [0, 1].

    Args:
        probability: the mean over the mask's pixels of that of being the object.
        distances: what `unlikeness` says of its cells beside the object's given ones.
    """
    if not len(distances):
        return 0.0
    distance = float(np.median(distances))
    probability = float(np.clip(probability, LEAST_DOUBT, 1 - LEAST_DOUBT))
    score = TRUST_BIAS + DECIDED * np.log(probability / (1 - probability))
    score += UNLIKE_GIVEN * np.log(distance + LEAST_DISTANCE)
    return float(1 / (1 + np.exp(-score)))
