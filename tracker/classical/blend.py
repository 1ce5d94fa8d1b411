"""One colour per pixel from what several frames say about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_AGREEMENT = 12.0  # grey levels: colours further apart than this show different things
_NOISE = 4.0  # grey levels squared: an error that even a perfect source has
_PATCH = 3  # pixels: offers are compared as patches, at half the working size
_APART = 5.0  # frames: closer sources repeat each other's mistakes
_FADING = 8.0  # frames after which a source counts half


@dataclass(frozen=True, eq=False)
class Ballot:
    """One offer to the vote: what a source shows if its pixels moved in a certain way."""

    colours: NDArray[np.float32]  # (h, w, 3)
    error: NDArray[np.float32]  # (h, w), expected squared error
    visible: NDArray[np.bool_]  # (h, w)
    prior: float  # how much this kind of motion is believed before looking
    when: int  # the source's frame number, relative to the target's


def elect(ballots: Sequence[Ballot]) -> list[NDArray[np.float32]]:
    """Return how much each offer counts, per pixel, (h, w) each; 0 where not visible.

    An offer is believed if it fits the surroundings (its error is small) and if others,
    from other times, say the same: what is truly behind the hole is shown alike by every
    frame that sees it, while wrong motions show different things.
    """
    trust = [
        ballot.visible
        * (np.float32(ballot.prior / (1 + abs(ballot.when) / _FADING)))
        * (ballot.error + np.float32(_NOISE)) ** np.float32(-1.5)
        for ballot in ballots
    ]
    num_offers = len(ballots)
    if num_offers == 1:
        return trust
    alike: list[list[NDArray[np.float32]]] = [[trust[0]] * num_offers for _ in ballots]
    for one in range(num_offers):
        alike[one][one] = np.ones_like(trust[0])
        for two in range(one):
            alike[one][two] = alike[two][one] = _likeness(ballots[one], ballots[two])
    scores = []
    for one, ballot in enumerate(ballots):
        agreeing = np.zeros_like(trust[0])
        asked = np.full_like(trust[0], 1e-9)
        for two, other in enumerate(ballots):
            gap = abs(ballot.when - other.when)
            independent = np.float32(gap / (gap + _APART)) * trust[two]
            agreeing += independent * alike[one][two]
            asked += independent
        support = (agreeing + np.float32(0.3) * trust[one]) / (asked + np.float32(0.5) * trust[one])
        scores.append(cv2.blur(trust[one] * support, (3, 3)) * ballot.visible)
    winner = np.stack(scores).argmax(axis=0)
    weights = []
    for one in range(num_offers):
        chosen = np.take_along_axis(np.stack(alike[one]), winner[None], axis=0)[0]
        weights.append(np.asarray(chosen * trust[one], np.float32))
    return weights


def _likeness(one: Ballot, two: Ballot) -> NDArray[np.float32]:
    """Return (h, w) in [0, 1]: whether two offers show the same patch."""
    shared = (one.visible & two.visible).astype(np.float32)
    size = (_PATCH, _PATCH)
    gap = mean_square(one.colours - two.colours) * shared
    gap = cv2.blur(gap, size) / np.maximum(cv2.blur(shared, size), np.float32(1e-3))
    expected = np.float32(_AGREEMENT**2) + (one.error + two.error) / 2
    return np.asarray(np.exp(gap / expected * np.float32(-0.5)), np.float32)


def mean_square(difference: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (h, w): the mean over the three colours of the square of (h, w, 3)."""
    total: NDArray[np.float32] = np.square(difference[..., 0])
    total += np.square(difference[..., 1])
    total += np.square(difference[..., 2])
    total *= np.float32(1 / 3)
    return np.asarray(total, np.float32)


def merge(colours: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of the colours that agree with the weightiest.

    Sources that agree are averaged, which takes away noise but not detail, as a misplaced
    detail does not agree.

    Args:
        colours: (K, N, 3) from K sources.
        weights: (K, N), 0 where a source does not count.

    Returns:
        (N, 3); meaningless where all weights are 0.
    """
    if len(colours) == 1:
        return colours[0]
    first = weights.argmax(axis=0)
    leader = np.take_along_axis(colours, first[None, :, None], axis=0)
    gap = np.square(colours - leader).mean(axis=2)
    share = weights * np.exp(gap * np.float32(-0.5 / _AGREEMENT**2))
    share /= np.maximum(share.sum(axis=0), 1e-12)
    return np.asarray(np.einsum("kn,knc->nc", share, colours), np.float32)
