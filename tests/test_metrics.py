"""Measures agree with answers worked out by hand and with scikit-image."""

import numpy as np
import pytest

from tracker.metrics import (
    _boundary,
    _dilate,
    boundary_measure,
    psnr,
    region_similarity,
    ssim,
    summarise,
    warping_error,
)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def square(height=60, width=80, top=20, left=20, side=20):
    mask = np.zeros((height, width), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_psnr_of_a_constant_error_is_known():
    truth = np.full((4, 5, 3), 100, np.uint8)

    assert psnr(truth + np.uint8(10), truth) == pytest.approx(20 * np.log10(25.5))
    assert psnr(truth, truth) == float("inf")


def test_psnr_does_not_wrap_around_and_counts_fractions():
    dark, bright = np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)

    assert psnr(dark, bright) == pytest.approx(0)
    assert psnr(dark + 0.5, dark) == pytest.approx(20 * np.log10(510))


def test_psnr_inside_a_mask_ignores_the_rest():
    truth, mask = np.zeros((60, 80, 3), np.uint8), square()
    image = np.where(mask[..., None], (51, 51, 51), 200).astype(np.uint8)

    assert psnr(image, truth, mask) == pytest.approx(20 * np.log10(5))


def test_psnr_agrees_with_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    a, b = noise(30, 40, 3), noise(30, 40, 3, seed=1)

    assert psnr(a, b) == pytest.approx(metrics.peak_signal_noise_ratio(b, a, data_range=255))


@pytest.mark.parametrize("window", [7, 65])
@pytest.mark.parametrize("shape", [(70, 90, 3), (65, 71)])
def test_ssim_agrees_with_scikit_image(window, shape):
    metrics = pytest.importorskip("skimage.metrics")
    a = noise(*shape) / 1.7
    b = 0.6 * a + 0.4 * noise(*shape, seed=1)
    axis = -1 if len(shape) == 3 else None

    expected = metrics.structural_similarity(
        a, b, data_range=255, channel_axis=axis, win_size=window
    )

    assert ssim(a, b, window) == pytest.approx(expected, abs=1e-10)


def test_ssim_of_equal_pictures_is_one():
    assert ssim(noise(70, 70, 3), noise(70, 70, 3)) == pytest.approx(1)


@pytest.mark.parametrize("window", [8, 71])
def test_ssim_window_must_be_odd_and_fit(window):
    with pytest.raises(ValueError, match=rf"window is {window}, must be odd and fit into \(70, 90"):
        ssim(noise(70, 90, 3), noise(70, 90, 3), window)


def test_region_similarity_is_intersection_over_union():
    a, b = square(left=20), square(left=30)

    assert region_similarity(a, a) == 1
    assert region_similarity(a, b) == pytest.approx(1 / 3)
    assert region_similarity(a, np.zeros_like(a)) == 0
    assert region_similarity(np.zeros_like(a), np.zeros_like(a)) == 1


@pytest.mark.parametrize("radius", [0, 1, 3, 8])
def test_dilation_by_a_disk_agrees_with_scikit_image(radius):
    morphology = pytest.importorskip("skimage.morphology")
    mask = np.random.default_rng(2).random((40, 50)) > 0.99
    mask[0, 0] = mask[39, 49] = True

    expected = morphology.dilation(mask, morphology.disk(radius))

    np.testing.assert_array_equal(_dilate(mask, radius), expected)


def test_boundary_is_one_pixel_wide_and_not_at_the_rim():
    edge = _boundary(square(top=20, left=20, side=20))

    assert edge.sum() == 4 * 20  # outside above and left, inside below and right
    assert edge[19, 19]
    assert edge[39, 39]
    assert not edge[40, 40]
    assert not _boundary(np.ones((9, 9), bool)).any()


def test_boundary_measure_forgives_small_shifts_only():
    # Diagonal 100: the reach is one pixel.
    a = square(60, 80)

    assert boundary_measure(a, a) == 1
    assert boundary_measure(a, np.roll(a, 1, axis=1)) == 1
    assert 0.4 < boundary_measure(a, np.roll(a, 2, axis=1)) < 0.6  # upper and lower sides agree
    assert boundary_measure(a, square(60, 80, top=5, left=50, side=5)) == 0


def test_boundary_measure_is_the_harmonic_mean_of_precision_and_recall():
    a = square(60, 80)
    both = a | square(60, 80, top=2, left=60, side=10)  # 40 wrong boundary pixels more

    precision = 80 / (80 + 40)

    assert boundary_measure(both, a) == pytest.approx(2 * precision / (precision + 1))
    assert boundary_measure(a, both) == pytest.approx(boundary_measure(both, a))


def test_boundary_measure_of_empty_masks():
    empty, a = np.zeros((60, 80), bool), square()

    assert boundary_measure(empty, empty) == 1
    assert boundary_measure(empty, a) == boundary_measure(a, empty) == 0


def test_summary_has_mean_recall_and_decay():
    falling = summarise([0.9] * 25 + [0.7] * 50 + [0.3] * 25)

    assert falling.mean == pytest.approx(0.65)
    assert falling.recall == 0.75
    # Quarters share their end frames: 26 and 25 of 0.9 and 0.7, likewise at the end.
    assert falling.decay == pytest.approx((25 * 0.9 + 0.7) / 26 - (25 * 0.3 + 0.7) / 26, abs=2e-2)


def test_summary_of_a_single_frame_has_no_decay():
    assert summarise([0.4]).decay == 0
    with pytest.raises(ValueError, match="no values"):
        summarise([])


def test_a_shift_that_the_flow_describes_is_no_error():
    frame = noise(20, 30, 3)
    following = np.roll(frame, (2, 3), axis=(0, 1))
    flow = np.broadcast_to(np.array([3.0, 2.0]), (20, 30, 2))

    assert warping_error(frame, following, flow) == 0
    assert warping_error(frame, following, np.zeros((20, 30, 2))) > 0.05


def test_half_a_pixel_is_read_between_pixels():
    ramp = np.broadcast_to(10.0 * np.arange(12)[:, None], (8, 12, 1))
    flow = np.broadcast_to(np.array([0.5, 0.0]), (8, 12, 2))

    assert warping_error(ramp, ramp - 5, flow) == pytest.approx(0)
    assert warping_error(ramp, ramp, flow) == pytest.approx((5 / 255) ** 2)


def test_occluded_pixels_do_not_count():
    frame, following = np.zeros((60, 80, 3), np.uint8), np.zeros((60, 80, 3), np.uint8)
    following[square()] = 255

    still = np.zeros((60, 80, 2))

    assert warping_error(frame, following, still, ~square()) == 0
    assert warping_error(frame, following, still) == pytest.approx(400 / 4800)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"shapes differ: \(2, 2\) and \(3, 3\)"):
        psnr(np.zeros((2, 2)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"mask is \(3, 3\) but image is \(2, 2\)"):
        psnr(np.zeros((2, 2)), np.zeros((2, 2)), np.ones((3, 3), bool))
    with pytest.raises(ValueError, match="no pixel counts"):
        psnr(np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((2, 2), bool))
    with pytest.raises(ValueError, match=r"flow is \(2, 2, 3\) but frames are \(2, 2\)"):
        warping_error(np.zeros((2, 2, 3)), np.zeros((2, 2, 3)), np.zeros((2, 2, 3)))
