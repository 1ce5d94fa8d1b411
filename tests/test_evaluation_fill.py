"""`evaluate fill` follows the published protocol, and says what it cannot measure."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from tracker.__main__ import main
from tracker.evaluation import runs
from tracker.evaluation.fill_sheet import evaluate_fill
from tracker.evaluation.motion import MotionEstimator
from tracker.evaluation.perceptual import Perception
from tracker.evaluation.protocol import PUBLISHED, Protocol, grow, resize_frame, resize_mask
from tracker.label_images import encode_labels
from tracker.types import UserError

SMALL = Protocol(size=None, ssim_window=7, dilation=0)
NOBODY = Perception(None, None, "cpu")


def noise(height, width, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4, 3))
    return cv2.resize(coarse.astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)


def write_frames(folder, frames):
    folder.mkdir(parents=True)
    for index, frame in enumerate(frames):
        if frame.dtype == np.uint8:
            Image.fromarray(frame).save(folder / f"{index:05d}.png")
        else:
            np.save(folder / f"{index:05d}.npy", frame)


def write_masks(folder, masks):
    folder.mkdir(parents=True)
    for index, mask in enumerate(masks):
        (folder / f"{index:05d}.png").write_bytes(encode_labels(mask.astype(np.uint8)))


def a_hole(height=64, width=96, left=40):
    mask = np.zeros((height, width), bool)
    mask[20:40, left : left + 20] = True
    return mask


def test_masks_grow_as_the_published_code_grows_them():
    mask = np.random.default_rng(1).random((50, 70)) > 0.99
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))

    expected = cv2.dilate(mask.astype(np.uint8), cross, iterations=4) > 0

    np.testing.assert_array_equal(grow(mask, 4), expected)


def test_frames_and_masks_are_resized_as_pillow_does():
    frame, mask = noise(96, 128), a_hole(96, 128)

    expected = np.asarray(Image.fromarray(frame).resize((432, 240), Image.BICUBIC))
    expected_mask = np.asarray(Image.fromarray(mask).resize((432, 240), Image.NEAREST))

    np.testing.assert_array_equal(resize_frame(frame, (240, 432)), expected)
    np.testing.assert_array_equal(resize_mask(mask, (240, 432)), expected_mask)


def test_the_published_figures_follow_from_their_definition(tmp_path):
    metrics = pytest.importorskip("skimage.metrics")
    truths = [noise(240, 432, seed) for seed in range(2)]
    results = [
        np.clip(truth + np.random.default_rng(9).normal(0, 8, truth.shape), 0, 255).astype("f2")
        for truth in truths
    ]
    holes = [a_hole(240, 432, left) for left in (40, 300)]
    write_frames(tmp_path / "truth/a", truths)
    write_frames(tmp_path / "found/a", results)
    write_masks(tmp_path / "masks/a", holes)

    sheet = evaluate_fill(
        tmp_path / "found", tmp_path / "truth", tmp_path / "masks", PUBLISHED, NOBODY
    )

    psnrs, ssims, holes_only = [], [], []
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    for truth, result, hole in zip(truths, results, holes, strict=True):
        grown = cv2.dilate(hole.astype(np.uint8), cross, iterations=4)[..., None]
        comp = result.astype(np.float64) * grown + truth.astype(np.float64) * (1 - grown)
        psnrs.append(metrics.peak_signal_noise_ratio(truth.astype(float), comp, data_range=255))
        ssims.append(
            metrics.structural_similarity(
                comp, truth.astype(float), data_range=255, channel_axis=-1, win_size=65
            )
        )
        error = (comp - truth)[grown[..., 0] > 0]
        holes_only.append(10 * np.log10(255**2 / np.mean(error**2)))
    assert sheet.overall["psnr"] == pytest.approx(np.mean(psnrs))
    assert sheet.overall["ssim"] == pytest.approx(np.mean(ssims), abs=1e-9)
    assert sheet.overall["psnr_hole"] == pytest.approx(np.mean(holes_only))
    assert sheet.clips["a"]["psnr"] == sheet.overall["psnr"]


def test_the_mean_is_over_frames_not_over_clips(tmp_path):
    truth = noise(64, 96)
    for name, count, error in (("long", 3, 10), ("short", 1, 20)):
        write_frames(tmp_path / "truth" / name, [truth // 2] * count)
        write_frames(tmp_path / "found" / name, [truth // 2 + np.uint8(error)] * count)

    sheet = evaluate_fill(tmp_path / "found", tmp_path / "truth", None, SMALL, NOBODY)

    expected = [20 * np.log10(255 / error) for error in (10, 10, 10, 20)]
    assert sheet.overall["psnr"] == pytest.approx(np.mean(expected))


def test_what_is_outside_the_hole_does_not_count(tmp_path):
    truth, hole = noise(64, 96), a_hole()
    result = np.where(hole[..., None], truth, 255 - truth)
    write_frames(tmp_path / "truth/a", [truth] * 2)
    write_frames(tmp_path / "found/a", [result] * 2)
    write_masks(tmp_path / "masks/a", [hole] * 2)

    with_masks = evaluate_fill(
        tmp_path / "found", tmp_path / "truth", tmp_path / "masks", SMALL, NOBODY
    )
    without = evaluate_fill(tmp_path / "found", tmp_path / "truth", None, SMALL, NOBODY)

    assert with_masks.overall["ssim"] == pytest.approx(1)
    assert with_masks.overall["psnr"] is None  # equal frames have none
    assert "2 frames equal the truth" in " ".join(with_masks.notes)
    assert without.overall["psnr"] < 15
    assert without.overall["psnr_hole"] is None


def steady_and_flickering():
    """Return five frames of a moving picture, and the same with a square that flickers."""
    wide, hole = noise(64, 160), a_hole()
    truths = [wide[:, 3 * index : 3 * index + 96] for index in range(5)]
    flicker = [
        np.where(hole[..., None], truth // 2 + np.uint8(60 * (index % 2)), truth).astype(np.uint8)
        for index, truth in enumerate(truths)
    ]
    return truths, flicker


def test_flicker_costs_warping_error_and_steadiness_does_not(tmp_path):
    truths, flicker = steady_and_flickering()
    write_frames(tmp_path / "truth/a", truths)
    write_frames(tmp_path / "steady/a", truths)
    write_frames(tmp_path / "flicker/a", flicker)

    def error(folder):
        sheet = evaluate_fill(tmp_path / folder, tmp_path / "truth", None, SMALL, NOBODY)
        return sheet.overall["warp_error"], sheet.overall["warp_error_truth"]

    steady, steady_truth = error("steady")
    flickering, flickering_truth = error("flicker")
    assert steady == steady_truth == flickering_truth
    assert flickering > steady + 0.002


def test_flicker_in_the_hole_alone_is_told_apart_from_the_rest(tmp_path):
    truths, flicker = steady_and_flickering()
    write_frames(tmp_path / "truth/a", truths)
    write_frames(tmp_path / "found/a", flicker)
    write_masks(tmp_path / "masks/a", [a_hole()] * 5)

    sheet = evaluate_fill(
        tmp_path / "found", tmp_path / "truth", tmp_path / "masks", SMALL, NOBODY
    ).overall

    assert sheet["warp_error_hole"] > 3 * sheet["warp_error"]
    assert sheet["warp_error_hole_truth"] == pytest.approx(sheet["warp_error_truth"], abs=2e-3)


def test_the_flow_is_masked_where_something_is_hidden():
    wall, ball = noise(160, 240), noise(160, 240, seed=5)
    first, second = wall.copy(), wall.copy()
    first[40:120, 60:140], second[40:120, 72:152] = ball[:80, :80], ball[:80, :80]

    motion = MotionEstimator().between(first, second)

    covered = motion.visible[45:115, 141:151]  # wall the ball moves over
    assert motion.visible.mean() > 0.85
    assert covered.mean() < 0.5
    assert np.abs(motion.flow_to_next[60:100, 80:120] - (12, 0)).max() < 0.5
    assert motion.camera < 0.01


def test_camera_and_background_motion_are_told_apart():
    wide = noise(96, 200)
    panned = MotionEstimator().between(wide[:, 10:138], wide[:, 16:144])

    assert panned.camera == pytest.approx(6 / np.hypot(96, 128), rel=0.15)
    assert panned.background < 0.2 * panned.camera


def test_clips_are_sliced_as_devil_slices_them(tmp_path):
    wide = noise(64, 200)
    for name, step, side in (("still", 0, 10), ("pan", 4, 20)):
        frames = [wide[:, step * index : step * index + 96] for index in range(4)]
        write_frames(tmp_path / "truth" / name, frames)
        write_frames(tmp_path / "found" / name, [frame // 2 for frame in frames])
        masks = [np.zeros((64, 96), bool) for _ in frames]
        for mask in masks:
            mask[10 : 10 + side, 30 : 30 + side] = True
        write_masks(tmp_path / "masks" / name, masks)

    sheet = evaluate_fill(tmp_path / "found", tmp_path / "truth", tmp_path / "masks", SMALL, NOBODY)

    assert sheet.slices["camera_motion low"]["psnr"] == sheet.clips["still"]["psnr"]
    assert sheet.slices["camera_motion high"]["psnr"] == sheet.clips["pan"]["psnr"]
    assert sheet.slices["hole_size high"]["psnr"] == sheet.clips["pan"]["psnr"]


@pytest.mark.parametrize(
    ("results", "masks", "message"),
    [
        (2, 3, r"a: 2 results but 3 true frames; missing: 00002"),
        (3, 2, r"a: 2 masks but more frames"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path, results, masks, message):
    write_frames(tmp_path / "truth/a", [noise(64, 96)] * 3)
    write_frames(tmp_path / "found/a", [noise(64, 96)] * results)
    write_masks(tmp_path / "masks/a", [a_hole()] * masks)

    with pytest.raises(UserError, match=message):
        evaluate_fill(tmp_path / "found", tmp_path / "truth", tmp_path / "masks", SMALL, NOBODY)


def test_small_frames_and_large_windows_do_not_go_together(tmp_path):
    write_frames(tmp_path / "truth/a", [noise(64, 96)])

    with pytest.raises(UserError, match="frames of 96x64 are too small for an SSIM window of 65"):
        evaluate_fill(tmp_path / "truth", tmp_path / "truth", None, Protocol(None, 65, 0), NOBODY)


def test_frames_that_show_the_object_are_no_truth(tmp_path):
    write_frames(tmp_path / "clips/shown/frames", [noise(64, 96)])
    write_frames(tmp_path / "clips/known/frames", [noise(64, 96)])
    Image.fromarray(noise(64, 96) // 2).save(tmp_path / "clips/known/bg_static.png")
    for index, name in enumerate(("shown", "known")):
        write_frames(tmp_path / "found" / name, [noise(64, 96, index)] * 2)

    sheet = evaluate_fill(tmp_path / "found", tmp_path / "clips", None, SMALL, NOBODY)

    assert sheet.clips.keys() == {"known"}
    assert len(sheet.frames["known"]) == 2  # one picture is the truth of all frames


def test_made_cases_are_filled_measured_and_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CLEANPLATE_CKPT", str(tmp_path / "none"))
    wide = noise(80, 220)
    for name, step in (("a", 2), ("b", 3)):
        frames = [wide[:, step * index : step * index + 120].copy() for index in range(12)]
        write_frames(tmp_path / "clips" / name / "frames", frames)
        write_masks(tmp_path / f"clips/{name}/masks", [a_hole(80, 120, 20 + i) for i in range(12)])
    run = [
        "evaluate",
        "cases",
        "moving",
        tmp_path / "clips",
        tmp_path / "cases",
        "--size",
        "source",
    ]
    assert main([*map(str, run)]) == 0

    case = tmp_path / "cases/a_over_b"
    frame = np.asarray(Image.open(case / "frames/00003.png"))
    truth = np.asarray(Image.open(case / "bg/00003.png"))
    hidden = np.asarray(Image.open(case / "masks/00003.png")) > 0
    np.testing.assert_array_equal(truth, wide[:, 9:129])
    np.testing.assert_array_equal(frame[~hidden], truth[~hidden])
    assert 0.005 < hidden.mean() < 0.4
    assert (frame[hidden] != truth[hidden]).any(axis=-1).mean() > 0.9

    run = ["evaluate", "inpaint", tmp_path / "cases", tmp_path / "out", "--size", "source"]
    assert main([*map(str, run), "--inpainter", "classical", "--quiet"]) == 0
    assert any((tmp_path / "out/a_over_b").glob("*.npy"))  # published windows overlap
    run = ["evaluate", "fill", tmp_path / "out", tmp_path / "cases", "--masks", tmp_path / "cases"]
    run += ["--size", "source", "--ssim-window", "33", "--json", tmp_path / "f.json"]
    assert main([*map(str, run), "--report", str(tmp_path / "f.html")]) == 0
    found = json.loads((tmp_path / "f.json").read_text())
    assert {"psnr", "ssim", "psnr_hole", "warp_error", "lpips", "vfid"} <= found.keys()
    assert found.keys() >= found["clips"]["a_over_b"].keys() - {"frames", "per_frame"}
    assert found["psnr_hole"] > 20
    assert found["lpips"] is None
    assert "python -m tracker download i3d" in capsys.readouterr().out
    assert (tmp_path / "f.html").read_text().count("data:image/jpeg") == 12


def test_a_stationary_hole_stays_and_its_frames_are_the_truth(tmp_path, capsys):
    write_frames(tmp_path / "clips/a/frames", [noise(64, 96, seed) for seed in range(3)])
    run = ["evaluate", "cases", "stationary", tmp_path / "clips"]

    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        more = [tmp_path / name, "--seed", seed, "--size", "source"]
        assert main([*map(str, [*run, *more])]) == 0

    masks = [np.asarray(Image.open(tmp_path / f"one/a/masks/{i:05d}.png")) for i in range(3)]
    np.testing.assert_array_equal(masks[0], masks[2])
    assert 0.04 <= (masks[0] > 0).mean() < 0.2
    again = np.asarray(Image.open(tmp_path / "again/a/masks/00000.png"))
    np.testing.assert_array_equal(masks[0], again)
    assert (masks[0] != np.asarray(Image.open(tmp_path / "other/a/masks/00000.png"))).any()
    sheet = evaluate_fill(tmp_path / "clips", tmp_path / "one", tmp_path / "one", SMALL, NOBODY)
    assert sheet.overall["ssim"] == pytest.approx(1)


def test_baselines_look_where_they_say(tmp_path):
    frames = [np.full((64, 96, 3), 10 * index, np.uint8) for index in range(4)]
    holes = [a_hole() if index in (1, 2) else np.zeros((64, 96), bool) for index in range(4)]
    write_frames(tmp_path / "clips/a/frames", frames)
    write_masks(tmp_path / "clips/a/masks", holes)

    def colour_in_frame_2(kind):
        run = ["evaluate", "inpaint", tmp_path / "clips", tmp_path / kind, "--baseline", kind]
        assert main([*map(str, run), "--size", "source", "--dilate", "0", "--quiet"]) == 0
        return int(np.asarray(Image.open(tmp_path / kind / "a/00002.png"))[30, 50, 0])

    assert colour_in_frame_2("telea") == pytest.approx(20, abs=3)  # Telea extrapolates
    assert colour_in_frame_2("nearest") == 30
    assert colour_in_frame_2("previous") == 0


def test_nobody_sees_what_is_in_the_hole(tmp_path, monkeypatch):
    class Idle:
        def fill(self, clip):
            return list(clip.frames[: clip.num_local])

    monkeypatch.setattr(runs.engines, "make_inpainter", lambda choice: Idle())
    write_frames(tmp_path / "clips/a/frames", [noise(64, 96)] * 2)
    write_masks(tmp_path / "clips/a/masks", [a_hole()] * 2)
    run = ["evaluate", "inpaint", tmp_path / "clips", tmp_path / "out", "--schedule", "engine"]

    assert main([*map(str, run), "--size", "source", "--dilate", "0", "--quiet"]) == 0

    filled = np.asarray(Image.open(tmp_path / "out/a/00001.png"))
    assert (filled[a_hole()] == (0, 255, 0)).all()
    np.testing.assert_array_equal(filled[~a_hole()], noise(64, 96)[~a_hole()])
