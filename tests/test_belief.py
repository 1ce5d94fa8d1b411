"""A mask is its object's only if it looks like it; what was just found must look so closely."""

import numpy as np

from tests.test_classical_propagator import RED, draw, follow, similarity
from tracker.classical.appearance import PatchMemory
from tracker.classical.belief import AGAIN, FAR, SUDDEN, is_believed, is_sudden
from tracker.classical.confidence import unlikeness
from tracker.classical.lost import Background
from tracker.classical.usual import Usual

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


def covered_by_a_card():
    """Return frames, masks and the frames in which a grey card is held before a disc."""
    frames, truths = draw(30, {1: (lambda t: (100 + 3 * t, 90), RED)})
    covered = range(12, 24)
    for index in covered:
        x = 100 + 3 * index
        frames[index][50:130, x - 40 : x + 40] = (110, 112, 108)
        truths[index][:] = 0
    return frames, truths, covered


def test_a_thing_that_suddenly_covers_an_object_is_not_taken_for_it():
    frames, truths, covered = covered_by_a_card()

    found = follow(frames, truths[0])

    assert max(np.mean(found[index] > 0) for index in covered) < 0.002
    assert similarity(found[-1], truths[-1]) > 0.9


def test_a_mask_that_looks_like_nothing_lately_is_dropped(monkeypatch):
    frames, truths = draw(3, {1: (lambda t: (100 + 3 * t, 90), RED)})
    assert follow(frames, truths[0])[1].any()

    monkeypatch.setattr(Usual, "change", lambda *_: 0.0)  # it never changes at all

    assert not follow(frames, truths[0])[1].any()


def test_only_a_large_change_of_most_cells_is_sudden():
    usually, at_once = (np.full(20, times * USUAL, np.float32) for times in (2, SUDDEN + 1))

    assert not is_sudden(usually, USUAL)
    assert is_sudden(at_once, USUAL)
    assert not is_sudden(np.append(at_once[:8], usually), USUAL)
    assert not is_sudden(at_once, np.inf)  # nothing is known yet
    assert not is_sudden(np.empty(0, np.float32), USUAL)


def test_what_an_object_looks_like_lately_is_remembered_with_how_it_was_given():
    memory = PatchMemory()
    for value in range(5):
        features = np.full((1, 2), value, np.float32)
        place, layer = np.zeros(1, np.complex64), np.ones(1, np.intp)
        memory.remember(features, place, layer, 2, given=value == 0)

    assert sorted(memory.looks(1)[:, 0]) == [0, 2, 4]  # given, three frames old, the newest
    assert not len(memory.looks(0))
