"""A guess does a few frames of the same job, and leaves nothing behind."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from films import write_film

from tracker.guessing import PROBED_FRAMES, Guess, perform, seconds_for
from tracker.jobs import Job, Report
from tracker.types import UserError
from tracker.video import probe


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("guess")
    labels = np.zeros((120, 200), np.uint8)
    labels[40:80, 60:100] = 1
    source = write_film(folder / "film.mp4", num_frames=30)
    return Job(source, folder / "clean.mp4", {12: labels}, first=5, last=24)


def test_a_guess_is_made_from_a_few_frames_and_leaves_nothing(job, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    *_, last = perform(Guess(job))

    assert last.report.frames == PROBED_FRAMES
    assert last.report.seconds > 0
    assert list(tmp_path.iterdir()) == []
    assert not Path(job.output).exists()


def test_a_guess_near_the_end_takes_what_is_there(job):
    *_, last = perform(Guess(replace(job, prompted={27: job.prompted[12]}, last=None)))

    assert last.report.frames == 3


def test_a_guess_past_the_end_is_refused(job):
    with pytest.raises(UserError, match="frame 30 is past the end"):
        list(perform(Guess(replace(job, prompted={30: job.prompted[12]}, last=None))))


def test_the_part_worked_on_decides_how_long_it_takes(job):
    report = Report(10, 200, 120, 5.0, 2.0, {}, {}, 1.0)

    assert seconds_for(report, job, probe(job.source)) == pytest.approx(10)
    assert seconds_for(report, replace(job, last=None), probe(job.source)) == pytest.approx(12.5)
