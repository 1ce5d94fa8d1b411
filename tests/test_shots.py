"""A shot that is cut away from and goes on: what was known in it is known again."""

import numpy as np
import pytest

from tests.test_classical_propagator import (
    HEIGHT,
    RED,
    WIDTH,
    draw,
    follow,
    similarity,
    textured,
)
from tests.test_cuts import other_scene
from tracker.classical.propagator import MOST_LEFT, ClassicalPropagator
from tracker.classical.sight import Sight

AWAY, AFTER = slice(10, 20), slice(20, 30)
BLACK = [np.random.default_rng(k).integers(0, 6, (HEIGHT, WIDTH, 3), np.uint8) for k in range(10)]


def interrupted(others, pan=2, step=2):
    """Return frames and truths of a disc; ten `others` are shown in the middle."""
    frames, truths = draw(30, {1: (lambda t: (60 + step * t, 90), RED)}, pan=pan)
    frames[AWAY], truths[AWAY] = others, [np.zeros_like(truths[0])] * 10
    return frames, truths


@pytest.mark.parametrize("others", [other_scene(10), BLACK], ids=["another", "black"])
def test_an_object_is_followed_at_once_where_its_shot_goes_on(others):
    frames, truths = interrupted(others)

    tracked = follow(frames, truths[0])

    assert not any(labels.any() for labels in tracked[AWAY])
    assert min(map(similarity, tracked[AFTER], truths[AFTER])) > 0.85


def test_an_object_that_went_far_while_its_shot_was_away_is_looked_for():
    frames, truths = interrupted(other_scene(10), step=6)

    tracked = follow(frames, truths[0])

    assert min(map(similarity, tracked[AFTER][2:], truths[AFTER][2:])) > 0.8


def test_what_became_of_an_object_before_a_cut_is_known_after_it():
    """It fades by half before the cut: by how it was given it would not be found again."""
    frames, truths = interrupted(other_scene(10), pan=0, step=0)
    for index, (frame, truth) in enumerate(zip(frames, truths, strict=True)):
        disc = frame[truth == 1].astype(np.float32)
        frame[truth == 1] = disc * (1 - 0.05 * min(index, 9))

    tracked = follow(frames, truths[0])

    assert min(map(similarity, tracked[AFTER], truths[AFTER])) > 0.85


def test_an_object_given_elsewhere_does_not_keep_the_first_from_being_found_again():
    frames, truths = interrupted(other_scene(10))
    propagator = ClassicalPropagator()
    propagator.step(frames[0], truths[0])
    for frame in frames[1:15]:
        propagator.step(frame)
    given = np.zeros_like(truths[0])
    given[20:60, 40:90] = 2
    propagator.step(frames[15], given)

    tracked = [propagator.step(frame) for frame in frames[16:]]

    assert all(set(one.confidence) == {1, 2} for one in tracked)
    assert similarity(tracked[-1].labels, truths[-1]) > 0.7


def test_no_more_than_a_few_shots_are_remembered_however_many_there_are():
    propagator = ClassicalPropagator()
    frames, truths = draw(2, {1: (lambda t: (90, 90), RED)})
    propagator.step(frames[0], truths[0])

    for seed in range(2 * MOST_LEFT):
        scene = (textured(HEIGHT, WIDTH, 50 + seed) * 255).astype(np.uint8)
        propagator.step(scene)

    assert len(propagator._left) == MOST_LEFT
    assert similarity(propagator.step(frames[1]).labels, truths[1]) > 0.9  # the first is kept


def test_a_shot_goes_on_where_the_camera_has_moved_and_not_in_another_scene():
    wide = textured(HEIGHT, WIDTH + 80, 5) * 255
    sight = Sight()
    before, later, other, black = (
        sight.look(frame.astype(np.uint8))
        for frame in (wide[:, :WIDTH], wide[:, 80:], other_scene(1)[0], BLACK[0])
    )
    ground = np.ones(before.small.shape[:2], bool)
    moved = 80 * ground.shape[1] / WIDTH

    change = sight.again(before, later, ground)

    assert change is not None
    assert not change.is_cut
    inside = change.trust > 0.5
    assert inside.mean() > 0.5
    assert np.median(change.back[inside][:, 0]) == pytest.approx(moved, abs=2)
    assert sight.again(before, other, ground) is None
    assert sight.again(before, black, ground) is None
    assert sight.again(black, before, ground) is None


@pytest.mark.parametrize(
    ("others", "sure", "is_shown"),
    [(False, 0.01, False), (False, 0.3, True), (True, 0.3, False), (True, 0.6, True)],
)
def test_a_find_is_shown_once_it_is_hardly_anything_else(monkeypatch, others, sure, is_shown):
    """In a scene of which nothing is known that asks for more than where the object was given."""
    frames, truths = draw(16, {1: (lambda _: (90, 90), RED)})
    disc = truths[0] == 1
    frames[5:] = [frame.copy() for frame in other_scene(1) * 11] if others else draw(11, {})[0]
    for frame in frames[10:]:
        frame[disc] = frames[0][disc]
    monkeypatch.setattr("tracker.classical.claims.is_unlike", lambda *_, **__: False)
    monkeypatch.setattr("tracker.classical.claims.is_believed", lambda *_, **__: True)
    monkeypatch.setattr(
        "tracker.classical.shot.trust_in", lambda _, distances: sure * (len(distances) > 0)
    )
    propagator = ClassicalPropagator()

    propagator.step(frames[0], truths[0])
    tracked = [propagator.step(frame) for frame in frames[1:]][-1]

    assert (similarity(tracked.labels, truths[0]) > 0.5) == is_shown
    assert (tracked.confidence[1] > 0) == is_shown
