"""Live removal, simulated end to end: pipes and sockets fed as a camera would feed them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import rendered

from tracker.__main__ import main
from tracker.images import dilate
from tracker.jobs import Job
from tracker.live.addresses import camera_number, is_live, is_pipe, without_password
from tracker.live.plate import PlateInpainter, PlateLearner
from tracker.live.run import LiveJob, run_live
from tracker.prompts import Place
from tracker.types import Clip, Prompt, UserError
from tracker.video.live_source import BUFFERED, LiveSource

RATE = 25
EMPTY = 10  # frames before the disc comes


def film(file, num_frames, *, speed=None, pause=0.0, container="matroska", codec="ffv1", noise=2):
    """Write a static scene into which a disc comes, after a pause.

    `speed` is in frames a second; None: as they go.  Matroska has a picture written when the
    next one comes: so has the pause.
    """
    at_once = {"cluster_size_limit": "1"} if container == "matroska" else {}
    rng = np.random.default_rng(0)
    wall = rendered.wall().astype(np.int16)
    with av.open(file, "w", format=container, options=at_once) as out:
        stream = out.add_stream(codec, rate=RATE)
        stream.height, stream.width, stream.pix_fmt = *wall.shape[:2], "yuv444p"
        if codec == "libx264":
            stream.options = {"tune": "zerolatency", "preset": "ultrafast", "qp": "4"}
        began = time.monotonic()
        for index in range(num_frames):
            picture = wall + rng.normal(0, noise, wall.shape).round().astype(np.int16)
            if index >= EMPTY:
                picture[rendered.disc(index - EMPTY)] = (215, 50, 45)
            frame = av.VideoFrame.from_ndarray(picture.clip(0, 255).astype(np.uint8), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            try:
                out.mux(stream.encode(frame))
            except OSError:  # nobody listens any more
                return
            if index == EMPTY:
                time.sleep(pause)
            if speed:
                time.sleep(max(0.0, began + (index + 1) / speed - time.monotonic()))
        out.mux(stream.encode(None))


@pytest.fixture
def pipe(tmp_path):
    """Return a named pipe into which a thread films, and how to start it."""
    path = tmp_path / "camera"
    os.mkfifo(path)
    threads = []

    def start(num_frames, **how):
        def work():
            hung_up = (av.FFmpegError, BrokenPipeError)
            with contextlib.suppress(*hung_up), path.open("wb", buffering=0) as file:
                film(file, num_frames, **how)

        threads.append(threading.Thread(target=work, daemon=True))
        threads[0].start()
        return str(path)

    yield start
    for thread in threads:
        thread.join(5)


def psnr(first, second):
    return 10 * np.log10(255**2 / np.mean((first.astype(float) - second) ** 2))


def test_a_static_camera_shows_the_learned_scene_behind_the_object(pipe, tmp_path):
    output = tmp_path / "clean.mkv"
    job = LiveJob(
        pipe(EMPTY + 14, pause=1.0),
        output,
        {Place(0, 1): Prompt(mask=rendered.disc(0))},  # of the first frame after learning
        learn_seconds=0.9,
        drops=False,
        options=Job(Path("live"), dilate=4),
    )
    stages = [step.stage for step in run_live(job)]

    clean, wall = rendered.rgb(output), rendered.wall()
    assert stages[0] == "learn"
    assert stages[-1] == "done"
    assert len(clean) == EMPTY + 14
    for index in range(EMPTY, EMPTY + 14):
        # A tiny disc that moves 3 pixels a frame: the tracker may be late by a pixel at its rim.
        inside = ~dilate(~rendered.disc(index - EMPTY), 4)
        assert inside.sum() > 250
        assert psnr(clean[index][inside], wall[inside]) > 35


def test_every_picture_of_a_pipe_is_cleaned_when_it_can_wait(pipe, tmp_path):
    source = pipe(EMPTY + 12)
    arguments = ["remove", source, str(tmp_path / "clean.mkv"), "--json", str(tmp_path / "r.json")]

    code = main([*arguments, "--box", "14,32,46,64@10", "--quiet"])

    report = json.loads((tmp_path / "r.json").read_text())
    clean = rendered.rgb(tmp_path / "clean.mkv")
    assert code == 0
    assert len(clean) == report["frames"] == EMPTY + 12
    assert report["dropped"] == 0
    assert set(report["delay_ms"]) == {"p50", "p95"}
    red = (clean[..., 0] > 190) & (clean[..., 1] < 80)
    assert red[EMPTY + 1 :].mean(axis=(1, 2)).max() < 0.01 < rendered.disc(0).mean()


def test_r15_what_comes_too_fast_is_dropped_and_counted(pipe):
    with LiveSource(pipe(40), drops=True) as source:
        taken = []
        for picture in source:
            taken.append(picture.source.index)
            time.sleep(0.03)

    assert source.num_dropped > 0
    assert len(taken) + source.num_dropped == 40
    assert taken == sorted(taken)
    assert taken[-1] == 39  # the newest is kept, the oldest goes


def test_memory_is_bounded_while_a_sender_has_to_wait(pipe):
    with LiveSource(pipe(30), drops=False) as source:
        pictures = iter(source)
        next(pictures)
        time.sleep(0.3)

        assert source.num_dropped == 0
        assert source._ready.qsize() <= BUFFERED
        assert len(list(pictures)) == 29


def test_times_grow_and_begin_at_zero(pipe):
    with LiveSource(pipe(8, speed=50), drops=False) as source:
        times = [picture.source.time for picture in source]

    assert times[0] == 0
    assert times == sorted(set(times))
    assert 0.08 < times[-1] < 2


def test_a_network_stream_is_a_source(tmp_path):
    """A camera in the network, played by a socket that sends MPEG-TS in real time."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve():
            connection, _ = server.accept()
            with connection, connection.makefile("wb", buffering=0) as file:
                film(file, 40, speed=40, container="mpegts", codec="libx264", noise=0)

        threading.Thread(target=serve, daemon=True).start()
        job = LiveJob(
            f"tcp://127.0.0.1:{port}",
            tmp_path / "clean.mp4",
            {Place(0, 1): Prompt(box=(14, 32, 46, 64))},
        )
        last = list(run_live(job))[-1]

    assert last.report.frames + last.report.dropped >= 35
    assert len(rendered.stamps(tmp_path / "clean.mp4")) == last.report.frames


@pytest.mark.parametrize("format_name", ["mpegts", "mkv"])
def test_the_clean_video_can_go_to_a_pipe(pipe, tmp_path, format_name):
    source = pipe(20)
    command = [sys.executable, "-m", "tracker", "remove", source, "-", "--box", "14,32,46,64@10"]

    made = subprocess.run(
        [*command, "--stream-format", format_name],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        timeout=60,
    )

    assert made.returncode == 0, made.stderr
    assert b"standard output: 20 frames" in made.stderr
    stream = tmp_path / "stream"
    stream.write_bytes(made.stdout)
    with av.open(str(stream)) as container:
        assert container.format.name.startswith(
            {"mpegts": "mpegts", "mkv": "matroska"}[format_name]
        )
        assert len(list(container.decode(video=0))) == 20


def test_ctrl_c_ends_a_live_removal_and_finishes_the_file(pipe, tmp_path):
    source = pipe(2000, speed=RATE)
    output = tmp_path / "clean.mkv"
    process = subprocess.Popen(
        [sys.executable, "-m", "tracker", "remove", source, str(output), "--box", "14,32,46,64"],
        cwd=Path(__file__).parents[1],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr.readline().startswith("live:")

    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)

    assert process.returncode == 0, told
    assert "clean.mkv" in told
    assert len(rendered.stamps(output)) >= 1


def test_it_ends_by_itself_after_the_time_given(pipe, tmp_path):
    job = LiveJob(
        pipe(500, speed=RATE),
        tmp_path / "clean.mkv",
        {Place(0, 1): Prompt(box=(14, 32, 46, 64))},
        duration_seconds=0.5,
    )
    report = list(run_live(job))[-1].report

    assert 0.4 < report.seconds < 5
    assert report.frames < 100


def test_a_preview_and_the_speed_are_told(pipe, tmp_path):
    job = LiveJob(
        pipe(20, speed=RATE),
        tmp_path / "clean.mkv",
        {Place(0, 1): Prompt(box=(14, 32, 46, 64))},
        drops=False,
    )
    steps = list(run_live(job))[:-1]

    assert any(step.preview is not None and step.preview.ndim == 3 for step in steps)
    assert all(step.delay_seconds > 0 for step in steps)
    assert 1 < steps[-1].fps < 60


class TestPlate:
    """What is learned of an empty scene."""

    def scene(self, seed, gain=1.0):
        noise = np.random.default_rng(seed).normal(0, 4, rendered.wall().shape)
        return (rendered.wall() * gain + noise).clip(0, 255).astype(np.uint8)

    def learned(self):
        learner = PlateLearner()
        for seed in range(50):
            learner.add(self.scene(seed))
        return learner.plate()

    def fill(self, frame, plate):
        inpainter = PlateInpainter(plate)
        hole = rendered.disc(3)
        (filled,) = inpainter.fill(Clip((0,), (frame,), (hole,), 1))
        return filled, hole, inpainter

    def test_noise_is_learned_away(self):
        assert (
            psnr(self.learned(), rendered.wall()) > 44 > 37 > psnr(self.scene(1), rendered.wall())
        )

    @pytest.mark.parametrize("gain", [1.0, 0.8, 1.15])
    def test_holes_are_filled_as_bright_as_it_is_now(self, gain):
        plate, now = self.learned(), self.scene(99, gain)
        now[rendered.disc(3)] = (215, 50, 45)

        filled, hole, inpainter = self.fill(now, plate)

        assert psnr(filled[hole], (rendered.wall() * gain).clip(0, 255)[hole]) > 35
        np.testing.assert_array_equal(filled[~hole], now[~hole])
        assert not inpainter.has_moved

    def test_a_camera_that_moved_is_noticed(self):
        moved = np.roll(self.scene(99), (11, 17), axis=(0, 1))

        _, _, inpainter = self.fill(moved, self.learned())

        assert inpainter.has_moved

    def test_nothing_shown_is_nothing_learned(self):
        with pytest.raises(ValueError, match="no frame"):
            PlateLearner().plate()


@pytest.mark.parametrize(
    ("text", "live"),
    [
        ("-", True),
        ("camera:0", True),
        ("camera:front", False),
        ("rtsp://user:secret@10.0.0.7/stream", True),
        ("http://camera.local/video", True),
        ("/dev/null", True),
        ("in.mp4", False),
        ("rtsp.mp4", False),
    ],
)
def test_live_sources_are_told_from_files(text, live):
    assert is_live(text) == live


def test_cameras_are_numbered_and_pipes_can_wait(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    assert camera_number("camera:2") == 2
    assert camera_number("camera") is None
    assert is_pipe("-")
    assert is_pipe(str(tmp_path / "pipe"))
    assert not is_pipe("rtsp://camera/")


def test_passwords_are_not_shown():
    assert without_password("rtsp://me:secret@camera/stream") == "rtsp://camera/stream"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["camera:0", "out.mp4", "--point", "1,1", "--masks-out", "m.zip"], "--masks-out needs"),
        (["camera:0", "out.mp4", "--point", "1,1", "--keep", "run"], "--keep needs a file"),
        (["camera:0", "out.mp4", "--point", "1,1", "--in", "3"], "--in needs a file"),
        (["camera:0", "out.mp4", "--point", "1,1", "--mode", "offline"], "--mode needs a file"),
        (["tcp://127.0.0.1:9/", "out.mp4", "--point", "1,1"], "cannot be opened"),
        (["camera:99", "out.mp4", "--point", "1,1"], "camera:99 cannot be opened"),
        (["camera:99", "out.mp4"], "nothing to remove"),
    ],
)
def test_what_cannot_be_is_said(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert main(["remove", *arguments, "--quiet"]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_stream_without_pictures_is_refused(tmp_path):
    os.mkfifo(tmp_path / "silent")

    def close_at_once():
        (tmp_path / "silent").open("wb").close()

    threading.Thread(target=close_at_once, daemon=True).start()
    with pytest.raises(UserError, match="cannot be opened"):
        LiveSource(str(tmp_path / "silent"))
