"""R15: streaming never looks ahead, holds a bounded window, and keeps its pace."""

import statistics
import sys
import time

import numpy as np
import pytest
import rendered
from video_making import YUV420, write_video

from tracker.jobs import Job
from tracker.pipeline import FrameBuffer
from tracker.removal import run_job

NUM_FRAMES, LAST_ALIKE = 24, 13
HEIGHT, WIDTH = rendered.HEIGHT, rendered.WIDTH


def film(path, num_frames, changed_from=None):
    """Write a disc crossing a wall; from `changed_from` on everything is another film."""
    rng = np.random.default_rng(5)
    wall = rendered.wall()[..., 0]
    clip = []
    for index in range(num_frames):
        luma = wall.copy()
        luma[rendered.disc(index % 30)] = 220
        if changed_from is not None and index >= changed_from:
            luma = rng.integers(20, 230, luma.shape).astype(np.uint8)
        clip.append([luma, *(np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8),) * 2])
    return write_video(path, clip, YUV420)


def removal(source, output, engines="classical"):
    labels = {0: rendered.disc(0).astype(np.uint8)}
    return Job(source, output, labels, mode="streaming", propagator=engines, inpainter=engines)


@pytest.fixture(params=["classical", pytest.param("tiny", marks=pytest.mark.slow)])
def engines(request):
    if request.param == "tiny":
        pytest.importorskip("torch")
        from script.bench_long import add_tiny_engines

        add_tiny_engines()
    return request.param


def test_r15_a_changed_future_changes_nothing_that_is_out(tmp_path, engines):
    outputs = []
    for changed_from in (None, LAST_ALIKE + 1):
        source = film(tmp_path / f"in{changed_from}.mkv", NUM_FRAMES, changed_from)
        outputs.append(tmp_path / f"out{changed_from}.mkv")
        for _ in run_job(removal(source, outputs[-1], engines)):
            pass

    first, second = (rendered.planes(path) for path in outputs)

    np.testing.assert_array_equal(first[: LAST_ALIKE + 1], second[: LAST_ALIKE + 1])
    assert (first[LAST_ALIKE + 1 :] != second[LAST_ALIKE + 1 :]).any()


def test_r15_each_frame_is_out_before_the_second_next_is_decoded(tmp_path, monkeypatch):
    from tracker.video.frames import SourceFrame

    seen = []
    rgb = SourceFrame.rgb.func
    monkeypatch.setattr(
        SourceFrame, "rgb", property(lambda frame: seen.append(frame.index) or rgb(frame))
    )
    source = film(tmp_path / "in.mkv", NUM_FRAMES)

    ahead = [
        max(seen) - (progress.done - 1)
        for progress in run_job(removal(source, tmp_path / "out.mkv"))
        if progress.stage == "fill"
    ]

    assert len(ahead) == NUM_FRAMES
    assert max(ahead) <= 12  # threads that work ahead have queues of four


@pytest.mark.slow
def test_r15_the_pace_is_steady_and_the_window_bounded(tmp_path, monkeypatch, capsys):
    sizes, laps = [], []
    forget = FrameBuffer.forget

    def forget_and_measure(buffer, before):
        forget(buffer, before)
        sizes.append(len(buffer))

    monkeypatch.setattr(FrameBuffer, "forget", forget_and_measure)
    source = film(tmp_path / "in.mkv", 600)
    last_cpu, last = time.process_time(), time.monotonic()
    waits = []
    for _ in run_job(removal(source, tmp_path / "out.mkv")):
        laps.append(time.process_time() - last_cpu)
        waits.append(time.monotonic() - last)
        last_cpu, last = time.process_time(), time.monotonic()

    third = len(laps) // 3
    early, late = statistics.median(laps[30:third]), statistics.median(laps[-third:])
    p95 = sorted(waits)[round(0.95 * len(waits))]
    rate = len(waits) / sum(waits)
    with capsys.disabled():
        sys.stdout.write(
            f"\nstreaming {WIDTH}x{HEIGHT}: {rate:.0f} frames per second, p95 {1000 * p95:.0f} ms, "
            f"{1000 * early:.1f} then {1000 * late:.1f} ms of CPU per frame\n"
        )
    assert late <= 1.3 * early
    assert max(sizes) <= 34
    assert max(sizes[300:]) <= max(sizes[:300])
