"""A mask is its object's only if it looks like it; what was just found must look so closely."""

import numpy as np

from tests.test_classical_propagator import RED, draw, follow, similarity
from tracker.classical.belief import AGAIN, FAR, is_believed
from tracker.classical.confidence import unlikeness
from tracker.classical.lost import Background

USUAL = 1.0  # squared distance
OBJECT, GROUND = np.zeros((40, 4), np.float32), np.full((40, 4), 3, np.float32)


def believed(
    features, *, ground=GROUND, is_small=False, times_found=0, is_whole=True, is_elsewhere=False
):
    background = Background()
    background.remember(ground)
    distances = unlikeness(features, OBJECT)
    return is_believed(
        features,
        OBJECT,
        distances,
        USUAL,
        background,
        is_small=is_small,
        times_found=times_found,
        is_whole=is_whole,
        is_elsewhere=is_elsewhere,
    )


def test_a_mask_near_to_its_object_is_believed():
    near = np.full((20, 4), 0.4, np.float32)

    assert believed(near)
    assert believed(near, is_small=True)
    assert believed(near, times_found=1)


def test_a_mask_that_has_slid_onto_the_background_is_not_believed():
    slid = np.full((20, 4), 2.9, np.float32)

    assert not believed(slid)


def test_an_object_that_has_changed_is_believed_while_it_is_followed_but_not_as_a_find():
    changed = np.full((20, 4), 1.2, np.float32)  # nearer to the object than to the ground
    assert unlikeness(changed, OBJECT).min() > FAR * USUAL

    assert believed(changed)
    assert believed(changed, is_small=True)
    assert not believed(changed, times_found=1)


def test_in_another_scene_a_find_must_be_as_near_as_usual():
    less_near = np.full((20, 4), 0.55, np.float32)
    assert USUAL < unlikeness(less_near, OBJECT).max() < FAR * USUAL

    assert believed(less_near, times_found=1)
    assert not believed(less_near, times_found=1, is_elsewhere=True)


def test_little_that_is_nearer_to_the_background_is_not_believed():
    rest = np.full((20, 4), 0.4, np.float32)

    assert believed(rest, ground=OBJECT + 0.5)
    assert not believed(rest, ground=OBJECT + 0.5, is_small=True)


def test_a_find_of_which_less_than_half_is_alike_is_believed_once_it_was_found_again():
    mixed = np.full((20, 4), 0.4, np.float32)
    ground = OBJECT + 0.5
    mixed[:8] = 0.1  # nearer to the object, the others to the ground

    assert not believed(mixed, ground=ground, times_found=1)
    assert not believed(mixed, ground=ground, times_found=AGAIN - 1)
    assert believed(mixed, ground=ground, times_found=AGAIN)
    assert believed(mixed, ground=ground, times_found=1, is_whole=False)  # one of several


def test_a_plain_thing_of_a_hidden_objects_colour_is_not_taken_for_it():
    """It comes in while a disc with a faint pattern is behind a curtain."""
    random = np.random.default_rng(0)
    frames, truths = draw(62, {1: (lambda t: (50 + 4 * t, 120), RED)}, curtain=(120, 230))
    gone = [index for index, truth in enumerate(truths) if not truth.any()]
    for index, truth in enumerate(truths):
        picture = frames[index].astype(np.float32)
        picture[truth > 0] = RED + 0.25 * (picture[truth > 0] - RED)
        if index in gone:
            right = min(130, 12 * (index - gone[0]))
            picture[20:80, max(0, right - 60) : right] = (170, 60, 60)
        picture += random.normal(0, 2, picture.shape)
        frames[index] = picture.clip(0, 255).astype(np.uint8)

    tracked = follow(frames, truths[0])

    assert max(np.mean(tracked[index] > 0) for index in gone) < 0.002
    assert similarity(tracked[gone[-1] + 10], truths[gone[-1] + 10]) > 0.9
