"""Time the whole chain: 720p in, R50-DeAOT-L, E2FGVI-HQ streaming at 432x240, H.264 out.

Two passes, both the program's own run of a job, with pseudo-weights: as fast as it goes, for
the rate; then with frames that arrive at a fixed rate, like a camera's, for the delay from a
frame's arrival to its having been given to the encoder.

    python -m script.bench_chain FRAMES cpu float32
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from script.bench_device import (
    Device,
    inpainter_maker,
    peak_device_mb,
    propagator_maker,
)
from script.bench_tools import sample_labels, scaled_sample
from tracker import engines, removal
from tracker.costs import peak_rss_mb
from tracker.engines import Choice
from tracker.jobs import Job, Settings
from tracker.video import SourceFrame, VideoReader

SIZE = "1280x720"
CAMERA_RATE = 30.0  # frames per second, if that can be kept up with
HEADROOM = 0.8  # of the rate reached, at which frames arrive where 30 per second is too much
WARM_UP = 12  # frames that do not count


class Camera(VideoReader):
    """A reader whose frames arrive at a fixed rate, and that remembers when."""

    rate = float("inf")  # frames per second
    arrivals: dict[int, float] = {}  # noqa: RUF012 - of the run in progress: one at a time

    def __iter__(self) -> Iterator[SourceFrame]:
        """Yield frames as they arrive."""
        started = time.perf_counter()
        for source in super().__iter__():
            due = started + source.index / self.rate
            time.sleep(max(0.0, due - time.perf_counter()))
            # What is decoded late has still arrived when it was due.
            self.arrivals[source.index] = max(due, started)
            yield source


def measure(num_frames: int, device: Device, names: tuple[str, str]) -> dict[str, float | None]:
    """Return frames per second, the 95th percentile of the delay, and peak memory."""
    propagators = propagator_maker(names[0], device)
    inpainters = inpainter_maker(names[1], device)
    chosen = {"propagator": names[0], "inpainter": names[1]}
    # The program would ask for the published weights; the rest is as it runs.
    engines.choose = lambda job, *_, **__: Choice(job, chosen[job], device.name, "pseudo-weights")
    engines.make_propagator = lambda *_, **how: propagators()
    engines.make_inpainter = lambda *_: inpainters()
    removal.VideoReader = Camera  # type: ignore[misc]
    warm_up = min(WARM_UP, num_frames // 2)
    with tempfile.TemporaryDirectory(prefix="cleanplate-") as name:
        folder = Path(name)
        clip = scaled_sample(folder, SIZE, num_frames)
        labels = sample_labels(SIZE, 1)[0]
        if device.name != "cpu":
            _run(clip, folder, labels, float("inf"))  # kernels are chosen, memory is taken
        finished = _run(clip, folder, labels, float("inf"))
        counted = finished[warm_up:]
        rate = (len(counted) - 1) / (counted[-1] - counted[0])
        arrival_rate = min(CAMERA_RATE, HEADROOM * rate)
        finished = _run(clip, folder, labels, arrival_rate)
        delays = [
            when - Camera.arrivals[index] for index, when in enumerate(finished) if index >= warm_up
        ]
    return {
        "fps": rate,
        "delay_p95": float(np.percentile(delays, 95)),
        "arrival_fps": arrival_rate,
        "frames": len(finished),
        "peak_rss_mb": peak_rss_mb(),
        "peak_device_mb": peak_device_mb(device.name),
    }


def _run(clip: Path, folder: Path, labels: np.ndarray, rate: float) -> list[float]:
    """Do the job; return when each frame was written."""
    Camera.rate, Camera.arrivals = rate, {}
    job = Job(
        clip,
        folder / "out.mp4",
        {0: labels},
        mode="streaming",
        settings=Settings(crop="off"),
        overwrite=True,
    )
    finished = []
    for progress in removal.run_job(job):
        if progress.stage == "fill":
            finished.append(time.perf_counter())
    return finished


if __name__ == "__main__":
    frames, where, precision = sys.argv[1:4]
    names = (sys.argv[4], sys.argv[5]) if len(sys.argv) > 5 else ("r50_deaotl", "e2fgvi_hq")
    print(json.dumps(measure(int(frames), Device(where, precision == "half"), names)))
