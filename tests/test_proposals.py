"""Which of the objects nobody pointed at are new."""

import numpy as np
import pytest

from tracker.proposals import Rule, new_objects
from tracker.types import Proposal

HEIGHT, WIDTH = 100, 150


def block(top, left, height, width, score=0.9):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + height, left : left + width] = True
    return Proposal(mask, score)


def nothing():
    return np.zeros((HEIGHT, WIDTH), np.uint8)


@pytest.mark.parametrize(
    ("proposal", "is_new"),
    [
        (block(10, 10, 10, 20), True),  # 200 pixels
        (block(10, 10, 1, 199 - 9), False),
        (block(0, 0, 40, 150), True),  # 40 % of the frame
        (block(0, 0, 41, 150), False),
    ],
)
def test_an_object_is_neither_tiny_nor_most_of_the_frame(proposal, is_new):
    assert len(new_objects([proposal], nothing())) == is_new


@pytest.mark.parametrize(("known_columns", "is_new"), [(4, True), (5, False)])
def test_most_of_a_new_object_is_background(known_columns, is_new):
    labels = nothing()
    labels[:, :known_columns] = 7  # of 20 columns: 20 % may be known

    found = new_objects([block(30, 0, 20, 20)], labels)

    assert len(found) == is_new
    if is_new:
        assert not found[0].mask[labels == 7].any()
        assert found[0].mask.sum() == 20 * 16


def test_the_surest_comes_first_and_what_repeats_it_is_left_out():
    small, large, other = (
        block(10, 10, 20, 20, 0.7),
        block(8, 8, 24, 24, 0.9),
        block(60, 60, 20, 20),
    )

    found = new_objects([small, large, other], nothing())

    assert [each.score for each in found] == [0.9, 0.9]
    assert not (found[0].mask & found[1].mask).any()
    np.testing.assert_array_equal(found[0].mask, large.mask)


def test_labels_and_proposals_stay_as_they_are():
    proposal, labels = block(10, 10, 20, 20), nothing()
    labels[10:14, 10:14] = 3
    before = proposal.mask.copy(), labels.copy()

    new_objects([proposal], labels)

    np.testing.assert_array_equal(proposal.mask, before[0])
    np.testing.assert_array_equal(labels, before[1])


def test_another_rule_can_be_set():
    rule = Rule(least_background=0.5, least_pixels=10, largest_share=1.0)

    assert len(new_objects([block(0, 0, 5, 5), block(50, 0, 50, 150)], nothing(), rule)) == 2


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"mask is \(100, 150\) but labels are \(50, 150\)"):
        new_objects([block(0, 0, 20, 20)], nothing()[:50])
