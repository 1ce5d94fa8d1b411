"""The motions around a hole told apart, so that each is carried into a part of it of its own.

Two things behind a hole do not shade into each other.  So what is seen around it is halved
by its two means as long as these explain more of its variance than those of evenly spread
motions would; and a hidden place belongs to the part that a walk at random from there is
likeliest to meet first (Grady, 2006).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.flow import Flow, complete
from tracker.types import Mask

_REACH = 6  # places: as far around the hole is looked
_FEWEST = 16  # places that may be halved
_EVENLY = 0.75  # of the variance of evenly spread numbers: what their two means explain
_APART = 2.0  # pixels: motions that differ less may shade into each other
_MOST = 4  # parts
_TURNS = 8  # in which two means are looked for: they hardly ever move longer


@dataclass(frozen=True, eq=False)
class Part:
    """What moves alike in and around a hole."""

    seen: Mask  # (h, w), outside the hole
    hidden: Mask  # (h, w), inside
    likely: NDArray[np.float32] | float  # (h, w), how likely a hidden place belongs to it


def parts_of(motion: Flow, hole: Mask) -> list[Part]:
    """Return what a hole (h, w) falls into by the `motion` (h, w, 2) around it, one part or more.

    Their hidden places together are the hole; what `motion` says there does not matter.
    """
    outside: Mask = ~hole
    near = cv2.distanceTransform(outside.view(np.uint8), cv2.DIST_L2, 3) <= _REACH
    whole: list[Mask] = []
    halved = [outside]
    while halved:
        seen = halved.pop(0)
        enough = len(whole) + len(halved) + 2 > _MOST
        means = None if enough else _two_means(motion[seen & near])
        if means is None:
            whole.append(seen)
        else:
            one, two = (np.square(motion - mean).sum(axis=-1) for mean in means)
            halved += [seen & (one < two), seen & (one >= two)]
    if len(whole) == 1:
        return [Part(outside, hole, 1.0)]
    likely = [complete(seen.astype(np.float32), hole) for seen in whole]
    first_met = np.argmax(likely, axis=0)
    return [
        Part(seen, hole & (first_met == number), likely[number])
        for number, seen in enumerate(whole)
    ]


def _two_means(values: NDArray[np.float32]) -> list[NDArray[np.float32]] | None:
    """Return two vectors about which `values` (N, 2) gather, None if they hardly do."""
    if len(values) < _FEWEST:
        return None
    middle = values.mean(axis=0)
    values = values - middle
    if float(np.square(np.ptp(values, axis=0)).sum()) < _APART**2:
        return None
    _, axes = np.linalg.eigh(values.T @ values)
    upper = values @ axes[:, 1] > 0  # along the axis of the largest spread
    for _ in range(_TURNS):
        count = np.count_nonzero(upper)
        if count in (0, len(values)):
            return None
        total = upper.astype(np.float32) @ values  # that of the others is its opposite
        one, two = total / count, total / (count - len(values))
        now = (values - (one + two) / 2) @ (one - two) > 0
        if (now == upper).all():
            break
        upper = now
    explained = count * float(one @ one) + (len(values) - count) * float(two @ two)
    gap = one - two
    if explained < _EVENLY * float(np.square(values).sum()) or gap @ gap < _APART**2:
        return None
    return [one + middle, two + middle]
