"""Proposals: what a click or a box may mean, each with a score for standing out as a thing.

A proposal starts from where the object should be (around the click, at one of several
sizes; or filling the box) and what moves there, then alternates colour models and a minimum
cut, as GrabCut does (Rother et al., SIGGRAPH 2004).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.click_regions import (
    CERTAIN,
    component_at,
    depth_inside,
    geodesic_distance,
    minimum_cut,
)
from tracker.classical.click_walk import WIDER, belief_in_box
from tracker.classical.click_window import Plane, Sight, Window
from tracker.types import Box, Mask, Point

SIZES = (0.07, 0.12, 0.2, 0.33, 0.55, 0.9)  # half a window's side, of the frame's shorter side
_CLICK_PIXELS = 10_000
_BOX_PIXELS = 30_000
_FINE_PIXELS = 60_000
_DOUBTFUL = 2.0  # pixels of a proposal's window on either side of its border
_ROUNDS, _BOX_ROUNDS = 3, 2  # of colour models and cuts
_AROUND_BOX = 0.35  # of its sides, looked at on either side
COLOUR_WEIGHT = 1.5
# Weights of what a box keeps, of motion and of colours, which the first of them has looked at.
_DRAWN, _AROUND_MOTION = (1.0, 0.5, 0.5), (0.5, 1.0, COLOUR_WEIGHT)
_DIFFERING = 0.3  # what is left of the score of what differs as its surroundings do
_SAME_SIDE = 0.5  # weight of what is on the click's side already, against the region itself
MOST_ODDS = CERTAIN - 0.1  # evidence never fixes a pixel; only points and limits do


@dataclass(frozen=True, eq=False)
class Proposal:
    """A region as seen in a window, with how much it looks like a thing: 0 to 1."""

    window: Window
    region: Mask
    score: float

    def place(self, sight: Sight) -> Mask:
        """Return the region as a mask of the whole frame, its border settled on finer pixels."""
        mask = self.window.place(self.region)
        step = float(np.sqrt(self.window.pixel_area))
        if step <= 1 or not mask.any():
            return mask
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        more = 4 * step
        left, right = columns[0] - more, columns[-1] + 1 + more
        fine = Window(sight, (left, rows[0] - more, right, rows[-1] + 1 + more), _FINE_PIXELS)
        inside = fine.view(mask) > 0.5
        depth, beyond = depth_inside(inside), depth_inside(~inside)
        band = _DOUBTFUL * step / float(np.sqrt(fine.pixel_area))
        nearness = (depth - beyond) / band
        colours = fine.appearance_odds(inside * (depth > band / 2), ~inside * (beyond > band / 2))
        odds = np.clip(nearness + np.clip(colours, -4, 4), -MOST_ODDS, MOST_ODDS)
        odds[np.abs(nearness) >= 1] = CERTAIN
        odds[nearness <= -1] = -CERTAIN
        settled = fine.place(minimum_cut(odds.astype(np.float32), fine.lab, smoothness=4.0))
        return settled if settled.any() else mask

    def centred_on(self, point: Point) -> float:
        """Return how deep inside the region `point` lies: 1 where it is thickest."""
        place = self.window.locate(point.x, point.y)
        depth = depth_inside(self.region)
        if place is None or not self.region.any():
            return 0.0
        return float(depth[place[1], place[0]] / depth.max())

    def area(self) -> float:
        """Return the region's area in frame pixels."""
        return float(self.region.sum() * self.window.pixel_area)


def around_click(
    sight: Sight,
    click: Point,
    opposed: Sequence[Point],
    allowed: Mask | None,
    motion: Plane | None,
) -> Iterator[Proposal]:
    """Yield regions around `click` of several sizes.

    Args:
        sight: the frame.
        click: the point, of either sign: the regions are what shares its side.
        opposed: points of the other sign, which no region holds or reaches half-way to.
        allowed: (H, W) where regions may lie; the rest is on the click's side already.
        motion: log-odds of any size that a pixel moves with the click.
    """
    shorter = min(sight.frame.shape[:2])
    nearest = min((np.hypot(p.x - click.x, p.y - click.y) for p in opposed), default=np.inf)
    for size in SIZES:
        half = max(4.0, size * shorter)
        if half / 2 > nearest and size != SIZES[0]:
            return
        x, y = click.x + 0.5, click.y + 0.5
        window = Window(sight, (x - half, y - half, x + half, y + half), _CLICK_PIXELS)
        proposal = _grow(window, click, half, opposed, allowed, motion)
        if proposal is not None:
            yield proposal


def _grow(
    window: Window,
    click: Point,
    half: float,
    opposed: Sequence[Point],
    allowed: Mask | None,
    motion: Plane | None,
) -> Proposal | None:
    column, row = window.locate(click.x, click.y) or (0, 0)
    seed = np.zeros((window.height, window.width), bool)
    seed[row, column] = True
    away = window.distance(click.x, click.y)
    prior = 2 * np.clip(1 - 2 * away / half, -1.5, 1)
    path = geodesic_distance(path_cost(window), seed)
    reach = np.quantile(path, 0.25) + 1e-3
    prior = prior + np.clip(1.5 * np.log(reach / np.maximum(path, 1e-3)), -2, 1)
    fixed = np.zeros_like(seed)  # on the other side for good
    if opposed:
        other = np.min([window.distance(p.x, p.y) for p in opposed], axis=0)
        prior = prior + 2 * np.clip(2 * np.log((other + 1) / (away + 1)), -2, 0)
        for place in filter(None, (window.locate(p.x, p.y) for p in opposed)):
            fixed[place[1], place[0]] = True
    seen = None if motion is None else window.view(motion)
    if seen is not None:
        prior = prior + seen
    same = np.zeros_like(seed) if allowed is None else window.view(allowed) < 0.5
    same[row, column] = fixed[row, column] = False
    free = ~(same | fixed)

    inside: NDArray[np.floating] = np.where(free, 1 / (1 + np.exp(-2 * prior)), 0)
    outside: NDArray[np.floating] = 1 - inside
    region = seed
    for _ in range(_ROUNDS):
        # What is on the click's side already tells what that side looks like.
        known = same * (inside > 0.5).sum() / max(1, int(same.sum()))
        colours = window.appearance_odds(inside + _SAME_SIDE * known, outside * ~same)
        odds = (prior + COLOUR_WEIGHT * np.clip(colours, -4, 4)).astype(np.float32)
        np.clip(odds, -MOST_ODDS, MOST_ODDS, out=odds)
        odds[~free] = -CERTAIN
        odds[row, column] = CERTAIN
        region = component_at(minimum_cut(odds, window.lab, smoothness=4.0), column, row)
        inside, outside = core(region), ~region * 1.0
    if region.sum() < 3:
        return None
    depth = depth_inside(region)
    centred = float(depth[row, column] / depth.max())
    score = standing_out(window, region, free, seen) * (0.3 + centred) / 1.3
    return Proposal(window, region, score)


def in_box(
    sight: Sight, box: Box, moving: Plane | None, *, is_around_motion: bool = False
) -> Proposal:
    """Return what fills `box`, or reaches a little over it; the box where nothing stands out.

    Args:
        sight: the frame.
        box: as people draw it, close to the object on every side.
        moving: log-odds of any size that a pixel moves as what is in the box does.
        is_around_motion: whether the box was drawn around what moves instead, and so loosely.
    """
    x0, y0, x1, y1 = box
    more_x, more_y = _AROUND_BOX * (x1 - x0), _AROUND_BOX * (y1 - y0)
    window = Window(sight, (x0 - more_x, y0 - more_y, x1 + more_x, y1 + more_y), _BOX_PIXELS)
    across = 2 * np.abs(window.x + 0.5 - (x0 + x1) / 2) / max(x1 - x0, 1e-6)
    down = 2 * np.abs(window.y + 0.5 - (y0 + y1) / 2)[:, None] / max(y1 - y0, 1e-6)
    inside_box = (across <= 1) & (down <= 1)
    if not inside_box.any():
        inside_box[np.argmin(down), np.argmin(across)] = True
    wider = (across <= 1 + 2 * WIDER) & (down <= 1 + 2 * WIDER) | inside_box
    if wider.all():
        wider = inside_box
    seen = None if moving is None else window.view(moving)
    of_box, of_motion, of_colour = _AROUND_MOTION if is_around_motion else _DRAWN
    if inside_box.all():  # the middle is all there is to go by
        prior = np.clip(2.4 - 2.4 * np.hypot(across, down), -3, 2.4)
    else:
        prior = of_box * belief_in_box(window, inside_box, wider, seen)
        # Motion counts only where the box holds more of it than its surroundings.
        if seen is not None and seen[inside_box].mean() > seen[~inside_box].mean() + 0.3:
            prior = prior + of_motion * seen
    inside: NDArray[np.floating] = np.where(wider, 1 / (1 + np.exp(-2 * prior)), 0)
    outside: NDArray[np.floating] = 1 - inside
    region = inside_box
    for _ in range(_BOX_ROUNDS):
        colours = window.appearance_odds(inside, outside)
        odds = (prior + of_colour * np.clip(colours, -4, 4)).astype(np.float32)
        np.clip(odds, -MOST_ODDS, MOST_ODDS, out=odds)
        odds[~wider] = -CERTAIN
        region = minimum_cut(odds, window.lab, smoothness=2.0)
        if not region.any():
            region = inside_box
            break
        inside, outside = core(region), ~region * 1.0
    return Proposal(window, region, standing_out(window, region, np.ones_like(region), seen))


def standing_out(window: Window, region: Mask, free: Mask, motion: Plane | None) -> float:
    """Score `region` from 0 to 1: edges along its rim, other colours and motion around it."""
    rim = region & (depth_inside(region) <= 1)
    edges = np.asarray(cv2.dilate(window.edges, np.ones((3, 3), np.uint8)))
    along = float(edges[rim].mean())
    contrast = along / (along + float(edges.mean()) + 1e-3)
    size = float(np.sqrt(region.sum()))
    width = 2 * max(2, int(size / 4)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    ring = cv2.dilate(region.astype(np.uint8), kernel).astype(bool) & ~region & free
    distinct, moves = 0.0, 0.0
    differs: float | None = None
    if ring.any():
        distinct = 1 - float(np.sqrt(window.histogram(region) * window.histogram(ring)).sum())
        differs = window.unlikeness(region, ring)
        if motion is not None:
            moves = max(0.0, float((motion[region] > 0).mean() - (motion[ring] > 0).mean()))
    sides = (region[:, 0], region[0], region[:, -1], region[-1])
    cut_off = sum(float(side.sum()) for side, cut in zip(sides, window.cuts, strict=True) if cut)
    score = contrast * (0.2 + distinct) / 1.2 * (0.15 + moves) / 1.15 / (1 + cut_off / size)
    if differs is not None:
        score *= (_DIFFERING + differs) / (1 + _DIFFERING)
    return float(np.clip(score, 0, 1))


def path_cost(window: Window) -> Plane:
    """Return what a path pays per pixel (h, w): most where colours change."""
    usual = window.edges.mean() + np.float32(1e-3)
    return np.asarray(window.edges / usual + np.float32(0.1), dtype=np.float32)


def core(region: Mask) -> NDArray[np.float32]:
    """Return weights (h, w) that trust a region's inside more than its rim."""
    depth = depth_inside(region)
    share = np.clip(2 * depth / max(float(depth.max()), 1e-6), 0, 1)
    return np.asarray(share**2, dtype=np.float32)
