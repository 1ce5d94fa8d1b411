"""Frames of any size are fitted to the network, and what it says lands on the hole."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from e2fgvi.fitting import MARGIN, Fit  # noqa: E402

SIZES = [(1, 1), (17, 19), (59, 109), (112, 200), (240, 432), (256, 144), (300, 800), (480, 854)]


def corner(rows, columns, height, width):
    """Return a hole in one corner, or in the middle, up to a fifth of each side."""
    hole = np.zeros((height, width), bool)
    tall, wide = max(1, height // 5), max(1, width // 5)
    top = {"top": 0, "middle": height // 2, "bottom": height - tall}[rows]
    left = {"left": 0, "middle": width // 2, "right": width - wide}[columns]
    hole[top : top + tall, left : left + wide] = True
    return hole


@pytest.mark.parametrize("hq", [True, False])
@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize(
    ("rows", "columns"), [("top", "left"), ("bottom", "right"), ("middle", "middle")]
)
def test_all_of_a_hole_is_filled_from_its_region_and_little_else(hq, height, width, rows, columns):
    hole = corner(rows, columns, height, width)
    fit = Fit.choose(height, width, hq=hq)
    frame = np.full((height, width, 3), 200, np.uint8)

    region = fit.region(hole)
    size = [stop - start for start, stop in region]
    black = torch.full((3, *size), -1.0)
    filled = fit.restore(black, region, frame)

    # Scaled back, black is mixed with the grey around the region only beyond the hole.
    assert filled[hole].max() <= 1
    reach = (MARGIN + 16) * max(1, height / fit.inner[0]) + 2
    places = np.argwhere((filled != frame).any(axis=-1))
    near = np.argwhere(hole)
    assert (places.min(axis=0) >= near.min(axis=0) - reach).all()
    assert (places.max(axis=0) <= near.max(axis=0) + reach).all()


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_hq_goes_on_in_the_mirror_to_whole_windows(height, width):
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (height, width, 3), np.uint8)
    hole = corner("top", "left", height, width)
    fit = Fit.choose(height, width, hq=True)

    prepared = fit.prepare(torch.from_numpy(frame), torch.from_numpy(hole))

    assert prepared.shape[-2] % 60 == 0
    assert prepared.shape[-1] % 108 == 0
    masked = np.where(hole[..., None], 0, frame / 255 * 2 - 1)
    pad = [(0, fit.network[0] - height), (0, fit.network[1] - width), (0, 0)]
    expected = np.pad(masked, pad, mode="symmetric").transpose(2, 0, 1)
    np.testing.assert_allclose(prepared[0].numpy(), expected, atol=1e-6)


def test_a_frame_that_fits_base_is_not_touched():
    frame = np.random.default_rng(0).integers(0, 256, (240, 432, 3), np.uint8)
    fit = Fit.choose(240, 432, hq=False)

    prepared = fit.prepare(torch.from_numpy(frame), torch.zeros(240, 432, dtype=torch.bool))

    np.testing.assert_allclose(prepared[0].permute(1, 2, 0).numpy(), frame / 255 * 2 - 1, atol=1e-6)
