"""Continue edges that enter a hole on two sides through it.

A membrane lets every edge end at the border of the hole.  Here strong edges are looked for
along that border; two that aim at each other and look alike across are joined by a cubic,
the colours beside it are laid as known, and the membrane is hung on them as well (diffusion
curves: Orzan and others, SIGGRAPH 2008; edges joined across holes: Sun and others, SIGGRAPH
2005, "Image completion with structure propagation", there drawn by hand).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.flow import sample
from tracker.classical.planes import Floats, join, split
from tracker.classical.spatial import spread
from tracker.types import Mask

_AWAY = 2  # pixels from the hole: where edges are looked for
_BLUR = 1.5  # pixels, sigma: over which the direction of an edge is averaged
_FAINTEST = 4.0  # grey levels per pixel, of all channels: weaker edges are none
_MOST_ENDS = 24  # the strongest; the work grows with their square
_BESIDE = 4  # pixels on either side of an edge: what is laid of it
_BEHIND = 4  # pixels along an edge outside the hole: over which it must be straight
_NOISE = 20.0  # grey levels squared: fainter contrast is no edge
_BEND = np.radians(9.0)  # between edge and line of sight: as far as directions err by
_LARGEST_BEND = np.cos(np.radians(26.0))  # nothing is left of the trust beyond
_LEAST = 0.2  # of the contrast must be foretold


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pairs of edges, K of them, that may be one."""

    first: NDArray[np.intp]  # (K,), number of the edge at one end
    second: NDArray[np.intp]  # (K,), and at the other
    start: Floats  # (K, 2), x and y
    stop: Floats  # (K, 2)
    slope_start: Floats  # (K,), of the edge against the line from start to stop
    slope_stop: Floats  # (K,)

    @property
    def ways(self) -> tuple[Floats, Floats]:
        """Return the unit vectors from start to stop, (K, 2), and the lengths, (K, 1)."""
        ways = self.stop - self.start
        lengths = np.linalg.norm(ways, axis=1, keepdims=True)
        return ways / np.maximum(lengths, np.float32(1e-6)), lengths

    def only(self, some: NDArray[np.bool_]) -> "_Pairs":
        """Return some of them."""
        ends = self.first[some], self.second[some], self.start[some], self.stop[some]
        return _Pairs(*ends, self.slope_start[some], self.slope_stop[some])


def continue_edges(smooth: Floats, hole: Mask) -> Floats:
    """Return `smooth` with the edges that the border foretells drawn through the hole.

    Args:
        smooth: (h, w, C), red, green and blue first; its hole filled as `spread` does.
        hole: (h, w).

    Returns:
        (h, w, C): `smooth` itself where no edge is foretold.
    """
    margin = _AWAY + _BEHIND + _BESIDE
    left, top, wide, tall = cv2.boundingRect(hole.view(np.uint8))
    rows = slice(max(0, top - margin), top + tall + margin)
    columns = slice(max(0, left - margin), left + wide + margin)
    unknown = np.ascontiguousarray(hole[rows, columns])
    colours = np.array(smooth[rows, columns], np.float32, order="C")
    laid = _lay(colours, unknown)
    if not laid.any():
        return smooth
    result = smooth.copy()
    result[rows, columns] = spread(colours, unknown & ~laid)
    return result


def _lay(colours: Floats, hole: Mask) -> Mask:
    """Draw the strips along joined edges into `colours`, in place; return where they lie."""
    places, tangents = _ends(colours, hole)
    laid = np.zeros(hole.shape, bool)
    pairs = _facing(places, tangents, hole)
    if not len(pairs.first):
        return laid
    across = _across(pairs, colours, hole)
    trust = _trust(pairs, *across)
    total = np.zeros((*hole.shape, 3), np.float32)
    weight, most = np.zeros(hole.shape, np.float32), np.zeros(hole.shape, np.float32)
    for number in _chosen(pairs, trust):
        inside, beside, strip = _strip(pairs, number, across, hole)
        near = np.exp(-2 * (beside / _BESIDE) ** 2) * trust[number]
        total[inside] += strip * near[:, None]
        weight[inside] += near
        most[inside] = np.maximum(most[inside], trust[number])
    laid = weight > 0
    share = weight[laid][:, None]
    before = colours[laid][:, :3]
    colours[laid, :3] = before + most[laid][:, None] * (total[laid] / share - before)
    return laid


def _ends(colours: Floats, hole: Mask) -> tuple[Floats, Floats]:
    """Return where edges meet the hole, (N, 2), and their directions, unit vectors (N, 2)."""
    height, width = hole.shape
    # A gradient whose kernel reaches into the hole says nothing.
    apart = cv2.erode((~hole).view(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    xx, xy, yy = (np.zeros(hole.shape, np.float32) for _ in range(3))
    for plane in split(colours)[:3]:
        x = np.asarray(cv2.Sobel(plane, cv2.CV_32F, 1, 0, scale=1 / 8), np.float32)
        y = np.asarray(cv2.Sobel(plane, cv2.CV_32F, 0, 1, scale=1 / 8), np.float32)
        xx, xy, yy = xx + x * x, xy + x * y, yy + y * y
    share, xx, xy, yy = split(
        cv2.GaussianBlur(
            join([apart, xx * apart, xy * apart, yy * apart]),
            (0, 0),
            _BLUR,
            borderType=cv2.BORDER_CONSTANT,
        )
    )
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _AWAY + 1,) * 2)
    grown = cv2.dilate(hole.view(np.uint8), kernel)
    found: list[NDArray[np.float32]] = [np.zeros((0, 4), np.float32)]
    for outline in cv2.findContours(grown, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]:
        ring = outline[:, 0]
        x, y = ring.T
        known = np.maximum(share[y, x], np.float32(1e-6))
        a, b, c = xx[y, x] / known, xy[y, x] / known, yy[y, x] / known
        angle = np.arctan2(2 * b, a - c) / 2  # of the gradient
        along = (np.roll(ring, -3, axis=0) - np.roll(ring, 3, axis=0)).astype(np.float32)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), np.float32(1e-6))
        # What runs along the border does not enter the hole.
        crossing = np.abs(along[:, 0] * np.cos(angle) + along[:, 1] * np.sin(angle))
        strength = ((a - c) ** 2 + 4 * b**2) ** 0.25 * crossing
        strength *= (np.minimum(x, y) >= _AWAY) & (x < width - _AWAY) & (y < height - _AWAY)
        peak = np.maximum.reduce([np.roll(strength, step) for step in range(-2, 3)])
        at = (strength >= peak) & (strength > _FAINTEST)
        found.append(np.column_stack([x, y, angle, strength])[at].astype(np.float32))
    ends = np.concatenate(found)
    ends = ends[np.argsort(-ends[:, 3], kind="stable")[:_MOST_ENDS]]
    return ends[:, :2], np.stack([-np.sin(ends[:, 2]), np.cos(ends[:, 2])], axis=1)


def _facing(places: Floats, tangents: Floats, hole: Mask) -> _Pairs:
    """Return the pairs of edges that aim at each other through the hole."""
    first, second = np.triu_indices(len(places), 1)
    ways = places[second] - places[first]
    lengths = np.maximum(np.linalg.norm(ways, axis=1), np.float32(1e-6))
    ways = ways / lengths[:, None]
    normals = np.stack([-ways[:, 1], ways[:, 0]], axis=1)
    ahead = [(tangents[end] * ways).sum(axis=1) for end in (first, second)]
    aside = [(tangents[end] * normals).sum(axis=1) for end in (first, second)]
    aimed = np.minimum(*np.abs(ahead)) > _LARGEST_BEND
    aimed &= lengths > 2 * _AWAY + 2
    slopes = [side / np.where(aimed, front, 1) for side, front in zip(aside, ahead, strict=True)]
    pairs = _Pairs(first, second, places[first], places[second], *slopes).only(aimed)
    steps = np.linspace(0, 1, 11, dtype=np.float32)[None, :, None]
    between = pairs.start[:, None] + steps * (pairs.stop - pairs.start)[:, None]
    x, y = np.rint(between).astype(np.intp).transpose(2, 0, 1)
    reach = np.minimum(steps, 1 - steps)[..., 0] * pairs.ways[1]
    within = cv2.dilate(hole.view(np.uint8), np.ones((3, 3), np.uint8))[y, x] > 0
    return pairs.only((within | (reach <= _AWAY + 1)).all(axis=1))


def _across(pairs: _Pairs, colours: Floats, hole: Mask) -> tuple[Floats, Floats, Floats]:
    """Return what is seen across the edges outside the hole.

    Returns:
        Colours (K, S, 3) at `_BESIDE` pixels to either side at the start, the same at the stop,
        and (K,) the squared error of the two together: by how much they vary along the edge.
    """
    ways, _ = pairs.ways
    normals = np.stack([-ways[:, 1], ways[:, 0]], axis=1)
    picture = join([*split(colours)[:3], (~hole).astype(np.float32)])
    beside = np.arange(-_BESIDE, _BESIDE + 1, dtype=np.float32)[None, None, :, None]
    means, error = [], np.zeros(len(ways), np.float32)
    for places, slope, sign in (
        (pairs.start, pairs.slope_start[:, None], -1),
        (pairs.stop, pairs.slope_stop[:, None], 1),
    ):
        edge = (ways + slope * normals) / np.sqrt(1 + slope**2)
        normal = np.stack([-edge[:, 1], edge[:, 0]], axis=1)
        behind = sign * np.arange(_BEHIND, dtype=np.float32)[None, :, None, None]
        there = places[:, None, None] + beside * normal[:, None, None]
        there = there + behind * edge[:, None, None]
        flat: Floats = there.reshape(len(ways), -1, 2).astype(np.float32)
        seen = sample(picture, flat, border=cv2.BORDER_CONSTANT)
        seen = seen.reshape(*there.shape[:3], 4)
        known, seen = seen[..., 3:], seen[..., :3]
        share = np.maximum(known.sum(axis=1), np.float32(1e-3))
        mean = (seen * known).sum(axis=1) / share
        apart = (known * (seen - mean[:, None]) ** 2).sum(axis=(1, 2, 3))
        error += apart / np.maximum(3 * known.sum(axis=(1, 2, 3)), 1)
        means.append(np.asarray(mean, np.float32))
    return means[0], means[1], error


def _trust(pairs: _Pairs, start: Floats, stop: Floats, error: Floats) -> Floats:
    """Return (K,), 0 to 1: the share of the contrast that each end foretells of the other."""
    mean = (start + stop) / 2
    contrast = ((mean - mean.mean(axis=1, keepdims=True)) ** 2).mean(axis=(1, 2))
    error = error + ((start - stop) ** 2).mean(axis=(1, 2)) / 2
    bends = np.arctan(pairs.slope_start) ** 2 + np.arctan(pairs.slope_stop) ** 2
    share = (1 - error / (contrast + _NOISE)) * np.exp(-bends / (2 * _BEND**2))
    return np.asarray(np.maximum(share - _LEAST, 0) / (1 - _LEAST), np.float32)


def _chosen(pairs: _Pairs, trust: Floats) -> list[int]:
    """Return the most trusted pairs; none shares an end with another, or crosses it."""
    chosen: list[int] = []
    for number in np.argsort(-trust, kind="stable")[: np.count_nonzero(trust)].tolist():
        ends = {pairs.first[number], pairs.second[number]}
        if all(
            ends.isdisjoint((pairs.first[other], pairs.second[other]))
            and not _cross(pairs, number, other)
            for other in chosen
        ):
            chosen.append(number)
    return chosen


def _cross(pairs: _Pairs, one: int, two: int) -> bool:
    """Return whether the lines between the ends of two pairs cross."""

    def side(base: int, point: Floats) -> float:
        way, there = pairs.stop[base] - pairs.start[base], point - pairs.start[base]
        return float(way[0] * there[1] - way[1] * there[0])

    parted = side(one, pairs.start[two]) * side(one, pairs.stop[two]) < 0
    return parted and side(two, pairs.start[one]) * side(two, pairs.stop[one]) < 0


def _strip(
    pairs: _Pairs, number: int, across: tuple[Floats, Floats, Floats], hole: Mask
) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], Floats, Floats]:
    """Return the n pixels (y, x) of the hole beside a joined edge, how far off, and its colours.

    Colours (n, 3) pass evenly from what is seen across the edge at its start to what is at its
    stop; distances (n,) have the side as their sign.
    """
    ways, lengths = pairs.ways
    (way_x, way_y), length = ways[number], lengths[number, 0]
    y, x = np.nonzero(hole)
    off_x, off_y = x - pairs.start[number, 0], y - pairs.start[number, 1]
    along = (off_x * way_x + off_y * way_y) / length
    rest = 1 - along
    bow = pairs.slope_start[number] * along * rest**2 - pairs.slope_stop[number] * along**2 * rest
    beside = off_y * way_x - off_x * way_y - length * bow
    near = np.flatnonzero((along >= 0) & (along <= 1) & (np.abs(beside) <= _BESIDE))
    beside, along = beside[near].astype(np.float32), along[near][:, None]
    place = beside + _BESIDE
    lower = np.minimum(place.astype(np.intp), 2 * _BESIDE - 1)
    upper = (place - lower)[:, None]
    start, stop = (
        seen[number][lower] * (1 - upper) + seen[number][lower + 1] * upper for seen in across[:2]
    )
    strip = start + along * (stop - start)
    return (y[near], x[near]), beside, np.asarray(strip, np.float32)
