"""An object is found again as a whole where its cells lie beside each other as they did."""

import cv2
import numpy as np
import pytest

from tests.rendered import look
from tests.test_classical_propagator import textured
from tracker.classical.softmaps import cell_means
from tracker.classical.templates import LONGEST_RISE, UNCERTAIN, Templates, White

HEIGHT, WIDTH, SIDE = 180, 320, 64
ORANGE, BLUE = (220, 140, 40), (40, 80, 200)
GROUND = textured(HEIGHT, WIDTH, 2) * 255


def scene(*, left=None, top=60, side=SIDE, shown=1.0, mirrored=False, noise=0):
    """Return a picture and (h, w), where a square of two colours is in it, if anywhere."""
    frame, place = GROUND.copy(), np.zeros((HEIGHT, WIDTH), bool)
    if left is not None:
        square = np.empty((side, side, 3), np.float32)
        square[:, : side // 2], square[:, side // 2 :] = ORANGE, BLUE
        square = square[:, ::-1] if mirrored else square
        visible = round(side * shown)
        frame[top : top + side, left : left + visible] = square[:, :visible]
        place[top : top + side, left : left + visible] = True
    frame = frame + np.random.default_rng(noise).normal(0, 2, frame.shape)
    return look(frame.clip(0, 255).astype(np.uint8)), place


def share_of(place):
    return cell_means(place.astype(np.float32))


def overlap(fit, place):
    cells = share_of(place) > 0.5
    return np.count_nonzero(fit.mask & cells) / np.count_nonzero(fit.mask | cells)


@pytest.fixture
def white():
    features = scene()[0].features
    return White(features.reshape(-1, features.shape[-1]))


@pytest.fixture
def templates():
    """Those of a square that was given, and looks like nothing else in sight."""
    picture, place = scene(left=40)
    templates = Templates()
    templates.learn(1, picture, share_of(place), given=True)
    return templates


def test_background_becomes_white():
    features = np.random.default_rng(0).normal(2, (1, 3, 2), (5000, 3)).astype(np.float32)

    white = White(features)(features)

    np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-3)
    assert np.cov(white, rowvar=False) == pytest.approx(np.eye(3), abs=0.1)


@pytest.mark.parametrize("side", [round(0.8 * SIDE), SIDE, round(1.25 * SIDE)])
def test_an_object_is_found_where_it_is_and_as_large_as_it_is(templates, white, side):
    picture, place = scene(left=210, top=40, side=side)

    assert overlap(templates.fit(1, picture, white), place) > 0.75


def test_the_same_cells_otherwise_arranged_fit_far_less(templates, white):
    assert templates.fit(1, scene(left=210)[0], white).score > 0.9

    otherwise = templates.fit(1, scene(left=210, mirrored=True)[0], white)

    assert otherwise is None or otherwise.score < 0.7


def test_nothing_is_found_where_only_background_is(templates, white):
    assert templates.fit(1, scene()[0], white) is None
    assert templates.seek(1, scene()[0], white) is None


def test_what_has_looked_like_it_elsewhere_is_not_taken_for_it(templates, white):
    _, place = scene(left=40)
    twin, _ = scene(left=210, noise=1)
    assert templates.fit(1, twin, white) is not None

    for _ in range(3):
        templates.review(1, twin, share_of(place), white)  # the object is elsewhere

    assert templates.fit(1, scene(left=210, noise=2)[0], white) is None


def test_an_object_that_is_coming_out_is_waited_for(templates, white):
    for hidden in range(UNCERTAIN + 2):
        assert templates.seek(1, scene(noise=hidden)[0], white) is None
    shares = [0.6, 0.7, 0.8, 0.9]
    seen = [scene(left=210, shown=share) for share in shares]
    clear = [templates.fit(1, picture, white) is not None for picture, _ in seen]
    assert any(clear)

    found = [templates.seek(1, picture, white) for picture, _ in seen]

    assert found[clear.index(True)] is None
    picture, place = scene(left=210)
    assert overlap(templates.seek(1, picture, white), place) > 0.75


def test_it_is_not_waited_for_for_ever(templates, white):
    views = [scene(left=210, shown=0.7 + 0.02 * step) for step in range(LONGEST_RISE + 3)]

    found = [templates.seek(1, picture, white) for picture, _ in views]

    assert found[-1] is not None


def test_a_newer_view_is_found_as_well_as_the_given_one(templates, white):
    turned, place = scene(left=120, mirrored=True)
    templates.learn(1, turned, share_of(place), given=False)

    assert templates.fit(1, scene(left=210, mirrored=True)[0], white) is not None
    assert templates.fit(1, scene(left=210)[0], white) is not None


def test_an_object_of_a_few_cells_has_no_arrangement(white):
    templates = Templates()
    picture, place = scene(left=40, side=12)
    templates.learn(1, picture, share_of(place), given=True)

    assert templates.area(1) is None
    assert templates.fit(1, picture, white) is None
    assert templates.seek(1, picture, white) is None


def test_the_area_of_the_newest_view_is_known(templates):
    assert templates.area(1) == pytest.approx(SIDE**2, rel=0.15)
    picture, place = scene(left=120, side=96)
    templates.learn(1, picture, share_of(place), given=False)
    assert templates.area(1) == pytest.approx(96**2, rel=0.15)


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (37, 53)])
def test_pictures_of_any_size_are_searched(templates, shape, white):
    frame = cv2.resize(scene(left=40)[0].small, (shape[1], shape[0]))

    assert templates.fit(1, look(frame), white) is None
