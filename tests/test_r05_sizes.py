"""R5: any size and any length works, in and out."""

import numpy as np
import pytest
from corpus import SIZES
from faithful import assert_same_outside, fill, hole_in

from tracker.video import VideoReader


@pytest.mark.parametrize("name", SIZES)
def test_r05_any_size_and_length_comes_out_as_it_went_in(tmp_path, name):
    case = SIZES[name]
    case.make(tmp_path / name)
    width, height = case.size
    hole = hole_in(height, width)

    report = fill(tmp_path / name, tmp_path / "out.mkv", hole)

    assert (report["width"], report["height"]) == case.size
    assert assert_same_outside(tmp_path / name, tmp_path / "out.mkv", hole) in case.num_frames


@pytest.mark.parametrize("name", [name for name in SIZES if not name.startswith("4096")])
def test_r05_odd_sides_are_padded_in_mp4_and_it_says_so(tmp_path, name):
    case = SIZES[name]
    case.make(tmp_path / name)
    width, height = case.size

    report = fill(tmp_path / name, tmp_path / "out.mp4", hole_in(height, width))

    with VideoReader(tmp_path / "out.mp4") as reader:
        found = list(reader)
        assert (reader.info.width, reader.info.height) == (width + width % 2, height + height % 2)
    assert len(found) == report["frames"]
    said = " ".join(report["notices"])
    assert ("padded" in said or "repeating" in said) == bool(width % 2 or height % 2)


def test_r05_a_single_frame_is_really_filled(tmp_path):
    name = "one_frame.mp4"
    SIZES[name].make(tmp_path / name)
    hole = hole_in(48, 64)

    fill(tmp_path / name, tmp_path / "out.mkv", hole)

    with VideoReader(tmp_path / name) as before, VideoReader(tmp_path / "out.mkv") as after:
        changed = before.read(0).planes[0] != after.read(0).planes[0]
    assert changed[hole].mean() > 0.5
    assert not np.any(changed & ~hole)
