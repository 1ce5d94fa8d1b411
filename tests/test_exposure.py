"""A camera that turns itself darker or lighter changes nothing but its numbers."""

import numpy as np
import pytest

from tests.test_classical_propagator import RED, draw, follow, similarity, textured
from tracker.classical.exposure import Exposure
from tracker.classical.sight import Sight

HEIGHT, WIDTH = 324, 576  # the size at which frames are looked at
BASE = (60 + 120 * textured(HEIGHT, WIDTH, 6)).astype(np.uint8)
STILL, SURE = np.zeros((HEIGHT, WIDTH, 2), np.float32), np.ones((HEIGHT, WIDTH), np.float32)


def exposed(frames, factors):
    """Return the frames times a factor each, or one per channel."""
    scaled = [frame * np.asarray(factor) for frame, factor in zip(frames, factors, strict=True)]
    return [frame.clip(0, 255).astype(np.uint8) for frame in scaled]


@pytest.mark.parametrize(
    "factors",
    [
        np.interp(range(30), [5, 20], [1, 0.45]),
        np.interp(range(30), [5, 20], [1, 1.5]),
        np.where(np.arange(30) < 10, 1, 0.55),
        np.interp(range(30), [5, 15, 25], [1, 0.3, 1]),
        [(1 - 0.015 * k, 1, 1 + 0.01 * k) for k in range(30)],
    ],
    ids=["darker", "lighter", "at once", "there and back", "white balance"],
)
def test_an_object_is_followed_however_the_exposure_changes(factors):
    frames, truths = draw(30, {1: (lambda t: (60 + 4 * t, 90), RED)}, pan=2)

    tracked = follow(exposed(frames, factors), truths[0])

    assert min(map(similarity, tracked, truths)) > 0.85


@pytest.mark.parametrize("factor", [0.6, 1.3, (0.7, 1.0, 1.2)])
def test_frames_look_as_if_exposed_like_the_first(factor):
    sight = Sight()
    first, second = exposed([BASE, BASE], [1, factor])

    sight.look(first)
    seen = sight.look(second)

    assert np.abs(seen.small.astype(int) - BASE).mean() < 1.5


@pytest.mark.parametrize("steps", [[1.01, 0.99, 1.02], [1.0, 1.0, 1.0]])
def test_where_exposure_stays_frames_are_left_as_they_are(steps):
    sight = Sight()

    frames = exposed([BASE] * 3, steps)

    assert all(np.array_equal(sight.look(frame).small, frame) for frame in frames)


@pytest.mark.parametrize(("factor", "num_frames"), [(0.985, 40), (0.997, 120)])
def test_many_small_changes_add_up(factor, num_frames):
    """Even those that are less than a grey level a frame."""
    sight = Sight()

    for frame in exposed([BASE] * num_frames, factor ** np.arange(num_frames)):
        seen = sight.look(frame)

    assert np.abs(seen.small / BASE.astype(float) - 1).mean() < 0.06


def test_what_comes_into_sight_is_no_change_of_exposure():
    wide = (40 + 60 * textured(HEIGHT, 3 * WIDTH, 7)) * np.linspace(1, 2.2, 3 * WIDTH)[:, None]
    sight = Sight()

    for left in range(0, 2 * WIDTH, 8):
        frame = wide[:, left : left + WIDTH].clip(0, 255).astype(np.uint8)
        seen = sight.look(frame)

    assert np.abs(seen.small.astype(float) / frame - 1).mean() < 0.06


@pytest.mark.parametrize(
    ("shown", "trust"),
    [(np.zeros_like(BASE), SURE), (np.full_like(BASE, 255), SURE), (BASE // 2, 0 * SURE)],
    ids=["black", "white", "another scene"],
)
def test_what_does_not_tell_how_exposure_changed_changes_nothing(shown, trust):
    exposure = Exposure()

    assert not exposure.note(BASE, shown, STILL, trust)
    assert np.array_equal(exposure.even(BASE), BASE)


def test_no_more_than_a_factor_of_four_is_taken_out():
    exposure, dark = Exposure(), np.full_like(BASE, 25)

    assert exposure.note(np.full_like(BASE, 200), dark, STILL, SURE)

    assert np.array_equal(exposure.even(dark), np.full_like(BASE, 100))
