"""What a run left: its files, all of them or the finished part."""

from dataclasses import dataclass
from pathlib import Path

from tracker.jobs import Job, Report


@dataclass(frozen=True)
class Result:
    """The files a run left, and what it did."""

    clean: Path | None
    masks: Path | None
    overlay: Path | None
    report: Report | None = None
    complete: bool = True
    job: Job | None = None  # that made them


def results_of(job: Job, report: Report | None) -> Result:
    """Return the files `job` left: all of them, or, after a cancel, the finished part."""

    def existing(path: Path | None) -> Path | None:
        if path is None:
            return None
        partial = path.with_name(f"{path.stem}.partial{path.suffix}")
        return next((each for each in (path, partial) if each.exists()), None)

    found = (existing(job.output), existing(job.masks_out), existing(job.overlay_out))
    return Result(*found, report=report, complete=report is not None, job=job)
