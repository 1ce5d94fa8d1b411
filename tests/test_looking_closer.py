"""Small videos, and small objects where there is time, are followed at more pixels."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.test_classical_propagator import RED, draw, follow, similarity
from tracker import crew, engines
from tracker.classical.lost import Background
from tracker.classical.propagator import ClassicalPropagator
from tracker.classical.softmaps import (
    MOST_PIXELS,
    OBJECT_PIXELS,
    WORKING_PIXELS,
    at_working_size,
    pixels_for,
)
from tracker.jobs import Job, Settings
from tracker.live.cleaner import Cleaner
from tracker.prompts import Prompts


def marked(*shares):
    """Return labels of objects that cover such shares of a frame."""
    labels = np.zeros((100, 1000), np.uint8)
    for number, share in enumerate(shares, start=1):
        labels[10 * number, : round(share * labels.size)] = number
    return labels


@pytest.mark.parametrize(
    ("shares", "pixels"),
    [
        ((), WORKING_PIXELS),
        ((0.01,), MOST_PIXELS),
        ((0.005, 0.04), MOST_PIXELS),
        ((0.005, 0.04, 0.04), MOST_PIXELS * 2 // 3),
        ((0.005, 0.04, 0.04, 0.04, 0.04), WORKING_PIXELS),
    ],
)
def test_the_smallest_object_says_how_closely_is_looked_and_many_share_that(shares, pixels):
    assert pixels_for(marked(*shares)) == pixels


@pytest.mark.parametrize("size", [40, 50])
def test_in_between_an_object_has_as_many_pixels_as_it_needs(size):
    labels = np.zeros((200, 250), np.uint8)
    labels[:size, :size] = 1

    pixels = pixels_for(labels)

    assert WORKING_PIXELS < pixels < MOST_PIXELS
    assert size**2 / labels.size * pixels == pytest.approx(OBJECT_PIXELS, rel=0.001)


def test_a_large_object_is_looked_at_no_less_closely():
    assert pixels_for(np.ones((20, 30), np.uint8)) == WORKING_PIXELS


@pytest.mark.parametrize("shape", [(1080, 1920), (480, 854), (90, 160), (160, 90), (1, 500)])
def test_every_frame_is_looked_at_with_about_as_many_pixels(shape):
    small = at_working_size(np.zeros((*shape, 3), np.uint8))

    assert small.shape[0] * small.shape[1] == pytest.approx(WORKING_PIXELS, rel=0.05)
    height = small.shape[1] * shape[0] / shape[1]
    assert small.shape[0] == pytest.approx(height, abs=1)


def test_a_small_video_is_followed_as_well_as_a_large_one():
    frames, truths = draw(16, {1: (lambda t: (60 + 6 * t, 90), RED)}, pan=2)
    frames = [cv2.resize(frame, (80, 45), interpolation=cv2.INTER_AREA) for frame in frames]
    truths = [cv2.resize(truth, (80, 45), interpolation=cv2.INTER_NEAREST) for truth in truths]

    tracked = follow(frames, truths[0])

    assert tracked[-1].shape == (45, 80)
    assert min(map(similarity, tracked, truths)) > 0.85


@pytest.mark.parametrize(("mode", "hurries"), [("offline", False), ("streaming", True)])
def test_only_streaming_hurries(monkeypatch, mode, hurries):
    asked = []
    monkeypatch.setattr(
        engines, "make_propagator", lambda _, settings, **__: asked.append(settings)
    )
    job = Job(Path("in.mp4"), mode=mode)

    crew.make_propagator(job, {"propagator": engines.choose("propagator", "classical")})

    assert asked[0].hurries == hurries


def test_a_live_source_is_followed_in_a_hurry(monkeypatch):
    asked = []
    monkeypatch.setattr(engines, "make_propagator", lambda _, asks: asked.append(asks))

    Cleaner(Prompts(), Job(Path("camera")), learned=False)

    assert asked[0].hurries


@pytest.mark.parametrize("hurries", [False, True])
def test_who_hurries_looks_no_closer(hurries):
    frames, truths = draw(2, {1: (lambda _: (60, 90), RED)})
    choice = engines.choose("propagator", "classical")
    propagator = engines.make_propagator(choice, Settings(hurries=hurries))
    assert isinstance(propagator, ClassicalPropagator)

    propagator.step(frames[0], truths[0])

    closer = pixels_for(truths[0])
    assert closer > WORKING_PIXELS
    assert propagator._sight.pixels == (WORKING_PIXELS if hurries else closer)


@pytest.mark.parametrize(("num_cells", "kept"), [(600, 600), (11_664, 1167), (26_244, 2625)])
def test_of_background_a_tenth_is_kept_however_closely_is_looked(num_cells, kept):
    background = Background()

    background.remember(np.zeros((num_cells, 3), np.float32), num_cells)

    assert len(background.known()) == kept
