"""In and out markers: only a part is worked on, the rest passes as it is."""

import json

import numpy as np
import pytest
import rendered

from tracker.__main__ import main
from tracker.jobs import Job
from tracker.masks import MaskReader
from tracker.part import Part
from tracker.removal import run_job
from tracker.types import UserError

FIRST, LAST, NUM_FRAMES = 8, 17, 30


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    path = tmp_path_factory.mktemp("scene") / "scene.mkv"
    rendered.write_scene(path, NUM_FRAMES)
    return path


@pytest.fixture(scope="module", params=["offline", "streaming"])
def removal(request, scene, tmp_path_factory):
    """Return the folder of a removal between two markers."""
    folder = tmp_path_factory.mktemp(request.param)
    arguments = ["remove", scene, folder / "out.mkv", "--mode", request.param]
    arguments += ["--in", FIRST, "--out", LAST, "--point", f"{30 + 3 * FIRST},48@{FIRST}"]
    arguments += ["--masks-out", folder / "masks.zip", "--json", folder / "report.json"]
    assert main([*map(str, arguments), "--quiet"]) == 0
    return folder


def test_what_is_outside_the_part_passes_bit_by_bit(removal, scene):
    before, after = rendered.planes(scene), rendered.planes(removal / "out.mkv")

    changed = [index for index in range(NUM_FRAMES) if (before[index] != after[index]).any()]
    assert changed == list(range(FIRST, LAST + 1))


def test_times_and_sound_are_those_of_the_whole_video(removal, scene):
    assert rendered.stamps(removal / "out.mkv") == pytest.approx(rendered.stamps(scene), abs=6e-4)
    assert rendered.audio_packets(removal / "out.mkv") == rendered.audio_packets(scene)


def test_masks_are_empty_outside_the_part_and_there_is_one_per_frame(removal):
    with MaskReader(removal / "masks.zip") as masks:
        marked = [index for index in range(len(masks)) if masks[index].any()]
        assert len(masks) == NUM_FRAMES
    assert marked == list(range(FIRST, LAST + 1))


def test_the_report_knows_the_object_in_the_part_alone(removal):
    report = json.loads((removal / "report.json").read_text())

    assert report["frames"] == NUM_FRAMES
    assert report["objects"]["1"]["first"] == FIRST
    assert len(report["objects"]["1"]["area"]) == LAST + 1 - FIRST


def test_a_prompt_in_the_middle_is_followed_back_to_the_in_marker_and_no_further(scene, tmp_path):
    labels = rendered.disc(12).astype(np.uint8)
    job = Job(scene, None, {12: labels}, first=9, last=14, masks_out=tmp_path / "masks.zip")

    *_, done = run_job(job)

    assert done.report.objects[1].first == 9
    assert len(done.report.objects[1].area) == 6


def test_given_masks_are_filled_between_the_markers_alone(scene, tmp_path):
    labels = rendered.disc(12).astype(np.uint8)
    whole = Job(scene, None, {12: labels}, masks_out=tmp_path / "masks.zip")
    list(run_job(whole))

    list(run_job(Job(scene, tmp_path / "out.mkv", masks=tmp_path / "masks.zip", first=5, last=6)))

    before, after = rendered.planes(scene), rendered.planes(tmp_path / "out.mkv")
    assert [i for i in range(NUM_FRAMES) if (before[i] != after[i]).any()] == [5, 6]


@pytest.mark.parametrize("mode", ["offline", "streaming"])
@pytest.mark.parametrize(
    ("markers", "prompt", "message"),
    [
        ({"first": 5}, 4, r"marked in frame 4, but only frame 5 to the end is worked on; move"),
        ({"last": 9}, 12, r"marked in frame 12, but only frame 0 to frame 9 is worked on; move"),
        ({"first": 9, "last": 8}, 9, r"from frame 9 to 8 is empty"),
        ({"last": 30}, 2, r"frame 30 is past the end: the video has 30 frames \(0-29\)"),
    ],
)
def test_markers_that_make_no_sense_are_explained(mode, markers, prompt, message, scene, tmp_path):
    labels = rendered.disc(prompt).astype(np.uint8)
    job = Job(scene, tmp_path / "out.mkv", {prompt: labels}, mode=mode, **markers)

    with pytest.raises(UserError, match=message):
        list(run_job(job))
    assert not (tmp_path / "out.mkv").exists()


def test_a_part_knows_how_long_it_is():
    assert Part().length is None
    assert Part(3, 7).length == 5
    assert [Part(3, 7).length_in(n) for n in (0, 3, 5, 8, 100)] == [0, 0, 2, 5, 5]
    assert Part(3).length_in(10) == 7
    assert [index for index in range(10) if index in Part(3, 7)] == [3, 4, 5, 6, 7]
