"""How long a job will take, from doing a few frames of it.

The few frames are copied into a folder of images and the job is done there, with the same
engines and settings.  It is a guess: the frames may be easier than others, and what is done
once for a whole clip is counted for each frame.
"""

import tempfile
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from tracker.exports.kinds import Export
from tracker.jobs import Job, Progress, Report
from tracker.removal import run_job
from tracker.types import UserError
from tracker.video import VideoInfo, VideoReader

PROBED_FRAMES = 10  # the classical engines do as many at once; others see a window of them
JPEG_QUALITY = 95


@dataclass(frozen=True, eq=False)
class Guess:
    """Do a few frames of a job, and keep nothing."""

    job: Job


def perform(request: Job | Guess | Export) -> Generator[Progress]:
    """Do a job, a few frames of one, or an export; the last progress has the report.

    Raises:
        UserError: something in it has to be put right.
    """
    if isinstance(request, Job):
        yield from run_job(request, previews=True)
        return
    if isinstance(request, Export):
        yield from request.perform()
        return
    with tempfile.TemporaryDirectory(prefix="cleanplate-guess-") as name:
        yield from run_job(_sample(request.job, Path(name)))


def seconds_for(report: Report, job: Job, info: VideoInfo) -> float | None:
    """Return how long `job` takes, by the report of its guess; None if nobody knows."""
    if info.num_frames is None or not report.frames:
        return None
    stop = info.num_frames if job.last is None else min(job.last + 1, info.num_frames)
    return report.seconds / report.frames * max(0, stop - job.first)


def _sample(job: Job, folder: Path) -> Job:
    """Return the job for a few of its frames, written into `folder`."""
    frames = folder / "frames"
    frames.mkdir()
    start = min(job.prompted)
    with VideoReader(job.source, job.fps) as reader:
        for index in range(start, start + PROBED_FRAMES):
            try:
                frame = reader.read(index).rgb
            except UserError:  # past the end
                if index == start:
                    raise
                break
            picture = Image.fromarray(frame)
            picture.save(frames / f"{index:06d}.jpg", quality=JPEG_QUALITY)
    return replace(
        job,
        source=frames,
        prompted={0: job.prompted[start]},
        output=None if job.output is None else folder / "clean.mp4",
        masks_out=folder / "masks.zip",
        overlay_out=None if job.overlay_out is None else folder / "overlay.mp4",
        keyframes={},
        first=0,
        last=None,
        keep=None,
        earlier=None,
    )
