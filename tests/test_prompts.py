from dataclasses import dataclass, replace

import numpy as np
import pytest

from tracker import prompts
from tracker.prompts import Place
from tracker.types import Point, Prompt, Segmentation, UserError


@pytest.mark.parametrize(
    ("text", "place", "point"),
    [
        ("300,260", Place(0, 1), Point(300, 260)),
        ("2:300,260", Place(0, 2), Point(300, 260)),
        ("300.5,260@15", Place(15, 1), Point(300.5, 260)),
        ("255:0,0@7", Place(7, 255), Point(0, 0)),
    ],
)
def test_a_point_is_read_with_its_object_and_frame(text, place, point):
    said = {}

    prompts.add_point(said, text, positive=True)

    assert said[place].points == (point,)


def test_points_of_one_object_in_one_frame_gather_in_order():
    said = {}

    prompts.add_point(said, "10,20", positive=True)
    prompts.add_point(said, "1:30,40@0", positive=False)

    assert said[Place(0, 1)].points == (Point(10, 20), Point(30, 40, positive=False))


@pytest.mark.parametrize("text", ["", "10", "10;20", "a:10,20", "10,20@x", "1e3,5", "10,20,30"])
def test_a_point_that_cannot_be_read_is_quoted(text):
    with pytest.raises(UserError, match="cannot read the point"):
        prompts.add_point({}, text, positive=True)


@pytest.mark.parametrize("text", ["0:10,20", "256:10,20"])
def test_an_id_that_fits_no_byte_is_refused(text):
    with pytest.raises(UserError, match="use 1 to 255"):
        prompts.add_point({}, text, positive=True)


def test_a_box_is_read():
    said = {}

    prompts.add_box(said, "3:10,20,30,40@5")

    assert said[Place(5, 3)].box == (10, 20, 30, 40)


def test_an_empty_box_is_refused():
    with pytest.raises(UserError, match="is empty"):
        prompts.add_box({}, "30,20,10,40")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("m.png", ("m.png", 0)), ("m.png@12", ("m.png", 12)), ("a@b.png", ("a@b.png", 0))],
)
def test_a_mask_file_may_name_its_frame(text, expected):
    assert prompts.split_file(text) == expected


def test_every_label_of_an_image_becomes_an_object():
    said = {}

    prompts.add_labels(said, np.array([[0, 4], [9, 9]], np.uint8), frame=3)

    assert set(said) == {Place(3, 4), Place(3, 9)}
    np.testing.assert_array_equal(said[Place(3, 9)].mask, [[False, False], [True, True]])


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (Prompt(points=(Point(64, 5),)), r"point 64,5 is outside the frame: the video is 64x48"),
        (Prompt(points=(Point(-1, 5),)), r"point -1,5 is outside"),
        (Prompt(box=(70, 0, 90, 10)), r"box 70,0,90,10 is outside"),
        (Prompt(mask=np.zeros((5, 6), bool)), r"the mask is 6x5 but the video is 64x48"),
    ],
)
def test_what_lies_outside_the_frame_is_refused(prompt, message):
    with pytest.raises(UserError, match=message):
        prompts.check(prompt, 48, 64)


@dataclass
class Info:
    num_frames: int | None


@dataclass
class Picture:
    rgb: np.ndarray
    index: int = 0


class Reader:
    """A video of grey frames."""

    def __init__(self, num_frames):
        self.info = Info(num_frames)
        self.num_frames = num_frames

    def read(self, index):
        if index >= self.num_frames:
            raise UserError(f"frame {index} is past the end")
        return Picture(np.full((8, 10, 3), index, np.uint8))

    def frames(self, start):
        for index in range(start, self.num_frames):
            yield replace(self.read(index), index=index)


class SquareSegmenter:
    """Marks the 3x3 square around the first point."""

    def segment(self, frame, prompt, neighbours=()):
        self.neighbours = [int(frame[0, 0, 0]) for frame in neighbours]
        mask = np.zeros(frame.shape[:2], bool)
        point = prompt.points[0]
        mask[int(point.y) - 1 : int(point.y) + 2, int(point.x) - 1 : int(point.x) + 2] = True
        return Segmentation((mask,), (1.0,))


def test_each_prompted_frame_gets_a_label_map_where_higher_ids_win():
    said = {
        Place(0, 1): Prompt(points=(Point(3, 3),)),
        Place(0, 2): Prompt(points=(Point(4, 3),)),
        Place(2, 1): Prompt(points=(Point(5, 5),)),
    }

    labels = prompts.label_frames(Reader(9), said, SquareSegmenter())

    assert set(labels) == {0, 2}
    np.testing.assert_array_equal(labels[0][3], [0, 0, 1, 2, 2, 2, 0, 0, 0, 0])
    assert set(np.unique(labels[2])) == {0, 1}


def test_a_mask_without_clicks_is_taken_as_it_is():
    mask = np.zeros((8, 10), bool)
    mask[2, 3] = True

    labels = prompts.label_frames(Reader(1), {Place(0, 5): Prompt(mask=mask)}, SquareSegmenter())

    np.testing.assert_array_equal(labels[0] == 5, mask)


def test_the_segmenter_sees_neighbours_inside_the_video_only():
    segmenter = SquareSegmenter()

    prompts.label_frames(Reader(4), {Place(1, 1): Prompt(points=(Point(3, 3),))}, segmenter)

    assert segmenter.neighbours == [0, 2, 3]


class CuriousSegmenter(SquareSegmenter):
    """Also looks around."""

    def look_around(self, frame, around):
        self.around = [(offset, int(other[0, 0, 0])) for offset, other in around]


@pytest.mark.parametrize("index", [0, 30, 59])
def test_a_segmenter_that_looks_around_sees_every_second_frame_of_two_seconds(index):
    segmenter = CuriousSegmenter()

    prompts.label_frames(Reader(60), {Place(index, 1): Prompt(points=(Point(3, 3),))}, segmenter)

    offsets = [k for k in range(-24, 25, 2) if k and 0 <= index + k < 60]
    assert segmenter.around == [(offset, index + offset) for offset in offsets]


def test_of_large_frames_fewer_are_shown(monkeypatch):
    monkeypatch.setattr(prompts, "AROUND_PIXELS", 20)  # a quarter of the frames' 80
    segmenter = CuriousSegmenter()

    prompts.label_frames(Reader(60), {Place(30, 1): Prompt(points=(Point(3, 3),))}, segmenter)

    assert [offset for offset, _ in segmenter.around] == [-6, -4, -2, 2, 4, 6]


def test_nothing_pointed_at_is_an_error():
    with pytest.raises(UserError, match="nothing to remove: point at an object"):
        prompts.label_frames(Reader(4), {}, SquareSegmenter())
