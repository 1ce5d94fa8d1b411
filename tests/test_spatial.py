"""A hole is filled from what surrounds it in the same frame, also in a smaller picture of it."""

import numpy as np
import pytest

from tracker.classical.spatial import spread_coarsely


@pytest.mark.parametrize("factor", [1, 2, 3, 5])
def test_what_lies_in_a_hole_has_no_part_in_a_smaller_picture_of_it(factor):
    hole = np.zeros((61, 83), bool)
    hole[20:41, 17:50] = True
    colours = np.full((61, 83, 3), (60, 120, 200), np.uint8)
    colours[hole] = (0, 255, 0)

    smooth = spread_coarsely(colours, hole, factor)

    assert smooth.shape == (-(-61 // factor), -(-83 // factor), 4)
    same = np.broadcast_to((60, 120, 200), (*smooth.shape[:2], 3))
    np.testing.assert_allclose(smooth[..., :3], same, rtol=1e-5)  # means in single precision


def test_a_hole_is_met_as_closely_as_it_is_known_around_it():
    hole = np.zeros((64, 64), bool)
    hole[:, 34:] = True  # two of the four columns that make the ninth are known
    colours = np.zeros((64, 64, 3), np.uint8)
    colours[:, 32:34] = 240  # a line next to the hole, and nothing else

    smooth = spread_coarsely(colours, hole, 4)

    np.testing.assert_allclose(smooth[:, 8, :3], 240, atol=1)
    np.testing.assert_allclose(smooth[8, 12, :3], 240, atol=1)  # what it hangs on
