"""How sure one may be of a carried mask: whether it is likely to be right, from two signs.

One is how undecided its pixels are.  The other is how unlike the object as it was given its
cells have become: a mask that has leaked or drifted may be of one mind about its pixels, but
they look like something else.  The weights are those of a logistic regression on whether the
intersection over union with the truth is good (above about 0.6), over ten real clips, from
true first masks and from three kinds of wrong ones.  With each clip judged by the weights of
the other nine, seven of ten masks below an IoU of 0.5 came out below 0.5, and eight of ten
above 0.8 above 0.7.

Tried and left out, as they told no more on clips they were not fitted to: agreement with what
flow carried, how far flow could be trusted, the share that moves with the background, and
changes of area.
"""

import numpy as np

from tracker.classical.appearance import Floats, nearest_rows
from tracker.classical.lost import LARGEST_MODEL

BIAS = -6.16
DECIDED = 1.86  # per unit of log odds of the mean probability
UNLIKE_GIVEN = -0.90  # per unit of the logarithm of the typical squared distance
LEAST_DISTANCE = 0.05  # squared, of features: nothing is more alike than noise allows
LEAST_DOUBT = 1e-3  # of a mean probability
ENOUGH = 150  # cells say how alike an object is


def unlikeness(cells: Floats, given: Floats) -> Floats:
    """Return (n,): how far some of the cells of a mask are from the object as it was given.

    Args:
        cells: (N, features), of the mask now.
        given: (M, features), of the object.
    """
    if not len(cells) or not len(given):
        return np.empty(0, np.float32)
    some = cells[:: -(-len(cells) // ENOUGH)]
    model = given[:: -(-len(given) // LARGEST_MODEL)]
    return np.maximum(nearest_rows(some, model)[1], 0)


def confidence(probability: float, distances: Floats) -> float:
    """Return how likely a mask is to be right, in [0, 1].

    Args:
        probability: the mean over the mask's pixels of that of being the object.
        distances: what `unlikeness` says of its cells.
    """
    if not len(distances):
        return 0.0
    distance = float(np.median(distances))
    probability = float(np.clip(probability, LEAST_DOUBT, 1 - LEAST_DOUBT))
    score = BIAS + DECIDED * np.log(probability / (1 - probability))
    score += UNLIKE_GIVEN * np.log(distance + LEAST_DISTANCE)
    return float(1 / (1 + np.exp(-score)))
