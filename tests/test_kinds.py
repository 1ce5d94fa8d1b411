"""What is exported of a finished removal is what it would have left if asked at once."""

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rendered
from PIL import Image

from tracker.exports.kinds import KINDS, export_of, is_filled_again
from tracker.exports.masks import open_masks
from tracker.guessing import perform
from tracker.jobs import Job, Settings
from tracker.removal import run_job
from tracker.results import results_of
from tracker.types import UserError
from tracker.video import VideoReader

FRAMES = 8


def prompted():
    labels = np.zeros((rendered.HEIGHT, rendered.WIDTH), np.uint8)
    labels[rendered.disc(0)] = 1
    labels[10:30, 100:130] = 2
    return {0: labels}


def finished(folder, mode="offline"):
    """Do a removal as the page does it; return its result."""
    rendered.write_scene(folder / "in.mkv", FRAMES)
    job = Job(
        folder / "in.mkv",
        folder / "in_clean.mp4",
        prompted(),
        objects=(1,),
        mode=mode,
        names={1: "the disc", 2: "a sign"},
        masks_out=folder / "in_masks.zip",
        overlay_out=folder / "in_overlay.mp4",
        settings=Settings(feather=1.5),
        keep=folder / "kept" if mode == "offline" else None,
    )
    return results_of(job, list(run_job(job))[-1].report)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("removal"))


@pytest.fixture(scope="module")
def direct(result, tmp_path_factory):
    """Return a folder of everything, asked for on the spot."""
    folder = tmp_path_factory.mktemp("direct")
    job = replace(result.job, keep=None, masks_out=None, overlay_out=None)
    endings = {"ffv1": ".mkv", "patch": ".mov", "cutout": ".mov"}
    for wanted in (
        {"output": folder / "ffv1.mkv", "patch_out": folder / "patch.mov"},
        {"output": folder / "prores.mov", "patch_out": folder / "patch_vp9.webm"},
        {"output": folder / "png", "patch_out": folder / "patch_png", "codec": None},
        {"output": folder / "h265.mp4", "codec": "h265", "cutout_out": folder / "cutout.mov"},
        {"output": folder / "a.mp4", "cutout_out": folder / "cutout_vp9.webm"},
        {"output": folder / "b.mp4", "cutout_out": folder / "cutout_png"},
        {"output": folder / "c.mp4", "matte_out": folder / "matte.mkv"},
        {"output": folder / "d.mp4", "overlay_out": folder / "overlay.mp4"},
    ):
        list(run_job(replace(job, **wanted)))
    assert all((folder / f"{name}{ending}").exists() for name, ending in endings.items())
    return folder


def export(result, name, folder):
    made = export_of(result, "my film.mp4", KINDS[name], folder)
    steps = list(perform(made))
    return made, steps


def content(path):
    """Return every sample with its transparency, every time stamp and every packet of sound."""
    with VideoReader(path) as reader:
        frames, has_sound = list(reader), reader.info.has_audio
    samples = [np.concatenate([plane.ravel() for plane in frame.planes]) for frame in frames]
    sound = rendered.audio_packets(path) if has_sound else []
    return np.stack(samples), [frame.time for frame in frames], sound


@pytest.mark.parametrize("name", [name for name in KINDS if name != "masks"])
def test_an_export_is_what_the_removal_would_have_left(result, direct, tmp_path, name):
    kind = KINDS[name]

    made, steps = export(result, name, tmp_path)

    report = steps[-1].report
    assert (report.frames, report.frames_tracked, report.frames_filled) == (FRAMES, 0, 0)
    assert made.file.name == f"my_film_{kind.what}{kind.ending or '.zip'}"
    found = made.file
    if not kind.ending:
        assert {step.stage for step in steps} >= {"pack"}
        found = tmp_path / "pictures"
        zipfile.ZipFile(made.file).extractall(found)
    assert {each.name for each in tmp_path.iterdir()} - {"pictures"} == {made.file.name}
    pictures, times, sound = content(found)
    wanted, true_times, true_sound = content(direct / f"{name}{kind.ending}")
    np.testing.assert_array_equal(pictures, wanted)
    assert (times, sound) == (true_times, true_sound)
    assert bool(sound) == (kind.field in ("output", "overlay_out") and bool(kind.ending))


def test_exported_masks_are_those_of_the_removal(result, tmp_path):
    made, _ = export(result, "masks", tmp_path)

    with open_masks(made.file) as again, open_masks(result.masks) as before:
        assert len(again) == len(before) == FRAMES
        for index in range(FRAMES):
            np.testing.assert_array_equal(again[index], before[index])
    with zipfile.ZipFile(made.file) as one, zipfile.ZipFile(result.masks) as other:
        assert one.read("manifest.json") == other.read("manifest.json")


def test_a_cut_out_of_pictures_shows_only_the_object_that_goes(result, tmp_path):
    made, _ = export(result, "cutout_png", tmp_path)

    with zipfile.ZipFile(made.file) as archive, open_masks(result.masks) as masks:
        cut = np.asarray(Image.open(archive.open("00000.png")))
        np.testing.assert_array_equal(cut[..., 3], (masks[0] == 1) * np.uint8(255))
    assert not cut[10:30, 100:130, 3].any()


def test_streaming_keeps_no_fills_and_gives_the_same_after_filling_again(tmp_path):
    result = finished(tmp_path, "streaming")
    folder = tmp_path / "export"
    folder.mkdir()

    made, steps = export(result, "ffv1", folder)

    assert is_filled_again(result, KINDS["ffv1"])
    assert not is_filled_again(result, KINDS["matte"])
    assert steps[-1].report.frames_filled == FRAMES
    difference = rendered.rgb(made.file).astype(int) - rendered.rgb(result.clean)
    assert np.abs(difference).mean() < 3  # H.264


def test_offline_nothing_is_filled_again(result):
    assert not any(is_filled_again(result, kind) for kind in KINDS.values())


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"job": None}, "prores", "there is nothing to export yet; press Remove first"),
        ({"complete": False}, "matte", "only a whole result can be exported"),
        ({"clean": None}, "prores", "the object was only tracked; press Remove first"),
        ({"clean": None}, "patch", "the object was only tracked"),
    ],
)
def test_what_cannot_be_exported_is_said(result, change, kind, message):
    with pytest.raises(UserError, match=message):
        export_of(replace(result, **change), "in.mkv", KINDS[kind], Path())


def test_what_was_only_tracked_has_a_matte(result, tmp_path):
    made, _ = export(replace(result, clean=None), "matte", tmp_path)

    assert made.file.stat().st_size > 0
