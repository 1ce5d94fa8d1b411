"""R3: every frame keeps its time, the sound its packets, and the video its length."""

from fractions import Fraction

import pytest
from corpus import TIMES
from faithful import MILLISECOND, fill, hole_in, packets
from video_making import frame_times

from tracker.video import VideoReader


def length(path):
    """Return how long the pictures are shown, seconds."""
    with VideoReader(path) as reader:
        frames = list(reader)
        last = frames[-1].duration or 1 / reader.info.rate
    return frames[-1].time + last - frames[0].time


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize("name", TIMES)
def test_r03_times_lengths_and_sound_are_kept(tmp_path, name, ending):
    case, source, out = TIMES[name], tmp_path / name, tmp_path / f"out{ending}"
    case.make(source)
    with VideoReader(source) as reader:
        before = [frame.time for frame in reader]
        rate = reader.info.rate
    moved = before[0] if case.notice else Fraction(0)  # a clock that begins late is set back

    report = fill(source, out, hole_in(48, 64))

    assert len(before) in case.num_frames
    assert report["frames"] == len(before)
    tolerance = MILLISECOND if ending == ".mkv" else Fraction(0)  # Matroska counts milliseconds
    for a, b in zip(before, frame_times(out), strict=True):
        assert abs(a - moved - b) <= tolerance
    assert abs(length(source) - length(out)) <= 1 / rate
    assert packets(out, "audio") == packets(source, "audio")
