"""Invent texture: fine detail copied into a hole from where the same frame looks alike.

The smooth part of what was never seen comes from `spread`; this adds the fine part.  A few
dozen displacements are tried.  Each is judged on the border of the hole, where the frame and
the frame displaced can be compared, and the judgement is carried inwards; every pixel takes
its detail from the best one.  (Dominant displacements: He and Sun, ECCV 2012, "Statistics of
patch offsets"; here they are judged by the border instead of being counted.)
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.blend import mean_square
from tracker.classical.flow import Flow, complete, pixel_grid, sample
from tracker.classical.planes import split
from tracker.types import Mask

_DIRECTIONS = 16
_LENGTHS = (0.6, 1.05)  # times the length that clears the hole
_MEAN = 9  # pixels, side of the box that separates fine from smooth
_PATCH = 5  # pixels, side of what is compared
_FAINTEST = 0.2  # of the detail, where the border does not foretell it


def fine_part(colours: NDArray[np.float32], known: Mask) -> NDArray[np.float32]:
    """Return (h, w, 3): colours less their local mean over known pixels; zero elsewhere."""
    weight = known.astype(np.float32)
    size = (_MEAN, _MEAN)
    share = np.maximum(cv2.blur(weight, size), np.float32(1e-6))
    mean = cv2.blur(colours * weight[..., None], size) / share[..., None]
    return np.asarray(np.where(known[..., None], colours - mean, 0), np.float32)


def displacements(
    colours: NDArray[np.float32], known: Mask, wanted: Mask
) -> tuple[Flow, NDArray[np.float32]]:
    """Return where each wanted pixel takes its detail from, and how strongly.

    Args:
        colours: (h, w, 3), a reduced frame.
        known: (h, w), where it may be copied from.
        wanted: (h, w), where detail is to be invented.

    Returns:
        (h, w, 2) whole-pixel displacements and (h, w) strengths, both 0 where there is none.
    """
    height, width = known.shape
    fine = fine_part(colours, known)
    grid, copied = pixel_grid(height, width), known.astype(np.uint8)
    power = np.asarray(2 * cv2.blur(mean_square(split(fine)), (_MEAN, _MEAN)) + 1, np.float32)
    shifts = _candidates(wanted)
    gaps, seen = np.zeros((height, width, len(shifts)), np.float32), []
    shares = np.zeros_like(gaps)
    for number, shift in enumerate(shifts):
        places = grid + shift
        there = sample(copied, places, interpolation=cv2.INTER_NEAREST, border=cv2.BORDER_CONSTANT)
        both = (there > 0) & known
        gap = mean_square(split(sample(fine, places, interpolation=cv2.INTER_NEAREST) - fine))
        gaps[..., number] = cv2.blur(gap * both, (_PATCH, _PATCH))
        shares[..., number] = cv2.blur(both.astype(np.float32), (_PATCH, _PATCH))
        seen.append(there > 0)
    border = cv2.dilate(wanted.astype(np.uint8), np.ones((_MEAN, _MEAN))) > 0
    # Where a displaced frame cannot be compared, the others' mean speaks for it.
    total, compared = gaps.sum(axis=2, keepdims=True), shares.sum(axis=2, keepdims=True)
    gaps = np.where(shares > 0, gaps / np.maximum(shares, 1e-6), total / np.maximum(compared, 1e-6))
    gaps = complete(np.asarray(gaps, np.float32), wanted | ~(known & border))
    errors = [np.where(there, gaps[..., k], np.float32(np.inf)) for k, there in enumerate(seen)]
    costs = np.stack(errors)
    best = cv2.medianBlur(costs.argmin(axis=0).astype(np.uint8), 5)
    cost = np.take_along_axis(costs, best[None].astype(np.intp), axis=0)[0]
    usable = wanted & np.isfinite(cost)
    chosen = np.where(usable[..., None], np.array(shifts, np.float32)[best], 0)
    foretold = 1 - np.where(usable, cost, 0) / complete(power, ~known)
    strength = np.where(usable, np.clip(foretold, _FAINTEST, 1), 0)
    return np.asarray(chosen, np.float32), np.asarray(strength, np.float32)


def _candidates(wanted: Mask) -> list[NDArray[np.float32]]:
    """Return displacements that lead out of the wanted area, (2,) each, whole pixels."""
    rows, columns = np.flatnonzero(wanted.any(axis=1)), np.flatnonzero(wanted.any(axis=0))
    height, width = rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
    shifts = []
    for step in range(_DIRECTIONS):
        angle = 2 * np.pi * step / _DIRECTIONS
        x, y = np.cos(angle), np.sin(angle)
        clear = min(width / max(abs(x), 1e-6), height / max(abs(y), 1e-6)) + _PATCH
        shifts += [np.rint(np.array([x, y]) * clear * length) for length in _LENGTHS]
    return [shift.astype(np.float32) for shift in shifts]
