"""Which objects are one thing, though they were given in pieces."""

import numpy as np
import pytest

from tracker.classical.uncovered import Uncovered


@pytest.mark.parametrize(("gap", "is_whole"), [(0, True), (8, True), (30, False)])
def test_what_something_thin_cuts_in_two_is_one_object_and_what_lies_apart_is_not(gap, is_whole):
    winner = np.zeros((100, 200), np.uint8)
    winner[20:70, 40:80] = 1
    winner[20:70, 80 + gap : 120 + gap] = 1
    uncovered = Uncovered()

    uncovered.begin(np.zeros((50, 100, 3), np.float32), winner)

    assert uncovered.is_whole(1) == is_whole
