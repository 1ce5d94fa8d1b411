"""What the page says, and what it lets in."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tracker.desk import View
from tracker.jobs import Progress, Report
from tracker.results import Result
from tracker.session import Session
from tracker.ui import build_demo, launch_options, texts
from tracker.ui.scripted import data_url


@pytest.fixture
def session(tmp_path: Path) -> Session:
    info = SimpleNamespace(
        width=64, height=48, num_frames=90, rate=Fraction(30000, 1001), pixel_aspect=Fraction(1)
    )
    view = View(0, np.zeros((48, 64, 3), np.uint8))
    return Session(tmp_path, tmp_path / "video.mp4", "film.mp4", None, info, view)


def test_the_name_of_a_file_is_never_markup(session, tmp_path):
    name = '<img src=x onerror="alert(1)">.mp4'
    session = Session(tmp_path, session.source, name, None, session.info, session.view)

    about = texts.about_video(session)

    assert "<img" not in about
    assert "&lt;img" in about


def test_notices_of_a_run_are_never_markup():
    report = Report(9, 64, 48, 3.0, 3.0, {}, {}, 1.0, notices=("<b>bold</b>",))

    assert "<b>" not in texts.ended(Result(None, None, None, report))


def test_what_is_known_of_the_video_is_told(session):
    assert "64 x 48 &middot; 90 frames &middot; 29.97 fps" in texts.about_video(session)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (60, "1 min"), (61.2, "1 min 1 s"), (7384, "2 h 3 min")],
)
def test_durations_are_said_as_people_say_them(seconds, text):
    assert texts.duration(seconds) == text


@pytest.mark.parametrize(
    ("stage", "mode", "percent"),
    [("track", "offline", 25), ("fill", "offline", 75), ("fill", "streaming", 50)],
)
def test_the_bar_is_about_the_whole_job(stage, mode, percent):
    bar = texts.running(Progress(stage, 10, 20, seconds_left=3.2), mode)

    assert f'aria-valuenow="{percent}"' in bar
    assert "10 of 20" in bar
    assert "3 s left" in bar


def test_an_unknown_length_is_no_fault():
    bar = texts.running(Progress("fill", 10), "streaming")

    assert "Filling the background: 10<" in bar
    assert "left" not in bar


def test_who_waits_sees_the_place():
    assert "1 removal is before yours" in texts.waiting(1)
    assert "3 removals are before yours" in texts.waiting(3)


def test_the_engines_that_did_the_work_are_named():
    report = Report(
        9, 64, 48, 3.0, 3.0, {}, {"propagator": "deaott", "inpainter": "e2fgvi_hq"}, 1.0
    )

    line = texts.engines_at_work("sam_vit_b", report)

    assert "clicks: <b>sam_vit_b</b>, tracking: <b>deaott</b>, filling: <b>e2fgvi_hq</b>" in line


def test_pictures_travel_inside_the_page():
    assert data_url(np.zeros((4, 6, 3), np.uint8)).startswith("data:image/jpeg;base64,")


def test_the_page_is_closed_unless_asked_to_be_open():
    options = launch_options()

    assert options["server_name"] == "127.0.0.1"
    assert options["share"] is False
    assert options["allowed_paths"] == []
    assert options["max_file_size"]
    assert options["auth"] is None


def test_a_password_may_hold_a_colon():
    assert launch_options(auth="anna:a:b")["auth"] == ("anna", "a:b")


def test_nothing_but_the_documented_endpoints_is_offered_as_an_api():
    functions = [function for function in build_demo().fns.values() if function.fn]

    public = {each.api_name for each in functions if each.api_visibility == "public"}

    assert public == {"remove_objects", "find_object", "engines"}
    assert len(functions) > len(public)
