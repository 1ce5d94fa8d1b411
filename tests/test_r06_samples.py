"""R6: outside the hole every sample is the source's own, whatever kind of sample it is."""

import re

import numpy as np
import pytest
from corpus import SAMPLES
from faithful import assert_same_outside, fill, hole_in

from tracker.video import VideoReader, VideoWriter, probe


@pytest.mark.parametrize("name", SAMPLES)
def test_r06_samples_colours_and_depth_are_kept_outside_the_hole(tmp_path, name):
    case, source = SAMPLES[name], tmp_path / name
    case.make(source)
    info = probe(source)
    hole = hole_in(info.height, info.width)

    report = fill(source, tmp_path / "out.mkv", hole)

    assert case.looks_right(info), info
    assert (info.width, info.height) == case.size
    assert assert_same_outside(source, tmp_path / "out.mkv", hole) in case.num_frames
    said = "; ".join(report["notices"])
    assert re.fullmatch(case.notice or "", said)


@pytest.mark.parametrize("name", SAMPLES)
def test_r06_the_fill_has_the_colour_it_was_given(tmp_path, name):
    source, colour = tmp_path / name, (200, 90, 20)
    SAMPLES[name].make(source)
    with VideoReader(source) as reader, VideoWriter(tmp_path / "out.mkv", reader) as writer:
        height, width = reader.info.height, reader.info.width
        alpha = hole_in(height, width).astype(np.float32)
        filled = np.full((height, width, 3), colour, np.uint8)
        for frame in reader:
            writer.write(frame.composite(filled, alpha))
        writer.commit()

    is_grey = SAMPLES[name].looks_right and probe(source).layout.family == "grey"
    with VideoReader(tmp_path / "out.mkv") as after:
        inside = after.read(0).rgb[height // 3 + 4, width // 4 + 4].astype(int)
    expected = (0.299 * 200 + 0.587 * 90 + 0.114 * 20,) * 3 if is_grey else colour
    assert np.abs(inside - expected).max() <= 3
