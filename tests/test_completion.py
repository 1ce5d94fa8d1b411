"""What no frame shows is completed from pieces of what is seen around it."""

import numpy as np
import pytest

from tracker.classical.completion import complete_from_pieces
from tracker.classical.inpainter import ClassicalInpainter
from tracker.classical.spatial import spread
from tracker.types import Clip

HEIGHT, WIDTH = 90, 160


def middle(radius=18):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray((y - 45) ** 2 + (x - 80) ** 2 <= radius**2)


def noise(strength, seed=7):
    """Return gray noise (HEIGHT, WIDTH, 3) around 128."""
    gray = np.random.default_rng(seed).normal(128, strength, (HEIGHT, WIDTH, 1))
    return np.clip(np.repeat(gray, 3, axis=2), 0, 255).astype(np.float32)


def stripes():
    """Return stripes (HEIGHT, WIDTH, 3), eight pixels from one to the next."""
    gray = np.sin(np.arange(WIDTH) * np.pi / 4)[None, :, None] * 60 + 128
    return np.repeat(np.repeat(gray, 3, axis=2), HEIGHT, axis=0).astype(np.float32)


def completed(scene, hole, usable=None):
    smooth = spread(np.where(hole[..., None], np.float32(0), scene), hole)
    return complete_from_pieces(smooth, ~hole if usable is None else usable, hole)


def roughness(picture, where):
    """Return the root mean square of differences of neighbours."""
    steps = np.diff(picture.astype(np.float32), axis=1)[where[:, 1:] & where[:, :-1]]
    return float(np.sqrt(np.square(steps).mean()))


def test_a_pattern_goes_on_through_the_hole():
    scene, hole = stripes(), middle()

    result = completed(scene, hole)

    assert np.abs(result.colours - scene)[hole].mean() < 5  # a membrane errs by 38
    assert result.agreement > 0.9


def test_noise_is_not_foretold_but_completed_with_noise():
    scene, hole = noise(25), middle()

    result = completed(scene, hole)

    assert result.agreement < 0.6
    assert roughness(result.colours, hole) > 0.3 * roughness(scene, hole)


def test_what_is_known_stays_as_it_is():
    scene, hole = noise(25), middle()

    result = completed(scene, hole)

    np.testing.assert_array_equal(result.colours[~hole], scene[~hole])


def test_pieces_come_only_from_where_they_may():
    scene, hole = noise(25), middle()
    scene[:, 110:] = (255, 0, 0)
    usable = ~hole
    usable[:, 110:] = False

    result = completed(scene, hole, usable)

    y, x = np.nonzero(hole)
    to_x, to_y = np.stack([x, y]) + result.shift[y, x].T.astype(int)
    assert usable[to_y, to_x].all()
    reds = (result.colours[..., 0] - result.colours[..., 1])[hole]
    assert np.abs(reds).max() < 1


def test_a_completed_hole_meets_the_shading_around_it():
    shade = np.linspace(0, 120, WIDTH, dtype=np.float32)[None, :, None]
    scene, hole = np.clip(noise(8) - 60 + shade, 0, 255), middle()

    result = completed(scene, hole)

    inner = hole & ~middle(15)
    gap = (result.colours - scene)[inner].reshape(-1, 3).mean(axis=1)
    columns = np.nonzero(inner)[1]
    for side in (columns < 70, columns > 90):
        assert abs(gap[side].mean()) < 4  # pieces from anywhere may differ by 60


def test_where_nothing_may_be_taken_nothing_is_completed():
    scene, hole = noise(25), middle()

    assert completed(scene, hole, usable=np.zeros_like(hole)) is None


def test_the_same_hole_is_completed_the_same_way():
    scene, hole = noise(25), middle()

    first, second = completed(scene, hole), completed(scene, hole)

    np.testing.assert_array_equal(first.colours, second.colours)


@pytest.mark.parametrize(
    "hole",
    [
        np.indices((HEIGHT, WIDTH))[0] // 2 == 20,  # from side to side, and thin
        np.indices((HEIGHT, WIDTH))[1] < 40,  # at the frame's border
        np.hypot(*(np.indices((HEIGHT, WIDTH)) - [[[45]], [[80]]])) > 20,  # most of the frame
    ],
    ids=["thin", "border", "most"],
)
def test_holes_of_any_shape_are_completed(hole):
    scene = noise(25)

    result = completed(scene, hole)

    assert np.isfinite(result.colours).all()
    assert roughness(result.colours, hole) > 0.25 * roughness(scene, hole)


def filled(scene, hole):
    seen = np.where(hole[..., None], (0, 255, 0), np.rint(scene)).astype(np.uint8)
    return ClassicalInpainter().fill(Clip((0,), (seen,), (hole,), 1))[0]


def test_a_hole_in_texture_is_rough_but_errs_little_more_than_a_smooth_one():
    scene, hole = noise(25), middle()

    result = filled(scene, hole)

    assert roughness(result, hole) > 0.15 * roughness(scene, hole)
    error = np.square(result - scene)[hole].mean()
    assert error < 1.5 * np.square(scene - 128)[hole].mean()


def test_a_smooth_wall_beside_texture_stays_smooth():
    scene, hole = noise(25), middle()
    scene[:, 50:] = 128

    assert roughness(filled(scene, hole), hole) < 1


def test_a_regular_pattern_is_shown_nearly_whole():
    scene, hole = stripes(), middle()

    result = filled(scene, hole)

    assert np.abs(result - scene)[hole].mean() < 12  # half of it would err by 19
