"""A frame given as it should look fills its own hole and guides the others."""

from dataclasses import replace
from itertools import islice

import cv2
import numpy as np
import pytest
import rendered
from PIL import Image
from test_classical_inpainter import blank, moving_holes, panning, psnr, texture
from test_pipeline import FILL, HOLE, FlatInpainter, Picture, WatchingInpainter, numbered_pairs

from tracker.__main__ import main
from tracker.classical.inpainter import ClassicalInpainter
from tracker.engine_table import INPAINTERS
from tracker.jobs import Job
from tracker.keyframes import Keyframes, parse_keyframes, read_picture
from tracker.pipeline import HolePlan, inpaint, remove
from tracker.removal import run_job
from tracker.types import UserError
from tracker.windows import MAX_KEYFRAMES, causal_windows, offline_windows

ROW = INPAINTERS["classical"]

HEIGHT, WIDTH = 4, 6


def test_a_keyframe_is_a_reference_of_every_offline_window_it_is_not_in():
    windows = list(offline_windows(200, keyframes=(7, 133)))

    for window in windows:
        assert {7, 133} <= {*window.local, *window.references}
        assert not set(window.local) & set(window.references)
        assert list(window.references) == sorted(window.references)


def test_a_window_looks_at_the_nearest_of_many_keyframes():
    keyframes = range(1, 2000, 2)

    window = next(islice(offline_windows(2000, keyframes=keyframes), 100, None))

    odd = [index for index in window.references if index % 2]
    assert len(odd) >= MAX_KEYFRAMES
    near = [index for index in keyframes if index not in window.local]
    near.sort(key=lambda index: min(abs(index - other) for other in window.local))
    assert set(near[:MAX_KEYFRAMES]) <= set(odd)


def test_streaming_looks_at_a_keyframe_from_then_on_and_keeps_nothing_else_for_it():
    windows = list(islice(causal_windows(keyframes=(12,)), 200))
    without = list(islice(causal_windows(), 200))

    for current, (window, plain) in enumerate(zip(windows, without, strict=True)):
        assert (12 in (*window.local, *window.references)) == (current >= 12)
        assert window.oldest_needed == plain.oldest_needed


@pytest.mark.parametrize("mode", ["offline", "streaming"])
def test_the_hole_of_a_keyframe_shows_what_was_given_and_nothing_else_changes(mode):
    pictures = [Picture(frame) for frame, _ in numbered_pairs(9)]
    labelled = [(picture, HOLE.astype(np.uint8)) for picture in pictures]
    plan = HolePlan(objects=None, dilation=0, working_size=(HEIGHT, WIDTH))
    given = np.arange(HEIGHT * WIDTH * 3, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3)
    keyframes = {3: given}
    windows = (
        offline_windows(9, keyframes=keyframes)
        if mode == "offline"
        else causal_windows(keyframes=keyframes)
    )

    results = list(remove(labelled, windows, FlatInpainter(), plan, keyframes=keyframes))

    np.testing.assert_array_equal(results[3].rgb[HOLE], given[HOLE])
    np.testing.assert_array_equal(results[3].rgb[~HOLE], pictures[3].rgb[~HOLE])
    assert (results[4].rgb[HOLE] == FILL).all()


def test_an_inpainter_sees_a_keyframe_whole_and_is_told_which_it_is():
    inpainter = WatchingInpainter()
    labelled = [(Picture(frame), HOLE.astype(np.uint8)) for frame, _ in numbered_pairs(20)]
    plan = HolePlan(objects=None, dilation=0, working_size=(HEIGHT, WIDTH))
    keyframes = {2: np.full((HEIGHT, WIDTH, 3), 99, np.uint8)}

    list(
        remove(labelled, causal_windows(keyframes=keyframes), inpainter, plan, keyframes=keyframes)
    )

    last = inpainter.clips[-1]
    assert last.keyframes == {2}
    position = last.indices.index(2)
    assert (last.frames[position] == 99).all()
    assert not last.holes[position].any()
    assert inpainter.clips[1].keyframes == frozenset()


def stuck_hole(move, num_frames=30, height=120, width=200):
    """Return frames of a moving camera, and holes over one place of the scene: never seen."""
    wide = texture(height + 80, width + 240, seed=3)
    frames, holes = [], []
    rows, columns = np.ogrid[:height, :width]
    for index in range(num_frames):
        right, down, scale = move(index)
        matrix = np.float32([[scale, 0, -right - 20], [0, scale, -down - 20]])
        frames.append(cv2.warpAffine(wide, matrix, (width, height)))
        y, x = scale * 90 - down - 20, scale * 130 - right - 20
        holes.append((np.abs(rows - y) < 16 * scale) & (np.abs(columns - x) < 14 * scale))
    return frames, holes


def fill(frames, holes, keyframes, *, streaming=False):
    pairs = [
        (keyframes[i], np.zeros_like(hole)) if i in keyframes else (frame, hole)
        for i, (frame, hole) in enumerate(zip(blank(frames, holes), holes, strict=True))
    ]
    if streaming:
        windows = causal_windows(
            history=ROW.history, num_references=ROW.num_references, keyframes=keyframes
        )
        return list(inpaint(pairs, windows, ClassicalInpainter(), keyframes=keyframes))
    windows = offline_windows(len(frames), ROW.schedule, keyframes)
    return list(inpaint(pairs, windows, ClassicalInpainter(), pairs.__getitem__, keyframes))


MOVES = {
    "still": lambda index: (0, 0, 1),
    "pan": lambda index: (1.7 * index, 0.4 * index, 1),
    "zoom": lambda index: (0.6 * index, 0, 1 + 0.006 * index),
    "shake": lambda index: (20 + 12 * np.sin(index / 2), 20 + 9 * np.cos(index * 0.7), 1),
}


@pytest.mark.parametrize(
    ("move", "keyframe"), [("still", 29), ("pan", 29), ("zoom", 29), ("shake", 12)]
)
def test_a_clean_plate_of_one_frame_mends_all_the_others(move, keyframe):
    frames, holes = stuck_hole(MOVES[move])

    alone = fill(frames, holes, {})
    guided = fill(frames, holes, {keyframe: frames[keyframe]})

    others = [index for index in range(30) if index != keyframe]
    before, after = (
        psnr([them[i] for i in others], [frames[i] for i in others], [holes[i] for i in others])
        for them in (alone, guided)
    )
    assert after >= before + 6


def test_while_streaming_a_clean_plate_mends_the_frames_after_it():
    frames, holes = stuck_hole(MOVES["pan"])

    alone = fill(frames, holes, {}, streaming=True)
    guided = fill(frames, holes, {5: frames[5]}, streaming=True)

    for them in range(5):
        np.testing.assert_array_equal(alone[them], guided[them])
    later = slice(6, None)
    before, after = (psnr(f[later], frames[later], holes[later]) for f in (alone, guided))
    assert after >= before + 6


def test_what_is_seen_wrongly_at_other_times_gives_way_to_keyframes():
    frames = panning(24, 120, 200, step=2)
    holes = moving_holes(24, 120, 200, size=28, speed=3)
    shaded = [frame.copy() for frame in frames]
    for frame, hole in zip(shaded, holes, strict=True):
        frame[np.roll(hole, -26, axis=1)] //= 2  # a shadow follows the object

    alone = fill(shaded, holes, {})
    guided = fill(shaded, holes, {index: frames[index] for index in (4, 12, 20)})

    others = [index for index in range(24) if index not in (4, 12, 20)]
    before, after = (
        psnr([them[i] for i in others], [frames[i] for i in others], [holes[i] for i in others])
        for them in (alone, guided)
    )
    assert after >= before + 3


def test_a_keyframe_file_guides_a_fill_from_the_command_line(tmp_path):
    clip, background = tmp_path / "scene.mkv", None
    background = rendered.write_scene(clip, 12, sound=False)
    hole = np.zeros(background.shape[:2], np.uint8)
    hole[60:86, 100:130] = 1
    Image.fromarray(hole).save(tmp_path / "hole.png")
    Image.fromarray(rendered.rgb(clip)[9]).save(tmp_path / "plate.png")
    results = []
    for more in ([], ["--keyframe", f"{tmp_path / 'plate.png'}@9"]):
        out = tmp_path / f"{len(results)}.mkv"
        arguments = ["fill", clip, tmp_path / "hole.png", out, "--dilate", "0", "--quiet", *more]
        assert main([*map(str, arguments)]) == 0
        results.append(rendered.rgb(out))

    truth = rendered.rgb(clip)
    inside = [hole > 0] * 8
    before, after = (psnr(result[:8], truth[:8], inside) for result in results)
    assert after >= before + 6


@pytest.mark.parametrize(
    ("size", "place", "message"),
    [
        (
            (144, 90),
            "@2",
            "the keyframe of frame 2 does not fit: plate.png is 144x90 but the clip is 144x96; "
            "give it in the size of the clip",
        ),
        (
            (144, 96),
            "@30",
            "a keyframe cannot be placed: frame 30 is past the end: the video has 5 frames (0-4)",
        ),
    ],
)
def test_a_keyframe_that_does_not_fit_is_refused_before_any_work(
    tmp_path, capsys, size, place, message
):
    clip = tmp_path / "scene.mkv"
    rendered.write_scene(clip, 5, sound=False)
    Image.new("RGB", size).save(tmp_path / "plate.png")
    Image.new("L", (144, 96), 1).save(tmp_path / "hole.png")

    arguments = ["fill", clip, tmp_path / "hole.png", tmp_path / "out.mkv"]
    arguments += ["--keyframe", f"{tmp_path / 'plate.png'}{place}"]

    assert main([*map(str, arguments)]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.mkv").exists()


def test_a_keyframe_guides_the_part_that_is_worked_on(tmp_path):
    clip = tmp_path / "scene.mkv"
    background = rendered.write_scene(clip, 12, sound=False)
    hole = np.zeros(background.shape[:2], np.uint8)
    hole[60:86, 100:130] = 1
    Image.fromarray(hole).save(tmp_path / "hole.png")
    given = np.full((*hole.shape, 3), 130, np.uint8)
    job = Job(clip, tmp_path / "out.mkv", masks=tmp_path / "hole.png", dilate=0)
    job = replace(job, keyframes={7: given}, first=4, last=9)

    for _ in run_job(job):
        pass

    inside = rendered.rgb(tmp_path / "out.mkv")[:, 66:80, 106:124].astype(int)
    truth = rendered.rgb(clip)[:, 66:80, 106:124].astype(int)
    np.testing.assert_allclose(inside[7], 130, atol=1)  # chroma is rounded
    np.testing.assert_array_equal(inside[:4], truth[:4])
    np.testing.assert_array_equal(inside[10:], truth[10:])
    with pytest.raises(UserError, match="the keyframe of frame 10 lies outside the part"):
        next(run_job(replace(job, keyframes={10: given}, overwrite=True)))


def test_two_keyframes_for_one_frame_are_refused():
    with pytest.raises(UserError, match=r"two keyframes for frame 3: a\.png and b\.png; give one"):
        parse_keyframes(["a.png@3", "b.png@3"])


def test_keyframes_may_be_pictures_or_files(tmp_path):
    picture = texture(20, 30)
    Image.fromarray(picture).save(tmp_path / "plate.png")

    keyframes = Keyframes({4: tmp_path / "plate.png", 1: picture})

    assert list(keyframes) == [1, 4]
    np.testing.assert_array_equal(keyframes[1], keyframes[4])
    assert not keyframes[1].flags.writeable
    assert picture.flags.writeable


def test_a_keyframe_lies_upright_as_its_file_says(tmp_path):
    picture = Image.fromarray(texture(20, 30))
    turned = picture.getexif()
    turned[0x0112] = 6  # orientation: turn right by 90 degrees
    picture.save(tmp_path / "plate.png", exif=turned)

    assert read_picture(tmp_path / "plate.png").shape == (30, 20, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"no picture", "it is no image, or damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "cannot be read"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path, content, message):
    path = tmp_path / "plate.png"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UserError, match=message):
        read_picture(path)


def test_sixteen_bits_are_refused(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep.png")

    with pytest.raises(UserError, match=r"samples of the kind I;16; save it as an 8-bit PNG"):
        read_picture(tmp_path / "deep.png")
