"""What no frame shows gets the texture that is around it."""

import numpy as np
import pytest

from tracker.classical.detail import weigh
from tracker.classical.inpainter import ClassicalInpainter
from tracker.classical.texture import texture_of
from tracker.types import Clip

HEIGHT, WIDTH = 120, 200
RNG = np.random.default_rng(7)


def middle():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray((y - 60) ** 2 + (x - 100) ** 2 <= 22**2)


def noise(strength):
    """Return gray noise (HEIGHT, WIDTH, 3) around 128."""
    gray = np.random.default_rng(7).normal(128, strength, (HEIGHT, WIDTH, 1))
    return np.clip(np.repeat(gray, 3, axis=2), 0, 255).astype(np.float32)


def roughness(picture, where):
    """Return the root mean square of differences of neighbours."""
    steps = np.diff(picture.astype(np.float32), axis=1)[where[:, 1:] & where[:, :-1]]
    return float(np.sqrt(np.square(steps).mean()))


def filled(scene):
    hole = middle()
    seen = np.where(hole[..., None], (0, 255, 0), np.rint(scene)).astype(np.uint8)
    return ClassicalInpainter().fill(Clip((0,), (seen,), (hole,), 1))[0], hole


def test_a_hole_in_texture_is_rough_but_costs_no_more_than_its_price():
    scene = noise(25)

    result, hole = filled(scene)

    assert roughness(result, hole) > 0.23 * roughness(scene, hole)
    error = np.square(result - scene)[hole].mean()
    assert error < 1.1 * np.square(scene - 128)[hole].mean()  # the membrane alone has 1.05


def test_a_smooth_wall_beside_texture_stays_smooth():
    scene = noise(25)
    scene[:, 60:] = 128

    result, hole = filled(scene)

    assert roughness(result, hole) < 1


def test_detail_is_copied_from_what_looks_alike():
    scene = noise(10)
    scene[:, :100] += (60, -40, 0)
    hole = middle()
    smooth = np.where(hole[..., None], 128, scene).astype(np.float32)
    smooth[:, :100][hole[:, :100]] += (60, -40, 0)

    texture = texture_of(smooth, ~hole, hole)

    x = np.arange(WIDTH) + texture.shift[..., 0]
    far = np.abs(np.arange(WIDTH) - 100) > 6  # windows do not reach the border between the two
    same = ((x < 100) == (np.arange(WIDTH) < 100))[hole & far]
    assert same.mean() > 0.9


def test_detail_comes_from_what_is_known():
    scene, hole = noise(20), middle()

    texture = texture_of(scene, ~hole, hole)

    y, x = np.nonzero(texture.strength > 0)
    to_x, to_y = np.stack([x, y]) + texture.shift[y, x].T.astype(int)
    assert len(x) == np.count_nonzero(hole)
    assert not hole[to_y, to_x].any()


def test_what_repeats_is_foretold_and_noise_is_not():
    hole = middle()
    stripes = np.repeat(np.sin(np.arange(WIDTH) * np.pi / 4)[None, :, None] * 60 + 128, 3, axis=2)
    stripes = np.repeat(stripes, HEIGHT, axis=0).astype(np.float32)

    regular, random = (texture_of(scene, ~hole, hole) for scene in (stripes, noise(25)))

    assert regular.foretold[hole].mean() > 0.9
    assert random.foretold[hole].mean() < 0.1


@pytest.mark.parametrize("strength", [5.0, 20.0])
def test_guessed_detail_costs_a_share_of_its_power_and_fine_detail_is_shown_most(strength):
    bands = [RNG.normal(0, strength, (3, 4000)).astype(np.float32) for _ in range(2)]
    nothing = np.zeros(4000, np.float32)
    expected = np.full(4000, 2 * strength, np.float32)

    shown = weigh(bands, [1, 4], expected, [nothing, nothing])

    gains = [float((shown * band).mean() / np.square(band).mean()) for band in bands]
    assert np.square(shown).mean() == pytest.approx(0.05 * 4 * strength**2, rel=0.01)
    assert gains[0] > 4 * gains[1] > 0


def test_what_is_foretold_is_shown_whole():
    band = RNG.normal(0, 10, (3, 500)).astype(np.float32)
    sure = np.ones(500, np.float32)

    np.testing.assert_allclose(weigh([band], [1], 100 * sure, [sure]), band, rtol=1e-5)
