import numpy as np
import pytest

from tracker import images
from tracker.types import Point


def disc(height, width, y, x, radius):
    rows, columns = np.ogrid[:height, :width]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


@pytest.mark.parametrize("radius", [1, 2.5, 7])
def test_dilation_adds_every_pixel_within_the_radius_and_no_other(radius):
    mask = np.zeros((40, 50), bool)
    mask[20, 25] = True

    grown = images.dilate(mask, radius)

    exact = disc(40, 50, 20, 25, radius)
    near = disc(40, 50, 20, 25, radius + 0.5) & ~disc(40, 50, 20, 25, radius - 0.5)
    np.testing.assert_array_equal(grown[~near], exact[~near])  # the distance is an approximation


def test_dilation_by_nothing_is_the_mask_itself():
    mask = disc(30, 30, 10, 10, 4)

    np.testing.assert_array_equal(images.dilate(mask, 0), mask)


@pytest.mark.parametrize("place", [(0, 0), (29, 39), (0, 20)])
def test_dilation_reaches_over_no_border(place):
    mask = np.zeros((30, 40), bool)
    mask[place] = True

    grown = images.dilate(mask, 3)

    assert grown.shape == mask.shape
    assert grown[place]
    assert grown.sum() < 29


def test_default_dilation_is_four_at_the_published_size_and_grows_with_the_frame():
    assert images.default_dilation(240, 432) == 4
    assert images.default_dilation(480, 864) == pytest.approx(8)


def test_a_feathered_hole_is_soft_inside_and_nothing_outside():
    hole = disc(60, 60, 30, 30, 20)

    alpha = images.feather(hole, 4)

    assert (alpha[~hole] == 0).all()
    assert (alpha[hole] > 0).all()
    assert alpha[30, 30] == 1
    assert 0 < alpha[30, 11] < 0.5


def test_a_feathered_hole_has_no_soft_edge_along_the_border_of_the_frame():
    hole = np.zeros((20, 30), bool)
    hole[:, :15] = True

    alpha = images.feather(hole, 3)

    assert (alpha[:, 0] == 1).all()
    assert (alpha[:, 14] < 1).all()


def test_a_whole_frame_hole_has_no_edge():
    assert (images.feather(np.ones((8, 9), bool), 3) == 1).all()


def test_a_shrunken_hole_covers_every_pixel_it_touched():
    rng = np.random.default_rng(3)
    hole = rng.random((97, 131)) > 0.995

    small = images.shrink_hole(hole, 31, 43)

    for y, x in np.argwhere(hole):
        assert small[int(y * 31 / 97), int(x * 43 / 131)]


def test_enlarging_a_region_equals_enlarging_the_frame():
    rng = np.random.default_rng(4)
    frame = rng.integers(0, 256, (30, 40, 3), np.uint8)
    whole = images.enlarge(frame, 75, 100, (slice(0, 75), slice(0, 100)))

    part = images.enlarge(frame, 75, 100, (slice(20, 50), slice(33, 80)))

    difference = part[20:50, 33:80].astype(int) - whole[20:50, 33:80]
    assert abs(difference).max() <= 3  # OpenCV rounds places to 1/32 pixel


def test_enlarging_moves_nothing():
    ramp = np.repeat(np.linspace(20, 220, 50)[None, :, None], 40, 0).repeat(3, 2).astype(np.uint8)

    large = images.enlarge(ramp, 80, 100, (slice(0, 80), slice(0, 100)))

    expected = np.interp((np.arange(100) + 0.5) / 2 - 0.5, np.arange(50), ramp[0, :, 0])
    assert abs(large[40, 4:-4, 0] - expected[4:-4]).max() <= 2


def test_the_bounding_box_of_nothing_is_none():
    assert images.bounding_box(np.zeros((5, 5), bool)) is None


def test_an_overlay_leaves_the_frame_alone_and_tints_only_near_objects():
    frame = np.full((60, 80, 3), 100, np.uint8)
    frame.flags.writeable = False
    labels = disc(60, 80, 30, 20, 10).astype(np.uint8)

    drawn = images.overlay(frame, labels, [Point(20, 30), Point(60, 30, positive=False)])

    assert (frame == 100).all()
    assert (drawn[25:28, 15:25] != 100).any()
    assert (drawn[:10] == 100).all()
    assert (drawn[30, 60] != 100).any()


def test_neighbouring_ids_have_clearly_different_colours():
    colours = np.array([images.object_colour(k) for k in range(1, 9)], int)

    distances = abs(colours[:, None] - colours[None]).sum(axis=-1) + 1000 * np.eye(8, dtype=int)

    assert distances.min() > 60


@pytest.mark.parametrize(
    ("size", "limit", "expected"),
    [
        ((480, 854), None, (480, 854)),
        ((480, 854), 10**6, (480, 854)),
        ((2160, 3840), 518400, (540, 960)),
    ],
)
def test_working_size_keeps_the_shape_and_never_enlarges(size, limit, expected):
    assert images.fit_within(*size, limit) == expected


@pytest.mark.parametrize("objects", [None, (), (1,), (2, 3), (3, 300, -1)])
def test_chosen_pixels_are_those_of_the_objects_asked_for(objects):
    labels = np.array([[0, 1, 2, 3, 255]], np.uint8)

    chosen = images.chosen(labels, objects)

    wanted = range(1, 256) if objects is None else objects
    np.testing.assert_array_equal(chosen, np.isin(labels, list(wanted)))


def test_an_object_that_is_kept_stays_whole_beside_one_that_goes():
    labels = np.zeros((20, 30), np.uint8)
    labels[5:15, 5:15] = 1
    labels[5:15, 16:25] = 2

    hole = images.hole_of(labels, (1,), 4)

    assert not hole[labels == 2].any()
    assert hole[labels == 1].all()
    assert hole[5:15, 15].all()
    np.testing.assert_array_equal(hole[:, :15], images.hole_of(labels == 1, None, 4)[:, :15])


@pytest.mark.parametrize("size", [(33, 50), (25, 40), (16, 20), (50, 80)])
def test_a_quickly_shrunken_picture_shows_the_same_at_the_same_places(size):
    rows, columns = np.mgrid[0:50, 0:80]
    frame = np.stack((2 * rows, 3 * columns, rows + columns), axis=-1).astype(np.uint8)

    small = images.shrink_quickly(frame, *size)

    exact = images.shrink(frame, *size)
    assert small.shape == (*size, 3)
    # A slope is its own mean: both differ by rounding, and by what lies past a border.
    assert np.abs(small.astype(int) - exact)[1:-1, 1:-1].max() <= 2
