"""The command line from end to end, on a clip whose background is known."""

import json
import signal
import subprocess
import sys
import zipfile

import cv2
import numpy as np
import pytest
import rendered
from PIL import Image

from tracker.__main__ import main
from tracker.images import default_dilation, dilate
from tracker.masks import MaskReader

CLICK = "30,48"
RADIUS = default_dilation(rendered.HEIGHT, rendered.WIDTH)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Return a rendered lossless clip and its background."""
    path = tmp_path_factory.mktemp("scene") / "scene.mkv"
    return path, rendered.write_scene(path)


@pytest.fixture(scope="module", params=["offline", "streaming"])
def removal(request, scene, tmp_path_factory):
    """Return the folder of one removal in each mode, and its name."""
    folder = tmp_path_factory.mktemp(request.param)
    arguments = ["remove", scene[0], folder / "out.mkv", "--point", CLICK]
    arguments += ["--mode", request.param, "--masks-out", folder / "masks.zip"]
    arguments += ["--overlay-out", folder / "overlay.mp4", "--json", folder / "report.json"]
    assert main([*map(str, arguments), "--quiet"]) == 0
    return folder, request.param


def masks_of(folder):
    with MaskReader(folder / "masks.zip") as masks:
        return np.stack([masks[index] for index in range(len(masks))])


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def test_the_masks_follow_the_object(removal):
    labels = masks_of(removal[0])

    for index, found in enumerate(labels):
        truth = rendered.disc(index)
        assert (found.astype(bool) & truth).sum() / (found.astype(bool) | truth).sum() > 0.8


def test_the_background_comes_back_where_it_is_seen_at_other_times(removal, scene):
    folder, mode = removal
    path, background = scene
    before, after = rendered.rgb(path), rendered.rgb(folder / "out.mkv")
    # Streaming knows only the past: judge it once the disc has uncovered where it began.
    frames = range(len(after)) if mode == "offline" else range(14, len(after))

    ours, telea = [], []
    for index in frames:
        truth = dilate(rendered.disc(index), 2)
        hole = dilate(rendered.disc(index), RADIUS)
        simple = cv2.inpaint(before[index], hole.astype(np.uint8), 3, cv2.INPAINT_TELEA)
        ours.append(psnr(after[index][truth], background[truth]))
        telea.append(psnr(simple[truth], background[truth]))

    assert np.mean(ours) > np.mean(telea) + (6 if mode == "offline" else 4)


def test_nothing_outside_the_hole_changes(removal, scene):
    folder, _ = removal
    before, after = rendered.planes(scene[0]), rendered.planes(folder / "out.mkv")

    holes = np.stack([dilate(labels > 0, RADIUS) for labels in masks_of(folder)])

    height = rendered.HEIGHT
    np.testing.assert_array_equal(
        before[:, :height][~holes], after[:, :height][~holes]
    )  # luma, pixel by pixel
    quarters = holes.reshape(len(holes), height // 2, 2, rendered.WIDTH // 2, 2).any(axis=(2, 4))
    chroma = np.concatenate([quarters, quarters], axis=1).reshape(len(holes), height // 2, -1)
    np.testing.assert_array_equal(before[:, height:][~chroma], after[:, height:][~chroma])


def test_times_and_sound_survive(removal, scene):
    out = removal[0] / "out.mkv"

    differences = [
        abs(a - b) for a, b in zip(rendered.stamps(out), rendered.stamps(scene[0]), strict=True)
    ]

    assert max(differences) <= 0.001
    assert rendered.audio_packets(out) == rendered.audio_packets(scene[0])


def test_the_masks_are_palette_pngs_one_per_frame(removal):
    with zipfile.ZipFile(removal[0] / "masks.zip") as archive:
        pictures = [f"{index:05d}.png" for index in range(30)]
        assert archive.namelist() == [*pictures, "manifest.json"]
        with archive.open("00000.png") as file, Image.open(file) as image:
            assert image.mode == "P"
            assert image.size == (rendered.WIDTH, rendered.HEIGHT)


def test_the_overlay_is_a_video_of_as_many_frames(removal):
    assert len(rendered.rgb(removal[0] / "overlay.mp4")) == 30


def test_the_report_says_what_was_done(removal):
    folder, _ = removal

    report = json.loads((folder / "report.json").read_text())

    assert (report["frames"], report["width"], report["height"]) == (30, 144, 96)
    assert report["fps"] == pytest.approx(30 / report["seconds"], rel=0.01)
    assert set(report["stages"]) == {"decode", "propagate", "inpaint", "encode"}
    assert set(report["engines"]) == {"segmenter", "propagator", "inpainter"}
    assert report["peak_rss_mb"] > 10


def test_a_removal_in_mp4_has_the_same_times_to_the_tick(tmp_path):
    rendered.write_scene(tmp_path / "in.mp4", 12, codec="libx264")

    assert (
        main(["remove", str(tmp_path / "in.mp4"), str(tmp_path / "out.mp4"), "--point", CLICK]) == 0
    )

    assert rendered.stamps(tmp_path / "out.mp4") == rendered.stamps(tmp_path / "in.mp4")
    assert rendered.audio_packets(tmp_path / "out.mp4") == rendered.audio_packets(
        tmp_path / "in.mp4"
    )


def test_an_object_is_followed_back_to_the_first_frame(scene, tmp_path):
    point = f"{30 + 3 * 15},48@15"

    assert main(["track", str(scene[0]), str(tmp_path / "m.zip"), "--point", point, "--quiet"]) == 0

    labels = masks_of_zip(tmp_path / "m.zip")
    for index in (0, 7, 14, 20):
        truth = rendered.disc(index)
        assert (labels[index].astype(bool) & truth).sum() / truth.sum() > 0.8


def masks_of_zip(path):
    with MaskReader(path) as masks:
        return [masks[index] for index in range(len(masks))]


def test_streaming_passes_what_comes_before_the_first_prompt_and_says_so(scene, tmp_path, capsys):
    out = tmp_path / "out.mkv"

    main(["remove", str(scene[0]), str(out), "--point", "60,48@10", "--mode", "streaming"])

    assert "frames 0-9, before the first prompt, pass unchanged" in capsys.readouterr().err
    np.testing.assert_array_equal(rendered.planes(out)[:10], rendered.planes(scene[0])[:10])


def test_masks_made_once_can_be_filled_later_with_the_same_result(removal, scene, tmp_path):
    folder, mode = removal
    masks, out = folder / "masks.zip", tmp_path / "out.mkv"

    main(["fill", str(scene[0]), str(masks), str(out), "--mode", mode, "--quiet"])

    np.testing.assert_array_equal(rendered.planes(out), rendered.planes(folder / "out.mkv"))


def test_one_mask_is_a_hole_that_stays(scene, tmp_path):
    mask = np.zeros((rendered.HEIGHT, rendered.WIDTH), np.uint8)
    mask[40:60, 50:80] = 1
    Image.fromarray(mask).save(tmp_path / "hole.png")
    out = tmp_path / "out.mkv"

    arguments = ["fill", str(scene[0]), str(tmp_path / "hole.png"), str(out), "--dilate", "0"]
    assert main([*arguments, "--quiet"]) == 0

    before, after = rendered.planes(scene[0]), rendered.planes(out)
    changed = (before[:, : rendered.HEIGHT] != after[:, : rendered.HEIGHT]).any(axis=0)
    assert changed[mask > 0].mean() > 0.5
    assert not changed[mask == 0].any()


def test_only_the_chosen_objects_are_removed(scene, tmp_path):
    mask = np.zeros((rendered.HEIGHT, rendered.WIDTH), np.uint8)
    mask[5:25, 100:130] = 2
    mask[rendered.disc(0)] = 1
    Image.fromarray(mask).save(tmp_path / "objects.png")
    out = tmp_path / "out.mkv"

    arguments = ["remove", str(scene[0]), str(out), "--mask", str(tmp_path / "objects.png")]
    assert main([*arguments, "--objects", "2", "--quiet"]) == 0

    after = rendered.rgb(out)
    assert abs(after[0][rendered.disc(0)].astype(int) - (215, 50, 45)).mean() < 12


def test_a_folder_of_images_goes_in_and_comes_out(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(8):
        picture = rendered.wall()
        picture[rendered.disc(index)] = (215, 50, 45)
        Image.fromarray(picture).save(folder / f"{index}.png")
    out = tmp_path / "clean"

    assert main(["remove", str(folder), str(out), "--point", CLICK, "--fps", "10", "--quiet"]) == 0

    names = sorted(path.name for path in out.iterdir())
    assert names == [f"{index:05d}.png" for index in range(8)] + ["frames.json"]


def assert_refused(capsys, arguments, message):
    assert main([str(argument) for argument in arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (["--point", "500,20"], "point 500,20 is outside the frame: the video is 144x96"),
        (["--point", "30,48@99"], "frame 99 is past the end: the video has 30 frames (0-29)"),
        (["--point", "here"], "cannot read the point 'here'"),
        ([], "nothing to remove: point at an object"),
        (["--point", CLICK, "--inpainter", "magic"], "unknown inpainter 'magic'"),
    ],
)
def test_a_prompt_that_cannot_be_followed_is_refused(scene, tmp_path, capsys, prompt, message):
    out = tmp_path / "out.mp4"

    assert_refused(capsys, ["remove", scene[0], out, *prompt], message)

    assert list(tmp_path.iterdir()) == []


def test_a_mask_of_another_size_is_refused(scene, tmp_path, capsys):
    Image.fromarray(np.ones((10, 12), np.uint8)).save(tmp_path / "mask.png")

    arguments = ["remove", scene[0], tmp_path / "out.mp4", "--mask", tmp_path / "mask.png"]
    assert_refused(capsys, arguments, "the mask is 12x10 but the video is 144x96")

    assert not (tmp_path / "out.mp4").exists()


def test_masks_of_another_length_are_refused(scene, tmp_path, capsys):
    rendered.write_scene(tmp_path / "short.mkv", 5, sound=False)
    main(
        ["track", str(tmp_path / "short.mkv"), str(tmp_path / "m.zip"), "--point", CLICK, "--quiet"]
    )

    arguments = ["fill", scene[0], tmp_path / "m.zip", tmp_path / "out.mp4"]
    assert_refused(capsys, arguments, "5 masks")

    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty"), (b"this is text, not a film\n" * 50, "not a video"), (None, "does not exist")],
)
def test_what_is_no_video_is_refused(tmp_path, capsys, content, message):
    source = tmp_path / "in.mp4"
    if content is not None:
        source.write_bytes(content)

    assert_refused(capsys, ["remove", source, tmp_path / "out.mp4", "--point", "1,1"], message)

    assert not (tmp_path / "out.mp4").exists()


def test_sound_alone_is_no_video(tmp_path, capsys):
    rendered.write_sound(tmp_path / "in.m4a")

    arguments = ["remove", tmp_path / "in.m4a", tmp_path / "out.mp4", "--point", "1,1"]
    assert_refused(capsys, arguments, "no video stream")


def test_an_existing_output_is_kept_unless_told_otherwise(scene, tmp_path, capsys):
    out = tmp_path / "out.mkv"
    out.write_text("precious")

    assert_refused(capsys, ["remove", scene[0], out, "--point", CLICK], "--overwrite")

    assert out.read_text() == "precious"
    assert main(["remove", str(scene[0]), str(out), "--point", CLICK, "--overwrite"]) == 0
    assert len(rendered.planes(out)) == 30


def test_the_input_is_never_overwritten(scene, capsys):
    arguments = ["remove", scene[0], scene[0], "--point", CLICK, "--overwrite"]

    assert_refused(capsys, arguments, "give every file its own name")


def test_engines_says_what_does_each_job_and_why(capsys):
    assert main(["engines"]) == 0

    text = capsys.readouterr().out
    for job in ("segmenter", "propagator", "inpainter"):
        assert f"{job:<11} classical on cpu: " in text


def test_closing_a_job_keeps_what_is_finished(scene, tmp_path):
    from tracker.jobs import Job
    from tracker.removal import run_job

    labels = rendered.disc(0).astype(np.uint8)
    steps = run_job(Job(scene[0], tmp_path / "out.mkv", {0: labels}, mode="streaming"))
    for _ in range(10):
        next(steps)
    steps.close()

    assert [path.name for path in tmp_path.iterdir()] == ["out.partial.mkv"]
    assert 1 <= len(rendered.rgb(tmp_path / "out.partial.mkv")) <= 10


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_with_130_and_keeps_what_is_finished(tmp_path):
    rendered.write_scene(tmp_path / "in.mkv", 600, sound=False)
    arguments = ["remove", tmp_path / "in.mkv", tmp_path / "out.mp4", "--point", CLICK]
    command = [sys.executable, "-m", "tracker", *map(str, arguments), "--mode", "streaming"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    shown = [running.stderr.readline() for _ in range(2)]  # a line per tenth
    assert shown[-1].startswith("fill ")

    running.send_signal(signal.SIGINT)

    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out.partial.mp4"]
    assert len(rendered.rgb(tmp_path / "out.partial.mp4")) >= 50
