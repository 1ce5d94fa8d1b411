"""Every file a job can leave is opened again and compared with what it was made of."""

import json
import zipfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import rendered
from PIL import Image

from tracker.__main__ import main
from tracker.exports.layers import patch_layer
from tracker.exports.masks import open_masks
from tracker.exports.mattes import MatteWriter, levels_of
from tracker.jobs import Job
from tracker.masks import MaskReader
from tracker.removal import run_job
from tracker.types import UserError
from tracker.video import VideoReader, VideoWriter

FRAMES = 10
MILLISECOND = Fraction(1, 1000)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder of a clip with sound, and of everything a removal can leave of it."""
    folder = tmp_path_factory.mktemp("exports")
    rendered.write_scene(folder / "in.mkv", FRAMES)
    labels = np.zeros((rendered.HEIGHT, rendered.WIDTH), np.uint8)
    labels[rendered.disc(0)] = 1
    labels[10:30, 100:130] = 2  # a second object, to see that ids are kept
    job = Job(
        folder / "in.mkv",
        folder / "clean.mkv",
        {0: labels},
        masks_out=folder / "masks.zip",
        matte_out=folder / "matte.mkv",
        overlay_out=folder / "overlay.mp4",
        cutout_out=folder / "cutout.mov",
        patch_out=folder / "patch.mov",
        names={1: "the disc"},
    )
    more = replace(
        job,
        output=folder / "clean.mov",
        masks_out=None,
        matte_out=None,
        overlay_out=None,
        cutout_out=folder / "cutout.webm",
        patch_out=folder / "patch",
    )
    pictures = Job(folder / "in.mkv", folder / "clean", {0: labels}, cutout_out=folder / "cutout")
    for each in (job, more, pictures):
        assert list(run_job(each))[-1].stage == "done"
    for ending, codec in ((".mp4", "h265"), (".mp4", "h264")):
        with (
            VideoReader(folder / "clean.mkv") as reader,
            VideoWriter(folder / f"{codec}{ending}", reader, codec=codec) as writer,
        ):
            for frame in reader:
                writer.write(frame)
            writer.commit()
    return folder


def rgba(path):
    """Return every frame with its transparency, uint8."""
    with VideoReader(path) as reader:
        frames = list(reader)
    assert all(frame.layout.has_alpha for frame in frames)
    alpha = np.stack([frame.planes[-1] for frame in frames])
    depth = frames[0].layout.maximum
    alpha = np.rint(alpha * (255 / depth)).astype(np.uint8)
    return np.concatenate([np.stack([f.rgb for f in frames]), alpha[..., None]], axis=-1)


def rgb(path):
    """Return every frame as the engines see it: each chroma sample stays where it is."""
    with VideoReader(path) as reader:
        return np.stack([frame.rgb for frame in reader])


def psnr(first, second):
    error = np.mean((first.astype(float) - second) ** 2)
    return 10 * np.log10(255**2 / max(error, 1e-9))


def within_a_millisecond(times, others):
    return len(times) == len(others) and all(
        abs(a - b) <= MILLISECOND for a, b in zip(times, others, strict=True)
    )


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "least_psnr"),
    [
        ("clean.mov", "prores", "yuv422p10le", 50),
        ("h265.mp4", "hevc", "yuv420p10le", 40),
        ("h264.mp4", "h264", "yuv420p", 40),
        ("clean.mkv", "ffv1", "yuv420p", 99),
    ],
)
def test_the_clean_video_is_the_same_in_every_codec(made, name, codec, pixel_format, least_psnr):
    with av.open(str(made / name)) as container:
        stream = container.streams.video[0]
        found = (stream.codec_context.name, stream.pix_fmt, stream.width, stream.height)

    assert found == (codec, pixel_format, rendered.WIDTH, rendered.HEIGHT)
    # The wall is grain: nothing is harder.
    assert psnr(rgb(made / name), rgb(made / "clean.mkv")) > least_psnr
    assert within_a_millisecond(rendered.stamps(made / name), rendered.stamps(made / "in.mkv"))
    assert rendered.audio_packets(made / name) == rendered.audio_packets(made / "in.mkv")


def test_editing_suites_get_the_profiles_they_ask_for(made):
    with av.open(str(made / "clean.mov")) as container:
        assert container.streams.video[0].codec_context.codec_tag == "apch"  # 422 HQ
    with av.open(str(made / "patch.mov")) as container:
        assert container.streams.video[0].codec_context.codec_tag == "ap4h"  # 4444
    with av.open(str(made / "h265.mp4")) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


@pytest.mark.parametrize("name", ["patch.mov", "patch"])
def test_the_patch_laid_over_the_source_is_the_clean_video(made, name):
    source, clean = rgb(made / "in.mkv"), rgb(made / "clean.mkv")

    patch = rgba(made / name)

    alpha = patch[..., 3:].astype(float) / 255
    laid = source * (1 - alpha) + patch[..., :3] * alpha
    changed = (patch[..., 3] > 0) & (np.abs(source.astype(int) - clean).max(axis=-1) > 0)
    assert changed.any(axis=(1, 2)).all()
    # 4:2:0 chroma of the clean video is shared by pixels that the layer keeps apart.
    assert psnr(laid[changed], clean[changed]) > 37
    assert psnr(source[changed], clean[changed]) < 20
    assert (np.abs(laid - clean)[patch[..., 3] == 0] <= 3).mean() > 0.995
    assert within_a_millisecond(_times(made / name), _times(made / "in.mkv"))


def test_the_patch_is_feathered_and_nothing_else_is_in_it(made):
    alpha = rgba(made / "patch")[..., 3]

    soft = (alpha > 0) & (alpha < 255)
    assert soft.any(axis=(1, 2)).all()
    assert 0 < (alpha > 0).mean() < 0.35


@pytest.mark.parametrize("name", ["cutout.mov", "cutout.webm", "cutout"])
def test_the_cut_out_is_the_object_alone(made, name):
    source = rendered.rgb(made / "in.mkv")
    with MaskReader(made / "masks.zip") as masks:
        true = np.stack([masks[index] > 0 for index in range(FRAMES)])

    cut = rgba(made / name)

    assert cut.shape == (FRAMES, rendered.HEIGHT, rendered.WIDTH, 4)
    assert ((cut[..., 3] > 127) == true).mean() > 0.999
    assert psnr(cut[..., :3][true], source[true]) > 30
    assert within_a_millisecond(_times(made / name), _times(made / "in.mkv"))
    if name != "cutout":
        with av.open(str(made / name)) as container:
            assert not container.streams.audio


def test_a_cut_out_of_pictures_is_exact(made):
    source = rgb(made / "in.mkv")
    with MaskReader(made / "masks.zip") as masks:
        true = np.stack([masks[index] > 0 for index in range(FRAMES)])

    files = sorted((made / "cutout").glob("*.png"))
    cut = np.stack([np.asarray(Image.open(each)) for each in files])

    assert len(files) == FRAMES
    np.testing.assert_array_equal(cut[..., 3], true * np.uint8(255))
    np.testing.assert_array_equal(cut[..., :3][true], source[true])
    noted = json.loads((made / "cutout" / "frames.json").read_text())
    assert [Fraction(each["time"]) for each in noted] == _times(made / "in.mkv")


def test_the_clean_video_in_pictures_is_the_lossless_one(made):
    np.testing.assert_array_equal(rgb(made / "clean"), rgb(made / "clean.mkv"))
    assert _times(made / "clean") == _times(made / "in.mkv")


def test_the_overlay_has_the_sound_and_the_times(made):
    assert rendered.stamps(made / "overlay.mp4") == rendered.stamps(made / "in.mkv")
    assert rendered.audio_packets(made / "overlay.mp4") == rendered.audio_packets(made / "in.mkv")


def test_the_matte_comes_back_bit_exactly(made):
    with MaskReader(made / "masks.zip") as masks, open_masks(made / "matte.mkv") as matte:
        assert len(matte) == len(masks) == FRAMES
        for index in range(FRAMES):
            np.testing.assert_array_equal(matte[index], masks[index])
        assert {1, 2} <= set(np.unique(matte[0]))
    assert _times(made / "matte.mkv") == _times(made / "in.mkv")


def test_the_matte_is_white_on_black_to_other_programs(made):
    with av.open(str(made / "matte.mkv")) as container:
        grey = [frame.to_ndarray() for frame in container.decode(video=0)]

    assert all(set(np.unique(each)) <= {0, 254, 255} for each in grey)


def test_a_foreign_matte_is_one_object(tmp_path):
    with VideoWriter.rendered(tmp_path / "foreign.mp4", 64, 48, Fraction(25)) as writer:
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[10:30, 20:50] = 255
        writer.write_rgb(picture, Fraction(0))
        writer.commit()

    with open_masks(tmp_path / "foreign.mp4") as matte:
        np.testing.assert_array_equal(matte[0], picture[..., 0] // 255)


def test_levels_of_labels_are_their_own_inverse():
    labels = np.arange(256, dtype=np.uint8)[None]

    assert levels_of(labels)[0, 1] == 255
    np.testing.assert_array_equal(levels_of(levels_of(labels)), labels)


@pytest.mark.parametrize("masks", ["masks.zip", "matte.mkv"])
def test_masks_brought_back_give_the_same_video(made, masks, tmp_path):
    job = Job(made / "in.mkv", tmp_path / "again.mkv", masks=made / masks)

    assert list(run_job(job))[-1].report.frames == FRAMES

    np.testing.assert_array_equal(
        rendered.planes(tmp_path / "again.mkv"), rendered.planes(made / "clean.mkv")
    )


def test_the_archive_of_masks_says_which_is_which(made):
    with zipfile.ZipFile(made / "masks.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        names = set(archive.namelist())
        first = np.asarray(Image.open(archive.open(manifest["frames"][0]["file"])))

    assert manifest["source"] == "in.mkv"
    assert manifest["objects"] == [{"id": 1, "name": "the disc"}, {"id": 2, "name": "Object 2"}]
    assert [each["frame"] for each in manifest["frames"]] == list(range(FRAMES))
    assert [Fraction(each["time"]) for each in manifest["frames"]] == _times(made / "in.mkv")
    assert {each["file"] for each in manifest["frames"]} | {"manifest.json"} == names
    assert set(np.unique(first)) == {0, 1, 2}


def test_a_matte_of_another_length_or_size_is_refused(made, tmp_path):
    with open_masks(made / "matte.mkv") as matte:
        with pytest.raises(UserError, match=r"matte\.mkv has 10 frames but the clip has 11"):
            matte.check(11, rendered.HEIGHT, rendered.WIDTH)
        with pytest.raises(UserError, match=r"matte\.mkv is 144x96 but the clip is 96x144"):
            matte.check(FRAMES, 144, 96)


def test_a_frame_without_a_fill_is_a_clear_patch(made):
    with VideoReader(made / "in.mkv") as reader:
        layer = patch_layer(reader.read(0))

    assert not any(plane.any() for plane in layer.planes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["out.mkv", "--codec", "prores"], "prores is written to .mov, not to out.mkv"),
        (["out", "--codec", "h265"], "h265 is written to .mp4, not to a folder"),
        (["out.webm"], "out.webm: .webm is for cut-outs"),
        (["out.mp4", "--cutout-out", "cut.mp4"], "cut.mp4: .mp4 keeps no transparency"),
        (["out.mp4", "--matte-out", "m.mp4"], "m.mp4: unknown ending; a matte is written to"),
        (["out.mp4", "--patch-out", "out.mp4"], "out.mp4 is named twice"),
    ],
)
def test_what_does_not_go_together_is_refused_before_any_work(
    made, tmp_path, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(tmp_path)

    code = main(["remove", str(made / "in.mkv"), *arguments, "--point", "30,48", "--quiet"])

    assert code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_all_exports_can_be_asked_for_on_the_command_line(made, tmp_path, capsys):
    wanted = {
        "--matte-out": "matte.mkv",
        "--cutout-out": "cut.webm",
        "--patch-out": "patch.mov",
        "--overlay-out": "overlay.mp4",
        "--masks-out": "masks.zip",
    }
    flags = [part for flag, name in wanted.items() for part in (flag, str(tmp_path / name))]

    video = ["remove", str(made / "in.mkv"), str(tmp_path / "out.mov"), "--codec", "prores"]
    code = main([*video, "--point", "30,48", "--quiet", *flags])

    assert code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"out.mov", *wanted.values()}


def test_a_stopped_job_keeps_what_is_finished_of_every_file(made, tmp_path):
    job = Job(
        made / "in.mkv",
        tmp_path / "clean.mov",
        masks=made / "masks.zip",
        matte_out=tmp_path / "matte.mkv",
        patch_out=tmp_path / "patch.mov",
    )
    steps = run_job(job)
    for _ in range(4):
        next(steps)

    steps.close()

    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"clean.partial.mov", "matte.partial.mkv", "patch.partial.mov"}
    assert len(rendered.stamps(tmp_path / "clean.partial.mov")) >= 3


def test_a_matte_needs_frames(tmp_path, made):
    with (
        VideoReader(made / "in.mkv") as reader,
        MatteWriter(tmp_path / "m.mkv", reader.info) as matte,
        pytest.raises(UserError, match="would have no frames"),
    ):
        matte.commit()

    assert not list(tmp_path.iterdir())


def _times(path: Path):
    with VideoReader(path) as reader:
        return [frame.time for frame in reader]
