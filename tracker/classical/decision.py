"""Soft labels from what flow, motion and appearance say of each pixel.

The opinions are multiplied as if they were independent, and smoothed along the edges of the
picture (guided filter; He, Sun and Tang, 2010).
"""

import cv2
import numpy as np

from tracker.classical.appearance import STRIDE, Floats
from tracker.classical.edges import GuidedFilter
from tracker.classical.softmaps import Picture, Region, pixels_of, softmax, spread
from tracker.types import Mask

APPEARANCE_WEIGHT = 4.0
DOUBT = 0.1  # probability that flow is wrong although it looks right
EDGE_RADIUS = 4  # pixels
EDGE_SMOOTHNESS = 1e-3
NEVER = np.float32(-10)  # log odds


def decide(
    picture: Picture, prior: Floats, odds: Floats, votes: Floats, near: Mask, cells: Region
) -> Floats:
    """Return the soft labels (layers, h, w) of the pixels of `cells`, which add up to 1.

    Args:
        picture: what is labelled.
        prior: (layers, h, w), of these pixels: how likely each layer is, as carried by flow.
        odds: (layers, h, w), log odds: what their motion and the background behind them say.
        votes: (layers, h, w): what their looks say, see `vote`.
        near: (rows, columns) of all cells: those in which objects may be.
        cells: the part of them that is decided.
    """
    score = np.log(prior * (1 - DOUBT) + DOUBT / len(prior))
    score += APPEARANCE_WEIGHT * votes
    score += odds
    beyond = spread(~near[cells], STRIDE, prior.shape[1:])
    for one in score[1:]:
        np.copyto(one, NEVER, where=beyond)
    share = softmax(score)
    region = pixels_of(cells, picture.small.shape[:2])
    guide = np.array(cv2.split(picture.small[region])) / np.float32(255)
    smoother = GuidedFilter(guide, EDGE_RADIUS, EDGE_SMOOTHNESS)
    for layer in range(1, len(share)):
        share[layer] = smoother.smooth(share[layer])
    share[0] = 1 - share[1:].sum(axis=0)
    share = np.clip(share, 0, 1)
    share *= np.sqrt(share)  # sharper: keeps labels from dissolving when carried many times
    share /= share.sum(axis=0) + np.float32(1e-6)
    return share
