"""Compositing against a version that treats one sample at a time."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from video_making import scene

from tracker.video.colour import Colour, from_rgb_matrix
from tracker.video.compositing import blend
from tracker.video.frames import SourceFrame
from tracker.video.layouts import Layout

LAYOUTS = [
    *(Layout("yuv", 8, x, y) for x, y in ((1, 1), (1, 0), (0, 0), (0, 1), (2, 0), (2, 2))),
    Layout("yuv", 10, 1, 1),
    Layout("yuv", 12, 1, 0),
    Layout("yuv", 8, 1, 1, has_alpha=True),
    Layout("rgb", 8),
    Layout("rgb", 16, has_alpha=True),
    Layout("grey", 8),
    Layout("grey", 12),
]


def slow_blend(layout, planes, colour, filled, alpha):
    """Return float64 planes, sample by sample."""
    factors, offsets = from_rgb_matrix(layout, colour, alpha.shape[0])
    result = [plane.astype(float) for plane in planes]
    for index, (weights, offset) in enumerate(zip(factors, offsets, strict=True)):
        step_y = 1 << layout.shift_y if layout.is_chroma(index) else 1
        step_x = 1 << layout.shift_x if layout.is_chroma(index) else 1
        for row, column in np.ndindex(planes[index].shape):
            footprint = (
                slice(row * step_y, (row + 1) * step_y),
                slice(column * step_x, (column + 1) * step_x),
            )
            cover = alpha[footprint].astype(float)
            if cover.sum() == 0:
                continue
            rgb = (filled[footprint] * cover[..., None]).sum((0, 1)) / cover.sum()
            value = result[index][row, column]
            result[index][row, column] += cover.mean() * (weights @ rgb + offset - value)
    return [np.clip(plane, 0, layout.maximum) for plane in result]


def ragged_alpha(size, seed=1):
    """A soft blob, a lone pixel, and much nothing."""
    random = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height * 0.4, x - width * 0.3) / (height * 0.3)
    alpha = np.clip(1.5 - distance * random.uniform(0.9, 1.1, size), 0, 1)
    alpha[-1, -1] = 0.3
    return alpha.astype(np.float32)


@pytest.mark.parametrize("size", [(70, 40), (37, 51), (3, 5)])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_blending_is_what_one_sample_at_a_time_would_give(layout, size):
    planes = scene(layout, 1, *size)[0]
    filled = np.random.default_rng(2).integers(0, 256, (*size, 3), dtype=np.uint8)
    alpha = ragged_alpha(size)
    colour = Colour(matrix=1, range=1)

    blended = blend(layout, planes, colour, filled, alpha)

    expected = slow_blend(layout, planes, colour, filled, alpha)
    for found, exact, before in zip(blended, expected, planes, strict=True):
        # Rounding; float32 carries 24 bits, samples up to 16.
        assert np.abs(found - exact).max() <= 0.5 + 0.01 * (layout.maximum >> 8)
        untouched = exact == before
        np.testing.assert_array_equal(found[untouched], before[untouched])


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_an_empty_hole_changes_nothing_and_a_source_is_never_written_to(layout):
    planes = scene(layout, 1)[0]
    copies = [plane.copy() for plane in planes]
    frame = SourceFrame(3, Fraction(1, 7), layout, planes, Colour(1, 1))
    filled = np.full((48, 64, 3), 77, np.uint8)

    same = frame.composite(filled, np.zeros((48, 64), np.float32))
    other = frame.composite(filled, np.ones((48, 64), np.float32))

    assert (other.index, other.time, other.layout, other.colour) == (
        3, Fraction(1, 7), layout, frame.colour,
    )  # fmt: skip
    for plane, copy in zip(same.planes, copies, strict=True):
        np.testing.assert_array_equal(plane, copy)
    for plane, copy in zip(planes, copies, strict=True):
        np.testing.assert_array_equal(plane, copy)
    if layout.has_alpha:
        np.testing.assert_array_equal(other.planes[-1], copies[-1])


@pytest.mark.parametrize("size", [(70, 40), (37, 51)])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_part_is_composited_as_the_whole_would_be(layout, size):
    planes = scene(layout, 1, *size)[0]
    frame = SourceFrame(0, Fraction(0), layout, planes, Colour(1, 1))
    filled = np.random.default_rng(2).integers(0, 256, (*size, 3), dtype=np.uint8)
    alpha = ragged_alpha(size)
    alpha[:13], alpha[:, :9] = 0, 0
    part = (slice(12, None), slice(8, None))

    whole = frame.composite(filled, alpha)
    same = frame.composite(filled[part], alpha[part], (12, 8))

    for one, other in zip(whole.planes, same.planes, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(same.patch[1], alpha)
    np.testing.assert_array_equal(same.patch[0][part], filled[part])
    with pytest.raises(ValueError, match=r"at \(12, 9\)"):
        frame.composite(filled[12:, 9:], alpha[12:, 9:], (12, 9))
    with pytest.raises(ValueError, match="the picture is"):
        frame.composite(filled[part][:-3], alpha[part][:-3], (12, 8))


def test_a_full_hole_shows_the_fill():
    layout = Layout("yuv", 8, 1, 1)
    frame = SourceFrame(0, Fraction(0), layout, scene(layout, 1)[0], Colour(1, 1))
    filled = np.full((48, 64, 3), (10, 200, 120), np.uint8)

    shown = frame.composite(filled, np.ones((48, 64), np.float32)).rgb

    assert np.abs(shown.astype(int) - filled).max() <= 2


def test_fill_and_alpha_must_have_the_size_of_the_picture():
    layout = Layout("grey", 8)
    frame = SourceFrame(0, Fraction(0), layout, scene(layout, 1)[0], Colour())

    with pytest.raises(ValueError, match=r"fill is \(64, 48, 3\) .* the picture is \(48, 64\)"):
        frame.composite(np.zeros((64, 48, 3), np.uint8), np.zeros((48, 64), np.float32))


def test_a_small_hole_in_a_large_picture_takes_little_memory():
    layout = Layout("yuv", 8, 1, 1)
    planes = scene(layout, 1, 1080, 1920)[0]
    filled = np.zeros((1080, 1920, 3), np.uint8)
    alpha = np.zeros((1080, 1920), np.float32)
    alpha[500:600, 900:1000] = 1

    tracemalloc.start()
    blend(layout, planes, Colour(1, 1), filled, alpha)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    # A copy of the planes, the mask of covered pixels, and little else.
    assert peak < sum(plane.nbytes for plane in planes) + alpha.size + 2**20
