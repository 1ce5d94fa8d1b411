"""What a mask has taken with its object is dropped once the two part."""

import numpy as np

from tests.test_classical_propagator import RED, draw, follow, similarity
from tracker.classical import claims
from tracker.classical.appearance import STRIDE
from tracker.classical.lost import Background
from tracker.classical.strangers import find_strangers

OBJECT, OTHER, GROUND = 0.0, 2.0, 3.0  # in every feature
ROWS, COLUMNS = 10, 30  # cells
MODEL = np.full((40, 4), OBJECT, np.float32)


def mask_of(*boxes):
    """Return the pixels of boxes of columns of cells, five rows high."""
    mask = np.zeros((ROWS * STRIDE, COLUMNS * STRIDE), bool)
    for left, right in boxes:
        mask[2 * STRIDE : 7 * STRIDE, left * STRIDE : right * STRIDE] = True
    return mask


def strangers(mask, **kinds):
    background = Background()
    background.remember(np.full((40, 4), GROUND, np.float32))
    features = np.full((ROWS, COLUMNS, 4), OBJECT, np.float32)
    for columns, kind in kinds.values():
        features[:, columns] = kind
    return find_strangers(mask, features, MODEL, background)


def test_the_part_that_looks_like_something_else_is_a_stranger():
    object_and_other = mask_of((2, 8), (15, 25))

    found = strangers(object_and_other, other=(slice(15, 25), OTHER))

    np.testing.assert_array_equal(found, mask_of((15, 25)))


def test_parts_that_look_like_the_object_stay():
    assert strangers(mask_of((2, 8), (15, 25))) is None


def test_one_part_is_the_object_whatever_it_looks_like():
    assert strangers(mask_of((15, 25)), other=(slice(15, 25), OTHER)) is None


def test_a_crumb_that_looks_like_the_object_does_not_condemn_what_has_turned():
    crumb_and_turned = mask_of((2, 4), (10, 28))

    assert strangers(crumb_and_turned, turned=(slice(10, 28), OTHER)) is None


def test_parts_that_look_equally_little_like_the_object_stay():
    kinds = {"left": (slice(2, 8), OTHER), "right": (slice(15, 25), OTHER)}

    assert strangers(mask_of((2, 8), (15, 25)), **kinds) is None


def test_a_stranger_is_dropped_from_the_mask_of_an_object_given_in_one_piece(monkeypatch):
    discs = {1: (lambda t: (80 + 5 * t, 60), RED), 2: (lambda t: (160, 130), RED)}
    frames, truths = draw(3, discs)
    one, both = (truths[0] == 1).astype(np.uint8), (truths[0] > 0).astype(np.uint8)
    upper_third = np.zeros(one.shape, bool)
    upper_third[:60] = True

    def find_all_above(mask, *_):
        found = mask.copy()
        found[len(mask) // 3 :] = False
        return found

    monkeypatch.setattr(claims, "find_strangers", find_all_above)

    assert not follow(frames, one)[-1][upper_third].any()
    assert similarity(follow(frames, one)[-1], truths[-1] * ~upper_third) > 0.8
    assert follow(frames, both)[-1][upper_third].any()
