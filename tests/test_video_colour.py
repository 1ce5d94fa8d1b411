"""RGB from samples and samples from RGB, against plain formulas in float64."""

import itertools

import numpy as np
import pytest

from tracker.video.colour import Colour, to_rgb
from tracker.video.compositing import planes_from_rgb
from tracker.video.layouts import Layout

SUBSAMPLINGS = {"420": (1, 1), "422": (1, 0), "444": (0, 0), "440": (0, 1), "411": (2, 0)}
SUBSAMPLINGS["410"] = (2, 2)
WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
HEIGHT, WIDTH = 19, 37


def random_planes(layout, seed=0):
    """Samples within the nominal range, so that most colours are not clipped."""
    random = np.random.default_rng(seed)
    low, high = 60 << (layout.depth - 8), 196 << (layout.depth - 8)
    return [
        random.integers(low, high, layout.shape(plane, HEIGHT, WIDTH)).astype(layout.dtype)
        for plane in range(layout.num_planes)
    ]


def reference_rgb(layout, planes, colour):
    """Return (H, W, 3) float64: every chroma sample serves its whole footprint."""
    unit = 2.0 ** (layout.depth - 8)
    full = colour.range == 2
    black, span = (0, layout.maximum) if full else (16 * unit, 219 * unit)
    chroma_span = layout.maximum if full else 224 * unit
    y = (planes[0].astype(float) - black) / span
    cb, cr = (
        (
            np.kron(plane, np.ones((1 << layout.shift_y, 1 << layout.shift_x)))[:HEIGHT, :WIDTH]
            - 128 * unit
        )
        / chroma_span
        for plane in planes[1:3]
    )
    red_weight, blue_weight = WEIGHTS[colour.matrix]
    red = y + 2 * (1 - red_weight) * cr
    blue = y + 2 * (1 - blue_weight) * cb
    green = (y - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    return np.clip(np.stack([red, green, blue], axis=-1) * 255, 0, 255)


ALL_YUV = [
    Layout("yuv", depth, *SUBSAMPLINGS[name], alpha)
    for name, depth, alpha in itertools.product(SUBSAMPLINGS, (8, 9, 10, 12, 16), (False, True))
    if Layout("yuv", depth, *SUBSAMPLINGS[name], alpha).is_known
]


@pytest.mark.parametrize("layout", ALL_YUV, ids=lambda layout: layout.name)
@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("limits", [1, 2], ids=["limited", "full"])
def test_rgb_is_exact_for_every_yuv_layout(layout, matrix, limits):
    planes = random_planes(layout)
    colour = Colour(matrix=matrix, range=limits)

    rgb = to_rgb(layout, planes, colour)

    # Half a level of rounding and a little of integer arithmetic; full range with more than
    # eight bits is rounded to eight first, by half a level of luma and of chroma times 1.9.
    tolerance = 2.0 if limits == 2 and layout.depth > 8 else 0.6
    assert np.abs(rgb - reference_rgb(layout, planes, colour)).max() <= tolerance
    assert abs((rgb - reference_rgb(layout, planes, colour)).mean()) < 0.05


@pytest.mark.parametrize(
    ("height", "matrix"), [(480, 6), (720, 1)], ids=["small is BT.601", "large is BT.709"]
)
def test_untagged_pictures_are_read_as_players_do(height, matrix):
    layout = Layout("yuv", 8)
    planes = [np.full((height, 2), value, np.uint8) for value in (100, 90, 180)]

    guessed = to_rgb(layout, planes, Colour())

    np.testing.assert_array_equal(guessed, to_rgb(layout, planes, Colour(matrix, range=1)))


@pytest.mark.parametrize("depth", [8, 10, 16])
def test_planar_rgb_and_grey_are_read_by_value(depth):
    levels = np.linspace(0, (1 << depth) - 1, 256).round().astype(Layout("rgb", depth).dtype)
    green, blue, red = levels[None], levels[None, ::-1], levels[None] // 2

    rgb = to_rgb(Layout("rgb", depth), [green, blue, red], Colour())
    grey = to_rgb(Layout("grey", depth), [green], Colour())

    np.testing.assert_array_equal(rgb[0, :, 1], np.arange(256))
    np.testing.assert_array_equal(rgb[0, :, 2], np.arange(256)[::-1])
    assert np.abs(rgb[0, :, 0] - np.arange(256) / 2).max() <= 0.5
    np.testing.assert_array_equal(grey, np.repeat(np.arange(256)[None, :, None], 3, axis=2))


ALL = [*ALL_YUV, *(Layout("rgb", d, has_alpha=a) for d in (8, 10, 16) for a in (False, True))]
ALL += [Layout("grey", 8), Layout("grey", 12)]


@pytest.mark.parametrize("layout", ALL, ids=lambda layout: layout.name)
@pytest.mark.parametrize("limits", [1, 2], ids=["limited", "full"])
def test_flat_rgb_survives_the_way_into_samples_and_back(layout, limits):
    colour = Colour(matrix=1, range=limits)
    for shade in ((200, 40, 90), (0, 0, 0), (255, 255, 255), (13, 240, 200)):
        if layout.family == "grey":
            shade = (shade[0],) * 3
        rgb = np.full((HEIGHT, WIDTH, 3), shade, np.uint8)

        planes = planes_from_rgb(layout, colour, rgb)

        # Eight-bit chroma moves a colour by up to two levels.
        tolerance = 2 if layout.family == "yuv" else 1
        assert np.abs(to_rgb(layout, planes, colour).astype(int) - rgb).max() <= tolerance


@pytest.mark.parametrize("layout", ALL, ids=lambda layout: layout.name)
def test_samples_survive_the_way_through_rgb_without_bias(layout):
    """A fill taken from elsewhere in the clip must not be brighter or darker there."""
    colour = Colour(matrix=1, range=1)
    planes = random_planes(layout)
    in_gamut = np.full((HEIGHT, WIDTH), True)
    if layout.family == "yuv":
        reference = reference_rgb(layout, planes, colour)
        in_gamut = ((reference > 0) & (reference < 255)).all(axis=-1)

    back = planes_from_rgb(layout, colour, to_rgb(layout, planes, colour))

    step = max(1.0, layout.maximum / 255)  # one level of RGB, in samples
    if layout.family != "grey":
        difference = (back[0].astype(float) - planes[0])[in_gamut]
        assert abs(difference.mean()) < 0.1 * step
        assert np.abs(difference).max() <= 1.5 * step
    if layout.has_alpha:
        assert (back[-1] == layout.maximum).all()
