"""What does not depend on fills is done beforehand: frames are looked at, references kept."""

import threading

import numpy as np
import pytest
import rendered
from rendered import given

from tracker.classical import outlook
from tracker.classical.inpainter import ClassicalInpainter
from tracker.classical.outlook import Outlook
from tracker.classical.steps import StepFinder
from tracker.costs import Stopwatch, timed_inpainter
from tracker.jobs import Job, Settings
from tracker.pipeline import HolePlan, inpaint, remove
from tracker.removal import run_job
from tracker.video import VideoReader
from tracker.windows import Schedule, causal_windows, offline_windows

NUM_FRAMES = 14
SCHEDULE = Schedule(stride=4, reach=4, overlap=False)


@pytest.fixture(scope="module")
def pairs():
    """A camera that moves along a wall, before which a disc moves the other way."""
    whole = rendered.wall(96, 144 + 3 * NUM_FRAMES)
    found = []
    for index in range(NUM_FRAMES):
        frame = whole[:, 3 * index : 3 * index + 144].copy()
        frame[rendered.disc(index)] = (215, 50, 45)
        frame.flags.writeable = False
        found.append((frame, rendered.disc(index)))
    return found


def filled(inpainter, pairs):
    windows = offline_windows(len(pairs), SCHEDULE)
    return list(inpaint(iter(pairs), windows, inpainter, pairs.__getitem__))


def test_fills_are_the_same_however_much_is_seen_beforehand(pairs, monkeypatch):
    steps = []
    step = StepFinder.step
    monkeypatch.setattr(
        StepFinder,
        "step",
        lambda self, one, two, before: (
            steps.append((one.index, two.index)) or step(self, one, two, before)
        ),
    )
    plain, prepared, partly = (ClassicalInpainter() for _ in range(3))
    expected = filled(plain, pairs)
    once = sorted(steps)
    steps.clear()
    for index, pair in enumerate(pairs):
        prepared.prepare(index, *pair)
    beforehand = sorted(steps)
    for index, pair in enumerate(pairs[:6]):
        partly.prepare(index, *pair)

    found = filled(prepared, pairs)

    assert beforehand == once == [(k + 1, k) for k in range(NUM_FRAMES - 1)]
    assert len(steps) == len(once) + 5  # those of `partly`: none is looked for again
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(filled(partly, pairs), expected)
    assert not np.array_equal(expected, [frame for frame, _ in pairs])


def test_another_picture_than_was_looked_at_is_seen_anew(pairs):
    seen = Outlook(StepFinder(), 144)
    for index, pair in enumerate(pairs[:3]):
        seen.look(index, *pair)
    frame, hole = pairs[1]

    assert seen.take(1, frame.copy(), hole) is None
    assert seen.take(1, frame, hole) is None  # it was let go
    view, steps = seen.take(2, *pairs[2])
    assert view.frame is pairs[2][0]
    assert list(steps) == [1]


def test_frames_nobody_asks_for_are_let_go(pairs, monkeypatch):
    monkeypatch.setattr(outlook, "MOST_READY", 3)
    seen = Outlook(StepFinder(), 144)
    for index, pair in enumerate(pairs[:8]):
        seen.look(index, *pair)

    assert sorted(seen._ready) == [5, 6, 7]


class Noting:
    """Fills nothing; notes what it is shown beforehand."""

    def __init__(self):
        self.notes = []

    def prepare(self, index, frame, hole):
        self.notes.append((index, frame, hole, threading.current_thread()))

    def fill(self, clip):
        for index, frame, hole in zip(clip.indices, clip.frames, clip.holes, strict=True):
            noted = self.notes[index]
            assert noted[0] == index
            assert noted[1] is frame
            assert noted[2] is hole
            assert noted[3] is not threading.current_thread()
        return list(clip.frames[: clip.num_local])


def test_frames_are_shown_beforehand_where_windows_look_ahead(tmp_path):
    rendered.write_scene(tmp_path / "in.mkv", NUM_FRAMES)
    plan = HolePlan(None, 2.0, (rendered.HEIGHT, rendered.WIDTH))

    def run(windows, *, hurries):
        noting = Noting()
        with VideoReader(tmp_path / "in.mkv") as reader:
            labelled = ((source, given()) for source in reader)
            inpainter = timed_inpainter(noting, Stopwatch())
            assert len(list(remove(labelled, windows, inpainter, plan, hurries=hurries)))
        return len(noting.notes)

    lonely = Schedule(stride=4, reach=4, overlap=False, max_references=0)
    assert run(offline_windows(NUM_FRAMES, lonely), hurries=True) == NUM_FRAMES
    with pytest.raises(IndexError):  # nothing was shown
        run(offline_windows(NUM_FRAMES, lonely), hurries=False)
    with pytest.raises(IndexError):
        run(causal_windows(), hurries=True)


@pytest.mark.parametrize(("tracks", "limit"), [(True, 20), (True, None), (False, 20)])
def test_references_are_not_read_again_if_they_were_seen_while_tracking_and_are_few(
    tmp_path, monkeypatch, tracks, limit
):
    num_frames = 32
    film, masks = tmp_path / "in.mkv", tmp_path / "masks.zip"
    rendered.write_scene(film, num_frames)
    settings = Settings(max_references=limit)
    job = Job(film, tmp_path / "1.mkv", {0: given()}, masks_out=masks, settings=settings)
    if not tracks:
        list(run_job(job))
        job = Job(film, tmp_path / "2.mkv", masks=masks)
    read = []
    reading = VideoReader.read
    monkeypatch.setattr(
        VideoReader, "read", lambda self, index: read.append(index) or reading(self, index)
    )

    list(run_job(job))

    assert set(read) == ({0} if tracks and limit else {0, 10, 20, 30})  # 0: the prompt
