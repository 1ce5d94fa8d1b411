"""What the clicked object will cover is no part of it, once it is seen to leave its place."""

import cv2
import numpy as np

from tracker.classical.click_background import Differences, differences
from tracker.classical.click_course import without

HEIGHT, WIDTH, SIDE = 120, 160, 40
TOP, LEFT = 40, 30


def texture(seed, low, high):
    noise = np.random.default_rng(seed).uniform(low, high, (HEIGHT, WIDTH, 3))
    return cv2.GaussianBlur(noise.astype(np.float32), (0, 0), 1.5)


BACKGROUND, THING = texture(1, 0, 120), texture(2, 120, 255)


def seen(moved):
    """Return a still background with a square `moved` pixels to the right."""
    image, left = BACKGROUND.copy(), LEFT + moved
    image[TOP : TOP + SIDE, left : left + SIDE] = THING[TOP : TOP + SIDE, LEFT : LEFT + SIDE]
    return image.astype(np.uint8)


def square():
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[TOP : TOP + SIDE, LEFT : LEFT + SIDE] = True
    return mask


def soon_covered():
    """Return where five of the six frames compared show the square if it moves 3 pixels a step."""
    return np.s_[TOP + 5 : TOP + SIDE - 5, LEFT + SIDE + 8 : LEFT + SIDE + 11]


def left_behind():
    """Return the rear of the square, uncovered in all frames compared."""
    return np.s_[TOP + 5 : TOP + SIDE - 5, LEFT + 2 : LEFT + 5]


def ahead(speed):
    """Return the differences at the start of a clip; the square moves `speed` pixels a step."""
    return differences(seen(0), [(2 * k, seen(speed * k)) for k in range(1, 13)])


def test_what_the_object_will_cover_is_asked_only_of_frames_before_it_does():
    around = ahead(3)

    far = without(around, square())

    assert around.far[soon_covered()].mean() > 20  # a ghost
    assert far[soon_covered()].mean() < 1
    assert far[left_behind()].mean() > 20


def test_no_frame_is_left_out_while_the_object_still_covers_most_of_its_place():
    around = ahead(1)  # 12 of 40 pixels in the end

    np.testing.assert_array_equal(without(around, square()), around.far)


def test_frames_on_the_side_where_it_stayed_are_still_asked():
    after = [(2 * k, seen(3 * k)) for k in range(1, 13)]
    before = [(-2 * k, seen(0)) for k in range(1, 11)]

    far = without(differences(seen(0), after + before), square())

    assert far[left_behind()].max() == 0  # as earlier frames show it


def test_a_mask_of_another_size_means_the_same_place():
    around = ahead(3)
    half = square()[::2, ::2]

    np.testing.assert_array_equal(without(around, half), without(around, square()))


def test_nothing_moving_or_nothing_known_changes_nothing():
    around = ahead(3)

    np.testing.assert_array_equal(without(around, np.zeros((HEIGHT, WIDTH), bool)), around.far)
    assert without(Differences(), square()) is None
