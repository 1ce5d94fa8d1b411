"""What a box holds: how hard it is to get out, along edges and through what looks alike.

A random walker starts at a pixel, steps to its neighbours, rarely over edges, leaps now and
then to any place in the window that looks the same, and gives up after about as many steps
as the box has pixels.  From background it soon comes out of the box: along the ground, or by
way of its colour, which is seen outside as well.  An object keeps it.  (Grady, "Random walks
for image segmentation", PAMI 2006, with a node for all that looks alike.)
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.click_window import Plane, Window
from tracker.types import Mask

_SMOOTH = 0.7  # pixels
_COLOUR_EDGES, _OTHER_EDGES = 3.0, 1.0  # exponents of a step over an edge of the usual strength
_LEAST = 1e-4  # weight of a step over the strongest edge
_LEAPS = 4.0  # for once giving up, to each kind of what looks alike
_CLOSE = 1e-2  # residual, of the first one
_MOST_ROUNDS = 300
_REACHED = 0.06  # of a box's side: an object comes as near to each
_FADING = 0.08  # of a box's side: beyond, what is reached counts e times less every so much
WIDER = 0.05  # of a box's side: what was drawn may cut off as much
_STEEPNESS = 4.0  # of log-odds
_MOST_BELIEF = 4.0  # log-odds

Doubles = NDArray[np.float64]


def belief_in_box(window: Window, box: Mask, wider: Mask, motion: Plane | None) -> Plane:
    """Return log-odds (h, w) that a pixel is of the object that `box` was drawn around.

    They are the mean of what is believed of the box and of a wider one, as people draw the
    sides now and then too far inside.

    Args:
        window: holds both boxes and what is around them.
        box: (h, w), a rectangle.
        wider: (h, w), that rectangle with `WIDER` more on every side; does not fill the window.
        motion: (h, w), in any unit; its steps are edges.
    """
    colours = cv2.GaussianBlur(window.lab.astype(np.float32), (0, 0), _SMOOTH)
    edges = [(np.asarray(colours, np.float32), _COLOUR_EDGES)]
    alike: list[NDArray[np.integer]] = [window.colours]
    if window.differences is not None and window.steps is not None:
        edges.append((np.log(window.differences + 2)[..., None], _OTHER_EDGES))
        alike.append(window.steps)
    if motion is not None:
        edges.append((motion[..., None], _OTHER_EDGES))
    beliefs = []
    for drawn, near in ((box, _REACHED), (wider, _REACHED + WIDER)):
        kept = kept_inside(drawn, edges, alike)
        # The usual two levels, held against the level from which on every side is reached.
        level = np.sqrt(_between(kept[drawn]) * _at_sides(kept[_rectangle(drawn)], near))
        belief = _STEEPNESS * np.log((kept + 1e-3) / (level + 1e-3))
        beliefs.append(np.clip(belief, -_MOST_BELIEF, _MOST_BELIEF))
    return np.asarray(np.mean(beliefs, axis=0), np.float32)


def kept_inside(
    box: Mask, edges: Sequence[tuple[Plane, float]], alike: Sequence[NDArray[np.integer]]
) -> Plane:
    """Return the share (h, w) of walkers that give up before they leave `box`; 0 outside.

    Args:
        box: (h, w), a rectangle that does not cover everything.
        edges: what they are seen in, (h, w, channels), and how much those of the usual
            strength hold off, as an exponent.
        alike: (h, w) each, from 0: pixels of one number look the same.
    """
    inside = _rectangle(box)
    across, down = _steps(edges, axis=1), _steps(edges, axis=0)
    usual = float(across.sum() + down.sum()) / (across.size + down.size)
    gives_up = 4 * usual / float(box.sum())
    leap = _LEAPS * gives_up
    left_right, up_down = np.pad(across, ((0, 0), (1, 1))), np.pad(down, ((1, 1), (0, 0)))
    leaving = left_right[:, :-1] + left_right[:, 1:] + up_down[:-1] + up_down[1:]
    leaving = leaving[inside] + gives_up + leap * len(alike)
    height, width = leaving.shape
    across, down = across[inside][:, : width - 1], down[inside][: height - 1]
    kinds = [
        (numbers[inside].ravel(), leap / np.maximum(1, np.bincount(numbers.ravel())))
        for numbers in alike
    ]

    def equations(kept: Doubles) -> Doubles:
        result = leaving * kept
        result[:, :-1] -= across * kept[:, 1:]
        result[:, 1:] -= across * kept[:, :-1]
        result[:-1] -= down * kept[1:]
        result[1:] -= down * kept[:-1]
        for numbers, weight in kinds:
            sums = np.bincount(numbers, kept.ravel(), len(weight)) * weight
            result -= sums[numbers].reshape(kept.shape)
        return result

    result = np.zeros(box.shape, np.float32)
    result[inside] = _solve(equations, leaving, np.full(leaving.shape, gives_up))
    return result


def _steps(edges: Sequence[tuple[Plane, float]], axis: int) -> Doubles:
    """Return the weights of steps along `axis`, one fewer than pixels."""
    exponent: Doubles | float = 0.0
    for values, weight in edges:
        change = np.linalg.norm(np.diff(values, axis=axis), axis=-1).astype(np.float64)
        usual = np.sqrt((change**2).sum() / max(1, change.size))
        exponent = exponent + weight * change / (usual + 1e-9)
    return np.asarray(np.exp(-exponent) + _LEAST)


def _solve(equations: Callable[[Doubles], Doubles], diagonal: Doubles, right: Doubles) -> Doubles:
    """Solve `equations`(x) = `right` by conjugate gradients, preconditioned by `diagonal`."""
    x = np.zeros_like(right)
    residual = right.copy()
    towards = residual / diagonal
    length = float((residual * towards).sum())
    enough = _CLOSE**2 * length
    for _ in range(_MOST_ROUNDS):
        moved = equations(towards)
        share = length / float((towards * moved).sum())
        x += share * towards
        residual -= share * moved
        eased = residual / diagonal
        before, length = length, float((residual * eased).sum())
        if length < enough:
            break
        towards = eased + length / before * towards
    return x


def _rectangle(box: Mask) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(box.any(axis=1)), np.flatnonzero(box.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _between(values: NDArray[np.float32]) -> float:
    """Return the level that parts `values` (N,) best in two (Otsu, 1979)."""
    ordered = np.sort(values).astype(np.float64)
    sums, count = np.cumsum(ordered), len(ordered)
    lower = np.arange(1, count)
    apart = sums[:-1] / lower - (sums[-1] - sums[:-1]) / (count - lower)
    spread = lower * (count - lower) * apart**2
    return float(ordered[int(np.argmax(spread))]) if count > 1 else float(ordered[0])


def _at_sides(kept: Plane, near: float) -> float:
    """Return the highest level that is reached `near` each side of a box, or less further off.

    `near` is a share of the box's sides.  Without the rest, a box drawn a little too wide would
    be reached by nothing but the background.
    """
    levels: list[float] = []
    for highest in (kept.max(axis=0), kept.max(axis=1)):
        away = (np.arange(len(highest)) + 0.5) / len(highest)
        counted = np.exp(-np.maximum(away - near, 0) / _FADING)
        levels += (float((highest * counted).max()), float((highest[::-1] * counted).max()))
    return min(levels)
