"""What texture a hole gets: which like places of the same frame it is copied from.

A few dozen displacements are tried.  Each is judged around every pixel: by the colours, where
both the frame and the frame displaced are known, and else by what was laid into the hole
smoothly, which says whether grass or wall is wanted there.  Every pixel takes the best one
that its neighbours take, too, so that whole pieces are copied.  (Few displacements for a whole
hole: He and Sun, ECCV 2012, "Statistics of patch offsets"; costs averaged in windows instead
of cuts: Hosni and others, CVPR 2011; neighbours that agree: Besag, 1986.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.blend import mean_square
from tracker.classical.flow import Flow, complete, pixel_grid, sample
from tracker.classical.planes import Floats, join, repeat, split
from tracker.classical.views import Box, box_around
from tracker.types import Mask

_DIRECTIONS = 16
_LENGTHS = (0.6, 1.0, 1.7)  # times the thickness of the hole
_CLEAR = 5  # pixels beyond the hole
_SMOOTH = (5, 5)  # pixels: over which colours are averaged that are compared with the hole's
_WINDOW = (9, 9)  # pixels: what is compared, and what parts texture from what is smooth
_FINEST = (3, 3)  # pixels: what is finer is rough in texture, smooth elsewhere
_ROUNDS = 5  # of agreeing with neighbours
_NEAR = (9, 9)  # pixels: where these lie
_ALIKE = np.array([[1 / 3, 1 / 3, 1 / 3, 1]], np.float32)  # red, green, blue, strength
_LEVEL = np.float32(0.5)  # grey levels: less is rounding
_NORMAL = np.float32(1.5)  # the mean of normal noise, by its geometric mean
_CHANCE = 0.5  # of what copied detail has in common with true detail: the best of many has some
_IMPOSSIBLE = np.float32(1e6)  # grey levels squared: more than any colours differ by


@dataclass(frozen=True, eq=False)
class Texture:
    """What is to be copied into a hole of a frame."""

    shift: Flow  # (h, w, 2), x and y, whole pixels: from where
    strength: Floats  # (h, w), grey levels: how rough the finest of it should be; 0: none there
    foretold: Floats  # (h, w), 0 to 1, the share of it that will be right


def texture_of(colours: Floats, known: Mask, wanted: Mask) -> Texture:
    """Return what is to be copied into a hole.

    Args:
        colours: (h, w, 3), a reduced frame, filled smoothly where it is not known.
        known: (h, w), where it may be copied from.
        wanted: (h, w), not empty, where detail is to be invented.
    """
    weight = known.astype(np.float32)
    fine = (colours - _mean(colours, weight, _WINDOW)) * repeat(weight, 3)
    # A geometric mean of the finest: texture is rough everywhere, edges and shading are not.
    finest = mean_square(split(colours - _mean(colours, weight, _FINEST)))
    rough = np.asarray(np.log(np.sqrt(finest) + _LEVEL), np.float32)
    rough = np.asarray(np.exp(_mean(rough, weight, _WINDOW)) - _LEVEL, np.float32)
    rough = _NORMAL * np.maximum(rough, 0)
    strength = complete(rough, ~known)
    part = box_around(wanted, margin=_WINDOW[0])
    shifts = _candidates(wanted)
    costs = _costs(colours, strength, known, part, shifts)
    best = _agree(costs, wanted[part])
    usable = np.take_along_axis(costs, best[None], axis=0)[0] < _IMPOSSIBLE
    shift, found = np.zeros((*known.shape, 2), np.float32), np.zeros_like(wanted)
    shift[part], found[part] = np.array(shifts, np.float32)[best], usable
    foretold = _foretold(fine, shift, known & found)
    # Where it comes from, what is stronger is an edge.
    there = sample(rough, pixel_grid(*known.shape) + shift)
    strength = np.minimum(strength, there)
    missing = ~(found & wanted)
    shift[missing], strength[missing] = 0, 0
    return Texture(shift, strength, foretold)


def _mean(values: Floats, weight: Floats, size: tuple[int, int]) -> Floats:
    """Return the mean of (h, w) or (h, w, C) in boxes, weighed."""
    share = np.maximum(cv2.blur(weight, size), np.float32(1e-6))
    channels = 1 if values.ndim == 2 else values.shape[2]
    total = cv2.blur(values * repeat(weight, channels), size)
    return np.asarray(total / repeat(share, channels), np.float32)


def _costs(
    colours: Floats,
    strength: Floats,
    known: Mask,
    part: Box,
    shifts: Sequence[NDArray[np.float32]],
) -> Floats:
    """Return (K, h, w): how unlike a part, around each pixel, what lies displaced from it is."""
    weight = known.astype(np.float32)
    inside = np.ascontiguousarray(known[part]).view(np.uint8)
    sharp, soft = (join([one, strength]) for one in (colours, _mean(colours, weight, _SMOOTH)))
    asked = join([np.asarray(cv2.blur(colours, _SMOOTH), np.float32), strength])[part].copy()
    cv2.copyTo(sharp[part], inside, asked)
    costs = np.empty((len(shifts), *inside.shape), np.float32)
    for number, shift in enumerate(shifts):
        there, seen = _displaced(weight, shift, part), _displaced(soft, shift, part)
        cv2.copyTo(_displaced(sharp, shift, part), inside, seen)
        gap = np.asarray(cv2.transform((seen - asked) ** 2, _ALIKE), np.float32)
        costs[number] = np.where(there > 0, _mean(gap, there, _WINDOW), _IMPOSSIBLE)
    return costs


def _displaced(picture: Floats, shift: NDArray[np.float32], part: Box) -> Floats:
    """Return a part of the picture displaced by whole pixels; 0 where it has none."""
    rows, columns = part
    x, y = shift[0] + columns.start, shift[1] + rows.start
    size = columns.stop - columns.start, rows.stop - rows.start
    matrix = np.array([[1, 0, -x], [0, 1, -y]], np.float64)
    moved = cv2.warpAffine(
        picture, matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT
    )
    return np.asarray(moved, np.float32)


def _agree(costs: Floats, hole: Mask) -> NDArray[np.intp]:
    """Return (h, w), the best of K (K, h, w): a choice costs less if neighbours make it, too."""
    best: NDArray[np.intp] = costs.argmin(axis=0)
    worth = np.median(costs.min(axis=0)[hole])
    for _ in range(_ROUNDS):
        votes = [cv2.blur((best == one).astype(np.float32), _NEAR) for one in range(len(costs))]
        best = (costs - worth * np.stack(votes)).argmin(axis=0)
    return best


def _foretold(fine: Floats, shift: Flow, known: Mask) -> Floats:
    """Return (h, w), 0 to 1, how much of detail is that from where `shift` leads, carried on."""
    there = sample(fine, pixel_grid(*known.shape) + shift, interpolation=cv2.INTER_NEAREST)
    weight = known.astype(np.float32)
    gap, *power = (
        _mean(mean_square(split(one)), weight, _WINDOW) for one in (there - fine, there, fine)
    )
    gap, first, second = split(complete(join([gap, *power]), ~known))
    alike = (first + second - gap) / (2 * np.maximum(first, second) + 1)
    return np.asarray(np.clip((alike - _CHANCE) / (1 - _CHANCE), 0, 1), np.float32)


def _candidates(wanted: Mask) -> list[NDArray[np.float32]]:
    """Return displacements, (2,) each, whole pixels, that lead out of the wanted area."""
    padded = cv2.copyMakeBorder(wanted.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    thick = 2 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max())
    angles = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    ways = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    shifts = [np.rint(ways * (thick * length + _CLEAR)) for length in _LENGTHS]
    return list(np.concatenate(shifts).astype(np.float32))
