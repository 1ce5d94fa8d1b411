"""A mask settled anew by all its clicks at once.

Alternates colour models and a minimum cut over a window that holds the mask and the clicks.
A mask that was clicked on is wrong in a whole disc around the click, not in one pixel: the
middle of an error is as far from what is right as it is from the border that was shown.
Elsewhere the geodesic nearness to clicks of either sign decides along with the colours
(Gulshan et al., CVPR 2010).
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.click_hypotheses import Shown
from tracker.classical.click_proposals import (
    COLOUR_WEIGHT,
    MOST_ODDS,
    Proposal,
    core,
    path_cost,
)
from tracker.classical.click_regions import (
    CERTAIN,
    depth_inside,
    geodesic_distance,
    minimum_cut,
)
from tracker.classical.click_window import Plane, Sight, Window
from tracker.types import Mask

_PIXELS = 20_000
_ROUNDS = 2
_AROUND = 0.3  # more than the mask and its clicks that is looked at, of their longer side
# What is surely of the click's sign, as a share of the way to the border that was shown. What
# is missing may lie far beyond that border, so a positive click says less.
_SURE_NEGATIVE, _SURE_POSITIVE = 0.9, 0.3
_MASK_WEIGHT = 1.5  # log-odds deep inside or far outside the mask
_MOTION_WEIGHT = 0.3
_SMOOTHNESS = 4.0
_SPECK = 0.1  # of the area; smaller parts without a click are dropped


def settle_together(
    sight: Sight, mask: Mask, history: Sequence[Shown], motion: Plane | None
) -> Mask | None:
    """Return `mask` (H, W) as the clicks of `history` change it, or None if nothing is left.

    `motion` are log-odds of any size that a pixel moves with what was clicked first.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    xs = [float(x) for x in columns[[0, -1]]] if columns.size else []
    ys = [float(y) for y in rows[[0, -1]]] if rows.size else []
    xs += [shown.click.x for shown in history]
    ys += [shown.click.y for shown in history]
    more = _AROUND * max(max(xs) - min(xs), max(ys) - min(ys)) + 8
    box = (min(xs) - more, min(ys) - more, max(xs) + 1 + more, max(ys) + 1 + more)
    window = Window(sight, box, _PIXELS)
    without, within = _sure(window, history, positive=False), _sure(window, history, positive=True)
    within &= ~without
    region = ((window.view(mask) > 0.5) | within) & ~without
    nearer = np.zeros(region.shape, np.float32)
    if within.any() and without.any():
        cost = path_cost(window)
        away, near = geodesic_distance(cost, without), geodesic_distance(cost, within)
        nearer += np.clip(np.log((away + 0.5) / (near + 0.5)), -2, 2)
    if motion is not None:
        nearer += np.float32(_MOTION_WEIGHT) * window.view(motion)
    for _ in range(_ROUNDS):
        if region.sum() < 3:
            return None
        depth = depth_inside(region)
        sides = np.clip((depth - depth_inside(~region)) / (depth.max() / 2), -1, 1)
        example: NDArray[np.float32] = np.maximum(core(region), within.astype(np.float32))
        colours = window.appearance_odds(example, ~region)
        odds = _MASK_WEIGHT * sides + nearer + COLOUR_WEIGHT * np.clip(colours, -4, 4)
        odds = np.clip(odds, -MOST_ODDS, MOST_ODDS).astype(np.float32)
        odds[within], odds[without] = CERTAIN, -CERTAIN
        region = _without_specks(minimum_cut(odds, window.lab, _SMOOTHNESS), within)
    if region.sum() < 3:
        return None
    return Proposal(window, region, 0.0).place(sight)


def _sure(window: Window, history: Sequence[Shown], *, positive: bool) -> Mask:
    """Return the pixels (h, w) of the window that the clicks of one sign settle."""
    sure = np.zeros((window.height, window.width), bool)
    share = _SURE_POSITIVE if positive else _SURE_NEGATIVE
    pixel = 0.75 * float(np.sqrt(window.pixel_area))
    for shown in history:
        if shown.click.positive != positive:
            continue
        radius = pixel
        if shown.mask.any():
            side = ~shown.mask if positive else shown.mask
            depth = depth_inside(side)[round(shown.click.y), round(shown.click.x)]
            radius = max(radius, share * float(depth))
        sure |= window.distance(shown.click.x, shown.click.y) <= radius
    return sure


def _without_specks(region: Mask, clicked: Mask) -> Mask:
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8))
    keep = statistics[:, cv2.CC_STAT_AREA] > _SPECK * int(region.sum())
    keep[np.unique(labels[clicked & region])] = True
    keep[0] = False
    return np.asarray(keep[labels], bool)
