"""Following offline looks at frames to come, of objects it is sure of."""

from itertools import cycle

import numpy as np
import pytest

from tests.test_classical_propagator import BLUE, RED, draw, similarity
from tracker.classical.camera import apply, between
from tracker.classical.lately import Lately
from tracker.classical.propagator import ClassicalPropagator
from tracker.classical.sight import AHEAD, LOOKAHEAD
from tracker.classical.softmaps import WORKING_PIXELS

TWO = {1: (lambda t: (80 + 3 * t, 60), RED), 2: (lambda t: (90 + 3 * t, 130), BLUE)}


def follow(frames, first, **how):
    """Return the labels of all frames; as many as are wanted are prepared before each."""
    propagator, found = ClassicalPropagator(**how), []
    coming = iter(frames)
    for index, frame in enumerate(frames):
        for other in [next(coming, None) for _ in range(1 if index else LOOKAHEAD + 1)]:
            if other is not None:
                propagator.prepare(other)
        found.append(propagator.step(frame, None if index else first).labels)
    return found


@pytest.fixture(autouse=True)
def _no_closer_look(monkeypatch):
    """Save time: it makes no difference here."""
    monkeypatch.setattr("tracker.classical.propagator.pixels_for", lambda _: WORKING_PIXELS)


@pytest.fixture
def asked(monkeypatch):
    """Return a list of what is asked of frames around: how many come, and who is in doubt."""
    notes = []
    odds = Lately.odds

    def note(self, coded, expected, near, coming=(), doubtful=()):
        notes.append((len(coming), list(doubtful)))
        return odds(self, coded, expected, near, coming, doubtful)

    monkeypatch.setattr(Lately, "odds", note)
    return notes


@pytest.mark.parametrize(
    ("sure", "expected"),
    [
        ((0.9, 0.9), (len(AHEAD), [])),
        ((0.9, 0.0), (len(AHEAD), [2])),  # out of sight: nobody takes anything from it
        ((0.9, 0.3), (0, [2])),
    ],
)
def test_frames_to_come_are_asked_of_nobody_while_one_who_is_seen_is_in_doubt(
    monkeypatch, asked, sure, expected
):
    each = cycle(sure)
    monkeypatch.setattr("tracker.classical.shot.confidence", lambda *_: next(each))
    frames, truths = draw(16, TWO)

    follow(frames, truths[0])

    assert asked[0] == (len(AHEAD), [])  # given: certain
    assert asked[2] == expected
    assert asked[-1] == (0, expected[1])  # nothing comes any more


def test_who_hurries_asks_no_frames_to_come(asked):
    frames, truths = draw(16, TWO)

    follow(frames, truths[0], hurries=True)

    assert {count for count, _ in asked} == {0}


def test_an_object_that_has_stood_still_so_far_is_held_by_what_it_will_uncover():
    """A quarter of it is left out where it is given, and looks like the wall behind."""
    frames, truths = draw(18, {1: (lambda t: (90 + 6 * max(0, t - 6), 90), (128, 128, 128))})
    first = truths[0].copy()
    first[90:, 90:] = 0

    alone = follow(frames, first, hurries=True)
    ahead = follow(frames, first)

    def found(tracked):
        return np.mean([similarity(tracked[t], truths[t]) for t in range(4, 15)])

    assert found(ahead) > found(alone) + 0.05


def test_the_cameras_motion_is_what_most_corners_do():
    still, _ = draw(2, {})
    moved, _ = draw(2, {}, pan=3)
    grays = [frame[..., 1].copy() for frame in moved]
    place = np.array([[100.0, 50.0]], np.float32)

    motion = between(*grays)

    np.testing.assert_allclose(apply(motion.homography, place), [[97, 50]], atol=0.1)
    assert motion.support > 0.8
    assert between(np.zeros_like(grays[0]), grays[1]) is None
    assert between(still[0][..., 1].copy(), still[0][..., 1].copy()).support == 1
