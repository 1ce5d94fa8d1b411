"""R7: outside the dilated mask nothing is lost in .mkv, and little in .mp4."""

from pathlib import Path

import numpy as np
import pytest
from faithful import assert_same_outside, fill, hole_in

from tracker.images import dilate
from tracker.video import VideoReader, VideoWriter

SAMPLE = Path(__file__).resolve().parent.parent / "assets" / "sample.mp4"
NUM_FRAMES = 12


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Return the first frames of the bundled sample, as they were decoded."""
    path = tmp_path_factory.mktemp("r07") / "in.mkv"
    with VideoReader(SAMPLE) as reader, VideoWriter(path, reader) as writer:
        for frame in reader:
            if frame.index == NUM_FRAMES:
                break
            writer.write(frame)
        writer.commit()
    return path


@pytest.mark.parametrize("mode", ["offline", "streaming"])
def test_r07_lossless_output_is_the_source_outside_the_dilated_mask(source, tmp_path, mode):
    mask = hole_in(480, 854)

    fill(source, tmp_path / "out.mkv", mask, "--dilate", "8", "--mode", mode)

    assert assert_same_outside(source, tmp_path / "out.mkv", dilate(mask, 8)) == NUM_FRAMES


def test_r07_h264_keeps_luma_above_42_db_outside_the_hole(source, tmp_path):
    mask = hole_in(480, 854)

    fill(source, tmp_path / "out.mp4", mask)

    with VideoReader(source) as before, VideoReader(tmp_path / "out.mp4") as after:
        for a, b in zip(before, after, strict=True):
            error = (a.planes[0].astype(float) - b.planes[0])[~mask]
            assert 10 * np.log10(255**2 / np.mean(error**2)) >= 42
