"""Motions around a hole are told apart, and each has a part of the hole."""

import numpy as np
import pytest

from tracker.classical.parts import parts_of

SHAPE = (40, 60)
HOLE = np.zeros(SHAPE, bool)
HOLE[10:30, 20:40] = True


def motion_of(*columns):
    """Return a motion to the right, one speed per equal share of the columns, and noise."""
    motion = np.random.default_rng(2).normal(0, 0.1, (*SHAPE, 2)).astype(np.float32)
    motion[..., 0] += np.repeat(columns, SHAPE[1] // len(columns))
    motion[HOLE] = 99  # nobody looks there
    return motion


def test_two_motions_meet_in_the_middle_of_the_hole():
    left, right = sorted(parts_of(motion_of(0, 6), HOLE), key=lambda part: not part.seen[0, 0])

    assert left.seen[:, :30][~HOLE[:, :30]].all()
    assert not left.seen[:, 30:].any()
    np.testing.assert_array_equal(right.seen, ~HOLE & ~left.seen)
    expected = HOLE.copy()
    expected[:, 30:] = False
    assert (left.hidden != expected).mean() < 0.01  # a line of places wide
    np.testing.assert_array_equal(right.hidden, HOLE & ~left.hidden)


@pytest.mark.parametrize(
    ("motion", "count"),
    [
        (motion_of(1), 1),
        (motion_of(0, 1), 1),  # too alike
        (motion_of(*np.linspace(0, 3, 60)), 1),  # hardly a slope
        (motion_of(0, 8, 20), 3),
        (motion_of(0, 8, 20, 40, 70, 100), 4),
    ],
)
def test_there_are_as_many_parts_as_there_are_motions(motion, count):
    parts = parts_of(motion, HOLE)

    assert len(parts) == count
    np.testing.assert_array_equal(sum(part.seen.astype(int) for part in parts), ~HOLE)
    np.testing.assert_array_equal(sum(part.hidden.astype(int) for part in parts), HOLE)


def test_where_hardly_anything_is_seen_there_is_one_part():
    hole = np.ones(SHAPE, bool)
    hole[0, :8] = False
    motion = np.zeros((*SHAPE, 2), np.float32)
    motion[0, :4] = 9

    assert len(parts_of(motion, hole)) == 1
