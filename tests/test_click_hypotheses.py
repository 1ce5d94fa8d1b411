"""Clicks choose between what may be meant: they fall into the middle of the largest error."""

import numpy as np
import pytest

from tracker.classical.click_hypotheses import Hypothesis, Shown, fit, ranked
from tracker.classical.click_together import settle_together
from tracker.classical.click_window import Sight
from tracker.types import Point

HEIGHT, WIDTH = 80, 120


def rectangle(x0, x1, y0=20, y1=60):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_a_click_in_the_middle_of_a_difference_explains_it_better_than_one_at_its_rim():
    shown, meant = rectangle(10, 110), rectangle(10, 60)

    middle = fit(meant, [Shown(shown, Point(85, 40, positive=False))])
    rim = fit(meant, [Shown(shown, Point(62, 40, positive=False))])

    assert 0.9 < middle <= 1
    assert 0 < rim < 0.3


def test_a_click_on_a_small_error_speaks_against_a_larger_one_elsewhere():
    shown = rectangle(40, 60)
    click = Point(25, 40)

    small_alone = fit(rectangle(20, 60), [Shown(shown, click)])
    larger_elsewhere = fit(rectangle(20, 60) | rectangle(60, 115), [Shown(shown, click)])

    assert larger_elsewhere < 0.8 * small_alone


@pytest.mark.parametrize("positive", [True, False])
def test_what_leaves_a_click_on_the_wrong_side_is_not_meant(positive):
    shown = rectangle(40, 60) if positive else rectangle(10, 110)
    click = Point(100, 40, positive)

    assert fit(shown, [Shown(shown, click)]) == 0


def test_a_click_where_nothing_was_wrong_only_keeps_its_side():
    shown, click = rectangle(40, 60), Point(50, 40)

    assert fit(rectangle(30, 90), [Shown(shown, click)]) == 1
    assert fit(rectangle(70, 90), [Shown(shown, click)]) == 0


def test_hypotheses_that_are_nearly_the_same_count_once():
    best, twin = Hypothesis(rectangle(10, 60), 0.9), Hypothesis(rectangle(10, 61), 0.8)
    other = Hypothesis(rectangle(10, 100), 0.7)

    assert ranked([other, twin, best]) == (best, other)


def test_a_negative_click_clears_the_disc_up_to_the_border_that_was_shown():
    frame = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    shown = rectangle(10, 110)
    history = [
        Shown(np.zeros_like(shown), Point(30, 40)),
        Shown(shown, Point(89, 40, positive=False)),
    ]

    mask = settle_together(Sight(frame), shown, history, None)

    y, x = np.mgrid[:HEIGHT, :WIDTH]
    assert not mask[np.hypot(x - 89, y - 40) < 15].any()
    assert mask[40, 30]
