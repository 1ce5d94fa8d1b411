"""What the clicks so far mean, click by click.

The first click's regions are the first hypotheses.  Each later click drops those it speaks
against, and adds others: corrections of the best ones by a region around the click, the best
one joined or cut with the rest, the best one settled anew by all clicks, and, where something
was clicked away, the first click's regions once more without it.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from tracker.classical.click_background import Differences
from tracker.classical.click_course import without
from tracker.classical.click_hypotheses import Hypothesis, Shown, fit, ranked
from tracker.classical.click_motion import MotionCues
from tracker.classical.click_proposals import Proposal, around_click
from tracker.classical.click_regions import depth_inside
from tracker.classical.click_together import settle_together
from tracker.classical.click_window import Plane, Sight
from tracker.types import Box, Mask, Point

_MOTION_IN_CORRECTIONS = 0.3  # the first click has used it already
_CENTRED = 0.5  # power: people click into the middle of what they mean
_CORRECTED = 2  # hypotheses that are corrected
_REGIONS = 4  # corrections tried of each
_JOINED = 6  # hypotheses that the best is joined or cut with
_EASE_CORRECTED = 0.5  # a hypothesis that needs no correction is likelier
_EASE_AGAIN = 0.6
_EASE_JOINED = 0.5
_EASE_SETTLED = 0.3
_LAST_RESORT = 1e-6  # fit of corrections that explain the clicks badly


@dataclass(frozen=True, eq=False)
class Answer:
    """What the clicks so far mean.

    Attributes:
        hypotheses: best first; the first is what is shown.
        history: what was shown at each click.
        is_started: whether a mask or a box came before the clicks.
    """

    hypotheses: tuple[Hypothesis, ...]
    history: tuple[Shown, ...] = ()
    is_started: bool = False

    def led_by(self, choice: int) -> "Answer":
        """Return it with the hypothesis `choice` of those shown, counted around, in front."""
        index = choice % min(3, len(self.hypotheses))
        others = (*self.hypotheses[:index], *self.hypotheses[index + 1 :])
        return replace(self, hypotheses=(self.hypotheses[index], *others))


def answer_first(sight: Sight, motion: MotionCues, click: Point, around: Differences) -> Answer:
    """Return what the first click means, nothing known before but how the frame differs."""
    if not click.positive:
        everything = Hypothesis(np.ones(sight.frame.shape[:2], bool), 1.0)
        return answer_next(sight, motion, Answer((everything,)), click, None)
    odds = motion.odds_at(click.x, click.y)
    if odds is not None:
        moving = motion.part_at(odds, click.x, click.y)
        sight = replace(sight, differences=without(around, moving))
    regions = _regions(sight, click, (), None, odds)
    hypotheses = [Hypothesis(mask, worth) for mask, worth in regions]
    nothing = np.zeros(sight.frame.shape[:2], bool)
    if not hypotheses:
        hypotheses = [Hypothesis(_pixel(nothing, click), 0.0)]
    return Answer(ranked(hypotheses), (Shown(nothing, click),))


def answer_next(
    sight: Sight, motion: MotionCues, before: Answer, click: Point, box: Box | None
) -> Answer:
    """Return what the clicks mean once `click` is added to those `before`.

    Positive clicks add nothing outside `box`.
    """
    shown = before.hypotheses[0].mask
    history = (*before.history, Shown(shown, click))
    if before.hypotheses[0].agrees(click):  # nothing is wrong there
        return replace(before, hypotheses=ranked(_survivors(before, history)), history=history)
    allowed = None if box is None else _inside(box, shown.shape)
    odds = motion.odds_at(click.x, click.y)
    first = history[0].click
    first_odds = motion.odds_at(first.x, first.y)
    wrong = [one for one in before.hypotheses if not one.agrees(click)][:_CORRECTED]
    tasks: list[Callable[[], list[Hypothesis]]] = [
        partial(_corrected, sight, one, history, allowed, odds) for one in wrong
    ]
    tasks.append(partial(_settled, sight, wrong[0], history, allowed, first_odds))
    tasks.append(partial(_joined, wrong[0], before.hypotheses[:_JOINED], history))
    if first.positive and not click.positive and not before.is_started:
        tasks.append(partial(_again, sight, history, first_odds))
    with ThreadPoolExecutor(2) as pool:
        found = [one for some in pool.map(lambda task: task(), tasks) for one in some]
    found = _survivors(before, history) + found
    if not found:
        found = [Hypothesis(_pixel(shown, click), 0.0)]
    return Answer(ranked(found), history, before.is_started)


def _settled(
    sight: Sight,
    one: Hypothesis,
    history: Sequence[Shown],
    allowed: Mask | None,
    odds: Plane | None,
) -> list[Hypothesis]:
    mask = settle_together(sight, one.mask, history, odds)
    if mask is None:
        return []
    if allowed is not None:
        mask &= allowed | one.mask
    return _explained(one, mask, history, one.ease * _EASE_SETTLED)


def _joined(
    one: Hypothesis, others: Sequence[Hypothesis], history: Sequence[Shown]
) -> list[Hypothesis]:
    """Return `one` joined (after a positive click) or cut with what agrees with the click."""
    click = history[-1].click
    found = []
    for other in others:
        if other.agrees(click):
            mask = one.mask | other.mask if click.positive else one.mask & other.mask
            weaker = min(one, other, key=lambda hypothesis: hypothesis.standing)
            found += _explained(weaker, mask, history, one.ease * _EASE_JOINED)
    return found


def _again(sight: Sight, history: Sequence[Shown], odds: Plane | None) -> list[Hypothesis]:
    """Return the first click's regions once more, without what was clicked away since."""
    negative = [shown.click for shown in history if not shown.click.positive]
    found = []
    for mask, worth in _regions(sight, history[0].click, negative, None, odds):
        found += _explained(Hypothesis(mask, worth), mask, history, _EASE_AGAIN)
    return found


def _survivors(before: Answer, history: Sequence[Shown]) -> list[Hypothesis]:
    survivors = []
    for one in before.hypotheses:
        explained = fit(one.mask, history[-1:])
        if explained > 0:
            survivors.append(Hypothesis(one.mask, one.standing, one.fit * explained, one.ease))
    return survivors


def _corrected(
    sight: Sight,
    one: Hypothesis,
    history: Sequence[Shown],
    allowed: Mask | None,
    odds: Plane | None,
) -> list[Hypothesis]:
    """Return `one` corrected by regions of several sizes around the last click."""
    click = history[-1].click
    opposed = [past.click for past in history if past.click.positive != click.positive]
    if odds is not None:
        odds = odds * np.float32(_MOTION_IN_CORRECTIONS)
    limits = ~one.mask if click.positive else one.mask
    regions = _regions(sight, click, opposed, limits, odds, _REGIONS)
    if not regions:
        regions = [(_pixel(np.zeros_like(one.mask), Point(click.x, click.y)), 1.0)]
    most = max(regions[0][1], 1e-9)
    corrected = []
    for region, worth in regions:
        if click.positive:
            mask = one.mask | (region if allowed is None else region & allowed)
        else:
            mask = one.mask & ~region
        ease = one.ease * _EASE_CORRECTED * worth / most
        explained = max(fit(mask, history), _LAST_RESORT)
        corrected.append(Hypothesis(mask, one.standing, explained, ease))
    return corrected


def _explained(
    one: Hypothesis, mask: Mask, history: Sequence[Shown], ease: float
) -> list[Hypothesis]:
    """Return `mask`, which looks as good as `one`, if it explains every click."""
    explained = fit(mask, history)
    return [Hypothesis(mask, one.standing, explained, ease)] if explained > 0 else []


def _regions(
    sight: Sight,
    click: Point,
    opposed: Sequence[Point],
    limits: Mask | None,
    odds: Plane | None,
    most: int | None = None,
) -> list[tuple[Mask, float]]:
    """Return masks of the best regions around `click` with their worth, best first."""

    def worth(proposal: Proposal) -> float:
        score: float = proposal.score * proposal.centred_on(click) ** _CENTRED
        # A click that takes nearly everything away is hardly what was meant.
        if click.positive or limits is None:
            return score
        return score * max(0.05, 1 - proposal.area() / max(1.0, float(limits.sum())))

    weighed = [(one, worth(one)) for one in around_click(sight, click, opposed, limits, odds)]
    weighed.sort(key=lambda pair: pair[1], reverse=True)
    return [(proposal.place(sight), value) for proposal, value in weighed[:most]]


def _pixel(mask: Mask, click: Point) -> Mask:
    """Return `mask` with the clicked pixel on the click's side, and nothing else changed."""
    result = mask.copy()
    result[round(click.y), round(click.x)] = click.positive
    if not result.any():
        free = np.ones_like(result)
        free[round(click.y), round(click.x)] = click.positive
        depth = depth_inside(free)
        result[np.unravel_index(int(np.argmax(depth)), depth.shape)] = True
    return result


def _inside(box: Box, shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, bool)
    mask[int(box[1]) : int(np.ceil(box[3])), int(box[0]) : int(np.ceil(box[2]))] = True
    return mask
