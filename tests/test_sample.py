"""The bundled clip is what it claims to be, and can be made again."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from script.make_sample import FPS, HEIGHT, NUM_FRAMES, NUM_MASKS, WIDTH, main, render
from tracker import engines
from tracker.masks import MaskReader
from tracker.prompts import Place, label_frames
from tracker.types import Point, Prompt
from tracker.video import VideoReader

SAMPLE = Path(__file__).resolve().parent.parent / "assets" / "sample.mp4"
POINT = (300, 260)  # x, y: the click every example uses


def decoded(*wanted: int) -> list[np.ndarray]:
    with av.open(str(SAMPLE)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [frames[index] for index in wanted]


def test_is_four_seconds_of_480p_with_sound_in_under_three_megabytes():
    with av.open(str(SAMPLE)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        num_frames = sum(1 for _ in container.decode(video=0))

        assert (video.width, video.height) == (WIDTH, HEIGHT) == (854, 480)
        assert (video.average_rate, num_frames) == (Fraction(FPS), NUM_FRAMES)
        assert video.duration * video.time_base == pytest.approx(4.0, abs=0.2)
        assert audio.duration * audio.time_base == pytest.approx(4.0, abs=0.2)
        assert video.codec_context.name == "h264"
    assert SAMPLE.stat().st_size < 3e6


def test_sound_is_quiet_but_there():
    with av.open(str(SAMPLE)) as container:
        samples = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)

    assert 0.005 < samples.std() < 0.1
    assert 0.05 < np.abs(samples).max() < 0.9


@pytest.fixture(scope="module")
def made() -> dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return {index: render(index) for index in (0, NUM_FRAMES - 1)}


def test_the_documented_point_lies_well_inside_the_object(made):
    x, y = POINT

    mask = made[0][2]

    assert mask[y - 12 : y + 13, x - 12 : x + 13].all()


def test_rendering_again_gives_the_file_up_to_compression(made):
    for (frame, _, _), pixels in zip(made.values(), decoded(*made), strict=True):
        error = frame.astype(float) - pixels

        # 4:2:0 chroma and quantised sensor noise; one frame further on it is below 27 dB.
        assert 10 * np.log10(255**2 / (error**2).mean()) > 33


def test_clean_plate_differs_from_the_frame_near_the_object_only(made):
    for frame, clean, mask in made.values():
        changed = (frame != clean).any(axis=2)
        rows, columns = mask.nonzero()

        assert set(np.unique(mask)) == {0, 1}
        assert changed[mask == 1].mean() > 0.99
        changed[rows.min() - 6 : rows.max() + 7, columns.min() - 8 : columns.max() + 9] = False
        assert not changed.any()


def test_what_the_object_hides_at_first_is_seen_at_the_end(made):
    first, last = made[0][2], made[NUM_FRAMES - 1][2]

    assert not (first & last).any()


def test_one_click_marks_the_balloon(made):
    click = {Place(0, 1): Prompt(points=(Point(*POINT),))}
    with VideoReader(SAMPLE) as reader:
        found = label_frames(reader, click, engines.segmenter("classical"))[0] > 0

    truth = made[0][2] > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.95


def test_truth_is_written_on_demand(made, tmp_path, monkeypatch):
    monkeypatch.setattr("script.make_sample.NUM_FRAMES", 1)

    main([str(tmp_path / "film.mp4"), "--truth", str(tmp_path / "truth")])

    with av.open(str(tmp_path / "truth/clean/00000.png")) as image:
        clean = next(image.decode(video=0)).to_ndarray(format="rgb24")
    with av.open(str(tmp_path / "truth/masks/00000.png")) as image:
        mask = next(image.decode(video=0)).to_ndarray(format="gray")
    np.testing.assert_array_equal(clean, made[0][1])
    np.testing.assert_array_equal(mask, made[0][2])
    assert (tmp_path / "film.mp4").stat().st_size > 0


def test_the_masks_beside_it_are_the_balloons(made):
    with MaskReader(SAMPLE.with_name("sample_masks.zip")) as masks:
        assert len(masks) == NUM_MASKS
        np.testing.assert_array_equal(masks[0], made[0][2])
