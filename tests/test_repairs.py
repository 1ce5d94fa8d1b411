"""Frames mended by hand: taken out of a result, patched, put back, and given to the next run."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tracker import repairs
from tracker.desk import View
from tracker.edits import Stroke
from tracker.keyframes import read_picture
from tracker.options import Options
from tracker.results import Result
from tracker.session import Session
from tracker.types import Point, Segmentation, UserError

HEIGHT, WIDTH = 40, 60
NOISE = np.random.default_rng(5).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def look(index: int) -> View:
    return View(index, NOISE)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    info = SimpleNamespace(
        width=WIDTH, height=HEIGHT, num_frames=9, pixel_aspect=Fraction(1), frames_are_exact=True
    )
    begun = Session(tmp_path, tmp_path / "video.mp4", "film.mp4", None, info, look(0))
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[5:9, 5:9] = True
    marked = begun.click(Point(6, 6), lambda index, prompt: Segmentation((mask,), (1.0,)))
    return marked.with_result(Result(tmp_path / "clean.mp4", None, None)).seek(4, look)


def fetch(video: Path, index: int) -> np.ndarray:
    assert video.name == "clean.mp4"
    return np.roll(NOISE, index, axis=0)


def test_a_frame_is_taken_out_as_it_was_filled(session):
    taken = repairs.take_out(session, fetch)

    path = repairs.picture_file(taken)
    assert path.name == "film_frame00004.png"
    np.testing.assert_array_equal(read_picture(path), fetch(Path("clean.mp4"), 4))
    assert taken.edit.keyframes == {}
    assert taken.showing == "repair"


def test_a_frame_that_was_taken_out_is_not_fetched_again(session):
    taken = repairs.take_out(session, fetch)

    again = repairs.take_out(taken, lambda video, index: pytest.fail("fetched again"))

    assert repairs.picture_file(again) == repairs.picture_file(taken)


def test_a_better_place_is_brushed_over_a_bad_one_and_nothing_else_changes(session):
    taken = repairs.take_out(session, fetch)
    before = read_picture(repairs.picture_file(taken))

    patched = repairs.patch(taken, Stroke(((20, 20),), radius=6), offset=(25, -3))

    after = read_picture(repairs.picture_file(patched))
    np.testing.assert_array_equal(after[18:23, 18:23], before[15:20, 43:48])
    rows, columns = np.indices((HEIGHT, WIDTH))
    outside = np.hypot(rows - 20, columns - 20) > 7
    np.testing.assert_array_equal(after[outside], before[outside])
    assert sorted(patched.job(Options()).keyframes) == [4]
    assert repairs.picture_file(patched.undo(look)) == repairs.picture_file(taken)


def test_a_frame_edited_elsewhere_is_put_back(session, tmp_path):
    Image.fromarray(NOISE).save(tmp_path / "edited.png")
    taken = repairs.take_out(session, fetch)

    back = repairs.put_back(taken, tmp_path / "edited.png")

    np.testing.assert_array_equal(read_picture(back.job(Options()).keyframes[4]), NOISE)
    assert back.job(Options()).keyframes[4].is_relative_to(session.folder)
    assert repairs.drop(back, 4).edit.keyframes == {}


def test_a_frame_of_another_size_is_refused(session, tmp_path):
    Image.new("RGB", (7, 9)).save(tmp_path / "small.png")

    with pytest.raises(UserError, match=r"small\.png is 7x9 but the clip is 60x40"):
        repairs.put_back(session, tmp_path / "small.png")


def test_nothing_is_mended_before_something_was_filled(session):
    with pytest.raises(UserError, match="nothing has been filled yet"):
        repairs.take_out(session.with_result(Result(None, None, None)), fetch)
