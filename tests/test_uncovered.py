"""What an object uncovers by moving away is background, however much it looks like it."""

import numpy as np
import pytest

from tests.test_classical_propagator import BLUE, RADIUS, RED, draw, follow, similarity, textured
from tracker.classical.layers import Motion
from tracker.classical.uncovered import Uncovered
from tracker.classical.usual import Usual

AWAY = 16  # frames after which the disc has left its first place


def with_doors(num_frames, doors, pan=1):
    """Return frames and labels: a disc moves right; each of `doors` (x, y) has its colours."""
    frames, truths = draw(num_frames, {1: (lambda t: (80 + 7 * t, 90), RED)}, pan=pan)
    grain = (textured(30, 30, 11) - 0.5) * 100 + RED
    for index, (frame, truth) in enumerate(zip(frames, truths, strict=True)):
        for x, y in doors:
            place = slice(y - 15, y + 15), slice(x - 15 - pan * index, x + 15 - pan * index)
            free = truth[place] == 0
            frame[place][free] = grain[free].clip(0, 255)
    return frames, truths


def test_a_door_like_the_object_that_stood_before_it_is_background():
    frames, truths = with_doors(AWAY + 4, [(80, 90)])

    tracked = follow(frames, truths[0])

    for labels, truth in zip(tracked[AWAY:], truths[AWAY:], strict=True):
        assert similarity(labels, truth) > 0.8
        assert not labels[:, : 80 + RADIUS].any()


def test_a_part_that_was_given_stays_where_it_is_while_the_rest_goes():
    frames, truths = with_doors(AWAY + 4, [(80, 50)])
    given = truths[0].copy()
    given[35:65, 65:95] = 1  # in one piece with the disc

    tracked = follow(frames, given)

    for index in range(AWAY, AWAY + 4):
        assert similarity(tracked[index], truths[index]) < 0.8  # there is more than the disc
        assert (tracked[index][38:62, 70 - index : 90 - index] == 1).mean() > 0.9


def test_of_several_pieces_given_each_may_be_slow():
    paths = {1: (lambda t: (60 + 7 * t, 120), RED), 2: (lambda t: (230 + 0.4 * t, 50), BLUE)}
    frames, truths = draw(AWAY, paths)

    tracked = follow(frames, (truths[0] > 0).astype(np.uint8))

    for labels, truth in zip(tracked, truths, strict=True):
        assert similarity(labels, (truth > 0).astype(np.uint8)) > 0.8


@pytest.mark.parametrize("stretch", [0.95, 1.05])
def test_what_goes_away_is_usually_smaller_and_what_comes_near_larger(stretch):
    areas = Usual()
    areas.note_areas(np.ones((2, 10, 10), np.float32), given=True)

    for _ in range(10):
        areas.scale([Motion(), Motion(rotation=stretch)])

    assert areas.area(1) == pytest.approx(100 * stretch**20)


def test_without_a_motion_of_its_own_an_object_keeps_its_usual_area():
    areas, background = Usual(), Motion(rotation=1.05)
    areas.note_areas(np.ones((2, 10, 10), np.float32), given=True)

    areas.scale([background, background])

    assert areas.area(1) == 100


@pytest.mark.parametrize(("gap", "is_whole"), [(0, True), (8, True), (30, False)])
def test_what_something_thin_cuts_in_two_is_one_object_and_what_lies_apart_is_not(gap, is_whole):
    winner = np.zeros((100, 200), np.uint8)
    winner[20:70, 40:80] = 1
    winner[20:70, 80 + gap : 120 + gap] = 1
    uncovered = Uncovered()

    uncovered.begin(np.zeros((50, 100, 3), np.float32), winner)

    assert uncovered.is_whole(1) == is_whole
