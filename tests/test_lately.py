"""What frames around show of the background: lost parts of an object differ from it."""

import numpy as np
import pytest

from tracker.classical.lately import AGES, Coming, Lately
from tracker.classical.softmaps import coded

HEIGHT, WIDTH = 60, 100
STILL = np.eye(3)
LEFTWARDS = np.array([[1.0, 0, -2], [0, 1, 0], [0, 0, 1]])  # the background moves by 2 pixels


@pytest.fixture
def ground():
    """A wide textured strip, CIE Lab."""
    random = np.random.default_rng(0)
    coarse = random.uniform(20, 80, (HEIGHT // 4, 100, 1)).repeat(4, axis=0).repeat(4, axis=1)
    return np.concatenate([coarse, np.zeros((HEIGHT, 400, 2))], axis=2).astype(np.float32)


def view(ground, time, *, pans=False, speed=4, width=14):
    """Return a frame with an object in it, and where that is."""
    left = 200 + 2 * time if pans else 150
    frame = ground[:, left : left + WIDTH].copy()
    place = np.zeros((HEIGHT, WIDTH), bool)
    place[20:34, 10 + speed * time : 10 + speed * time + width] = True
    frame[place] = (50, 60, 60)
    return frame, place


def expected_of(place, seen):
    """Return (2, h, w): the object is expected in the part of its place that is `seen`."""
    one = np.where(place & seen, 0.9, 0.1).astype(np.float32)
    return np.stack([1 - one, one])


def coming_after(ground, time, *ages, pans=False):
    """Return frames that come after `time`."""
    later = []
    for age in ages:
        way = np.linalg.matrix_power(LEFTWARDS if pans else STILL, age)
        later.append(Coming(coded(view(ground, time + age, pans=pans)[0]), way))
    return later


def said_at(
    ground,
    time,
    *,
    pans=False,
    taken=False,
    before=12,
    near=True,
    forget=False,
    ages=(),
    doubtful=(),
    **how,
):
    """Return what is said at `time` of an object half of which is lost, and its place."""
    lately = Lately()
    everywhere, upper = np.full((HEIGHT, WIDTH), near), np.zeros((HEIGHT, WIDTH), bool)
    upper[:27] = True
    for now in range(time - before, time + 1):
        frame, place = view(ground, now, pans=pans, **how)
        if forget and now == time:
            lately.forget()
        lately.follow(LEFTWARDS if pans else STILL)
        coming = coming_after(ground, now, *ages, pans=pans)
        expected = expected_of(place, upper)
        odds = lately.odds(coded(frame), expected, everywhere, coming, doubtful)
        lately.keep(coded(frame), np.where(place & taken, 0, 1).astype(np.float32))
    return odds[1], place


@pytest.mark.parametrize("pans", [False, True])
def test_a_part_that_was_lost_is_the_objects_and_ground_seen_before_is_not(ground, pans):
    odds, place = said_at(ground, 15, pans=pans)
    lower = place.copy()
    lower[:27] = False
    assert odds[lower].min() > 1
    behind = np.zeros_like(place)
    behind[:, 20:60] = True
    assert np.median(odds[behind]) < -1


def test_where_an_object_hid_the_ground_nothing_is_said(ground):
    just_left = np.s_[22:32, 20:24]  # by an object that is slow and long
    assert (said_at(ground, 15, speed=1, width=40)[0][just_left] != 0).all()
    assert (said_at(ground, 15, speed=1, width=40, taken=True)[0][just_left] == 0).all()


@pytest.mark.parametrize("pans", [False, True])
def test_frames_to_come_show_what_the_object_has_hidden_so_far(ground, pans):
    def lower_part(**how):
        odds, place = said_at(ground, 15, pans=pans, before=2, **how)
        lower = place.copy()
        lower[:27] = False
        return odds[lower]

    assert not lower_part().any()
    assert lower_part(ages=(6, 12)).min() > 1


def test_frames_to_come_are_asked_only_about_objects_that_are_seen_well(ground):
    alone, _ = said_at(ground, 15)
    doubted, _ = said_at(ground, 15, ages=(6, 12), doubtful=[1])
    both, place = said_at(ground, 15, ages=(6, 12))

    np.testing.assert_array_equal(doubted, alone)
    assert both[place].mean() > alone[place].mean() + 1


def test_one_frame_is_not_enough(ground):
    assert not said_at(ground, 15, before=AGES[1] - 1)[0].any()
    assert said_at(ground, 15, before=AGES[1])[0].any()


def test_nothing_is_said_of_another_scene_nor_where_no_object_can_be(ground):
    assert said_at(ground, 15)[0].any()
    assert not said_at(ground, 15, forget=True)[0].any()
    assert not said_at(ground, 15, near=False)[0].any()
