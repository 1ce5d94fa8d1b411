"""A run goes on from an earlier one: only what was changed is tracked and filled again."""

import json
from dataclasses import replace

import numpy as np
import pytest
import rendered

from tracker import engines
from tracker.__main__ import main
from tracker.jobs import Job
from tracker.masks import MaskReader
from tracker.removal import run_job
from tracker.types import Tracked, UserError

NUM_FRAMES = 60
LENGTH = 10  # frames for which the propagator below knows where the disc is


class ForgetfulPropagator:
    """Knows where the disc is for a while; then it sees it higher up.  Object 2 never moves."""

    def __init__(self):
        self.age = 0
        self.ids = []

    def step(self, frame, labels=None):
        if labels is not None:
            self.age, self.given = 0, labels
            self.ids = sorted({*self.ids, *np.unique(labels[labels > 0]).tolist()})
            return Tracked(labels, dict.fromkeys(self.ids, 1.0))
        self.age += 1
        # The disc is red, the wall is not.
        found = (frame[..., 0].astype(int) - frame[..., 2] > 120).astype(np.uint8)
        if self.age > LENGTH:
            found = np.roll(found, -20, axis=0)
        found *= 1 in self.ids
        if 2 in self.ids:
            found[self.given == 2] = 2
        return Tracked(found, dict.fromkeys(self.ids, 1.0 if self.age <= LENGTH else 0.2))


class MeanInpainter:
    """Paints every hole in the mean colour of all it is shown."""

    def fill(self, clip):
        colour = np.mean([frame.mean(axis=(0, 1)) for frame in clip.frames], axis=0)
        pairs = zip(clip.frames[: clip.num_local], clip.holes, strict=False)
        return [np.where(hole[..., None], colour, frame).astype(np.uint8) for frame, hole in pairs]


@pytest.fixture(params=["mean", pytest.param("classical", marks=pytest.mark.slow)])
def scene(request, tmp_path, monkeypatch):
    path = tmp_path / "scene.mkv"
    if request.param == "mean":
        monkeypatch.setattr(engines, "make_inpainter", lambda choice, settings: MeanInpainter())
    rendered.write_scene(path, NUM_FRAMES, sound=False)
    monkeypatch.setattr(engines, "make_propagator", lambda *_, **how: ForgetfulPropagator())
    return path


def disc(index):
    return rendered.disc(index).astype(np.uint8)


def run(job):
    *_, done = run_job(job)
    return done.report


def job_for(scene, name, prompted, **more):
    folder = scene.parent
    return Job(scene, folder / f"{name}.mkv", prompted, masks_out=folder / f"{name}.zip", **more)


def masks_of(job):
    with MaskReader(job.masks_out) as masks:
        return np.stack([masks[index] for index in range(len(masks))])


def frames_that_differ(left, right):
    return [index for index in range(len(left)) if (left[index] != right[index]).any()]


def test_a_correction_tracks_and_fills_only_what_it_changes(scene):
    kept = scene.parent / "kept"
    first = job_for(scene, "first", {0: disc(0)}, keep=kept)
    before = run(first)
    second = job_for(scene, "second", {0: disc(0), 20: disc(20)}, keep=kept, earlier=kept)
    after = run(second)

    changed = frames_that_differ(masks_of(first), masks_of(second))
    pictures = rendered.planes(first.output), rendered.planes(second.output)
    filled = frames_that_differ(*pictures)
    assert changed == list(range(11, 31))  # it was wrong from 11 on, and is again from 31 on
    # Forwards until it agrees with what was known for five frames; backwards it never does
    # for so long, so it meets the first prompt, and the surer of the two tracks counts.
    assert (before.frames_tracked, after.frames_tracked) == (NUM_FRAMES, (10 + 5) + 19)
    assert (before.frames_filled, after.frames_filled) == (NUM_FRAMES, 50)
    assert set(changed) <= set(filled) <= set(range(50))


def test_a_corrected_run_is_the_run_with_all_prompts_from_the_start(scene):
    kept, prompted = scene.parent / "kept", {0: disc(0), 20: disc(20)}
    run(job_for(scene, "first", {0: disc(0)}, keep=kept))
    second = job_for(scene, "second", prompted, earlier=kept)
    whole = job_for(scene, "whole", prompted)

    corrected, anew = run(second), run(whole)

    np.testing.assert_array_equal(masks_of(second), masks_of(whole))
    assert corrected.objects == anew.objects
    assert corrected.frames_tracked < anew.frames_tracked
    close = rendered.rgb(second.output).astype(int) - rendered.rgb(whole.output)
    assert np.abs(close).mean() < 0.3  # filled beside what was known, not beside holes


def test_corrections_can_follow_each_other(scene):
    kept, prompts = scene.parent / "kept", [0, 20, 40]
    for count in (1, 2, 3):
        prompted = {index: disc(index) for index in prompts[:count]}
        job = job_for(
            scene, f"run{count}", prompted, keep=kept, earlier=kept if count > 1 else None
        )
        run(job)
    whole = job_for(scene, "whole", prompted)
    run(whole)

    np.testing.assert_array_equal(masks_of(job), masks_of(whole))


def test_without_a_change_nothing_is_tracked_or_filled_and_all_is_as_it_was(scene):
    kept = scene.parent / "kept"
    first = job_for(scene, "first", {0: disc(0)}, keep=kept)
    run(first)
    again = job_for(scene, "again", {0: disc(0)}, earlier=kept)

    report = run(again)

    assert (report.frames_tracked, report.frames_filled) == (0, 0)
    np.testing.assert_array_equal(rendered.planes(again.output), rendered.planes(first.output))
    assert report.objects[1].area == tuple(int((m == 1).sum()) for m in masks_of(first))
    assert kept.exists()


def test_a_new_object_leaves_the_others_as_they_are(scene):
    kept, both = scene.parent / "kept", disc(0)
    run(first := job_for(scene, "first", {0: disc(0)}, keep=kept))
    both[:12, 100:120] = 2
    report = run(second := job_for(scene, "second", {0: both}, earlier=kept))

    before, after = masks_of(first), masks_of(second)
    np.testing.assert_array_equal(after == 1, before == 1)
    assert (after[:, :12, 100:120] == 2).all()
    assert report.frames_tracked == NUM_FRAMES - 1
    assert set(report.objects) == {1, 2}


def test_an_object_no_longer_asked_for_goes_without_tracking(scene):
    kept, both = scene.parent / "kept", disc(0)
    both[:12, 100:120] = 2
    run(job_for(scene, "first", {0: both}, keep=kept))
    report = run(second := job_for(scene, "second", {0: disc(0)}, earlier=kept))

    assert not (masks_of(second) == 2).any()
    assert report.frames_tracked == 0
    assert set(report.objects) == {1}


def test_a_prompt_taken_away_takes_what_it_said_with_it(scene):
    kept = scene.parent / "kept"
    run(job_for(scene, "first", {0: disc(0), 20: disc(20)}, keep=kept))
    run(second := job_for(scene, "second", {0: disc(0)}, earlier=kept))
    run(whole := job_for(scene, "whole", {0: disc(0)}))

    np.testing.assert_array_equal(masks_of(second), masks_of(whole))


def test_another_margin_fills_again_without_tracking(scene):
    kept = scene.parent / "kept"
    run(job_for(scene, "first", {0: disc(0)}, keep=kept))

    report = run(job_for(scene, "second", {0: disc(0)}, earlier=kept, dilate=6.0))

    assert (report.frames_tracked, report.frames_filled) == (0, NUM_FRAMES)


def test_another_tracker_setting_tracks_everything_again(scene):
    kept = scene.parent / "kept"
    run(first := job_for(scene, "first", {0: disc(0)}, keep=kept))
    other = replace(first.settings, memory_frames=3)

    report = run(job_for(scene, "second", {0: disc(0)}, earlier=kept, settings=other))

    assert report.frames_tracked == NUM_FRAMES


def test_an_earlier_run_of_another_video_is_refused(scene, tmp_path):
    kept = tmp_path / "kept"
    run(job_for(scene, "first", {0: disc(0)}, keep=kept))
    rendered.write_scene(tmp_path / "other.mkv", NUM_FRAMES - 1, sound=False)

    with pytest.raises(UserError, match="is an earlier run of another video; leave it out"):
        run(
            replace(
                job_for(scene, "second", {0: disc(0)}, earlier=kept), source=tmp_path / "other.mkv"
            )
        )
    with pytest.raises(UserError, match="there is no earlier run"):
        run(job_for(scene, "third", {0: disc(0)}, earlier=tmp_path / "absent"))
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_streaming_keeps_no_runs_and_says_so(scene):
    with pytest.raises(UserError, match=r"only offline and without --resume; choose offline"):
        run(job_for(scene, "first", {0: disc(0)}, keep=scene.parent / "kept", mode="streaming"))


def test_the_command_line_goes_on_from_a_kept_run(scene):
    folder = scene.parent
    for name, more in (("one", ["--keep"]), ("two", ["--point", "90,48@20", "--earlier"])):
        arguments = ["track", scene, folder / f"{name}.zip", "--point", "30,48", *more]
        arguments += [folder / "kept", "--json", folder / f"{name}.json", "--quiet"]
        assert main([str(argument) for argument in arguments]) == 0

    one, two = (json.loads((folder / f"{name}.json").read_text()) for name in ("one", "two"))
    assert one["frames_tracked"] == NUM_FRAMES
    assert 0 < two["frames_tracked"] < NUM_FRAMES


def test_a_cancelled_run_leaves_the_earlier_one(scene):
    kept = scene.parent / "kept"
    run(job_for(scene, "first", {0: disc(0)}, keep=kept))
    whole = kept.read_bytes()

    steps = run_job(job_for(scene, "second", {9: disc(9)}, keep=kept, earlier=kept))
    next(steps)
    steps.close()

    assert kept.read_bytes() == whole
    assert [p for p in scene.parent.iterdir() if p.name.startswith(".")] == []
