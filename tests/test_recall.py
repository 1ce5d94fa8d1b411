import numpy as np

from tracker.classical.recall import Memory
from tracker.classical.views import Fill

COUNT = 4000
RNG = np.random.default_rng(11)
TRUTH = RNG.uniform(60, 200, (COUNT, 3)).astype(np.float32)
YES, NO = np.ones(COUNT, bool), np.zeros(COUNT, bool)


def said(error):
    """Return what errs from the truth by `error` (squared), and that it does."""
    wrong = RNG.normal(0, np.sqrt(error), TRUTH.shape).astype(np.float32)
    return TRUTH + wrong, np.full(COUNT, error, np.float32)


def squared_error(colours):
    return float(np.square(colours - TRUTH).mean())


def test_what_is_found_and_what_is_remembered_together_err_as_little_as_is_promised():
    (found, error), (remembered, of_memory) = said(400), said(200)

    joined, share, left = Memory(remembered, of_memory, YES, NO).join(found, 0 * error, error)

    assert squared_error(joined) < 0.75 * 200
    np.testing.assert_allclose(left, squared_error(joined), rtol=0.1)
    np.testing.assert_allclose(share, 2 / 3, rtol=1e-5)


def test_what_is_certain_is_left_alone():
    (found, error), (remembered, of_memory) = said(0), said(200)

    joined, _, left = Memory(remembered, of_memory, YES, NO).join(found, 0 * error + 1, error)

    np.testing.assert_array_equal(joined, found)
    np.testing.assert_array_equal(left, 0)


def test_what_was_invented_counts_only_where_something_is_invented_again():
    patch = np.full((2, 2, 3), 100, np.uint8)
    hole = np.ones((2, 2), bool)
    missing = np.array([[True, False], [True, False]])
    errors = np.full(4, 50, np.float32)
    genuine = np.array([False, False, True, True])
    memory = Memory(np.full((4, 3), 200, np.float32), errors, genuine, ~genuine)

    joined, _, _ = memory.join(patch[hole], errors * 0, errors)
    memory.steady(patch, missing, errors.reshape(2, 2).copy(), hole)

    np.testing.assert_array_equal(joined[:, 0], [100, 100, 150, 150])
    np.testing.assert_array_equal(patch[..., 0], [[150, 100], [100, 100]])


def test_refining_a_fill_changes_neither_it_nor_what_is_around_its_hole():
    filled = np.full((6, 8, 3), 90, np.uint8)
    box = (slice(1, 5), slice(2, 7))
    hole = np.zeros((4, 5), bool)
    hole[1:3, 1:4] = True
    error = np.where(hole, np.float32(60), np.float32(0))
    fill = Fill(box, filled, ~hole, error, np.zeros((4, 5, 3), np.int8), np.zeros((4, 5), bool))
    six = np.ones(6, bool)
    memory = Memory(np.full((6, 3), 180, np.float32), np.full(6, 20, np.float32), six, ~six)

    refined = memory.refine(fill, hole)

    assert (filled == 90).all()
    np.testing.assert_array_equal(fill.error, error)
    np.testing.assert_array_equal(fill.genuine, ~hole)
    whole = np.zeros((6, 8), bool)
    whole[box] = hole
    np.testing.assert_array_equal(refined.filled[whole], 158)  # 90 and three times 180
    np.testing.assert_array_equal(refined.filled[~whole], 90)
    np.testing.assert_allclose(refined.error[hole], 15)
    assert refined.genuine.all()
