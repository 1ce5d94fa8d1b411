"""A job whose tracking process dies goes on as if nothing had happened."""

import logging
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import rendered
from rendered import given

from tracker import crew, elsewhere
from tracker.apart import PropagatorApart
from tracker.elsewhere import ProcessDiedError
from tracker.exports.masks import open_masks
from tracker.jobs import Job
from tracker.removal import run_job
from tracker.replaying import ReplayingPropagator
from tracker.types import Tracked
from tracker.video import VideoReader

pytestmark = pytest.mark.usefixtures("no_process_left")
NUM_FRAMES = 12


class Counting:
    """Labels every pixel with the number of frames it was shown; dies at some."""

    def __init__(self, *deadly):
        self.count, self.deadly = 0, deadly

    def step(self, frame, labels=None):
        if int(frame[0, 0, 0]) in self.deadly:
            os._exit(3)
        self.count += 1
        return Tracked(np.full(frame.shape[:2], self.count, np.uint8) if labels is None else labels)


class Noting:
    """Notes what it is shown; dies once before it is shown the frame it is told."""

    def __init__(self, notes, deadly=None):
        self.notes, self.deadly = notes, deadly

    def step(self, frame, labels=None):
        number = int(frame[0, 0, 0])
        if number == self.deadly:
            raise ProcessDiedError("died")
        self.notes.append((number, None if labels is None else int(labels[0, 0])))
        return Tracked(np.zeros(frame.shape[:2], np.uint8))


@pytest.fixture
def reader():
    """Frames whose colour is their number."""
    return VideoReader([np.full((8, 8, 3), number, np.uint8) for number in range(40)])


def masks_and_frames(job):
    with open_masks(job.masks_out) as found:
        masks = np.stack([found[index] for index in range(NUM_FRAMES)])
    return masks, np.stack(list(rendered.rgb(job.output)))


@pytest.mark.parametrize(("mode", "prompt"), [("offline", 0), ("offline", 7), ("streaming", 0)])
def test_a_job_whose_tracking_process_is_killed_gives_the_same(
    tmp_path, monkeypatch, caplog, mode, prompt
):
    monkeypatch.setattr(crew, "FEWEST_APART", 1)
    film = tmp_path / "in.mkv"
    rendered.write_scene(film, NUM_FRAMES)
    labels = {prompt: np.roll(given(), 3 * prompt, axis=1)}
    job = Job(film, tmp_path / "1.mkv", labels, masks_out=tmp_path / "1.zip", mode=mode)
    list(run_job(job))
    other = replace(job, output=tmp_path / "2.mkv", masks_out=tmp_path / "2.zip")
    wounded = []
    for progress in run_job(other):
        if progress.done == 3 and not wounded:
            wounded = [process._popen.pid for process in elsewhere._used]
            for pid in wounded:
                os.kill(pid, signal.SIGKILL)

    assert wounded
    assert "what follows objects died at frame" in caplog.text
    assert all(map(np.array_equal, masks_and_frames(other), masks_and_frames(job)))
    assert masks_and_frames(job)[0][-1].any()


def test_what_was_shown_is_shown_again_whichever_way_it_went(reader):
    notes = []
    made = [Noting([], deadly=24), Noting(notes)]
    propagator = ReplayingPropagator(lambda: made.pop(0), reader)
    shown = [(5, 1), (6, None), (6, 2), (7, None), (20, 3), (21, None), (33, 4)]
    shown += [(32, None), (31, None), (30, 5), (30, 6), (24, None)]
    for index, number in shown:
        propagator.turn_to(index)
        labels = None if number is None else np.full((8, 8), number, np.uint8)
        propagator.step(reader.read(index).rgb, labels)

    assert notes == shown


class Looking(Noting):
    """Looks two frames ahead, and notes how many it can see when it is stepped to one."""

    lookahead = 2

    def __init__(self, notes, deadly=None):
        super().__init__(notes, deadly)
        self.ready = []

    def prepare(self, frame):
        self.ready.append(int(frame[0, 0, 0]))

    def step(self, frame, labels=None):
        number = int(frame[0, 0, 0])
        if number != self.deadly and number in self.ready:
            del self.ready[: self.ready.index(number) + 1]
        tracked = super().step(frame, labels)
        self.notes[-1] += (tuple(self.ready[: self.lookahead]),)
        return tracked


def test_what_was_looked_at_ahead_is_looked_at_ahead_again(reader):
    def follow(*made):
        waiting = list(made)
        propagator = ReplayingPropagator(lambda: waiting.pop(0), reader)
        propagator.turn_to(2)
        propagator.step(reader.read(2).rgb, np.ones((8, 8), np.uint8))  # a reminder
        for source in propagator.prepared(reader.frames(20)):
            propagator.turn_to(source.index)
            propagator.step(source.rgb)
            if source.index == 24:
                propagator.step(source.rgb, np.full((8, 8), 2, np.uint8))
            if source.index == 35:
                return

    plain, again = [], []
    follow(Looking(plain))
    follow(Looking([], deadly=28), Looking(again, deadly=33), Looking(last := []))

    assert plain[0] == (2, 1, ())
    assert (24, None, (25, 26)) in plain
    assert (24, 2, (25, 26)) in plain
    assert again == plain[: len(again)]
    assert len(again) == 15
    assert last == plain


def test_a_process_may_die_as_often_as_it_gets_on_in_between(reader, caplog):
    places = [(), (4,), (2,)]
    propagator = ReplayingPropagator(
        lambda: PropagatorApart("test_replaying:Counting", *places.pop()), reader
    )
    for index in range(6):
        propagator.turn_to(index)
        tracked = propagator.step(reader.read(index).rgb)

    assert tracked.labels[0, 0] == 6
    assert [record.args for record in caplog.records] == [(2,), (4,)]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_one_that_dies_twice_in_the_same_place_is_given_up(reader):
    propagator = ReplayingPropagator(lambda: PropagatorApart("test_replaying:Counting", 2), reader)
    propagator.step(reader.read(0).rgb)

    with pytest.raises(ProcessDiedError, match=r"died \(exit code 3\); if memory ran out"):
        propagator.step(reader.read(2).rgb)
