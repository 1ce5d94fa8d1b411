"""Whether a mask is its object's at all, by what its cells look like.

Masks slide onto what comes in front of an object, and something else may be taken for an object
that is hidden.  Such masks are seldom doubtful in themselves; but most of their cells are
further from the object as it was given than nine in ten used to be (see `usual.py`), or nearer
to some background.  One sign is not enough against an object followed from frame to frame: it
may turn, or drive into the shade.  It is enough against a find, where nothing else speaks for it
unless it is found again and again.
"""

import numpy as np

from tracker.classical.appearance import Floats, nearest_rows
from tracker.classical.layers import median
from tracker.classical.lost import LARGEST_MODEL, Background
from tracker.types import Mask

FAR = 1.5  # times as far as usual
SUDDEN = 2.5  # times as far as usual from how it looked lately: it is another thing
REMAINS = 0.5  # of its usual area: an object covering less may be what is left of one gone
STILL_ALIKE = 0.3  # share of the cells that remain
MOSTLY_ALIKE = 0.5  # and of those found at first,
AGAIN = 3  # until found in so many frames in a row


def is_believed(
    features: Floats,
    model: Floats,
    distances: Floats,
    usual: float,
    background: Background,
    *,
    is_small: bool,
    times_found: int,
    is_whole: bool,
    is_elsewhere: bool,
) -> bool:
    """Return whether a mask is likely to be of its object.

    Args:
        features: (N, features), the mask's cells, at least one.
        model: (M, features), of the object as it was given.
        distances: (n,), squared, of some of the cells from it.
        usual: the squared distance that nine in ten cells are usually within.
        background: what the object could be mistaken for.
        is_small: the mask is much smaller than usual, see `REMAINS`.
        times_found: the frames in a row it was found in; 0: it was followed.
        is_whole: the object was given in one piece; else a find may be of one of several.
        is_elsewhere: this is another scene than the object was given in, so that not much of
            the background need be known: nothing is let pass for it.
    """
    unlike = is_unlike(distances, usual, is_elsewhere=is_elsewhere)
    if times_found and unlike:
        return False
    if not (unlike or times_found or is_small):
        return True
    least = MOSTLY_ALIKE if is_whole and 0 < times_found < AGAIN else STILL_ALIKE
    return alike(features, model, background) >= least


def is_unlike(distances: Floats, usual: float, *, is_elsewhere: bool) -> bool:
    """Return whether a mask's cells are far from the object; arguments as of `is_believed`."""
    most = usual if is_elsewhere else FAR * usual
    return bool(len(distances)) and median(distances) > most


def is_sudden(changes: Floats, usual: float) -> bool:
    """Return whether cells (n,) have come to look otherwise at once, as no object does."""
    return bool(len(changes)) and median(changes) > SUDDEN * usual


def alike(features: Floats, model: Floats, background: Background) -> float:
    """Return which share of cells (N, features) is nearer to `model` (M, features)."""
    if not len(features):
        return 0.0
    return float(are_nearer(features, model, background.distances(features)).mean())


def are_nearer(features: Floats, model: Floats, to_background: Floats) -> Mask:
    """Return (N,): which cells are nearer to an object than to the background.

    Args:
        features: (N, features), at least one.
        model: (M, features), of the object.
        to_background: (N,), their squared distances from the background.
    """
    if not len(model):
        return np.zeros(len(features), bool)
    nearest = nearest_rows(features, model[:: -(-len(model) // LARGEST_MODEL)])[1]
    return np.asarray(nearest < to_background, bool)
