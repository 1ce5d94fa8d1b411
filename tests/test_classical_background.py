"""What left its place differs from the frames around; what is background does not."""

import cv2
import numpy as np
import pytest

from tracker.classical.click_background import differences

HEIGHT, WIDTH = 120, 200
LEFT, TOP, SIDE = 80, 40, 36


def texture(seed, height, width):
    noise = np.random.default_rng(seed).normal(0, 90, (height, width, 3))
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 1.5) + 120, 0, 255).astype(np.uint8)


def scene(offset, *, pan=0, speed=0):
    """Show frame `offset` of a square moving before a ground; `pan` and `speed` in pixels."""
    ground = texture(1, HEIGHT, WIDTH + 200)
    frame = ground[:, 100 + pan * offset :][:, :WIDTH].copy()
    left = LEFT + (speed - pan) * offset
    frame[TOP : TOP + SIDE, left : left + SIDE] = texture(2, SIDE, SIDE)
    return frame


def seen(offsets, **motion):
    return differences(scene(0, **motion), [(k, scene(k, **motion)) for k in offsets])


def says_nothing(found):
    return found.far is None and found.every is None


@pytest.mark.parametrize("pan", [0, 2])
@pytest.mark.parametrize("offsets", [range(2, 25, 2), range(-24, 0, 2), range(-12, 13, 2)])
def test_what_moves_differs_in_its_whole_outline_and_the_background_does_not(offsets, pan):
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[TOP : TOP + SIDE, LEFT : LEFT + SIDE] = True
    beyond = cv2.dilate(inside.astype(np.uint8), np.ones((7, 7), np.uint8)) == 0

    found = seen((k for k in offsets if k), pan=pan, speed=3)

    for plane in (found.far, found.every):
        assert (plane[inside] > 4).mean() > 0.9
        assert (plane[beyond] < 2).mean() > 0.95
    assert (found.far != found.every).any()


def test_what_stays_in_its_place_does_not_differ():
    found = seen(range(2, 17, 2))

    np.testing.assert_array_equal(found.far, 0)
    np.testing.assert_array_equal(found.every, 0)


def test_places_no_other_frame_shows_do_not_differ():
    found = seen(range(2, 17, 2), pan=4)  # the first columns leave at once

    assert found.far[:, :8].max() == 0
    assert found.every[:, :8].max() == 0


def test_without_a_frame_that_can_be_laid_over_nothing_is_known():
    frame = scene(0)
    strange = [(k, texture(10 + k, HEIGHT, WIDTH)) for k in range(2, 9, 2)]

    assert says_nothing(differences(frame, []))
    assert says_nothing(differences(frame, strange))
    assert says_nothing(differences(frame[:12], [(2, frame[:12]), (4, frame[:12])]))


def test_nothing_is_said_of_what_had_no_time_to_leave_its_place():
    assert says_nothing(seen((2, 4, 6), speed=3))
    assert says_nothing(seen(range(-6, 7, 2), speed=3))


def test_frames_are_left_as_they_were():
    frame, other = scene(0), scene(2, pan=2)
    copies = frame.copy(), other.copy()

    differences(frame, [(2, other), (4, other)])

    np.testing.assert_array_equal(frame, copies[0])
    np.testing.assert_array_equal(other, copies[1])
