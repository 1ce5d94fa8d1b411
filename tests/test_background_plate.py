"""The background seen so far, laid under later frames of a panning camera."""

import numpy as np
import pytest

from tests.test_classical_propagator import BLUE, draw, follow, similarity, textured
from tracker.classical.backdrop import Backdrop
from tracker.classical.layers import Motion
from tracker.classical.plate import BackgroundPlate

HEIGHT, WIDTH, PAN = 80, 120, 2
SCENE = textured(HEIGHT, WIDTH + 100, 4) * np.float32(100)  # as Lab


def view(index):
    return SCENE[:, PAN * index : PAN * index + WIDTH].copy()


def covered(index, left):
    """Return a frame with an object 30 pixels wide, and the soft labels of all layers."""
    frame, soft = view(index), np.zeros((2, HEIGHT, WIDTH), np.float32)
    soft[0] = 1
    frame[20:60, left : left + 30] = (90, 80, -80)
    soft[:, 20:60, left : left + 30] = np.array([0, 1], np.float32)[:, None, None]
    return frame, soft


def shown(num_frames):
    """Return a plate after `num_frames` of an object that moves right, and its last odds."""
    plate, odds = BackgroundPlate(), None
    everywhere = np.ones((HEIGHT, WIDTH), bool)
    for index in range(num_frames):
        frame, soft = covered(index, 10 + 3 * index)
        plate.follow(frame, soft[0], Motion(shift=-PAN if index else 0))
        odds = plate.odds(frame, soft, everywhere) if index else None
        plate.learn(frame, soft[0], odds)
    return plate, odds


def test_what_differs_from_the_background_behind_it_is_an_object_and_what_equals_it_is_not():
    _, odds = shown(12)
    left = 10 + 3 * 11

    assert np.median(odds[1, 25:55, left + 15 : left + 27]) > 1
    assert np.median(odds[1, :, left + 40 :]) < -3


def test_of_background_never_seen_nothing_is_said():
    _, odds = shown(2)

    assert (odds[1, 30:50, 20:30] == 0).all()  # the object has covered it from the start


def test_a_part_wrongly_taken_for_the_object_is_denied_where_the_background_was_seen():
    plate, _ = shown(12)
    frame, soft = covered(12, 46)
    soft[:, 20:60, 90:100] = np.array([0.1, 0.9], np.float32)[:, None, None]  # empty wall

    plate.follow(frame, soft[0], Motion(shift=-PAN))
    odds = plate.odds(frame, soft, np.ones((HEIGHT, WIDTH), bool))

    assert np.median(odds[1, 22:58, 91:99]) < -3


def test_only_what_differs_from_background_seen_before_is_new():
    plate, _ = shown(12)
    frame = view(12)
    frame[20:60, 50:70] = (90, 80, -80)

    plate.follow(frame, np.ones((HEIGHT, WIDTH), np.float32), Motion(shift=-PAN))
    is_new = plate.is_new(frame)

    assert is_new[25:55, 55:65].all()
    assert not is_new[:, 75:].any()
    assert not is_new[:18].any()


def test_another_scene_starts_another_plate():
    plate, _ = shown(6)
    other = textured(HEIGHT, WIDTH, 77) * np.float32(100)
    nothing = np.stack((np.ones((HEIGHT, WIDTH)), np.zeros((HEIGHT, WIDTH)))).astype(np.float32)

    plate.follow(other, nothing[0], Motion())

    assert not plate.odds(other, nothing, np.ones((HEIGHT, WIDTH), bool)).any()


@pytest.mark.parametrize("pan", [0, 3])
def test_an_object_is_followed_in_front_of_a_window_of_its_colour(pan):
    frames, truths = draw(36, {1: (lambda t: (60 + 6 * t, 90), BLUE)}, pan=pan)
    for index, (frame, truth) in enumerate(zip(frames, truths, strict=True)):
        window = np.zeros(truth.shape, bool)
        window[60:120, max(0, 200 - pan * index) : max(0, 240 - pan * index)] = True
        frame[window & (truth == 0)] = (60, 85, 165)

    tracked = follow(frames, truths[0])

    assert min(map(similarity, tracked, truths)) > 0.8


def test_the_background_is_followed_while_the_object_is_hidden(monkeypatch):
    frames, truths = draw(40, {1: (lambda t: (50 + 6 * t, 120), BLUE)}, curtain=(120, 250))
    followed = []
    follow_one = Backdrop.follow

    def noted(self, picture, *rest):
        followed.append(picture)
        follow_one(self, picture, *rest)

    monkeypatch.setattr(Backdrop, "follow", noted)

    tracked = follow(frames, truths[0])

    assert min(truth.any() for truth in truths) == 0
    assert min(labels.any() for labels in tracked) == 0
    assert len(followed) == len(frames)


def test_while_an_object_is_out_of_sight_what_hides_it_is_background_and_so_is_what_it_hides():
    plate, ground, nothing = BackgroundPlate(), SCENE[:, :WIDTH], np.ones((HEIGHT, WIDTH))
    nothing = nothing.astype(np.float32)
    with_card = ground.copy()
    with_card[20:60, 40:80] = (60, 0, 0)
    for _ in range(5):
        plate.follow(ground, nothing, Motion())
        plate.learn(ground, nothing, None)
    plate.hold()
    for _ in range(30):
        plate.follow(with_card, nothing, Motion())
        plate.learn(with_card, nothing, None)

    assert not plate.is_new(with_card).any()
    assert not plate.is_new(ground).any()
    plate.release()
    assert plate.is_new(ground)[25:55, 45:75].mean() > 0.9
