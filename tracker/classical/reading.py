"""The colours of the hole's pixels at full size, each read once from the frame that saw it."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.blend import Ballot, Reading, elect
from tracker.classical.flow import sample_at
from tracker.classical.planes import split
from tracker.classical.registration import Offer, Surroundings
from tracker.classical.spatial import doubt, spread, spread_coarsely
from tracker.classical.spots import (
    ROW,
    Plane,
    Planes,
    Spots,
    colours_at,
    lay,
    spread_out,
    usable_at,
    within,
)
from tracker.classical.views import View

_THIN = 6.0  # pixels of the working size, half the width of a hole that is a line
_MOST_PIXELS = 432 * 243  # of a hole's box that is looked at in full size
_LEAST_BELIEF = 0.1  # of the most believed: less is not read
_REACH = np.ones((3, 3), np.uint8)  # what bilinear reading reaches
LEAST_WEIGHT = np.float32(1e-12)  # of what is seen but not believed


@dataclass(frozen=True, eq=False)
class Elected:
    """An offer that is believed somewhere, at half the working size."""

    source: View
    offer: Offer
    weight: NDArray[np.float32]  # (h / 2, w / 2), how much
    needed: NDArray[np.uint8]  # (h / 2, w / 2), not 0 where it is to be read


def elected(
    target: View, around: Surroundings, offers: Sequence[tuple[View, Offer]]
) -> list[Elected]:
    """Return the offers that are believed somewhere in the hole.

    They are to be read where they count next to the most believed, and where none is believed.
    What one source offers excludes each other: each of its pixels is read along one motion.
    """
    inner = around.inner
    ballots = [
        Ballot(
            offer.colours[inner],
            offer.error[inner],
            offer.visible[inner],
            offer.share if isinstance(offer.share, float) else offer.share[inner],
            source.index - target.index,
        )
        for source, offer in offers
    ]
    weights = elect(ballots)
    best = np.maximum.reduce(weights)
    enough, none = _LEAST_BELIEF * best, best <= 0
    of_source: dict[int, NDArray[np.float32]] = {}
    for ballot, weight in zip(ballots, weights, strict=True):
        of_source[ballot.when] = np.maximum(weight, of_source.get(ballot.when, weight))
    results = []
    for (source, offer), ballot, weight in zip(offers, ballots, weights, strict=True):
        believed = (weight > enough) & ballot.visible & (weight >= of_source[ballot.when])
        if not believed.any():
            continue
        whole, needed = np.zeros_like(offer.error), np.zeros(offer.error.shape, np.uint8)
        whole[inner] = weight
        needed[inner] = believed | none
        results.append(
            Elected(source, offer, whole, np.asarray(cv2.dilate(needed, _REACH), np.uint8))
        )
    return results


def read(one: Elected, spots: Spots) -> Reading:
    """Return what an elected offer shows at N spots; it counts 0 where it is not needed."""
    places = spots.half_x.reshape(-1, ROW), spots.half_y.reshape(-1, ROW)
    needed = sample_at(one.needed, *places, interpolation=cv2.INTER_NEAREST)
    rows = np.flatnonzero(needed.any(axis=1))
    if len(rows) == len(needed):
        return _read(one.source, one.offer, spots, one.weight).at(slice(spots.count))
    colours = np.zeros((3, *needed.shape), np.float32)
    error, weight = np.zeros(needed.shape, np.float32), np.zeros(needed.shape, np.float32)
    if len(rows):
        some = _read(one.source, one.offer, spots.rows(rows), one.weight)
        colours[:, rows] = some.colours.reshape(3, -1, ROW)
        error[rows], weight[rows] = some.error.reshape(-1, ROW), some.weight.reshape(-1, ROW)
    whole = Reading(colours.reshape(3, -1), error.reshape(-1), weight.reshape(-1))
    return whole.at(slice(spots.count))


def _read(source: View, offer: Offer, spots: Spots, weight: NDArray[np.float32]) -> Reading:
    laid = lay(source, offer, spots, weight)
    usable = usable_at(source, laid.x, laid.y) & within(source, laid)
    count = np.maximum(laid.weight, LEAST_WEIGHT) * usable
    return Reading(colours_at(source.frame, laid), laid.error, count)


def from_around(target: View, around: Surroundings, spots: Spots) -> tuple[Planes, Plane]:
    """Return what the surroundings foretell, (3, N), and the squared error to expect, (N,).

    They are looked at in about half the working size, which loses nothing in the midst of a
    large hole; of a thin one (a wire) they foretell fine detail, so that is looked at in full size.
    """
    hole = target.hole[target.box]
    if target.size != target.hole.shape and hole.size <= _MOST_PIXELS:
        thick = 2 * _THIN * target.hole.shape[0] / target.size[0]
        padded = cv2.copyMakeBorder(hole.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        if 2 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max()) <= thick:
            whole = target.frame[target.box].astype(np.float32)
            error = doubt(whole, hole).ravel().take(spots.places)
            planes = split(spread(whole, hole))
            return np.stack([plane.ravel().take(spots.places) for plane in planes]), error
    factor = max(1, 2 * target.hole.shape[0] // target.size[0])
    smooth = spread_coarsely(np.ascontiguousarray(target.frame[target.box]), hole, factor)
    x, y = (
        (places + np.float32(0.5 - edge.start)) / np.float32(factor) - np.float32(0.5)
        for places, edge in ((spots.x, target.box[1]), (spots.y, target.box[0]))
    )
    *shown, _ = spread_out(smooth, x, y)
    unknown = doubt(around.half_colours, ~around.half_known)
    (error,) = spread_out(unknown, spots.half_x, spots.half_y)
    return np.stack(shown)[:, : spots.count], error[: spots.count]
