"""Clips of several scenes: an object is followed in its own, and found there again."""

from itertools import pairwise

import numpy as np
import pytest

from tests.test_classical_propagator import HEIGHT, RED, WIDTH, draw, follow, similarity, textured
from tracker.classical.appearance import STRIDE
from tracker.classical.lost import Background, Scene
from tracker.classical.plate import BackgroundPlate
from tracker.classical.sight import Sight
from tracker.classical.softmaps import cell_places
from tracker.classical.usual import Usual

FIRST, OTHER, LAST = slice(0, 10), slice(10, 20), slice(20, 30)


def other_scene(num_frames):
    """Return a scene unlike all of the other: its background and the object as well."""
    wide = textured(HEIGHT, WIDTH + 3 * num_frames, 77) * 30 + (210, 225, 225)
    return [wide[:, 3 * k : 3 * k + WIDTH].astype(np.uint8) for k in range(num_frames)]


@pytest.fixture(scope="module")
def cut_away():
    """Return frames, true labels and those found: away from a disc for ten frames, and back."""
    frames, truths = draw(30, {1: (lambda t: (60 + 6 * t, 90), RED)}, pan=2)
    frames[OTHER], truths[OTHER] = other_scene(10), [np.zeros_like(truths[0])] * 10
    return frames, truths, follow(frames, truths[0])


def test_nothing_is_marked_in_a_scene_without_the_object(cut_away):
    _, _, tracked = cut_away

    assert not any(labels.any() for labels in tracked[OTHER])


def test_the_object_is_found_in_its_scene_when_that_is_shown_again(cut_away):
    _, truths, tracked = cut_away

    assert min(map(similarity, tracked[FIRST], truths[FIRST])) > 0.8
    assert min(map(similarity, tracked[LAST][2:], truths[LAST][2:])) > 0.8


def test_a_plate_that_has_to_begin_anew_knows_no_object_yet():
    height, width = 60, 90
    half = textured(height, width, 4) * np.float32(100)
    nothing, everywhere = np.zeros((2, height, width), np.float32), np.ones((height, width), bool)
    nothing[0] = 1
    plate = BackgroundPlate()
    plate.learn(half, nothing[0], None)

    odds = plate.odds(half, nothing, everywhere)

    assert odds.shape == nothing.shape
    assert (odds[1] < 0).all()  # all is background seen before


def test_only_another_scene_is_a_cut(cut_away):
    frames, _, _ = cut_away
    sight, cuts = Sight(), []
    pictures = [sight.look(frame) for frame in frames]

    for before, picture in pairwise(pictures):
        cuts.append(sight.change(before, picture).is_cut)

    assert np.flatnonzero(cuts).tolist() == [OTHER.start - 1, LAST.start - 1]


@pytest.mark.parametrize("step", [2, 12, 30])
def test_a_camera_that_pans_fast_shows_no_other_scene(step):
    wide = textured(HEIGHT, WIDTH + 4 * step, 5) * 255
    sight = Sight()
    pictures = [sight.look(wide[:, k * step : k * step + WIDTH].astype(np.uint8)) for k in range(5)]

    for before, picture in pairwise(pictures):
        assert not sight.change(before, picture).is_cut


@pytest.mark.parametrize(("distance", "is_found"), [(np.inf, True), (0.2, True), (0.05, False)])
def test_what_is_less_alike_than_the_object_ever_was_is_another(distance, is_found):
    random = np.random.default_rng(0)
    model = random.random((60, 31), np.float32)
    features = np.full((40, 60, 31), 9, np.float32)  # a scene of which nothing is known
    features[10:20, 10:16] = (model + np.float32(0.05)).reshape(10, 6, 31)  # 31 x 0.05^2 away
    places = cell_places(40 * STRIDE, 60 * STRIDE)
    scene = Scene(features, places, Background(), np.zeros((40, 60), bool))

    found = scene.find((model, places[10:20, 10:16].ravel()), 60 * STRIDE**2, 0.2, distance, None)

    assert (found is not None) == is_found


@pytest.mark.parametrize(
    ("note", "known"),
    [(Usual.note_distances, Usual.distance), (Usual.note_changes, Usual.change)],
)
def test_how_unlike_itself_an_object_usually_is_follows_slowly(note, known):
    usual = Usual()
    assert known(usual, 1) == np.inf

    note(usual, 1, np.full(10, 0.4, np.float32))
    note(usual, 1, np.full(10, 2.4, np.float32))

    assert known(usual, 1) == pytest.approx(0.5)
