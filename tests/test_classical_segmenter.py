"""The weight-free segmenter answers clicks, boxes and masks, and keeps its promises."""

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tracker.classical.click_motion import MotionCues
from tracker.classical.segmenter import ClassicalSegmenter
from tracker.types import Point, Prompt

HEIGHT, WIDTH = 180, 240
RED, BLUE, GREEN = (190, 70, 60), (70, 80, 200), (60, 110, 60)


def textured(colour, seed, height=HEIGHT, width=WIDTH):
    noise = np.random.default_rng(seed).normal(0, 50, (height, width))
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 1.5)[..., None] + colour, 0, 255)


def disc(x, y, radius, height=HEIGHT, width=WIDTH):
    rows, columns = np.mgrid[:height, :width]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def painted(*layers):
    """Paint (mask, colour) layers over a textured green ground."""
    frame = textured(GREEN, seed=0)
    for number, (mask, colour) in enumerate(layers, start=1):
        frame = np.where(mask[..., None], textured(colour, seed=number), frame)
    return frame.astype(np.uint8)


def iou(mask, truth):
    return (mask & truth).sum() / (mask | truth).sum()


def best(frame, *points, neighbours=(), **prompt):
    return ClassicalSegmenter().segment(frame, Prompt(tuple(points), **prompt), neighbours).masks[0]


def random_points(height, width, count, seed):
    pixels = np.random.default_rng(seed).permutation(height * width)[:count]
    return tuple(
        Point(float(p % width), float(p // width), positive=k % 2 == 0)
        for k, p in enumerate(pixels)
    )


@pytest.mark.parametrize("radius", [15, 40, 65])
def test_one_click_finds_a_disc_of_any_size(radius):
    truth = disc(130, 85, radius)
    frame = painted((truth, RED))

    assert iou(best(frame, Point(130, 85)), truth) >= 0.95


def test_a_box_finds_the_disc_in_it():
    truth = disc(130, 80, 40)
    frame = painted((truth, RED))

    assert iou(best(frame, box=(90, 40, 171, 121)), truth) >= 0.95


def test_a_negative_click_takes_its_region_away():
    wanted, unwanted = disc(70, 90, 35), disc(135, 90, 32)
    frame = painted((wanted, RED), (unwanted, BLUE))
    believed = wanted | unwanted

    mask = best(frame, Point(140, 90, positive=False), mask=believed)

    assert iou(mask, wanted & ~unwanted) >= 0.9


def test_a_positive_click_adds_its_region_to_a_given_mask():
    first, second = disc(60, 90, 30), disc(160, 90, 30)
    frame = painted((first, RED), (second, BLUE))

    mask = best(frame, Point(160, 90), mask=first)

    assert iou(mask, first | second) >= 0.95


def test_a_mask_alone_is_returned_as_it_is():
    believed = disc(60, 90, 30)

    np.testing.assert_array_equal(best(painted(), mask=believed), believed)


def hidden_patch(offset):
    """Show a square of the ground's own texture that moves by two pixels a frame."""
    ground = np.random.default_rng(1).normal(110, 60, (HEIGHT, WIDTH))
    patch = np.random.default_rng(2).normal(110, 60, (60, 60))
    image = cv2.GaussianBlur(ground, (0, 0), 1.0)
    left = 90 + 2 * offset
    image[60:120, left : left + 60] = cv2.GaussianBlur(patch, (0, 0), 1.0)
    return np.repeat(np.clip(image, 0, 255)[..., None], 3, axis=2).astype(np.uint8)


def hidden_patch_truth():
    truth = np.zeros((HEIGHT, WIDTH), bool)
    truth[60:120, 90:150] = True
    return truth


def test_what_moves_together_is_found_where_colours_do_not_tell():
    truth = hidden_patch_truth()
    frame, others = hidden_patch(0), [hidden_patch(offset) for offset in (-3, 3)]

    assert iou(best(frame, Point(120, 90), neighbours=others), truth) >= 0.8
    assert iou(best(frame, Point(120, 90)), truth) < 0.7


def test_getting_ready_for_a_click_saves_time_and_changes_no_answer(monkeypatch):
    frame, others = hidden_patch(0), [hidden_patch(offset) for offset in (-3, 3)]
    once, twice = Prompt((Point(120, 90),)), Prompt((Point(120, 90), Point(92, 62)))
    answers, looked = [], []
    monkeypatch.setattr(
        "tracker.classical.segmenter.MotionCues",
        lambda *args, **kwargs: looked.append(args) or MotionCues(*args, **kwargs),
    )

    for is_ready in (False, True):
        segmenter = ClassicalSegmenter()
        segmenter.segment(frame, once, others)
        if is_ready:
            segmenter.anticipate()
        looked.clear()
        answers.append(segmenter.segment(frame, twice, others).masks[0])
        assert len(looked) == (0 if is_ready else 1)

    np.testing.assert_array_equal(*answers)


def test_what_leaves_its_place_is_found_where_colours_do_not_tell():
    truth = hidden_patch_truth()
    segmenter, prompt = ClassicalSegmenter(), Prompt((Point(120, 90),))
    frame = hidden_patch(0)

    before = segmenter.segment(frame, prompt).masks[0]
    segmenter.look_around(frame, ((k, hidden_patch(k)) for k in range(-12, 13, 2) if k))
    after = segmenter.segment(frame, prompt).masks[0]

    assert iou(after, truth) >= 0.8
    assert iou(before, truth) < 0.7


def test_what_an_object_will_cover_is_not_taken_for_it():
    assets = Path(__file__).resolve().parent.parent / "assets"
    with zipfile.ZipFile(assets / "sample_masks.zip") as masks:
        first = min(name for name in masks.namelist() if name.endswith(".png"))
        truth = np.asarray(Image.open(io.BytesIO(masks.read(first)))) == 1
    film = cv2.VideoCapture(str(assets / "sample.mp4"))
    frames = [cv2.cvtColor(film.read()[1], cv2.COLOR_BGR2RGB) for _ in range(25)]
    segmenter, prompt = ClassicalSegmenter(), Prompt((Point(298.9, 259.0),))
    segmenter.look_around(frames[0], ((k, frames[k]) for k in range(2, 25, 2)))

    balloon = segmenter.segment(frames[0], prompt, frames[1:3]).masks[0]

    assert iou(balloon, truth) >= 0.97  # with a strip of the window beside it 0.952


def test_frames_around_are_read_once_for_each_frame():
    read = []

    def around():
        for offset in (2, 4):
            read.append(offset)
            yield offset, hidden_patch(offset)

    segmenter = ClassicalSegmenter()
    for seen in (hidden_patch(0), hidden_patch(0), hidden_patch(1)):
        segmenter.look_around(seen, around())

    assert read == [2, 4, 2, 4]


def test_what_was_learned_of_another_frame_is_not_used():
    frame, other = hidden_patch(0), painted((disc(130, 85, 40), RED))
    segmenter, prompt = ClassicalSegmenter(), Prompt((Point(130, 85),))
    segmenter.look_around(frame, ((k, hidden_patch(k)) for k in (2, 4, 6, 8)))

    mask = segmenter.segment(other, prompt).masks[0]

    np.testing.assert_array_equal(mask, ClassicalSegmenter().segment(other, prompt).masks[0])


@pytest.mark.parametrize("seed", range(3))
def test_every_mask_holds_the_positive_clicks_and_no_negative_one(seed):
    generator = np.random.default_rng(seed)
    frame = cv2.blur(generator.integers(0, 256, (60, 80, 3), dtype=np.uint8), (5, 5))
    points = random_points(60, 80, 6, seed)

    result = ClassicalSegmenter().segment(frame, Prompt(points))

    assert 1 <= len(result.masks) == len(result.scores) <= 3
    assert all(0 <= score <= 1 for score in result.scores)
    for mask in result.masks:
        assert [bool(mask[int(p.y), int(p.x)]) for p in points] == [p.positive for p in points]


def test_the_answer_does_not_depend_on_what_was_asked_before():
    frame = painted((disc(130, 80, 40), RED), (disc(130, 80, 15), BLUE))
    points = random_points(HEIGHT, WIDTH, 4, seed=5)
    used = ClassicalSegmenter()
    used.segment(painted(), Prompt((Point(3, 3),)))
    used.segment(frame, Prompt(points[:2]))
    used.segment(frame, Prompt(box=(10, 10, 90, 90)))
    cv2.setRNGSeed(12345)

    np.testing.assert_array_equal(
        used.segment(frame, Prompt(points)).masks, best_of_fresh(frame, points)
    )


def best_of_fresh(frame, points):
    return ClassicalSegmenter().segment(frame, Prompt(points)).masks


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 3), (17, 16)])
@pytest.mark.parametrize("positive", [True, False])
def test_tiny_flat_frames_are_answered(shape, positive):
    frame = np.full((*shape, 3), 90, np.uint8)
    x, y = shape[1] - 1, shape[0] - 1
    prompts = [
        Prompt((Point(x, y, positive),)),
        Prompt(box=(0, 0, shape[1], shape[0])),
        Prompt((Point(x, y, positive),), box=(0, 0, 0.6, 0.6)),
    ]

    for prompt in prompts:
        mask = ClassicalSegmenter().segment(frame, prompt, (frame,)).masks[0]

        assert mask.shape == shape
        assert mask.any() or (shape == (1, 1) and not positive)
        if prompt.points:
            assert mask[y, x] == positive


def test_a_large_frame_gets_a_mask_of_its_own_size():
    truth = disc(1300, 800, 400, height=2160, width=4096)
    frame = np.where(truth[..., None], np.uint8(RED), np.uint8(GREEN))

    mask = best(frame, Point(1300, 800))

    assert mask.shape == truth.shape
    assert iou(mask, truth) >= 0.95


def test_the_frame_and_the_mask_are_left_as_they_were():
    frame, believed = painted((disc(130, 80, 40), RED)), disc(60, 90, 30)
    frame.flags.writeable = believed.flags.writeable = False

    mask = best(frame, Point(130, 80), mask=believed)

    assert mask is not believed


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (Prompt(), "empty prompt"),
        (Prompt(mask=np.zeros((180, 240), bool)), "empty prompt"),
        (Prompt((Point(240, 5),)), r"point \(240, 5\) is outside the frame of 240x180"),
        (Prompt((Point(5, -1),)), r"point \(5, -1\) is outside the frame of 240x180"),
        (Prompt(box=(300, 0, 310, 9)), "does not overlap the frame of 240x180"),
        (Prompt(box=(20, 0, 10, 9)), "does not overlap the frame of 240x180"),
        (Prompt(mask=np.ones((3, 4), bool)), r"mask is \(3, 4\) but frame is \(180, 240\)"),
    ],
)
def test_a_prompt_that_does_not_fit_is_refused(prompt, message):
    with pytest.raises(ValueError, match=message):
        ClassicalSegmenter().segment(painted(), prompt)


def test_a_further_click_where_nothing_is_wrong_changes_nothing():
    frame = painted((disc(130, 80, 40), RED))

    np.testing.assert_array_equal(
        best(frame, Point(130, 80), Point(120, 90)), best(frame, Point(130, 80))
    )
