"""What clicks may mean: several masks kept side by side, weighed by all clicks together.

Somebody who is shown a mask clicks into the middle of what is most wrong with it.  So a click
tells more than the side of one pixel: taken as what is meant, a mask must differ from the one
shown where the click fell, and the click must lie deep inside that difference, which is the
largest.  A mask that loses after one click may win after the next.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from tracker.classical.click_regions import depth_inside
from tracker.types import Mask, Point

_MOST = 12  # hypotheses kept
_ALIKE = 0.9  # IoU over which two are one
_STANDING = 0.5  # power: clicks tell more than looks
_LARGEST = 0.5  # power: people look for the largest error less well than for its middle


@dataclass(frozen=True, eq=False)
class Shown:
    """A mask (H, W) that was shown, and the click it was answered with."""

    mask: Mask
    click: Point


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A mask (H, W) that may be meant.

    Attributes:
        standing: 0 to 1, how much it, or what it was corrected from, looks like a thing.
        fit: 0 to 1, how well it explains the clicks.
        ease: 0 to 1, less for each correction it took.
    """

    mask: Mask
    standing: float
    fit: float = 1.0
    ease: float = 1.0

    @property
    def worth(self) -> float:
        """Return what hypotheses are ranked by, 0 to 1."""
        return float(min(1.0, (self.standing + 1e-4) ** _STANDING * self.fit * self.ease))

    def agrees(self, click: Point) -> bool:
        """Return whether the clicked pixel is on the click's side."""
        return bool(self.mask[round(click.y), round(click.x)]) == click.positive


def fit(meant: Mask, history: Iterable[Shown]) -> float:
    """Return how well `meant` explains every click of `history`, 0 to 1."""
    product = 1.0
    for shown in history:
        product *= _fit_of_click(meant, shown)
    return product


def ranked(hypotheses: Sequence[Hypothesis]) -> tuple[Hypothesis, ...]:
    """Return the best of `hypotheses`, best first, without what is nearly the same."""
    kept: list[Hypothesis] = []
    for one in sorted(hypotheses, key=lambda one: one.worth, reverse=True):
        if all(iou(one.mask, other.mask) <= _ALIKE for other in kept):
            kept.append(one)
        if len(kept) == _MOST:
            break
    return tuple(kept)


def iou(one: Mask, other: Mask) -> float:
    """Return intersection over union, 0 for two empty masks."""
    return float((one & other).sum() / max(1, int((one | other).sum())))


def _fit_of_click(meant: Mask, shown: Shown) -> float:
    x, y = round(shown.click.x), round(shown.click.y)
    if bool(shown.mask[y, x]) == shown.click.positive:  # nothing was wrong there
        return float(bool(meant[y, x]) == shown.click.positive)
    missed, excess = meant & ~shown.mask, shown.mask & ~meant
    mine, other = (missed, excess) if shown.click.positive else (excess, missed)
    if not mine[y, x]:
        return 0.0
    rows = np.flatnonzero(missed.any(axis=1) | excess.any(axis=1))
    columns = np.flatnonzero(missed.any(axis=0) | excess.any(axis=0))
    wrong = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    mine, other, x, y = mine[wrong], other[wrong], x - int(columns[0]), y - int(rows[0])
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mine.astype(np.uint8))
    label = labels[y, x]
    left, top, width, height, area = statistics[label]
    part = labels[top : top + height, left : left + width] == label
    depth = depth_inside(part)
    largest = max(int(statistics[1:, cv2.CC_STAT_AREA].max()), _largest_part(other))
    return float(depth[y - top, x - left] / depth.max() * (area / largest) ** _LARGEST)


def _largest_part(mask: Mask) -> int:
    if not mask.any():
        return 0
    statistics = cv2.connectedComponentsWithStats(mask.astype(np.uint8))[2]
    return int(statistics[1:, cv2.CC_STAT_AREA].max())
