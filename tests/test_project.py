"""Work is kept as one file, without the video, and done again from it."""

import argparse
import hashlib
import io
import json
import shutil
import zipfile
from collections import defaultdict
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import rendered
from PIL import Image

from tracker.__main__ import main
from tracker.arguments import make_parser
from tracker.edits import Edit, TrackedObject
from tracker.jobs import Job, Search, Settings
from tracker.options import Options
from tracker.project import Project, SourceMark, hash_of
from tracker.project_command import job_of_project, save_job
from tracker.project_files import load_project, pack_project, save_project
from tracker.prompts import Place
from tracker.types import Point, Prompt, UserError

FRAMES = 8
HEIGHT, WIDTH = 12, 16


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("project") / "in.mkv"
    rendered.write_scene(path, FRAMES)
    return path


@pytest.fixture
def project():
    """Return a project with everything a project can have."""
    mask, other = np.zeros((HEIGHT, WIDTH), bool), np.zeros((HEIGHT, WIDTH), bool)
    mask[2:8, 3:9], other[5:, 5:] = True, True
    edit = Edit(
        (TrackedObject(1, "the car"), TrackedObject(4, "Grüße <b>", False, "surface")),
        4,
        {
            Place(0, 1): Prompt((Point(4.25, 3), Point(1, 1, False)), (1, 2, 9, 10)),
            Place(7, 4): Prompt(mask=other, origin="words"),
            Place(3, 4): Prompt((Point(7, 7),), choice=2),
        },
        {Place(0, 1): mask, Place(7, 4): other},
        first=2,
        last=9,
    )
    options = Options(
        "streaming",
        3.5,
        "classical",
        "auto",
        Settings(lookahead=3, feather=1.5, size="full"),
        Search("a car", 0.3, None, segmenter="sam_vit_b"),
        7,
        "sam_hq_tiny",
        commercial=True,
        device="cpu",
        fps=Fraction(30000, 1001),
    )
    picture = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    return Project(SourceMark("in.mp4", "ab" * 32, WIDTH, HEIGHT), edit, options, {3: picture})


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_everything_comes_back(project, tmp_path):
    save_project(project, tmp_path / "work.cleanplate")

    found = load_project(tmp_path / "work.cleanplate")

    assert found.source == project.source
    assert found.options == project.options
    assert found.edit.objects == project.edit.objects
    assert (found.edit.current, found.edit.first, found.edit.last) == (4, 2, 9)
    assert found.edit.prompts.keys() == project.edit.prompts.keys()
    for place, prompt in project.edit.prompts.items():
        assert found.edit.prompts[place].points == prompt.points
        assert found.edit.prompts[place].box == prompt.box
        assert found.edit.prompts[place].choice == prompt.choice
        assert found.edit.prompts[place].origin == prompt.origin
    np.testing.assert_array_equal(
        found.edit.prompts[Place(7, 4)].mask, project.edit.prompts[Place(7, 4)].mask
    )
    for place, mask in project.edit.masks.items():
        np.testing.assert_array_equal(found.edit.masks[place], mask)
    np.testing.assert_array_equal(found.keyframes[3], project.keyframes[3])


def test_every_option_of_a_project_is_one_of_a_job_and_survives(project):
    job = project.options.applied(Job(Path("in.mp4")))

    assert Options.of(job) == project.options
    left_alone = [f.name for f in fields(Options) if getattr(job, f.name) == f.default]
    assert left_alone == ["inpainter"]  # the test would not see that it is lost


def asked(*words):
    """Return what the command line makes of words; nothing is done."""
    commands = defaultdict(lambda: print)
    return make_parser(commands).parse_args(["remove", *map(str, words)])


CHOSEN = {  # what the command line can say of how to remove, and the field of the job
    "mode": ["--mode", "streaming"],
    "dilate": ["--dilate", "2.5"],
    "propagator": ["--propagator", "classical"],
    "inpainter": ["--inpainter", "classical"],
    "refine": ["--refine", "sam_hq_tiny"],
    "commercial": ["--commercial"],
    "device": ["--device", "cpu"],
    "fps": ["--fps", "30000/1001"],
    "redetect": ["--redetect", "5"],
    "first": ["--in", "1"],
    "last": ["--out", "6"],
    "objects": ["--objects", "2"],
    "feather": ["--feather", "0.5"],
    "size": ["--size", "full"],
    "crop": ["--crop", "off"],
    "schedule": ["--schedule", "published"],
    "max_references": ["--max-references", "none"],
    "lookahead": ["--lookahead", "2"],
    "recall": ["--recall", "memory"],
    "compile": ["--compile"],
    "memory_gap": ["--memory-gap", "3"],
    "memory_frames": ["--memory-frames", "none"],
    "grow_shadow": ["--grow-shadow"],
}


@pytest.fixture(scope="module")
def kept(film, tmp_path_factory):
    """Return a project of two objects, and the job it was made of, with defaults."""
    path = tmp_path_factory.mktemp("kept") / "work.cleanplate"
    labels = np.zeros((rendered.HEIGHT, rendered.WIDTH), np.uint8)
    labels[rendered.disc(1)], labels[2:9, 2:9] = 1, 2
    job = Job(film, prompted={1: labels}, search=Search(), motion={2: "screen"})
    save_job(path, job, {}, overwrite=True)
    return path, job


def value_of(job, name):
    return getattr(job, name, None) if hasattr(job, name) else getattr(job.settings, name)


@pytest.mark.parametrize("name", CHOSEN)
def test_every_option_survives_and_can_be_said_beside_a_project(kept, film, tmp_path, name):
    path, _ = kept
    before = value_of(job_of_project(asked("--project", path, film)), name)

    changed = tmp_path / "changed.cleanplate"
    said = asked("--project", path, film, *CHOSEN[name], "--save-project", changed)
    beside = job_of_project(said)
    again = job_of_project(asked("--project", changed, film))

    assert value_of(beside, name) != before
    assert value_of(again, name) == value_of(beside, name)
    parsed = value_of(argparse.Namespace(**vars(said), settings=said), name)
    assert value_of(again, name) == parsed


def test_the_list_above_has_every_option_there_is():
    own = {each.name for each in fields(Options)} - {"settings", "search"}
    settings = {each.name for each in fields(Settings)} - {"rate", "hurries"}  # no flag says them

    assert own | settings | {"first", "last", "objects"} == set(CHOSEN)


def test_an_option_said_with_its_default_comes_before_the_project(kept, film, tmp_path):
    streaming = tmp_path / "streaming.cleanplate"
    words = ("--mode", "streaming", "--save-project", streaming)
    job_of_project(asked("--project", kept[0], film, *words))

    assert job_of_project(asked("--project", streaming, film)).mode == "streaming"
    beside = asked("--project", streaming, film, "--mode", "offline")
    assert job_of_project(beside).mode == "offline"


def test_a_project_keeps_how_its_objects_move_and_were_found(kept, film):
    path, job = kept

    found = load_project(path)

    assert job_of_project(asked("--project", path, film)).motion == job.motion
    assert {prompt.origin for prompt in found.edit.prompts.values()} == {"proposed"}


def test_a_keyframe_said_beside_a_project_is_part_of_the_job(kept, film, tmp_path):
    Image.fromarray(rendered.wall()).save(tmp_path / "mended.png")

    job = job_of_project(asked("--project", kept[0], film, "--keyframe", tmp_path / "mended.png@4"))

    np.testing.assert_array_equal(job.keyframes[4], rendered.wall())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--point", "3,4"], "--point cannot be said beside --project"),
        (["--words", "a car"], "--words cannot be said beside --project"),
        (["--find-in", "3"], "--find-in cannot be said beside --project"),
        (["--duration", "3"], "--duration is about a live INPUT"),
        (["--objects", "7"], "there is no object 7"),
    ],
)
def test_what_cannot_be_said_beside_a_project_is_refused(kept, film, capsys, words, message):
    assert main(["remove", "--project", str(kept[0]), str(film), *words]) == 2
    assert message in capsys.readouterr().err


def test_looking_again_needs_something_to_look_for(film, kept, tmp_path, capsys):
    path = tmp_path / "work.cleanplate"
    save_job(path, replace(kept[1], search=None), {}, overwrite=False)

    assert main(["remove", "--project", str(path), str(film), "--redetect", "3"]) == 2
    assert "the project does not say what to look for again" in capsys.readouterr().err


def test_a_project_of_the_first_version_is_still_read(project, tmp_path):
    def age(content, entries):
        content["version"] = 1
        for name in ("search", "redetect", "refine", "commercial", "device", "fps"):
            del content["options"][name]
        for mark in content["marks"]:
            del mark["choice"], mark["origin"]

    found = load_project(altered(project, tmp_path, age))

    assert found.options.settings == project.options.settings
    assert (found.options.search, found.options.fps) == (None, 24)


def test_a_project_holds_no_video(project):
    with zipfile.ZipFile(io.BytesIO(pack_project(project))) as archive:
        names = archive.namelist()

    assert {name.rpartition(".")[2] for name in names} == {"png", "json"}


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_removal_done_again_from_its_project_is_the_same(film, tmp_path, ending):
    first, again = tmp_path / f"first{ending}", tmp_path / f"again{ending}"
    kept = tmp_path / "work.cleanplate"
    said = ["--point", "30,48", "--point", "2:100,20@3", "--dilate", "3", "--out", "6"]
    said += ["--motion", "2:screen", "--size", "fast", "--feather", "1", "--mode", "streaming"]

    keep = ["--save-project", str(kept), "--quiet"]
    assert main(["remove", str(film), str(first), *said, *keep]) == 0
    assert main(["remove", "--project", str(kept), str(film), str(again), "--quiet"]) == 0

    np.testing.assert_array_equal(rendered.planes(first), rendered.planes(again))
    if ending == ".mp4":  # Matroska files differ by a random number that names them
        assert sha256(first) == sha256(again)
    found = load_project(kept)
    assert found.edit.prompts[Place(0, 1)].points == (Point(30, 48),)
    assert {each.id for each in found.edit.objects} == {1, 2}


def test_the_project_alone_is_enough_where_its_video_lies_beside_it(film, tmp_path):
    shutil.copy(film, tmp_path / "in.mkv")
    kept = tmp_path / "work.cleanplate"
    job = ["remove", str(tmp_path / "in.mkv"), str(tmp_path / "a.mp4"), "--point", "30,48"]
    assert main([*job, "--quiet", "--save-project", str(kept)]) == 0

    assert main(["remove", "--project", str(kept), "--quiet"]) == 0

    assert sha256(tmp_path / "in_clean.mp4") == sha256(tmp_path / "a.mp4")


def test_another_video_is_refused(film, tmp_path, capsys):
    kept = tmp_path / "work.cleanplate"
    assert main(["remove", str(film), str(tmp_path / "a.mp4"), "--point", "30,48", "--quiet",
                 "--save-project", str(kept)]) == 0  # fmt: skip
    other = tmp_path / "other.mkv"
    rendered.write_scene(other, FRAMES + 1)

    assert main(["remove", "--project", str(kept), str(other), "--quiet"]) == 2
    told = capsys.readouterr().err
    assert "other.mkv is not the video this project was made with (in.mkv)" in told
    assert main(["remove", "--project", str(kept), "--quiet"]) == 2
    assert "in.mkv does not exist; give the project's video" in capsys.readouterr().err


def test_nothing_is_overwritten_unasked(project, tmp_path):
    path = tmp_path / "work.cleanplate"
    path.write_text("mine")

    with pytest.raises(UserError, match="exists; choose another name"):
        save_project(project, path)
    with pytest.raises(UserError, match="unknown ending; a project is written to"):
        save_project(project, tmp_path / "work.zip")

    assert path.read_text() == "mine"
    save_project(project, path, overwrite=True)
    assert load_project(path).source == project.source
    assert [each.name for each in tmp_path.iterdir()] == ["work.cleanplate"]


def altered(project, tmp_path, change):
    """Return a project file whose JSON was changed by `change`, or its entries."""
    path = tmp_path / "hostile.cleanplate"
    with zipfile.ZipFile(io.BytesIO(pack_project(project))) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    content = json.loads(entries["project.json"])
    change(content, entries)
    if "project.json" in entries and content is not None:
        entries["project.json"] = json.dumps(content).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def png(width, height):
    buffer = io.BytesIO()
    Image.new("L", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


HOSTILE = {
    "version": (lambda c, e: c.update(version=99), "is of version 99"),
    "outside": (lambda c, e: e.update({"../x.png": png(2, 2)}), "points outside the archive"),
    "absolute": (lambda c, e: e.update({"/etc/x.png": png(2, 2)}), "points outside the archive"),
    "script": (lambda c, e: e.update({"x.sh": b"rm"}), "is not a PNG"),
    "no list": (lambda c, e: e.pop("project.json"), "is not a project"),
    "size": (
        lambda c, e: e.update({"masks/000000-001.png": png(99, 9)}),
        "has not the size of the video",
    ),
    "missing mask": (lambda c, e: c["marks"][0].update(mask="masks/none.png"), "its mask cannot"),
    "number as mask": (lambda c, e: c["marks"][0].update(mask=7), "its mask cannot be right"),
    "unknown object": (lambda c, e: c["marks"][0].update(object=9), "its marks cannot be right"),
    "frame": (lambda c, e: c["marks"][0].update(frame=-1), "its frame cannot be right"),
    "point": (lambda c, e: c["marks"][0].update(points=[[1, 2]]), "its points cannot be right"),
    "nan": (
        lambda c, e: c["marks"][0].update(points=[[float("nan"), 2, True]]),
        "its points cannot be right",
    ),
    "far point": (lambda c, e: c["marks"][0].update(points=[[99, 2, True]]), "outside the frame"),
    "mode": (lambda c, e: c["options"].update(mode="fast"), "its mode cannot be right"),
    "setting": (
        lambda c, e: c["options"]["settings"].update(lookahead="many"),
        "its settings: lookahead cannot be right",
    ),
    "unknown setting": (
        lambda c, e: c["options"]["settings"].update(command="rm"),
        "its settings: command cannot be right",
    ),
    "rate": (lambda c, e: c["options"].update(fps="1e99"), "its fps cannot be right"),
    "search": (
        lambda c, e: c["options"]["search"].update(words=7),
        "its search: words cannot be right",
    ),
    "pause": (lambda c, e: c["options"].update(redetect=0), "its redetect cannot be right"),
    "unknown option": (lambda c, e: c["options"].update(run="rm"), "its run cannot be right"),
    "origin": (lambda c, e: c["marks"][0].update(origin="x"), "its origin cannot be right"),
    "twins": (lambda c, e: c["objects"].append(c["objects"][0]), "its objects cannot be right"),
    "motion": (lambda c, e: c["objects"][0].update(motion={}), "its motion cannot be right"),
    "huge": (lambda c, e: c["source"].update(width=1 << 40), "its width cannot be right"),
    "picture": (lambda c, e: c.update(keyframes=["../3"]), "its keyframes cannot be right"),
    "list": (lambda c, e: c.update(marks={}), "its marks cannot be right"),
}


@pytest.mark.parametrize(("change", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_projects_are_refused_with_a_reason(project, tmp_path, change, message):
    path = altered(project, tmp_path, change)

    with pytest.raises(UserError, match=message):
        load_project(path)


@pytest.mark.parametrize("data", [b"", b"PK\3\4nonsense", b"\x89PNG\r\n", b"[]"])
def test_what_is_no_project_is_refused(tmp_path, data):
    path = tmp_path / "x.cleanplate"
    path.write_bytes(data)

    with pytest.raises(UserError, match="is not a project"):
        load_project(path)


def test_a_bomb_is_not_unpacked(project, tmp_path):
    path = tmp_path / "bomb.cleanplate"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("project.json", " " * (20 << 20))

    with pytest.raises(UserError, match=r"project\.json is too large"):
        load_project(path)


def test_every_unaltered_copy_is_read(project, tmp_path):
    assert load_project(altered(project, tmp_path, lambda c, e: None)).source == project.source


def test_a_folder_of_pictures_is_known_by_all_its_files(tmp_path):
    (tmp_path / "a.png").write_bytes(b"one")
    before = hash_of(tmp_path)
    (tmp_path / "b.png").write_bytes(b"two")

    assert hash_of(tmp_path) != before
    with pytest.raises(UserError, match="cannot be read"):
        hash_of(tmp_path / "none")


def test_input_and_output_are_needed_without_a_project(capsys):
    assert main(["remove", "--point", "1,1"]) == 2
    assert "INPUT and OUTPUT are needed, or --project FILE" in capsys.readouterr().err
