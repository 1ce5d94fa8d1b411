import cv2
import numpy as np
import pytest

from tracker.classical.flow import FlowEstimator
from tracker.classical.registration import Surroundings, register
from tracker.classical.steps import (
    Link,
    StepFinder,
    carry_in,
    go_on,
    lattice,
    reverse,
    with_holes_alike,
)
from tracker.classical.views import View, box_around

HEIGHT, WIDTH = 160, 240
HOLE = (slice(50, 110), slice(80, 160))
SPEED = 7  # pixels a frame


def texture(height, width):
    noise = np.random.default_rng(1).uniform(0, 255, (height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.clip((smooth - smooth.mean()) * 6 + 128, 0, 255).astype(np.uint8)


WORLD = texture(HEIGHT, WIDTH + 40)
NODES = lattice(HEIGHT, WIDTH)


def panned(index, area=HOLE):
    """Return a frame of a camera that pans to the right, with a hole or None."""
    left = SPEED * index
    frame, hole = WORLD[:, left : left + WIDTH].copy(), np.zeros((HEIGHT, WIDTH), bool)
    if area is not None:
        hole[area], frame[area] = True, 0
    return View(index, frame, hole, WIDTH)


@pytest.mark.parametrize("holes", [(HOLE, HOLE), (HOLE, None), (None, HOLE)])
def test_in_their_holes_frames_show_what_moves_as_is_guessed(holes):
    first, second = (panned(index, hole) for index, hole in zip((1, 0), holes, strict=True))
    camera = np.array([[1, 0, SPEED], [0, 1, 0], [0, 0, 1]], np.float64)

    one, two = with_holes_alike(first, second, Link(camera, np.zeros_like(NODES)))

    np.testing.assert_array_equal(one[:, :-SPEED], two[:, SPEED:])
    assert (first.gray[:, :-SPEED] != second.gray[:, SPEED:]).any()


@pytest.mark.parametrize("guessed", [0.0, 3 * SPEED])
def test_a_wrong_guess_does_not_draw_the_flow_around_holes_along(guessed):
    camera = np.array([[1, 0, guessed], [0, 1, 0], [0, 0, 1]], np.float64)

    step = StepFinder().between(panned(1), panned(0), Link(camera, np.zeros_like(NODES)))

    assert step is not None
    shift = (step.places(NODES) - NODES)[8:-8, 8:-12]
    np.testing.assert_allclose(shift, np.broadcast_to((SPEED, 0), shift.shape), atol=0.3)


@pytest.mark.parametrize(("steady", "expected"), [(True, 5.0), (False, 0.0)])
def test_a_motion_is_carried_in_from_when_it_was_seen_if_motion_is_steady(steady, expected):
    random = np.random.default_rng(3)
    hole = np.zeros((40, 60), bool)
    hole[10:30, 20:40] = True
    before = random.normal(0, 1, (40, 60, 2)).astype(np.float32) * (0.5 if steady else 3)
    before[hole] = (5, 0)
    now = before if steady else np.zeros_like(before)

    carried, variance, dispute = carry_in(now, hole, Link(np.eye(3), before))

    np.testing.assert_allclose(carried[hole][:, 0], expected, atol=0.1)
    np.testing.assert_array_equal(carried[~hole], now[~hole])
    assert variance[hole].max() < 0.1
    assert dispute is not None
    assert not dispute[~hole].any()


@pytest.mark.parametrize("has_past", [False, True])
def test_two_motions_around_a_hole_do_not_shade_into_each_other_inside(has_past):
    hole = np.zeros((40, 60), bool)
    hole[10:30, 20:40] = True
    now = np.zeros((40, 60, 2), np.float32)
    now[:, 30:] = (12, 0)
    guess = Link(np.eye(3), now) if has_past else None
    now = np.where(hole[..., None], np.float32(99), now)

    carried, _, dispute = carry_in(now, hole, guess)

    inside = carried[..., 0][hole].reshape(20, 20)
    np.testing.assert_allclose(inside[:, :9], 0, atol=0.01)
    np.testing.assert_allclose(inside[:, 11:], 12, atol=0.01)
    assert (dispute is None) != has_past


def test_where_motion_is_disputed_what_is_laid_so_is_expected_to_err():
    target, source = panned(1), panned(0)
    camera = np.array([[1, 0, SPEED], [0, 1, 0], [0, 0, 1]], np.float64)
    disputed = np.zeros(NODES.shape[:2], np.float32)
    disputed[:, 30:] = 4  # the right half of the hole may lie two pixels elsewhere
    around = Surroundings(target, box_around(target.hole, margin=24))
    plain, doubted = (
        register(
            around, source, Link(camera, np.zeros_like(NODES), dispute=one), FlowEstimator(), 1
        )
        for one in (None, disputed)
    )

    more = doubted[0][0].error - plain[0][0].error

    shifted = np.square(np.diff(WORLD[..., :3].astype(np.float32)[:, ::2], axis=1)).mean()
    left, right = np.hsplit(more[around.inner], 2)
    np.testing.assert_allclose(left[:, :-2], 0, atol=1e-3)
    np.testing.assert_allclose(right[:, 2:], shifted, rtol=0.5)  # what two pixels make


def test_every_place_goes_on_with_the_step_it_made():
    residual = np.zeros_like(NODES)
    residual[:, 10:20] = (8, 0)  # what lies at 40 to 80 has come from the right
    step = Link(np.eye(3), residual)

    foretold = go_on(step, NODES)

    expected = np.zeros_like(NODES)
    expected[:, 8:18] = (8, 0)
    np.testing.assert_array_equal(foretold.residual[:, :8], expected[:, :8])
    np.testing.assert_array_equal(foretold.residual[:, 10:17], expected[:, 10:17])
    np.testing.assert_array_equal(foretold.residual[:, 20:], expected[:, 20:])


@pytest.mark.parametrize("wrong", [0.0, 6.0])
def test_a_step_must_explain_the_surroundings_better_than_the_camera_does(wrong):
    target, source = panned(1), panned(0)
    camera = np.array([[1, 0, SPEED], [0, 1, 0], [0, 0, 1]], np.float64)
    residual = np.zeros_like(NODES)
    residual[10:30, 17:43] = wrong  # in the hole and a little around it
    link = Link(camera, residual)
    around = Surroundings(target, box_around(target.hole, margin=24))

    (offer,), _ = register(around, source, link, FlowEstimator(), 1)

    inside = around.inner
    np.testing.assert_allclose(
        offer.shift[inside], np.broadcast_to((SPEED, 0), offer.shift[inside].shape), atol=1e-4
    )
    assert (offer.error >= 0).all()


def test_a_step_turned_round_leads_back():
    residual = np.zeros_like(NODES)
    residual[..., 0] = np.linspace(-3, 3, NODES.shape[1])
    step = Link(np.array([[1, 0, SPEED], [0, 1, -2], [0, 0, 1]], np.float64), residual)
    places = NODES[4:-4, 8:-8]

    back = reverse(step, NODES).places(step.places(places))

    np.testing.assert_allclose(back, places, atol=0.02)
