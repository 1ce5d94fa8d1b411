"""Work outlives its page, for the browser that did it and nobody else."""

import os
import shlex
import shutil
import time
from dataclasses import fields, replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from tracker.arguments import make_parser
from tracker.desk import View
from tracker.edits import Edit, TrackedObject
from tracker.equivalent import command_of
from tracker.folders import bring, new_folder
from tracker.job_options import settings_of
from tracker.jobs import Search, Settings
from tracker.options import Options
from tracker.prompts import Place
from tracker.session import Session
from tracker.targets import said_in
from tracker.types import Point, Prompt
from tracker.ui.keeping import FOLDER, VIDEO_SECONDS, WORK_SECONDS, Keeper

HEIGHT, WIDTH = 12, 16


@pytest.fixture
def session(tmp_path):
    """Return a session in which one click marks something."""
    upload = tmp_path / "my film.mp4"
    upload.write_bytes(b"pictures")
    folder = new_folder(tmp_path / "files")
    info = SimpleNamespace(width=WIDTH, height=HEIGHT, num_frames=9)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[3:6, 4:9] = True
    edit = Edit(
        prompts={Place(2, 1): Prompt((Point(5, 4),))}, masks={Place(2, 1): mask}, first=1, last=7
    )
    view = View(0, np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    return Session(folder, bring(upload, folder), "my film.mp4", upload, info, view, edit)


def test_work_is_found_again_after_its_session_and_its_server_are_gone(session, tmp_path):
    keeper = Keeper(tmp_path / "files")
    keeper.keep(session)
    keeper.wait()
    shutil.rmtree(session.folder)

    kept = Keeper(tmp_path / "files").recall(session.owner)

    assert kept.video.read_bytes() == b"pictures"
    assert kept.project.source.name == "my film.mp4"
    assert kept.project.edit.prompts[Place(2, 1)].points == (Point(5, 4),)
    np.testing.assert_array_equal(
        kept.project.edit.masks[Place(2, 1)], session.edit.masks[Place(2, 1)]
    )
    kept.project.check(kept.video)


def test_the_newest_work_counts(session, tmp_path):
    keeper = Keeper(tmp_path / "files")
    keeper.keep(session)
    keeper.keep(replace(session, edit=replace(session.edit, last=5)))

    assert keeper.recall(session.owner).project.edit.last == 5


@pytest.mark.parametrize("key", [None, 7, "", "..", "../files", "cleanplate-session-", "*", "a/b"])
def test_nothing_is_found_under_what_is_no_key(session, tmp_path, key):
    keeper = Keeper(tmp_path / "files")
    keeper.keep(session)
    keeper.wait()

    assert keeper.recall(key) is None


def test_only_who_knows_the_key_finds_the_work(session, tmp_path):
    keeper = Keeper(tmp_path / "files")
    keeper.keep(session)
    keeper.wait()
    other = session.owner[:-3] + "xyz"

    assert keeper.recall(other) is None
    assert (tmp_path / "files" / FOLDER / session.owner).stat().st_mode & 0o077 == 0
    assert len(session.owner) > 32


def test_work_can_be_forgotten_and_nothing_else_with_it(session, tmp_path):
    keeper = Keeper(tmp_path / "files")
    keeper.keep(session)

    for strange in ("", "..", None, "cleanplate-projects"):
        keeper.forget(strange)
    assert keeper.recall(session.owner) is not None
    keeper.forget(session.owner)

    assert keeper.recall(session.owner) is None
    assert session.folder.exists()


def test_damaged_work_is_not_found(session, tmp_path):
    keeper = Keeper(tmp_path / "files")
    keeper.keep(session)
    keeper.wait()
    (tmp_path / "files" / FOLDER / session.owner / "project.cleanplate").write_bytes(b"PK")

    assert keeper.recall(session.owner) is None


def closed(keeper, session, seconds):
    """Let the page of a session have been closed so many seconds ago."""
    keeper.keep(session)
    keeper.wait()
    keeper.leave(session.owner)
    past = time.time() - seconds
    os.utime(keeper._root / session.owner, (past, past))


def test_after_a_reload_everything_is_there(session, tmp_path):
    keeper = Keeper(tmp_path / "files")
    closed(keeper, session, VIDEO_SECONDS - 60)

    keeper.sweep()

    assert keeper.recall(session.owner).video.read_bytes() == b"pictures"


def test_a_video_is_deleted_an_hour_after_its_page_was_closed_and_marks_after_a_week(
    session, tmp_path
):
    keeper = Keeper(tmp_path / "files")
    closed(keeper, session, VIDEO_SECONDS + 60)
    keeper.sweep()
    kept = keeper.recall(session.owner)
    assert kept.video is None
    assert b"pictures" not in [
        path.read_bytes() for path in (tmp_path / "files" / FOLDER).rglob("*") if path.is_file()
    ]
    assert kept.project.edit.prompts[Place(2, 1)].points == (Point(5, 4),)

    keeper.sweep()
    assert keeper.recall(session.owner) is not None
    past = time.time() - WORK_SECONDS - 60
    os.utime(tmp_path / "files" / FOLDER / session.owner, (past, past))
    keeper.sweep()

    assert list((tmp_path / "files" / FOLDER).iterdir()) == []


def test_while_a_page_is_open_its_video_stays(session, tmp_path):
    keeper = Keeper(tmp_path / "files")
    closed(keeper, session, VIDEO_SECONDS + 60)

    keeper.sweep({session.owner})
    keeper.sweep()

    assert keeper.recall(session.owner).video is not None


def test_the_command_says_what_was_done(session):
    edit = replace(
        session.edit,
        objects=(TrackedObject(1, "a"), TrackedObject(3, "b", removed=False)),
        prompts={
            Place(2, 1): Prompt((Point(5, 4), Point(1.5, 2, False))),
            Place(0, 3): Prompt(box=(1, 2, 9.5, 10)),
        },
    )
    options = Options("streaming", 3, "classical", "auto", Settings(size="full", feather=2))

    command = command_of("my film.mp4", edit, options)

    words = shlex.split(command)
    assert words[:4] == ["cleanplate", "remove", "my film.mp4", "my_film_clean.mp4"]
    commands = dict.fromkeys(("remove", "track", "fill", "engines", "download", "page"), print)
    parsed = make_parser(_AnyCommand(commands)).parse_args(words[1:])
    said = said_in(parsed)
    assert said[Place(2, 1)].points == (Point(5, 4), Point(1.5, 2, False))
    assert said[Place(0, 3)].box == (1, 2, 9.5, 10)
    assert (parsed.first, parsed.last, parsed.mode, parsed.dilate) == (1, 7, "streaming", 3)
    assert (parsed.objects, parsed.propagator) == ((1,), "classical")
    assert (parsed.size, parsed.feather) == ("full", 2)


def test_the_command_says_every_option(session):
    settings = Settings(
        memory_gap=3,
        memory_frames=None,
        schedule="fast",
        max_references=None,
        recall="memory",
        compile=True,
        lookahead=2,
        crop="off",
        size="full",
        grow_shadow=True,
        feather=1.5,
    )
    options = Options(
        "streaming",
        2.5,
        "classical",
        "classical",
        settings,
        refine="sam_hq_tiny",
        commercial=True,
        device="cpu",
        fps=Fraction(30000, 1001),
    )
    rest = {each.name for each in fields(Options) if getattr(options, each.name) == each.default}
    assert rest == {"search", "redetect"}  # which make it the command of the project
    same = {each.name for each in fields(Settings) if getattr(settings, each.name) == each.default}
    assert same == {"rate", "hurries"}  # which no flag says

    words = shlex.split(command_of("film.mp4", session.edit, options))

    commands = dict.fromkeys(("remove", "track", "fill", "engines", "download", "page"), print)
    parsed = make_parser(_AnyCommand(commands)).parse_args(words[1:])
    assert settings_of(parsed) == settings
    for each in fields(Options):
        if each.name not in rest | {"settings"}:
            assert getattr(parsed, each.name) == getattr(options, each.name), each.name


def test_what_is_looked_for_again_is_done_from_the_project(session):
    options = Options(search=Search("a car"), redetect=5)

    assert command_of("my film.mp4", session.edit, options) == (
        "cleanplate remove --project my_film.cleanplate"
    )


def test_what_cannot_be_said_in_words_is_done_from_the_project(session):
    painted = replace(session.edit, prompts={Place(2, 1): Prompt(mask=np.ones((2, 2), bool))})

    assert command_of("my film.mp4", painted, Options()) == (
        "cleanplate remove --project my_film.cleanplate"
    )
    assert command_of("my film.mp4", Edit(), Options()) == ""


class _AnyCommand(dict):
    def __missing__(self, name):
        return print
