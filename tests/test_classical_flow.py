import cv2
import numpy as np
import pytest

from tracker.classical.flow import (
    FlowEstimator,
    complete,
    compose,
    consistency,
    lands_inside,
    pixel_grid,
    sample,
    warp,
)


def texture(height, width, seed=0):
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def shift_flow(height, width, dx, dy):
    return np.broadcast_to(np.array([dx, dy], np.float32), (height, width, 2)).copy()


def test_a_moved_picture_is_found_where_it_went():
    scene = texture(120, 160)
    first, second = scene[10:110, 10:150], scene[8:108, 7:147]  # content moves by (3, 2)

    coarse = FlowEstimator().between(first, second)[20:-20, 20:-20]
    fine = FlowEstimator(finest_scale=0).between(first, second)[20:-20, 20:-20]

    truth = shift_flow(60, 100, 3, 2)
    np.testing.assert_allclose(coarse, truth, atol=0.4)  # as exact as DIS is at a quarter size
    np.testing.assert_allclose(fine, truth, atol=0.1)


def test_a_first_guess_helps_over_a_distance_that_is_too_far_otherwise():
    scene = texture(160, 400)
    first, second = scene[:, 150:350], scene[:, 50:250]  # content moves by 100 of 200 pixels

    flow = FlowEstimator().between(first, second, initial=shift_flow(160, 200, 99, 1))

    np.testing.assert_allclose(flow[20:-20, 10:80, 0], 100, atol=0.5)


def test_a_guess_given_once_leaves_no_trace_in_later_flows():
    scene = texture(120, 160)
    first, second = scene[10:110, 10:150], scene[8:108, 7:147]
    used = FlowEstimator()
    used.between(second, texture(100, 140, seed=1), initial=shift_flow(100, 140, 9, 1))

    np.testing.assert_array_equal(
        used.between(first, second), FlowEstimator().between(first, second)
    )


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 3), (17, 19), (31, 40), (33, 200)])
def test_small_frames_have_flow_of_their_size(size):
    gray = texture(*size)

    flow = FlowEstimator().between(gray, gray)

    assert flow.shape == (*size, 2)
    assert flow.dtype == np.float32
    np.testing.assert_allclose(flow, 0, atol=0.05)


def test_frames_must_agree_in_size():
    with pytest.raises(ValueError, match=r"first frame is \(4, 5\) but second is \(4, 6\)"):
        FlowEstimator().between(texture(4, 5), texture(4, 6))


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (2, 0), (0, -1), (-3, 2)])
def test_whole_pixel_flow_is_a_shift(dx, dy):
    image = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)

    warped = warp(image, shift_flow(8, 9, dx, dy))

    shifted = np.roll(image, (-dy, -dx), axis=(0, 1))
    np.testing.assert_array_equal(warped[3:-3, 3:-3], shifted[3:-3, 3:-3])


def test_flow_and_image_must_agree_in_size():
    with pytest.raises(ValueError, match=r"flow is \(4, 4\) but image is \(8, 9\)"):
        warp(texture(8, 9), shift_flow(4, 4, 0, 0))


def test_sampling_outside_repeats_the_border_or_is_zero():
    image = np.full((4, 4), 7, np.uint8)
    far = np.full((1, 2, 2), 1e9, np.float32)

    assert sample(image, far).tolist() == [[7, 7]]
    assert sample(image, far, border=cv2.BORDER_CONSTANT).tolist() == [[0, 0]]


def test_composed_shifts_add_up():
    both = compose(shift_flow(6, 7, 1, 2), shift_flow(6, 7, -3, 0.5))

    np.testing.assert_allclose(both, shift_flow(6, 7, -2, 2.5))


def test_there_and_back_is_consistent_and_a_wrong_way_back_is_not():
    there, back = shift_flow(10, 10, 2, 0), shift_flow(10, 10, -2, 0)
    back[:, 5:] = 1

    distance = consistency(there, back)

    np.testing.assert_allclose(distance[:, :3], 0)
    assert distance[:, 3:8].min() > 3  # lands on the wrong part
    assert np.isinf(distance[:, 8:]).all()  # leaves the frame


def test_the_last_pixel_is_still_inside():
    flow = np.zeros((3, 4, 2), np.float32)
    flow[0, 0] = (3, 2)
    flow[0, 1] = (2.5, 0)

    inside = lands_inside(flow)

    assert inside[0, 0]
    assert not inside[0, 1]


def test_completion_keeps_what_is_known_and_ignores_what_is_not():
    rng = np.random.default_rng(1)
    flow = rng.normal(size=(37, 50, 2)).astype(np.float32)
    hole = np.zeros((37, 50), bool)
    hole[5:30, 10:33] = True
    other = flow.copy()
    other[hole] = np.nan

    completed = complete(flow, hole)

    np.testing.assert_array_equal(completed[~hole], flow[~hole])
    np.testing.assert_array_equal(complete(other, hole), completed)


def test_a_constant_and_nearly_a_slope_are_continued():
    hole = np.zeros((64, 64), bool)
    hole[24:40, 24:40] = True
    slope = pixel_grid(64, 64)

    constant = complete(np.full((64, 64), 3, np.float32), hole)
    completed = complete(slope, hole)

    np.testing.assert_allclose(constant, 3, rtol=1e-6)
    np.testing.assert_allclose(completed[32, 32], slope[32, 32], atol=1)  # symmetric: the middle
    assert np.abs(completed - slope).max() < 6  # membranes sag by a part of the 16 pixel hole


def test_nothing_known_is_nothing():
    flow = np.full((5, 6, 2), np.nan, np.float32)

    assert not complete(flow, np.ones((5, 6), bool)).any()
