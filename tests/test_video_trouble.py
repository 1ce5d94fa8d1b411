"""Bad input, names that cannot be written, and what is left when things go wrong."""

import os
import signal
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from video_making import YUV420, scene, sound_packets, write_video

from tracker.types import UserError
from tracker.video import VideoReader, VideoWriter, probe, salvage
from tracker.video.matroska import CHECKSUM, SEGMENT, TRACKS, children, find, set_pixel_aspect

ROOT = Path(__file__).resolve().parent.parent


def video(path, num_frames=40, **options):
    options.setdefault("codec", "libx264" if path.suffix in (".mp4", ".mov") else "ffv1")
    return write_video(path, scene(YUV420, num_frames), YUV420, **options)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def picture(path):
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)


def test_names_are_never_taken_for_addresses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a.mkv|b.mkv", "http:x.mkv", "frame%03d.mkv", "-i.mkv", "a b;c.mkv"):
        video(tmp_path / name, 2)

        assert probe(Path(name)).width == 64


def test_damage_in_the_middle_costs_only_the_damaged_frames(tmp_path):
    path = video(tmp_path / "a.avi", codec="mjpeg", pix_fmt="yuvj420p", time_base=Fraction(1, 25))
    data = bytearray(path.read_bytes())
    starts = [i for i in range(len(data)) if data[i : i + 4] == b"00dc"]
    data[starts[10] + 8 : starts[11]] = bytes(starts[11] - starts[10] - 8)
    path.write_bytes(data)

    with VideoReader(path) as reader:
        num_read = sum(1 for _ in reader)
        notices = reader.notices

    assert num_read == 39
    assert notices == ["a.avi is damaged: 39 frames were read, 1 damaged picture left out"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "out.avi",
            r"out.avi: unknown ending .avi; use .mp4, .mkv, .mov, or a name without an",
        ),
        ("nowhere/out.mp4", "nowhere does not exist; make it first"),
        ("there.mp4", r"there.mp4 exists; choose another name or pass --overwrite"),
        ("in.mkv", r"in.mkv is the input itself; choose another name"),
        ("link.mkv", r"link.mkv is the input itself"),
        ("hard.mkv", r"hard.mkv is the input itself"),
        ("n" * 252 + ".mp4", "cannot be used: File name too long"),
    ],
)
def test_names_that_would_lose_something_are_refused(tmp_path, name, message):
    source = video(tmp_path / "in.mkv", 3)
    (tmp_path / "there.mp4").write_text("precious")
    (tmp_path / "link.mkv").symlink_to(source)
    os.link(source, tmp_path / "hard.mkv")
    before = names(tmp_path)

    overwrite = name != "there.mp4"  # which must not help with the others
    with VideoReader(source) as reader, pytest.raises(UserError, match=message):
        VideoWriter(tmp_path / name, reader, overwrite=overwrite)

    assert names(tmp_path) == before
    assert (tmp_path / "there.mp4").read_text() == "precious"


def test_a_folder_of_others_is_never_replaced(tmp_path):
    source = video(tmp_path / "in.mkv", 3)
    (tmp_path / "holiday").mkdir()
    picture(tmp_path / "holiday" / "beach.png")

    with VideoReader(source) as reader:
        with pytest.raises(UserError, match="holiday exists"):
            VideoWriter(tmp_path / "holiday", reader)
        with pytest.raises(UserError, match="holiday is a folder that was not written here"):
            VideoWriter(tmp_path / "holiday", reader, overwrite=True)
    with (
        VideoReader(tmp_path / "holiday") as reader,
        pytest.raises(UserError, match="holiday is the input itself"),
    ):
        VideoWriter(tmp_path / "holiday", reader, overwrite=True)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no folder that nobody may write to")
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out"])
def test_folders_that_are_closed_are_met_before_the_work(name):
    with pytest.raises(UserError, match=rf"/proc/{name} cannot be written: "):
        VideoWriter.rendered(Path("/proc") / name, 8, 8, Fraction(25))


def write(reader, path, num_frames=None, commit=True, **options):
    with VideoWriter(path, reader, **options) as writer:
        for frame in reader:
            if frame.index == num_frames:
                break
            writer.write(frame)
        if commit:
            writer.commit()


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out"])
def test_overwriting_replaces_only_when_all_is_there(tmp_path, name):
    with VideoReader(video(tmp_path / "in.mkv", 6)) as reader:
        write(reader, tmp_path / name, 2)
        write(reader, tmp_path / name, 4, commit=False, overwrite=True)
        with VideoReader(tmp_path / name) as result:
            assert sum(1 for _ in result) == 2
        write(reader, tmp_path / name, overwrite=True)

    with VideoReader(tmp_path / name) as result:
        assert sum(1 for _ in result) == 6
    assert not [n for n in names(tmp_path) if n.startswith(".")]


@pytest.mark.parametrize(
    ("name", "partial"),
    [("out.mp4", "out.partial.mp4"), ("out.mkv", "out.partial.mkv"), ("out", "out.partial")],
)
def test_leaving_without_commit_keeps_a_playable_part(tmp_path, name, partial):
    source = video(tmp_path / "in.mp4", 60, sound=[("aac", 48000, 0)])

    with VideoReader(source) as reader:
        write(reader, tmp_path / name, 25, commit=False)

    assert names(tmp_path) == ["in.mp4", partial]
    with VideoReader(tmp_path / partial) as result:
        assert sum(1 for _ in result) == 25
    if name != "out":
        seconds = sound_packets(tmp_path / partial)[-1][0]
        assert 0.9 < seconds < 1.1


def test_abandon_tells_what_it_kept(tmp_path):
    with VideoReader(video(tmp_path / "in.mkv", 6)) as reader:
        with VideoWriter(tmp_path / "a.mp4", reader) as writer:
            assert writer.abandon() is None
        with VideoWriter(tmp_path / "b.mp4", reader) as writer:
            writer.write(reader.read(0))
            assert writer.abandon() == tmp_path / "b.partial.mp4"
            assert writer.abandon() is None
            with pytest.raises(ValueError, match="finished already"):
                writer.write(reader.read(1))

    assert names(tmp_path) == ["b.partial.mp4", "in.mkv"]


def test_a_video_without_frames_is_not_written(tmp_path):
    with (
        VideoWriter.rendered(tmp_path / "out.mp4", 8, 8, Fraction(25)) as writer,
        pytest.raises(UserError, match=r"out.mp4 would have no frames"),
    ):
        writer.commit()

    assert names(tmp_path) == []


FULL = """
import resource, sys
from pathlib import Path
from tracker.types import UserError
from tracker.video import VideoReader, VideoWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
with VideoReader(Path(sys.argv[1])) as reader:
    try:
        with VideoWriter(Path(sys.argv[2]), reader) as writer:
            for frame in reader:
                writer.write(frame)
            writer.commit()
    except UserError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_full_disk_is_explained_and_the_finished_part_kept(tmp_path, name):
    source = video(tmp_path / "in.mp4", 100)

    result = subprocess.run(
        [sys.executable, "-c", FULL, source, tmp_path / name],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "the disk is full: " in result.stdout, result.stderr
    assert "MB more are needed; make room or choose another folder" in result.stdout
    partial = name.replace("out", "out.partial")
    assert names(tmp_path) == ["in.mp4", partial]
    with VideoReader(tmp_path / partial) as reader:
        assert 5 <= sum(1 for _ in reader) < 100


KILLED = """
import sys, time
from pathlib import Path
from tracker.video import VideoReader, VideoWriter
with VideoReader(Path(sys.argv[1])) as reader, VideoWriter(Path(sys.argv[2]), reader) as writer:
    for frame in reader:
        writer.write(frame)
        print(frame.index, flush=True)
        time.sleep(0.002)
"""


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out"])
def test_a_killed_writer_leaves_no_final_name_and_its_work_can_be_salvaged(tmp_path, name):
    source = video(tmp_path / "in.mp4", 400, sound=[("aac", 48000, 0)])
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, source, tmp_path / name],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if int(line) >= 300:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / name).exists()

    kept = salvage(tmp_path / name, probe(source))

    partial = {"out": "out.partial"}.get(name, name.replace("out", "out.partial"))
    assert kept == tmp_path / partial
    assert names(tmp_path) == ["in.mp4", partial]
    with VideoReader(source) as before, VideoReader(kept) as after:
        num_kept = 0
        for a, b in zip(before, after, strict=False):
            assert abs(a.time - b.time) <= Fraction(1, 1000) or name == "out"
            num_kept += 1
    assert num_kept >= 270  # all but what the encoder held, and half a second
    assert salvage(tmp_path / name) is None
    with VideoReader(source) as reader:
        write(reader, tmp_path / name)
    with VideoReader(tmp_path / name) as result:
        assert sum(1 for _ in result) == 400


@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(64, 45), Fraction(8, 9), Fraction(50)])
def test_pixel_shape_is_patched_into_matroska_with_a_sound_checksum(tmp_path, aspect):
    path = video(tmp_path / "a.mkv", 3, sound=[("flac", 48000, 0)])

    def checksums():
        data = path.read_bytes()
        tracks = find(data, 0, len(data), (SEGMENT, TRACKS))
        first = next(children(data, tracks.content, tracks.end))
        assert first.number == CHECKSUM
        stored = int.from_bytes(data[first.content : first.end], "little")
        return stored, zlib.crc32(data[first.end : tracks.end]), len(data)

    stored, computed, length = checksums()
    assert stored == computed

    assert set_pixel_aspect(path, 64, 48, aspect)

    with av.open(str(path)) as container:
        assert container.streams.video[0].sample_aspect_ratio == aspect
        assert len(list(container.decode(video=0))) == 3
    stored, computed, new_length = checksums()
    assert stored == computed
    assert new_length == length
