import cv2
import numpy as np
import pytest

from tracker.classical.backwards import Fresh, join_backwards
from tracker.classical.chain import Links
from tracker.classical.flow import FAST, FlowEstimator
from tracker.classical.recall import Memory
from tracker.classical.registration import Surroundings
from tracker.classical.spots import spots_of
from tracker.classical.steps import StepFinder
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


def test_what_is_invented_anew_counts_ever_less_but_never_nothing():
    error, shown = np.full(1, 80, np.float32), []
    for _ in range(40):
        memory = remembering(np.full((3, 1), 100, np.float32), error, np.zeros(1, bool))
        patch, error = np.full((1, 1, 3), 200, np.uint8), np.full(1, 80, np.float32)  # made anew
        memory.steady(patch, np.ones(1, bool), error, np.zeros(1, np.intp))
        shown.append(int(patch[0, 0, 0]))

    assert shown[0] == 150
    assert shown[-1] == 120  # one part in 1 + 1 / 0.25
    assert shown == sorted(shown, reverse=True)


def test_refining_a_fill_changes_its_hole_and_nothing_around_it():
    filled = np.full((40, 50, 3), 90, np.uint8)
    hole = np.zeros((40, 50), bool)
    hole[18:20, 21:24] = True
    target = View(0, filled, hole, 50)
    spots = spots_of(target, box_around(hole, margin=8))
    state = np.zeros((*hole[target.box].shape, 4), np.float32)
    state[..., 0] = 60 * hole[target.box]
    state[..., 1] = 255 * ~hole[target.box]
    six = np.full(6, 20, np.float32)
    memory = remembering(np.full((3, 6), 180, np.float32), six, np.ones(6, bool))
    refined = Fill(target.box, filled, state, None)

    memory.refine(refined, spots)

    np.testing.assert_array_equal(refined.filled[hole], 158)  # 90 and three times 180
    np.testing.assert_array_equal(refined.filled[~hole], 90)
    np.testing.assert_allclose(refined.state[..., 0][hole[target.box]], 15)
    assert (refined.state[..., 1] == 255).all()  # all is genuine now


def fresh(index, colour, error):
    """Return a frame of grey ground whose hole was filled with `colour`, seen by no frame."""
    ground = cv2.GaussianBlur(np.random.default_rng(3).normal(128, 400, (60, 80, 3)), (0, 0), 3)
    frame = np.clip(ground, 0, 255).astype(np.uint8)
    hole = np.zeros((60, 80), bool)
    hole[25:35, 35:45] = True
    target = View(index, frame, hole, 80)
    filled = frame.copy()
    filled[hole] = colour
    part = box_around(hole, margin=24)
    state = np.zeros((*hole[target.box].shape, 4), np.float32)
    state[..., 0] = error * hole[target.box]
    state[..., 1] = 255
    fill = Fill(target.box, filled, state, None)
    return Fresh(target, Surroundings(target, part), spots_of(target, part), fill)


@pytest.mark.parametrize(("second", "expected"), [(1, 175), (2, 100)])
def test_a_fill_is_joined_with_that_of_the_next_frame_and_no_other(second, expected):
    frames = [fresh(0, colour=100, error=300), fresh(second, colour=200, error=100)]
    views = {one.target.index: one.target for one in frames}
    estimator = FlowEstimator(FAST)

    first, last = join_backwards(frames, Links(StepFinder()), views, estimator, [second])

    middle = (slice(28, 32), slice(38, 42))
    np.testing.assert_allclose(first.filled[middle].astype(int), expected, atol=3)
    assert last is frames[1].fill
    assert (frames[0].fill.filled[middle] == 100).all()  # as later frames were told


def test_a_fill_that_is_final_is_changed_itself():
    frames = [fresh(0, colour=100, error=300), fresh(1, colour=200, error=100)]
    views = {one.target.index: one.target for one in frames}

    first, _ = join_backwards(frames, Links(StepFinder()), views, FlowEstimator(FAST), [0, 1])

    assert first is frames[0].fill
    assert not first.filled.flags.writeable
    assert (first.filled[28:32, 38:42] > 150).all()
