"""The weight-free segmenter answers clicks, boxes and masks, and keeps its promises."""

import cv2
import numpy as np
import pytest

from tracker.classical.segmenter import ClassicalSegmenter
from tracker.types import Point, Prompt

HEIGHT, WIDTH = 180, 240


def textured(colour, seed, height=HEIGHT, width=WIDTH):
    noise = np.random.default_rng(seed).normal(0, 25, (height, width, 1))
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 1.5)[..., None] * 2 + colour, 0, 255)


def disc(x, y, radius, height=HEIGHT, width=WIDTH):
    rows, columns = np.mgrid[:height, :width]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def painted(*layers):
    """Paint (mask, colour) layers over a textured green ground."""
    frame = textured((60, 110, 60), seed=0)
    for number, (mask, colour) in enumerate(layers, start=1):
        frame = np.where(mask[..., None], textured(colour, seed=number), frame)
    return frame.astype(np.uint8)


def iou(mask, truth):
    return (mask & truth).sum() / (mask | truth).sum()


def best(frame, *points, **prompt):
    return ClassicalSegmenter().segment(frame, Prompt(tuple(points), **prompt)).masks[0]


def test_one_click_finds_a_disc_on_a_textured_ground():
    truth = disc(130, 80, 40)
    frame = painted((truth, (190, 70, 60)))

    assert iou(best(frame, Point(130, 80)), truth) >= 0.95


def test_a_box_finds_the_disc_in_it():
    truth = disc(130, 80, 40)
    frame = painted((truth, (190, 70, 60)))

    assert iou(best(frame, box=(85, 35, 175, 125)), truth) >= 0.95


@pytest.mark.parametrize("seed", range(3))
def test_every_positive_click_is_inside_and_no_negative_one(seed):
    generator = np.random.default_rng(seed)
    frame = generator.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    pixels = generator.permutation(60 * 80)[:8]
    points = [Point(float(p % 80), float(p // 80), bool(k % 2)) for k, p in enumerate(pixels)]

    result = ClassicalSegmenter().segment(frame, Prompt(tuple(points)))

    for mask in result.masks:
        assert [bool(mask[int(p.y), int(p.x)]) for p in points] == [p.positive for p in points]


def test_a_point_outside_the_frame_is_refused():
    with pytest.raises(ValueError, match=r"point \(240, 5\) is outside the frame of 240x180"):
        best(painted(), Point(240, 5))


def test_an_empty_prompt_is_refused():
    with pytest.raises(ValueError, match="empty prompt"):
        best(painted())
