"""One colour per pixel from what several frames say about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.hands import Hands
from tracker.classical.planes import overwrite

_AGREEMENT = 12.0  # grey levels: colours further apart than this show different things
_NOISE = 4.0  # grey levels squared: an error that even a perfect source has
_MEAN_OF_THREE = np.array([[1, 1, 1, 0]], np.float32) / 3  # of four channels
_PATCH = 3  # pixels: offers are compared as patches, at half the working size
_LEAST_SHARE = np.float32(0.2)  # of the weightiest: less is noise, not evidence
APART = 5.0  # frames: closer sources repeat each other's mistakes
_HOPELESS = np.float32(1e12)  # squared error of what no source shows
_BLOCK = 16384  # pixels merged at once: few enough for the processor's cache
_FADING = 8.0  # frames further away than the nearest source: counts half


@dataclass(frozen=True, eq=False)
class Ballot:
    """One offer to the vote: what a source shows if its pixels moved in a certain way."""

    colours: NDArray[np.float32]  # (h, w, 3)
    error: NDArray[np.float32]  # (h, w), expected squared error
    visible: NDArray[np.bool_]  # (h, w)
    share: NDArray[np.float32] | float  # (h, w), how much this motion is believed
    when: int  # the source's frame number, relative to the target's


def elect(ballots: Sequence[Ballot]) -> list[NDArray[np.float32]]:
    """Return how much each offer counts, per pixel, (h, w) each; 0 where not visible.

    An offer is believed if it fits the surroundings (its error is small) and if others,
    from other times, say the same: what is truly behind the hole is shown alike by every
    frame that sees it, while wrong motions show different things.
    """
    nearest = min(abs(ballot.when) for ballot in ballots)
    trust = [
        ballot.visible
        * np.asarray(ballot.share / (1 + (abs(ballot.when) - nearest) / _FADING), np.float32)
        * belief(ballot.error)
        for ballot in ballots
    ]
    num_offers = len(ballots)
    if num_offers == 1:
        return trust
    alike = np.ones((num_offers, num_offers, *trust[0].shape), np.float32)
    for one in range(num_offers):
        for two in range(one):
            alike[one, two] = alike[two, one] = _likeness(ballots[one], ballots[two])
    scores = []
    for one, ballot in enumerate(ballots):
        agreeing = np.zeros_like(trust[0])
        asked = np.full_like(trust[0], 1e-9)
        for two, other in enumerate(ballots):
            gap = abs(ballot.when - other.when)
            if gap:
                independent = np.float32(gap / (gap + APART)) * trust[two]
                asked += independent
                agreeing += np.multiply(independent, alike[one, two], out=independent)
        support = (agreeing + np.float32(0.3) * trust[one]) / (asked + np.float32(0.5) * trust[one])
        scores.append(cv2.blur(trust[one] * support, (3, 3)) * ballot.visible)
    winner = np.stack(scores).argmax(axis=0)
    weights = [np.zeros_like(one) for one in trust]
    for two in np.unique(winner):
        won = winner == two
        for one in range(num_offers):
            np.multiply(trust[one], alike[one, two], out=weights[one], where=won)
    return weights


def _likeness(one: Ballot, two: Ballot) -> NDArray[np.float32]:
    """Return (h, w) in [0, 1]: whether two offers show the same patch."""
    shared = (one.visible & two.visible).astype(np.float32)
    size = (_PATCH, _PATCH)
    gap = one.colours - two.colours
    gap *= gap
    difference = np.asarray(cv2.transform(gap, _MEAN_OF_THREE), np.float32)
    difference *= shared
    difference = np.asarray(cv2.blur(difference, size), np.float32)
    difference /= np.maximum(cv2.blur(shared, size), np.float32(1e-3))
    expected = one.error + two.error
    expected += np.float32(2 * _AGREEMENT**2)
    difference /= expected
    return np.asarray(np.exp(np.negative(difference, out=difference), out=difference), np.float32)


def mean_square(
    difference: Sequence[NDArray[np.float32]] | NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the mean of the squares of three planes of one shape."""
    total = difference[0] * difference[0]
    for one in difference[1:]:
        total += one * one
    total *= np.float32(1 / 3)
    return total


def belief(error: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the weight of a colour whose squared error is expected to be `error`."""
    return np.asarray((error + np.float32(_NOISE)) ** np.float32(-1.5), np.float32)


@dataclass(frozen=True, eq=False)
class Reading:
    """What one source says about N pixels."""

    colours: NDArray[np.float32]  # (3, N)
    error: NDArray[np.float32]  # (N,), expected squared error
    weight: NDArray[np.float32]  # (N,), 0 where the source does not count

    def at(self, part: slice) -> "Reading":
        """Return what it says about some of the pixels."""
        return Reading(self.colours[:, part], self.error[part], self.weight[part])


def merge(
    readings: Sequence[Reading],
    foretold: NDArray[np.float32],
    doubted: NDArray[np.float32],
    hands: Hands,
    optimism: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the colours of N pixels, and how much what sources show counts in them.

    Sources that agree with the weightiest as well as can be expected are averaged, which
    takes away noise; what disagrees shows something else and is left out.  What they show
    and what the surroundings foretell err for different reasons: the mean weighed by the
    inverse of their squared errors errs less than either (Wiener).  Small shares of the
    surroundings are left out, or detail would lose contrast everywhere.

    Args:
        readings: what the sources say; not empty.
        foretold: (3, N), what the surroundings say.
        doubted: (N,), the squared error to be expected of that.
        hands: work is shared among them.
        optimism: sources err by so many times the squared error expected of them.

    Returns:
        (3, N) colours and (N,) the share of the sources, 0 to 1, 0 where none counts.
    """
    result, share = np.empty_like(foretold), np.empty_like(doubted)

    def work(part: slice) -> None:
        shown, error = _merge([reading.at(part) for reading in readings], np.float32(optimism))
        share[part] = share_of(error, doubted[part])
        shown -= foretold[:, part]
        shown *= share[part]
        np.add(shown, foretold[:, part], out=result[:, part])

    size = result.shape[1]
    hands.each(work, [slice(i, min(size, i + _BLOCK)) for i in range(0, size, _BLOCK)])
    return result, share


def _merge(
    readings: Sequence[Reading], optimism: np.float32
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (3, N), what the sources show, and (N,), its squared error."""
    readings = [one for one in readings if one.weight.any()] or readings[:1]
    first, *others = readings
    best, leader, leading = first.weight.copy(), first.colours.copy(), first.error.copy()
    for one in others:
        leads = one.weight > best
        overwrite(best, one.weight, leads)
        overwrite(leader, one.colours, leads)
        overwrite(leading, one.error, leads)
    promised = optimism * leading
    if not others:
        return leader, np.where(best > 0, promised, _HOPELESS)
    distances = [mean_square(one.colours - leader) for one in readings]
    shares = []
    for one, distance in zip(readings, distances, strict=True):
        expected = (one.error + leading) * np.float32(0.5) + np.float32(_AGREEMENT**2)
        shares.append(one.weight * np.exp(distance / expected * np.float32(-0.5)))
    enough = _LEAST_SHARE * np.maximum.reduce(shares)
    shares = [np.maximum(share - enough, 0) for share in shares]
    total, floor = np.maximum(sum(shares), 1e-20), np.maximum(best, 1e-20)
    shown = sum(one.colours * (share / total) for one, share in zip(readings, shares, strict=True))
    asked = [one.weight / floor for one in readings]
    # Beside what is expected stands what is seen: two right colours differ by twice their error.
    seen = sum(one * distance for one, distance in zip(asked, distances, strict=True))
    error = (promised + seen / 2) / np.maximum(sum(asked), 1)
    return np.asarray(shown, np.float32), np.where(best > 0, error, _HOPELESS)


def share_of(error: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much a colour counts beside another, 0 to 1, by their squared errors."""
    share = 1 - error / np.maximum(other + error, np.float32(1e-6))
    return np.asarray(np.minimum(share / (1 - _LEAST_SHARE), 1), np.float32)
