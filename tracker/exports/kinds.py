"""What a finished removal can still be saved as: made from its result, not done again.

Labels come from its archive of masks; filled pixels from its kept run, which has them as the
inpainter made them.  So an export is as good as if it had been asked for at once.
"""

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias
from zipfile import ZIP_STORED, ZipFile

from tracker.crew import objects_to_remove
from tracker.folders import safe_stem
from tracker.jobs import Job, Progress
from tracker.removal import run_job
from tracker.results import Result
from tracker.types import UserError

Output: TypeAlias = Literal[
    "output", "patch_out", "cutout_out", "matte_out", "masks_out", "overlay_out"
]
FILLED: tuple[Output, ...] = ("output", "patch_out")  # of filled pixels; the others are of labels


@dataclass(frozen=True)
class Kind:
    """One thing to save."""

    title: str  # for people
    field: Output  # of the job that makes it
    ending: str  # of its file; "": a folder of pictures
    what: str  # the last part of its name
    codec: str | None = None

    @property
    def is_filled(self) -> bool:
        """Return whether it shows what was filled."""
        return self.field in FILLED


_LAID_OVER = "Patch over the original"
KINDS: Mapping[str, Kind] = {
    "prores": Kind("For editors: ProRes 422 HQ (.mov)", "output", ".mov", "clean", "prores"),
    "h265": Kind("Small, in 10 bits: H.265 (.mp4)", "output", ".mp4", "clean", "h265"),
    "ffv1": Kind("Lossless: FFV1 (.mkv)", "output", ".mkv", "clean"),
    "png": Kind("Every frame: PNG pictures (.zip)", "output", "", "clean"),
    "patch": Kind(f"{_LAID_OVER}: ProRes 4444 (.mov)", "patch_out", ".mov", "patch"),
    "patch_vp9": Kind(f"{_LAID_OVER}: VP9 (.webm)", "patch_out", ".webm", "patch"),
    "patch_png": Kind(f"{_LAID_OVER}: PNG (.zip)", "patch_out", "", "patch"),
    "cutout": Kind("Object cut out: ProRes 4444 (.mov)", "cutout_out", ".mov", "cutout"),
    "cutout_vp9": Kind("Object cut out: VP9 (.webm)", "cutout_out", ".webm", "cutout"),
    "cutout_png": Kind("Object cut out: PNG pictures (.zip)", "cutout_out", "", "cutout"),
    "matte": Kind("Matte, white on black: FFV1 (.mkv)", "matte_out", ".mkv", "matte"),
    "masks": Kind("Masks: PNG with a list (.zip)", "masks_out", ".zip", "masks"),
    "overlay": Kind("Object marked in colour (.mp4)", "overlay_out", ".mp4", "marked"),
}


@dataclass(frozen=True, eq=False)
class Export:
    """One thing being saved."""

    job: Job
    file: Path  # what there is in the end; a folder of pictures is packed into it
    pictures: Path | None = None  # that folder

    def perform(self) -> Generator[Progress]:
        """Make it; yield progress, the last with the report.

        Raises:
            UserError: the disk is full, for example.
        """
        with closing(run_job(self.job)) as steps:
            for progress in steps:
                if progress.report is not None and self.pictures is not None:
                    yield from _pack(self.pictures, self.file)
                yield progress


def export_of(result: Result, name: str, kind: Kind, folder: Path) -> Export:
    """Return what makes an export of a finished removal.

    Args:
        result: of the removal, whole.
        name: of its video.
        kind: what to make.
        folder: where, empty.

    Raises:
        UserError: there is no result, or not of what the kind shows.
    """
    made = result.job
    if made is None or result.masks is None:
        raise UserError("there is nothing to export yet; press Remove first")
    if not result.complete:
        raise UserError(
            "only a part was finished, and only a whole result can be exported; remove it again"
        )
    if kind.is_filled and result.clean is None:
        raise UserError("the object was only tracked; press Remove first, or export its masks")
    stem = f"{safe_stem(name)}_{kind.what}"
    target = folder / f"{stem}{kind.ending}"
    job = _from_fills(made) if kind.is_filled else _from_labels(made, result)
    wanted: dict[str, Any] = {"codec": kind.codec, kind.field: target}
    job = replace(job, **wanted)
    if kind.ending:
        return Export(job, target)
    return Export(job, folder / f"{stem}.zip", target)


def is_filled_again(result: Result, kind: Kind) -> bool:
    """Return whether an export takes as long as the removal: streaming keeps no fills."""
    return kind.is_filled and result.job is not None and result.job.keep is None


def _from_fills(made: Job) -> Job:
    """Return the job that composes again what a removal filled."""
    return replace(
        made, output=None, masks_out=None, overlay_out=None, keep=None, earlier=made.keep
    )


def _from_labels(made: Job, result: Result) -> Job:
    """Return the job that reads what a removal tracked."""
    return Job(
        made.source,
        masks=result.masks,
        objects=objects_to_remove(made),
        names=made.names if result.report is None else result.report.names,
        fps=made.fps,
    )


def _pack(pictures: Path, file: Path) -> Generator[Progress]:
    """Put a folder of pictures, which are compressed already, into an archive; it goes."""
    names = sorted(pictures.iterdir())
    try:
        with ZipFile(file, "w", ZIP_STORED) as archive:
            for number, each in enumerate(names, 1):
                archive.write(each, each.name)
                each.unlink()
                yield Progress("pack", number, len(names))
    except OSError as error:
        raise UserError(f"{file.name} cannot be written: {error.strerror}") from None
    pictures.rmdir()
