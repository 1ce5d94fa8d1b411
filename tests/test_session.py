"""A session: every action gives a new one, undo gives the old one, files stay inside."""

import os
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tracker.desk import View, picture_of
from tracker.edits import Stroke
from tracker.folders import (
    UPLOAD_PREFIX,
    bring,
    discard,
    discard_runs,
    new_folder,
    safe_stem,
    sweep,
)
from tracker.jobs import Report
from tracker.options import Options
from tracker.results import Result, results_of
from tracker.session import Session
from tracker.types import Point, Prompt, Segmentation, UserError

HEIGHT, WIDTH = 40, 60


def look(index: int) -> View:
    return View(index, np.full((HEIGHT // 2, WIDTH // 2, 3), 10 * index, np.uint8))


def find(index: int, prompt: Prompt) -> Segmentation:
    """Find squares of 5 around positive points, without those around negative ones."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for point in prompt.points:
        x, y = round(point.x), round(point.y)
        mask[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3] = point.positive
    return Segmentation((mask,), (1.0,))


@pytest.fixture
def session(tmp_path: Path) -> Session:
    info = SimpleNamespace(width=WIDTH, height=HEIGHT, num_frames=9, pixel_aspect=Fraction(1))
    folder = new_folder(tmp_path)
    return Session(folder, folder / "video.mp4", "My film.mp4", None, info, look(0))


def test_a_click_marks_the_object_and_leaves_the_old_session_as_it_was(session):
    clicked = session.click(Point(20, 10), find)

    assert clicked.labels(0)[10, 20] == 1
    assert np.count_nonzero(clicked.labels(0)) == 25
    assert not session.labels(0).any()


def test_a_negative_click_takes_away(session):
    clicked = session.click(Point(20, 10), find).click(Point(22, 10, positive=False), find)

    assert clicked.labels(0)[10, 18] == 1
    assert clicked.labels(0)[10, 22] == 0


def test_the_first_click_cannot_be_negative(session):
    with pytest.raises(UserError, match="click on the object first"):
        session.click(Point(20, 10, positive=False), find)


def test_a_click_outside_is_refused_with_the_size(session):
    with pytest.raises(UserError, match=r"point 60,10 is outside the frame: .* 60x40"):
        session.click(Point(60, 10), find)


def test_undo_brings_back_every_state_in_turn(session):
    states = [session]
    states.append(states[-1].click(Point(20, 10), find))
    states.append(states[-1].click(Point(25, 10), find))
    states.append(states[-1].add_object())
    states.append(states[-1].click(Point(40, 30), find))
    states.append(states[-1].reset())

    undone = states[-1]
    for expected in reversed(states[:-1]):
        undone = undone.undo(look)
        assert undone.edit.objects == expected.edit.objects
        np.testing.assert_array_equal(undone.labels(0), expected.labels(0))
    assert undone.undo(look) is undone


def test_undo_looks_at_the_frame_the_edit_was_made_in(session):
    elsewhere = session.click(Point(20, 10), find).seek(4, look).click(Point(9, 9), find)

    undone = elsewhere.seek(7, look).undo(look)

    assert undone.view.index == 4
    assert undone.edit.marked_frames == (0,)


def test_masks_are_shared_not_copied(session):
    clicked = session.click(Point(20, 10), find)
    more = clicked.add_object().click(Point(40, 30), find)

    assert more.edit.masks[0, 1] is clicked.edit.masks[0, 1]


def test_where_objects_overlap_the_newer_wins(session):
    both = session.click(Point(20, 10), find).add_object().click(Point(22, 10), find)

    assert both.labels(0)[10, 18] == 1
    assert both.labels(0)[10, 21] == 2


def test_an_object_without_clicks_is_not_followed_by_another(session):
    with pytest.raises(UserError, match="Object 1 is not marked yet"):
        session.add_object()


def test_a_deleted_object_takes_its_marks_along(session):
    both = session.click(Point(20, 10), find).add_object().click(Point(40, 30), find)

    left = both.delete_object(1)

    assert [each.id for each in left.edit.objects] == [2]
    assert set(np.unique(left.labels(0))) == {0, 2}
    np.testing.assert_array_equal(left.undo(look).labels(0), both.labels(0))


def test_deleting_the_last_object_leaves_an_empty_one(session):
    left = session.click(Point(20, 10), find).delete_object(1)

    assert [each.name for each in left.edit.objects] == ["Object 1"]
    assert not left.edit.masks


def test_an_unknown_object_cannot_be_picked(session):
    with pytest.raises(UserError, match="no object 5"):
        session.pick_object(5)


def test_the_picture_shows_marks_where_they_are_at_another_size(session):
    clicked = session.click(Point(40, 30), find)

    changed = np.argwhere((clicked.picture() != session.picture()).any(axis=2))

    assert clicked.picture().shape == (HEIGHT // 2, WIDTH // 2, 3)
    np.testing.assert_allclose(changed.mean(axis=0), (14.75, 19.75), atol=1)


def test_a_job_carries_labels_of_all_marked_frames_and_writes_into_the_folder(session):
    marked = session.click(Point(20, 10), find).seek(3, look).add_object()
    marked = marked.click(Point(40, 30), find)

    job = marked.job(Options("streaming", dilate=7))

    assert sorted(job.prompted) == [0, 3]
    assert job.prompted[3][30, 40] == 2
    assert (job.mode, job.dilate) == ("streaming", 7)
    assert job.output.name == "My_film_clean.mp4"
    for path in (job.output, job.masks_out, job.overlay_out):
        assert path.is_relative_to(session.folder)
        assert not path.exists()


def test_a_box_marks_what_is_in_it_and_clicks_refine_it(session):
    asked = []

    def note(index, prompt):
        asked.append(prompt)
        return find(index, Prompt((Point(20, 10),)))

    boxed = session.draw_box((5, 5, 30, 30), note)
    boxed.click(Point(6, 6, positive=False), note)

    assert boxed.labels(0)[10, 20] == 1
    assert [(prompt.box, len(prompt.points)) for prompt in asked] == [
        ((5, 5, 30, 30), n) for n in (0, 1)
    ]


def test_a_brush_paints_and_erases_around_its_line(session):
    painted = session.brush(Stroke(((10, 20), (40, 20)), radius=3))
    erased = painted.brush(Stroke(((40, 20),), radius=6, erases=True))

    mask = painted.labels(0)
    rows, columns = np.indices(mask.shape)
    nearest = np.clip(columns, 10, 40)
    within = np.hypot(columns - nearest, rows - 20)
    np.testing.assert_array_equal(mask[within <= 2.5], 1)
    np.testing.assert_array_equal(mask[within >= 3.5], 0)
    assert (erased.labels(0)[20, 34], erased.labels(0)[20, 33]) == (0, 1)
    np.testing.assert_array_equal(erased.undo(look).labels(0), mask)


def test_what_clicks_meant_is_kept_when_it_is_painted_over(session):
    both = session.click(Point(20, 10), find).brush(Stroke(((50, 30),), radius=2))

    assert both.labels(0)[10, 20] == both.labels(0)[30, 50] == 1


def test_nothing_can_be_erased_where_nothing_is(session):
    with pytest.raises(UserError, match="Object 1 has no mask here yet"):
        session.brush(Stroke(((10, 20),), radius=3, erases=True))


def tracked(index: int) -> View:
    """Return a frame in which a run has found object 1 on the left and 2 on the right."""
    labels = np.ones((HEIGHT, WIDTH), np.uint8)
    labels[:, WIDTH // 2 :] = 2
    return View(index, look(index).picture, labels)


def test_what_was_tracked_is_corrected_by_a_click_or_a_stroke(session):
    asked = []

    def note(index, prompt):
        asked.append(prompt)
        return Segmentation((prompt.mask,), (1.0,))

    corrected = session.seek(4, tracked).click(Point(3, 3, positive=False), note)
    erased = session.seek(4, tracked).brush(Stroke(((0, 0), (0, 39)), radius=2, erases=True))

    assert asked[0].mask[:, : WIDTH // 2].all()
    assert not asked[0].mask[:, WIDTH // 2 :].any()
    assert corrected.edit.marked_frames == (4,)
    assert (erased.labels(4)[5, 1], erased.labels(4)[5, 10]) == (0, 1)


def test_a_deleted_object_is_not_seen_where_it_was_tracked(session):
    one = session.click(Point(20, 10), find).seek(4, tracked)

    assert set(np.unique(one.seen_labels())) == {0, 1}


def test_a_hidden_object_is_not_drawn_and_still_removed(session):
    clicked = session.click(Point(40, 30), find)

    hidden = clicked.hide(1, hidden=True)

    np.testing.assert_array_equal(hidden.picture(), session.picture())
    assert hidden.job(Options()).prompted[0].any()
    np.testing.assert_array_equal(hidden.pick_object(1).picture(), clicked.picture())


def test_objects_have_names_of_their_own(session):
    named = session.change_object(replace(session.edit.object, name="  the   red car " + "x" * 99))

    assert named.edit.object.name.startswith("the red car x")
    assert len(named.edit.object.name) == 40
    with pytest.raises(UserError, match="a name cannot be empty"):
        session.change_object(replace(session.edit.object, name=" "))


def test_an_object_that_is_kept_is_followed_and_not_removed(session):
    both = session.click(Point(20, 10), find).add_object().click(Point(40, 30), find)

    kept = both.change_object(replace(both.edit[2], removed=False))

    assert kept.job(Options()).objects == (1,)
    assert set(np.unique(kept.job(Options()).prompted[0])) == {0, 1, 2}
    with pytest.raises(UserError, match="every object is to be kept"):
        kept.change_object(replace(kept.edit[1], removed=False)).job(Options())


def test_a_part_of_the_video_is_worked_on(session):
    marked = session.click(Point(20, 10), find)

    assert (marked.limit(2, 5).job(Options()).first, marked.limit(2, 5).edit.last) == (2, 5)
    assert marked.limit(-3, 99).edit.last is None
    assert marked.limit(2, 5).undo(look).edit.first == 0


def test_tracking_alone_writes_no_video(session):
    job = session.click(Point(20, 10), find).job(Options(), fill=False)

    assert job.output is None
    assert job.masks_out is not None


def test_the_result_stays_while_marks_are_edited(session):
    done = session.click(Point(20, 10), find).with_result(Result(Path("clean.mp4"), None, None))

    edited = done.click(Point(30, 10), find)

    assert (done.showing, edited.showing, edited.show("result").showing) == (
        "result",
        "marks",
        "result",
    )
    assert session.show("result").showing == "marks"


def test_nothing_marked_is_nothing_to_remove(session):
    with pytest.raises(UserError, match="nothing is marked yet"):
        session.job(Options())


def test_two_runs_do_not_share_files(session):
    marked = session.click(Point(20, 10), find)

    assert marked.job(Options()).output != marked.job(Options()).output


def test_an_earlier_run_makes_room_for_the_next(session):
    marked = session.click(Point(20, 10), find)
    first, second = (marked.job(Options()).output.parent for _ in range(2))

    discard_runs(session.folder, keep=second)

    assert [first.exists(), second.exists(), session.folder.exists()] == [False, True, True]


def test_results_are_what_is_there_partial_or_whole(session):
    job = session.click(Point(20, 10), find).job(Options())
    assert results_of(job, None).clean is None

    partial = job.output.with_name("My_film_clean.partial.mp4")
    partial.write_bytes(b"x")
    assert (results_of(job, None).clean, results_of(job, None).complete) == (partial, False)

    job.output.write_bytes(b"y")
    report = Report(1, 2, 3, 4.0, 5.0, {}, {}, 6.0)
    assert (results_of(job, report).clean, results_of(job, report).complete) == (job.output, True)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/passwd", "passwd"),
        ("; rm -rf ~.mp4", "rm_-rf"),
        ("a\u2215b\u2044c.mov", "a_b_c"),
        ("été à la mer.mp4", "été_à_la_mer"),
        ("...", "video"),
        ("x" * 300 + ".mp4", "x" * 60),
    ],
)
def test_names_of_results_are_harmless(name, stem):
    assert safe_stem(name) == stem


def test_a_video_is_brought_under_our_name(tmp_path):
    upload = tmp_path / "; rm -rf ~.MP4"
    upload.write_bytes(b"film")
    folder = new_folder(tmp_path)

    source = bring(upload, folder)
    upload.unlink()

    assert source.is_relative_to(folder)
    assert source.name == "video.MP4"
    assert source.read_bytes() == b"film"


def test_folders_cannot_be_guessed_and_go_when_told(tmp_path):
    first, second = new_folder(tmp_path), new_folder(tmp_path)
    upload = tmp_path / f"{UPLOAD_PREFIX}{'0' * 32}" / "upload.mp4"
    foreign = tmp_path / "elsewhere" / "video.mp4"
    for path in (first / "file", upload, foreign):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")

    discard(first, upload)
    discard(first, upload)  # twice is no fault
    discard(second, foreign)

    assert not first.exists()
    assert not upload.parent.exists()
    assert foreign.exists()  # what was not uploaded here is not ours to delete
    third = new_folder(tmp_path)
    assert len(third.name) > 50
    if os.name == "posix":
        assert third.stat().st_mode & 0o077 == 0


def test_sweeping_deletes_old_sessions_only(tmp_path):
    old, young, foreign = new_folder(tmp_path), new_folder(tmp_path), tmp_path / "foreign"
    foreign.mkdir()
    for folder in (old, foreign):
        os.utime(folder, (time.time() - 7200,) * 2)

    sweep(tmp_path, max_age_seconds=3600)

    assert [each.exists() for each in (old, young, foreign)] == [False, True, True]


@pytest.mark.parametrize(
    ("size", "aspect", "expected"),
    [((90, 160), 1.0, (90, 160)), ((90, 120), 4 / 3, (90, 160)), ((90, 160), 0.5, (180, 160))],
)
def test_pictures_have_square_pixels(size, aspect, expected):
    assert picture_of(np.zeros((*size, 3), np.uint8), aspect).shape == (*expected, 3)


def test_large_pictures_are_made_to_fit_a_page():
    height, width = picture_of(np.zeros((2160, 3840, 3), np.uint8), 1.0).shape[:2]

    assert height * width <= 1280 * 720
    assert width / height == pytest.approx(16 / 9, rel=0.01)
