"""The desk: it opens, shows and finds, and forgets who has been away."""

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from tracker import engines
from tracker.desk import (
    Anticipate,
    Desk,
    Find,
    Leave,
    Look,
    Open,
    Prepare,
    Thumbnail,
    WhoWorks,
)
from tracker.engines import JOBS
from tracker.masks import MaskWriter
from tracker.types import Point, Prompt, Segmentation, UserError
from tracker.ui.lanes import Lanes
from tracker.worker import Ticket

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a film of a white square that moves 4 pixels a frame over grey noise."""
    path = tmp_path_factory.mktemp("desk") / "film.mkv"
    noise = np.random.default_rng(1).integers(60, 90, (64, 96, 3)).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgr0"
        for index in range(6):
            picture = noise.copy()
            picture[20:44, 10 + 4 * index : 34 + 4 * index] = 240
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return path


def test_opening_tells_what_the_video_is_and_shows_its_first_frame(film):
    info, view = Desk()(Open("anna", film))

    assert (info.width, info.height, info.num_frames) == (96, 64, 6)
    assert (view.index, view.picture.shape) == (0, (64, 96, 3))


def test_any_frame_can_be_looked_at(film):
    desk = Desk()

    pictures = [desk(Look("anna", film, index)).picture for index in (5, 0, 3)]

    edges = [int(np.argmax(picture[30, :, 0] > 200)) for picture in pictures]
    assert edges == [30, 10, 22]


def test_a_frame_is_shown_with_what_a_run_found_in_it(film, tmp_path):
    masks = tmp_path / "masks.zip"
    with MaskWriter(masks) as writer:
        for index in range(3):  # of 6: the run was cancelled
            writer.write(np.full((64, 96), index, np.uint8))
        writer.commit()
    desk = Desk()

    views = [desk(Look("anna", film, index, masks)) for index in (2, 5, 1)]

    assert [None if view.labels is None else view.labels[0, 0] for view in views] == [2, None, 1]
    assert desk(Look("anna", film, 1)).labels is None


def test_thumbnails_are_small_and_of_the_frame_asked_for(film):
    desk = Desk()

    pictures = [desk(Thumbnail("anna", film, index)) for index in (5, 0)]

    assert [picture.shape for picture in pictures] == [(61, 92, 3)] * 2
    assert not np.array_equal(*pictures)


def test_a_frame_past_the_end_is_refused(film):
    with pytest.raises(UserError, match="frame 6 is past the end"):
        Desk()(Look("anna", film, 6))


def test_a_click_finds_the_object(film):
    desk = Desk()
    assert desk(Prepare("anna", film, 0)) is None

    found = desk(Find("anna", film, 0, Prompt((Point(20, 30),))))

    expected = np.zeros((64, 96), bool)
    expected[20:44, 10:34] = True
    overlap = found.masks[0]
    assert (overlap & expected).sum() / (overlap | expected).sum() > 0.8


def test_who_was_away_for_long_is_asked_nothing_twice(film):
    desk = Desk(num_places=2)
    for owner in ("anna", "ben", "cleo"):
        desk(Open(owner, film))

    assert desk(Look("anna", film, 1)).index == 1


def test_leaving_twice_is_no_fault(film):
    desk = Desk()
    desk(Open("anna", film))

    assert desk(Leave("anna")) is None
    assert desk(Leave("anna")) is None


def test_the_engines_are_named_for_every_job():
    jobs = {choice.job for choice in Desk()(WhoWorks())}

    assert jobs == set(JOBS)


def test_starting_the_page_imports_nothing_heavy():
    script = (
        "import sys, app; heavy = {'torch', 'torchvision', 'transformers', 'sam', 'aot', 'e2fgvi'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


class CuriousSegmenter:
    """Notes which frames it is shown and when it may get ready; marks everything."""

    def __init__(self):
        self.around = []
        self.times_ready = 0

    def anticipate(self):
        self.times_ready += 1

    def look_around(self, frame, around):
        self.around.append([offset for offset, _ in around])

    def segment(self, frame, prompt, neighbours=()):
        return Segmentation((np.ones(frame.shape[:2], bool),), (1.0,))


def test_a_segmenter_that_looks_around_does_so_once_for_each_frame_clicked_in(film, monkeypatch):
    segmenter, desk = CuriousSegmenter(), Desk()
    monkeypatch.setattr(engines, "make_segmenter", lambda choice: segmenter)

    desk(Prepare("anna", film, 3))
    desk(Find("anna", film, 3, Prompt((Point(20, 30),))))
    desk(Find("anna", film, 0, Prompt((Point(20, 30),))))

    assert segmenter.around == [[-2, 2], [2, 4]]


def test_a_segmenter_gets_ready_for_one_more_click_of_who_is_still_there(film, monkeypatch):
    segmenter, desk = CuriousSegmenter(), Desk()
    monkeypatch.setattr(engines, "make_segmenter", lambda choice: segmenter)

    desk(Open("anna", film))
    desk(Anticipate("anna"))  # nothing is clicked yet
    desk(Find("anna", film, 0, Prompt((Point(20, 30),))))
    desk(Anticipate("anna"))
    desk(Leave("anna"))
    desk(Anticipate("anna"))

    assert segmenter.times_ready == 1


def test_the_desk_is_asked_to_get_ready_once_a_click_is_answered(film, monkeypatch):
    lanes, asked = Lanes(), []

    def submit(question, owner):
        asked.append(question)
        ticket = Ticket(question, owner, lanes._desk)
        ticket.finish()
        return ticket

    monkeypatch.setattr(lanes._desk, "submit", submit)

    lanes.find("anna", film, 0, Prompt((Point(20, 30),)))

    assert [type(question) for question in asked] == [Find, Anticipate]
