"""Thousands of ways to break a file: never more than a `UserError`, never a crash or a hang."""

import random
import subprocess
import sys
import time
from fractions import Fraction
from itertools import islice
from pathlib import Path

import pytest
from video_making import YUV420, scene, write_video

from tracker.types import UserError
from tracker.video import VideoReader, VideoWriter
from tracker.video.layouts import Layout

ROOT = Path(__file__).resolve().parent.parent
PRORES = Layout("yuv", 12, has_alpha=True)
SECONDS = 8  # of breaking, for each kind of file

KINDS = {
    "a.mp4": (YUV420, {"codec": "libx264", "sound": [("aac", 48000, 0)]}),
    "b.mkv": (YUV420, {"sound": [("flac", 48000, 0)]}),
    "c.avi": (YUV420, {"codec": "mpeg4", "time_base": Fraction(1, 25)}),
    "d.webm": (YUV420, {"codec": "libvpx-vp9", "options": {"deadline": "realtime"}}),
    "e.ts": (YUV420, {"codec": "libx264", "sound": [("aac", 48000, 0)]}),
    "f.mp4": (YUV420, {"codec": "libx264", "container_options": {"movflags": "frag_keyframe"}}),
    "g.mov": (PRORES, {"codec": "prores_ks", "pix_fmt": "yuva444p10le"}),
    "h.mkv": (YUV420, {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
    "i.nut": (YUV420, {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
}


def broken(data, chance):
    """Return `data` with bytes changed, cut or missing, often near the beginning."""
    data = bytearray(data)
    reach = chance.choice([len(data), 2000, 300])
    for _ in range(chance.choice([1, 3, 10, 100])):
        at = chance.randrange(min(reach, len(data)))
        data[at] = chance.choice([0, 255, chance.randrange(256), data[at] ^ 1 << at % 8])
    if chance.random() < 0.2:
        del data[chance.randrange(1, len(data)) :]
    if chance.random() < 0.1:
        at = chance.randrange(len(data))
        del data[at : at + chance.randrange(50)]
    return bytes(data)


def try_to_use(path, output, chance):
    """Read, write and seek as a job would."""
    with VideoReader(path) as reader:
        if reader.info.width * reader.info.height > 1_000_000:
            return  # a lie about the size; decoding it all would only take time
        with VideoWriter(output, reader, overwrite=True) as writer:
            for frame in islice(reader, 30):
                writer.write(frame)
            writer.commit()
        reader.read(chance.randrange(14))


def break_files(source, seed, seconds):
    """Run in a process of its own; the file being tried is left there if it dies."""
    chance = random.Random(seed)
    whole = source.read_bytes()
    path = source.with_name(f"broken{source.suffix}")
    deadline = time.monotonic() + seconds
    num_tried = num_usable = 0
    while time.monotonic() < deadline:
        path.write_bytes(broken(whole, chance))
        try:
            try_to_use(path, path.with_name("out" + chance.choice([".mp4", ".mkv"])), chance)
            num_usable += 1
        except UserError as error:
            if "\n" in str(error):
                raise ValueError(f"not one line: {error}") from None
        num_tried += 1
    sys.stdout.write(f"{num_tried} {num_usable}\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_broken_files_are_refused_or_read_as_far_as_they_go(tmp_path, name):
    layout, options = KINDS[name]
    source = write_video(tmp_path / name, scene(layout, 12), layout, **options)

    result = subprocess.run(
        [sys.executable, __file__, source, "1", str(SECONDS)],
        cwd=ROOT, env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True, text=True, timeout=SECONDS + 60, check=False,
    )  # fmt: skip

    assert result.returncode == 0, result.stderr[-3000:]
    num_tried, num_usable = map(int, result.stdout.split())
    assert num_tried > 20
    assert 0 < num_usable < num_tried


if __name__ == "__main__":
    break_files(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
