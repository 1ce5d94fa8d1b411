"""Runs that are killed go on from their last whole span, and end as if nothing had been."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rendered

from tracker.jobs import Job
from tracker.journal import in_spans, journal_of
from tracker.masks import MaskReader
from tracker.removal import run_job
from tracker.types import UserError
from tracker.windows import PUBLISHED, Schedule, offline_windows

NUM_FRAMES, SPAN = 50, 10
ROOT = Path(__file__).resolve().parent.parent
# Small spans, so that a short clip has several.
PROGRAM = f"""
import sys, tracker.journal
tracker.journal.SPAN = {SPAN}
from tracker.__main__ import main
sys.exit(main(sys.argv[1:]))
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of POSIX systems")


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    path = tmp_path_factory.mktemp("scene") / "scene.mkv"
    rendered.write_scene(path, NUM_FRAMES)
    return path


def start(scene, folder, mode, *more):
    arguments = ["remove", scene, folder / "out.mkv", "--point", "60,48@10", "--mode", mode]
    arguments += ["--resume", "--masks-out", folder / "masks.zip", "--json", folder / "report.json"]
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments), *more]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def finish(process):
    _, text = process.communicate(timeout=240)
    assert process.returncode == 0, text


def kill_at(process, stage, num_frames):
    """Kill -9 when that many frames of a stage are done."""
    for line in process.stderr:
        words = line.replace("/", " ").split()
        if words[0] == stage and int(words[1]) >= num_frames:
            break
    else:
        raise AssertionError(f"it never came to {stage} {num_frames}")
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()


@pytest.fixture(scope="module")
def unkilled(scene, tmp_path_factory):
    """Return a function from mode to the folder of a run that was left alone."""
    folders = {}

    def folder_of(mode):
        if mode not in folders:
            folders[mode] = tmp_path_factory.mktemp(mode)
            finish(start(scene, folders[mode], mode))
        return folders[mode]

    return folder_of


def masks_of(folder):
    with MaskReader(folder / "masks.zip") as masks:
        return np.stack([masks[index] for index in range(len(masks))])


@pytest.mark.parametrize(
    ("mode", "kills"),
    [
        ("offline", [("track", 25), ("fill", 35)]),
        ("streaming", [("fill", 25)]),
        pytest.param("offline", [("fill", 15), ("fill", 45)], marks=pytest.mark.slow),
        pytest.param("streaming", [("fill", 15), ("fill", 45)], marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_goes_on_and_ends_as_one_that_was_not(mode, kills, scene, unkilled, tmp_path):
    for stage, num_frames in kills:
        kill_at(start(scene, tmp_path, mode), stage, num_frames)
        assert not (tmp_path / "out.mkv").exists()
        assert journal_of(tmp_path / "out.mkv").exists()
    finish(start(scene, tmp_path, mode))

    expected = unkilled(mode)
    np.testing.assert_array_equal(masks_of(tmp_path), masks_of(expected))
    out, whole = tmp_path / "out.mkv", expected / "out.mkv"
    np.testing.assert_array_equal(rendered.planes(out), rendered.planes(whole))
    assert rendered.stamps(out) == rendered.stamps(whole)
    assert rendered.audio_packets(out) == rendered.audio_packets(scene)
    report, from_start = (
        json.loads((folder / "report.json").read_text()) for folder in (tmp_path, expected)
    )
    assert report["objects"] == from_start["objects"]
    assert report["frames_filled"] <= NUM_FRAMES - kills[-1][1] // SPAN * SPAN + SPAN
    assert report["frames_filled"] < from_start["frames_filled"] == NUM_FRAMES
    assert report["frames_tracked"] < from_start["frames_tracked"]
    hidden = [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert hidden == []


def test_another_prompt_or_setting_does_not_continue_the_run(scene, tmp_path):
    kill_at(start(scene, tmp_path, "offline"), "track", 25)
    labels = rendered.disc(10).astype(np.uint8)
    job = Job(scene, tmp_path / "out.mkv", {10: labels}, resume=True)

    with pytest.raises(UserError, match="other prompts or other settings; give the same ones"):
        list(run_job(job))
    assert journal_of(job.output).exists()


def test_two_runs_do_not_share_a_journal(scene, tmp_path):
    job = Job(scene, tmp_path / "out.mkv", {10: rendered.disc(10).astype(np.uint8)}, resume=True)
    first = run_job(job)
    next(first)

    with pytest.raises(UserError, match="is being written by another run; wait for it or stop it"):
        list(run_job(job))
    first.close()


def test_a_cancelled_run_can_be_continued(scene, tmp_path, monkeypatch):
    monkeypatch.setattr("tracker.journal.SPAN", SPAN)
    labels = rendered.disc(0).astype(np.uint8)
    job = Job(scene, tmp_path / "out.mkv", {0: labels}, resume=True, last=29)
    steps = run_job(job)
    for progress in steps:
        if progress.stage == "fill" and progress.done == 15:
            break
    steps.close()

    *_, done = run_job(job)

    assert done.report.frames_tracked == 0
    assert done.report.frames_filled == 20
    assert not journal_of(job.output).exists()


@pytest.mark.parametrize("num_frames", [1, 99, 100, 101, 250])
@pytest.mark.parametrize("schedule", [PUBLISHED, Schedule(stride=10, reach=10, overlap=False)])
def test_spans_end_where_results_do_and_every_frame_ends_once(schedule, num_frames):
    windows = list(in_spans(offline_windows(num_frames, schedule), schedule.stride, num_frames))

    assert [index for window in windows for index in window.final] == list(range(num_frames))
    assert {index for window in windows for index in window.update} == set(range(num_frames))
    for window in windows:
        spans = {index // 100 for index in (*window.update, *window.final)}
        assert len(spans) == 1
