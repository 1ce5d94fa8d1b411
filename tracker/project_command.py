"""The options of the command line about projects, and what they mean for a job."""

import argparse
from dataclasses import replace
from pathlib import Path

from tracker.jobs import Job
from tracker.project import Project, project_of
from tracker.project_files import ENDING, load_project, save_project
from tracker.prompts import Prompts
from tracker.types import UserError
from tracker.video import probe


def add_project(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("projects: prompts, masks and settings, without the video")
    group.add_argument(
        "--project",
        type=Path,
        metavar=f"FILE{ENDING}",
        help="do what is in a project; INPUT is by default the video of its name beside it, "
        "OUTPUT is NAME_clean.mp4 beside it",
    )
    group.add_argument(
        "--save-project", type=Path, metavar=f"FILE{ENDING}", help="keep all this as a project"
    )


def job_of_project(options: argparse.Namespace) -> Job:
    """Return the job of the project the options name, with the files they ask for.

    Raises:
        UserError: the project, or its video, is not what it should be.
    """
    project = load_project(options.project)
    source = options.input or options.project.with_name(Path(project.source.name).name)
    if not isinstance(source, Path):
        raise UserError("a project is about a file; give its video as INPUT, not a live source")
    if not source.exists():
        raise UserError(f"{source} does not exist; give the project's video as INPUT")
    output = options.output or options.project.with_name(f"{source.stem}_clean.mp4")
    return replace(
        project.job(source, output),
        masks_out=options.masks_out,
        device=options.device,
        commercial=options.commercial,
        fps=options.fps,
        overwrite=options.overwrite,
    )


def save_job(path: Path, job: Job, said: Prompts, *, overwrite: bool) -> Project:
    """Keep a job whose prompts were said on the command line; return the project.

    Raises:
        UserError: it cannot be written.
    """
    info = probe(job.source, job.fps)
    project = project_of(job, said, info.width, info.height)
    save_project(project, path, overwrite=overwrite)
    return project
