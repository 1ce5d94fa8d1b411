"""Edges that enter a hole are continued through it."""

import time

import numpy as np
import pytest

from tracker.classical.continuation import continue_edges
from tracker.classical.inpainter import ClassicalInpainter
from tracker.classical.spatial import spread
from tracker.types import Clip

HEIGHT, WIDTH = 90, 160


def hole_in_the_middle():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray((y - 45) ** 2 + (x - 80) ** 2 <= 20**2)


def scene(offset):
    """Return two colours that meet where `offset` (h, w), pixels, changes sign."""
    share = np.clip(offset + 0.5, 0, 1)[..., None]
    return np.float32(share * (200, 180, 60) + (1 - share) * (40, 90, 120))


def rms(filled, truth, hole):
    return float(np.sqrt(np.square(filled - truth)[hole].mean()))


def membrane_of(truth, hole):
    return spread(np.where(hole[..., None], np.float32(0), truth), hole)


@pytest.mark.parametrize("degrees", [0, 20, 45, 90, 130])
def test_a_straight_edge_goes_on_through_the_hole(degrees):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    angle = np.radians(degrees)
    truth = scene((x - 77.3) * np.sin(angle) - (y - 42.6) * np.cos(angle))
    hole = hole_in_the_middle()
    membrane = membrane_of(truth, hole)

    filled = continue_edges(membrane, hole)

    assert rms(filled, truth, hole) < rms(membrane, truth, hole) / 3
    np.testing.assert_array_equal(filled[~hole], truth[~hole])


def test_a_bent_edge_is_continued_bent():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    truth = scene(np.hypot(x - 80, y - 245) - 200)  # meets the hole at 6 degrees to the level
    hole = hole_in_the_middle()
    membrane = membrane_of(truth, hole)

    filled = continue_edges(membrane, hole)

    assert rms(filled, truth, hole) < 0.7 * rms(membrane, truth, hole)


def test_a_bar_is_continued():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    truth = scene(3 - np.abs(x - 80 + 0.2 * (y - 45)))
    hole = hole_in_the_middle()
    membrane = membrane_of(truth, hole)

    filled = continue_edges(membrane, hole)

    assert rms(filled, truth, hole) < rms(membrane, truth, hole) / 2


@pytest.mark.parametrize("kind", ["flat", "shaded", "faint noise", "one end"])
def test_where_no_edge_is_foretold_the_membrane_stays(kind):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    truth = {
        "flat": np.full((HEIGHT, WIDTH, 3), 90, np.float32),
        "shaded": np.repeat(np.float32(60 + 0.5 * x + 0.3 * y)[..., None], 3, axis=2),
        "faint noise": np.random.default_rng(3).normal(90, 3, (HEIGHT, WIDTH, 3)),
        "one end": scene(np.where(x < 80, y - 45, 200)),
    }[kind].astype(np.float32)
    hole = hole_in_the_middle()
    membrane = membrane_of(truth, hole)

    assert continue_edges(membrane, hole) is membrane


def test_sides_that_do_not_look_alike_are_not_joined():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    truth = scene(np.where(x < 80, y - 45, 45 - y))  # light below on the left, above on the right
    hole = hole_in_the_middle()
    membrane = membrane_of(truth, hole)

    assert continue_edges(membrane, hole) is membrane


@pytest.mark.parametrize("kind", ["everything", "a corner", "a pixel", "a tiny picture"])
def test_any_hole_will_do(kind):
    size = (3, 4) if kind == "a tiny picture" else (40, 50)
    truth = np.random.default_rng(1).uniform(0, 255, (*size, 3)).astype(np.float32)
    hole = np.zeros(size, bool)
    part = {"everything": np.s_[:], "a corner": np.s_[:20, :30]}.get(kind, np.s_[1:2, 2:3])
    hole[part] = True

    filled = continue_edges(membrane_of(truth, hole), hole)

    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~hole], truth[~hole])


def test_it_is_quick_and_the_same_each_time():
    y, x = np.mgrid[:243, :432]
    truth = scene(8 * np.sin(x / 7.0) + 8 * np.cos(y / 5.0 + x / 31.0))  # edges everywhere
    hole = np.asarray((y - 120) ** 2 + (x - 216) ** 2 <= 60**2)
    membrane = spread(truth, hole)
    first = continue_edges(membrane, hole)

    spent = []
    for _ in range(5):
        start = time.process_time()
        again = continue_edges(membrane, hole)
        spent.append(time.process_time() - start)
        np.testing.assert_array_equal(again, first)

    assert min(spent) < 0.06  # seconds; 0.006 here: a tenth of the machine will do


@pytest.mark.parametrize("streaming", [False, True])
def test_what_was_continued_stays_in_later_frames(streaming):
    """A still camera never sees behind the hole: the edge is carried, not faded out."""
    y, x = np.mgrid[:120, :160]
    truth = np.rint(scene(x - 80 + 0.3 * (y - 60))).astype(np.uint8)
    hole = np.asarray((y - 60) ** 2 + (x - 80) ** 2 <= 24**2)
    frame = np.where(hole[..., None], np.uint8(128), truth)
    frame.setflags(write=False)
    inpainter, count = ClassicalInpainter(), 6

    if streaming:
        filled = [
            inpainter.fill(Clip((k,), (frame,), (hole,), 1, is_streaming=True))[0]
            for k in range(count)
        ]
    else:
        filled = inpainter.fill(Clip(tuple(range(count)), (frame,) * count, (hole,) * count, count))

    membrane = membrane_of(truth.astype(np.float32), hole)
    for result in filled:
        assert rms(result.astype(np.float32), truth, hole) < rms(membrane, truth, hole) / 2
