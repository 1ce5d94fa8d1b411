import numpy as np

from tracker.classical.recall import Memory
from tracker.classical.spots import spots_of
from tracker.classical.views import Fill, View, box_around

COUNT = 4000
RNG = np.random.default_rng(11)
TRUTH = RNG.uniform(60, 200, (3, COUNT)).astype(np.float32)
YES = np.ones(COUNT, bool)


def said(error):
    """Return what errs from the truth by `error` (squared), and that it does."""
    wrong = RNG.normal(0, np.sqrt(error), TRUTH.shape).astype(np.float32)
    return TRUTH + wrong, np.full(COUNT, error, np.float32)


def remembering(colours, error, genuine):
    """Return a memory without detail; what is not genuine was invented."""
    nothing = np.zeros(len(error), bool)
    return Memory(colours, error, genuine, ~genuine, 0 * error, None, nothing)


def squared_error(colours):
    return float(np.square(colours - TRUTH).mean())


def test_what_is_found_and_what_is_remembered_together_err_as_little_as_is_promised():
    (found, error), (remembered, of_memory) = said(400), said(200)

    joined, share, left = remembering(remembered, of_memory, YES).join(found, 0 * error, error)

    assert squared_error(joined) < 0.75 * 200
    np.testing.assert_allclose(left, squared_error(joined), rtol=0.1)
    np.testing.assert_allclose(share, 2 / 3, rtol=1e-5)


def test_what_is_certain_is_left_alone():
    (found, error), (remembered, of_memory) = said(0), said(200)

    joined, _, left = remembering(remembered, of_memory, YES).join(found, 0 * error + 1, error)

    np.testing.assert_array_equal(joined, found)
    np.testing.assert_array_equal(left, 0)


def test_what_was_invented_counts_only_where_something_is_invented_again():
    patch = np.full((2, 2, 3), 100, np.uint8)
    missing = np.array([True, False, True, False])
    errors = np.full(4, 50, np.float32)
    genuine = np.array([False, False, True, True])
    memory = remembering(np.full((3, 4), 200, np.float32), errors, genuine)

    joined, _, _ = memory.join(np.full((3, 4), 100, np.float32), errors * 0, errors)
    memory.steady(patch, missing, errors.copy(), np.arange(4))

    np.testing.assert_array_equal(joined[0], [100, 100, 150, 150])
    np.testing.assert_array_equal(patch[..., 0], [[150, 100], [100, 100]])


def test_refining_a_fill_changes_its_hole_and_nothing_around_it():
    filled = np.full((40, 50, 3), 90, np.uint8)
    hole = np.zeros((40, 50), bool)
    hole[18:20, 21:24] = True
    target = View(0, filled, hole, 50)
    spots = spots_of(target, box_around(hole, margin=8))
    state = np.zeros((*hole[target.box].shape, 4), np.float32)
    state[..., 0] = 60 * hole[target.box]
    state[..., 1] = 255 * ~hole[target.box]
    before = state.copy()
    six = np.full(6, 20, np.float32)
    memory = remembering(np.full((3, 6), 180, np.float32), six, np.ones(6, bool))

    refined = memory.refine(Fill(target.box, filled, state, None), spots)

    np.testing.assert_array_equal(state, before)
    np.testing.assert_array_equal(refined.filled[hole], 158)  # 90 and three times 180
    np.testing.assert_array_equal(refined.filled[~hole], 90)
    np.testing.assert_allclose(refined.state[..., 0][hole[target.box]], 15)
    assert (refined.state[..., 1] == 255).all()  # all is genuine now
