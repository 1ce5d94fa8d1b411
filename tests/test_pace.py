"""How fast finished pictures come, and how late."""

from dataclasses import replace

import pytest
import rendered

from tracker.jobs import Job
from tracker.pace import Pace
from tracker.removal import run_job
from tracker.video import VideoReader


def test_the_rate_is_that_of_the_last_two_seconds_and_the_delay_that_of_the_last_picture(tmp_path):
    rendered.write_scene(tmp_path / "in.mkv", 12)
    now = [0.0]
    pace = Pace(lambda: now[0])
    with VideoReader(tmp_path / "in.mkv") as reader:
        for index, _ in enumerate(pace.read(reader)):
            now[0] += 1.0 if index < 3 else 0.25
            pace.finish(index)

    assert pace.fps == pytest.approx(4)
    assert pace.delay_seconds == pytest.approx(0.25)


def test_nothing_is_told_before_there_is_something_to_tell():
    pace = Pace()

    assert pace.fps == 0
    pace.finish(3)
    assert (pace.fps, pace.delay_seconds) == (0, 0)


@pytest.mark.parametrize("mode", ["streaming", "offline"])
def test_only_streaming_tells_its_pace(tmp_path, mode):
    rendered.write_scene(tmp_path / "in.mkv", 12)
    prompted = {0: rendered.disc(0).astype("uint8")}
    job = Job(tmp_path / "in.mkv", tmp_path / "out.mkv", prompted, mode=mode)

    steps = [step for step in run_job(job) if step.stage == "fill"]

    told = [step.delay_seconds for step in steps]
    assert len(steps) == 12
    if mode == "offline":
        assert told == [None] * 12
    else:
        assert all(0 < seconds < 30 for seconds in told)
        assert steps[-1].fps > 0


def test_pictures_are_shown_only_to_who_asks_for_them(tmp_path):
    rendered.write_scene(tmp_path / "in.mkv", 6)
    prompted = {0: rendered.disc(0).astype("uint8")}
    job = Job(tmp_path / "in.mkv", tmp_path / "out.mkv", prompted, mode="streaming")

    unseen = list(run_job(job))
    seen = list(run_job(replace(job, overwrite=True), previews=True))

    assert all(step.preview is None for step in unseen)
    assert any(step.preview is not None for step in seen)
