"""Large holes are filled at a smaller size: said in the report, and the same in every later run."""

import re
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import rendered
from faithful import assert_same_outside, fill, hole_in
from PIL import Image
from test_corrections import ForgetfulPropagator, MeanInpainter, disc, job_for, run

from tracker import engines, sizing
from tracker.api import fill_frames
from tracker.engine_table import INPAINTERS
from tracker.jobs import Job
from tracker.removal import run_job
from tracker.video import VideoReader

NUM_FRAMES = 40
SIZE = rendered.HEIGHT, rendered.WIDTH
REMARK = (
    r"what is removed covers up to \d% of a frame, so it was filled at 86x57 and enlarged; "
    "working size Full keeps all detail, but takes longer and more memory"
)


class Watching(MeanInpainter):
    """Notes the sizes of the pictures it is given."""

    def __init__(self):
        self.sizes = set()

    def fill(self, clip):
        self.sizes |= {frame.shape[:2] for frame in clip.frames}
        return super().fill(clip)


@pytest.fixture
def scene(tmp_path, monkeypatch):
    """Return a clip whose disc is a large hole to an engine that likes small pictures."""
    small = replace(INPAINTERS["classical"], max_pixels=72 * 48)
    monkeypatch.setitem(INPAINTERS, "classical", small)
    monkeypatch.setattr(sizing, "MOST_OF_HOLE", 300)
    path = tmp_path / "scene.mkv"
    rendered.write_scene(path, NUM_FRAMES, sound=False)
    return path


@pytest.fixture
def watching(monkeypatch):
    """Return the inpainters that runs make, which work in no time."""
    made = []

    def make(choice, settings):
        made.append(Watching())
        return made[-1]

    monkeypatch.setattr(engines, "make_inpainter", make)
    monkeypatch.setattr(engines, "make_propagator", lambda *_, **how: ForgetfulPropagator())
    return made


def remarks_in(notices):
    return [notice for notice in notices if "of a frame" in notice]


def test_the_report_says_it_and_nothing_outside_the_hole_changes(scene, tmp_path):
    hole, out = hole_in(*SIZE), tmp_path / "out.mkv"

    report = fill(scene, out, hole, "--mode", "offline")

    (remark,) = remarks_in(report["notices"])
    assert re.fullmatch(REMARK, remark)
    assert assert_same_outside(scene, out, hole) == NUM_FRAMES
    assert (rendered.rgb(out) != rendered.rgb(scene))[:, hole].any()


@pytest.mark.parametrize("how", [("--size", "full"), ("--crop", "off"), ("--mode", "streaming")])
def test_nothing_is_said_where_the_size_does_not_depend_on_the_hole(how, scene, tmp_path):
    report = fill(scene, tmp_path / "out.mkv", hole_in(*SIZE), "--mode", "offline", *how)

    assert remarks_in(report["notices"]) == []


def test_a_hole_that_is_large_in_the_part_worked_on_counts_and_no_other(scene, watching):
    large, small = hole_in(*SIZE), np.zeros(SIZE, bool)
    small[40:50, 40:50] = True
    with VideoReader(scene) as reader:
        frames = [frame.rgb for frame in reader]
    labels = [large] * 10 + [small] * (NUM_FRAMES - 10)

    for first, size in ((5, (57, 86)), (10, SIZE)):
        list(fill_frames(frames, labels, options=Job(scene, dilate=0, first=first)))

        assert watching[-1].sizes == {size}


@pytest.mark.usefixtures("watching")
def test_a_kept_run_is_used_again_as_it_was_filled(scene, tmp_path):
    kept, prompted = tmp_path / "kept", {0: disc(0)}
    first, again = job_for(scene, "first", prompted, keep=kept), job_for(scene, "again", prompted)
    before = run(first)

    after = run(replace(again, earlier=kept))

    assert (before.frames_filled, after.frames_filled) == (NUM_FRAMES, 0)
    assert remarks_in(after.notices) == remarks_in(before.notices) != []
    np.testing.assert_array_equal(rendered.planes(again.output), rendered.planes(first.output))


@pytest.mark.usefixtures("watching")
def test_a_correction_fills_only_what_it_changes(scene, tmp_path):
    kept = tmp_path / "kept"
    run(first := job_for(scene, "first", {0: disc(0)}, keep=kept))
    prompted = {0: disc(0), 30: disc(30)}

    report = run(second := job_for(scene, "second", prompted, earlier=kept))

    assert remarks_in(report.notices) != []
    assert 0 < report.frames_filled < NUM_FRAMES
    same = slice(0, NUM_FRAMES - report.frames_filled)
    np.testing.assert_array_equal(
        rendered.planes(second.output)[same], rendered.planes(first.output)[same]
    )


@pytest.mark.usefixtures("watching")
def test_where_a_correction_changes_the_size_all_is_filled_again(scene, tmp_path):
    kept, masks = tmp_path / "kept", tmp_path / "masks"
    masks.mkdir()
    for index in range(NUM_FRAMES):
        Image.fromarray(hole_in(*SIZE).astype(np.uint8)).save(masks / f"{index:05d}.png")
    job = Job(scene, tmp_path / "first.mkv", masks=masks, keep=kept)
    run(job)
    for index in range(20, 25):
        Image.fromarray(np.ones(SIZE, np.uint8)).save(masks / f"{index:05d}.png")
    corrected = replace(job, output=tmp_path / "corrected.mkv", keep=None, earlier=kept)
    anew = replace(job, output=tmp_path / "anew.mkv", keep=None)

    report, _ = run(corrected), run(anew)

    assert report.frames_filled == NUM_FRAMES
    np.testing.assert_array_equal(rendered.planes(corrected.output), rendered.planes(anew.output))


@pytest.mark.usefixtures("watching")
def test_a_run_that_was_cut_off_ends_as_one_that_was_not(scene, tmp_path, monkeypatch):
    monkeypatch.setattr("tracker.journal.SPAN", 10)
    whole = Job(scene, tmp_path / "whole.mkv", {0: disc(0)}, resume=True)
    cut_off = replace(whole, output=tmp_path / "cut off.mkv")
    run(whole)
    with closing(run_job(cut_off)) as steps:
        next(step for step in steps if step.stage == "fill" and step.done == 25)

    report = run(cut_off)

    assert remarks_in(report.notices) != []
    assert report.frames_filled == NUM_FRAMES - 20
    pictures = rendered.planes(cut_off.output), rendered.planes(whole.output)
    np.testing.assert_array_equal(*pictures)
