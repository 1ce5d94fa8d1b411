"""Work is kept as one file, without the video, and done again from it."""

import hashlib
import io
import json
import shutil
import zipfile

import numpy as np
import pytest
import rendered
from PIL import Image

from tracker.__main__ import main
from tracker.edits import Edit, TrackedObject
from tracker.jobs import Settings
from tracker.project import Project, SourceMark, hash_of
from tracker.project_files import load_project, pack_project, save_project
from tracker.prompts import Place
from tracker.session import Options
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
            Place(7, 4): Prompt(mask=other),
        },
        {Place(0, 1): mask, Place(7, 4): other},
        first=2,
        last=9,
    )
    options = Options(
        "streaming", 3.5, "classical", "auto", Settings(lookahead=3, feather=1.5, size="full")
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
    np.testing.assert_array_equal(
        found.edit.prompts[Place(7, 4)].mask, project.edit.prompts[Place(7, 4)].mask
    )
    for place, mask in project.edit.masks.items():
        np.testing.assert_array_equal(found.edit.masks[place], mask)
    np.testing.assert_array_equal(found.keyframes[3], project.keyframes[3])


def test_a_project_holds_no_video(project):
    with zipfile.ZipFile(io.BytesIO(pack_project(project))) as archive:
        names = archive.namelist()

    assert {name.rpartition(".")[2] for name in names} == {"png", "json"}


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_removal_done_again_from_its_project_is_the_same(film, tmp_path, ending):
    first, again = tmp_path / f"first{ending}", tmp_path / f"again{ending}"
    kept = tmp_path / "work.cleanplate"
    said = ["--point", "30,48", "--point", "2:100,20@3", "--dilate", "3", "--in", "0", "--out", "6"]

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
