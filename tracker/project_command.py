"""The options of the command line about projects, and what they mean for a job."""

import argparse
from collections.abc import Collection
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from tracker.edits import Edit
from tracker.jobs import Job, Settings
from tracker.keyframes import Keyframes, parse_keyframes
from tracker.options import Options
from tracker.project import Project, project_of
from tracker.project_files import ENDING, load_project, save_project
from tracker.prompts import Prompts
from tracker.types import UserError
from tracker.video import probe

# What a project says itself: which objects there are, and where.
POINTING = (
    "point", "negative", "box", "mask", "motion", "segmenter",
    "words", "everything", "find_in", "box_threshold", "text_threshold",
)  # fmt: skip
LIVE = ("learn_background", "duration", "when_behind", "stream_format")


def add_project(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("projects: prompts, masks and settings, without the video")
    group.add_argument(
        "--project",
        type=Path,
        metavar=f"FILE{ENDING}",
        help="do what is in a project; INPUT is by default the video of its name beside it, "
        "OUTPUT is NAME_clean.mp4 beside it; other options come before what the project says",
    )
    group.add_argument(
        "--save-project", type=Path, metavar=f"FILE{ENDING}", help="keep all this as a project"
    )


def job_of_project(options: argparse.Namespace) -> Job:
    """Return the job of the project the options name; what they say besides comes before it.

    Raises:
        UserError: the project, or its video, is not what it should be, or something is said
            that cannot be said beside a project.
    """
    project = _changed(load_project(options.project), options)
    source = options.input or options.project.with_name(Path(project.source.name).name)
    if not isinstance(source, Path):
        raise UserError("a project is about a file; give its video as INPUT, not a live source")
    if not source.exists():
        raise UserError(f"{source} does not exist; give the project's video as INPUT")
    output = options.output or options.project.with_name(f"{source.stem}_clean.mp4")
    job = project.job(source, output)
    if options.save_project is not None:
        save_project(project, options.save_project, overwrite=options.overwrite)
    return replace(job, masks_out=options.masks_out, overwrite=options.overwrite)


def _changed(project: Project, options: argparse.Namespace) -> Project:
    """Return a project with what the command line says besides."""
    given = options.given
    for name in POINTING:
        if name in given:
            raise UserError(
                f"--{name.replace('_', '-')} cannot be said beside --project, which says what to "
                "point at; leave one of them out"
            )
    for name in LIVE:
        if name in given:
            raise UserError(
                f"--{name.replace('_', '-')} is about a live INPUT, but a project is about a file; "
                "leave it out"
            )
    if project.options.search is None and "redetect" in given:
        raise UserError(
            "the project does not say what to look for again; leave out --redetect, or make one "
            "with --words TEXT or --everything"
        )
    settings = {each.name for each in fields(Settings)} & given
    plain = {each.name for each in fields(Options)} & given
    changed = replace(
        project.options,
        settings=replace(project.options.settings, **_values(options, settings)),
        **_values(options, plain),
    )
    edit = replace(project.edit, **_values(options, {"first", "last"} & given))
    if "objects" in given:
        edit = _removing(edit, options.objects)
    keyframes = {**project.keyframes, **Keyframes(parse_keyframes(options.keyframe))}
    return Project(project.source, edit, changed, keyframes)


def _values(options: argparse.Namespace, names: Collection[str]) -> dict[str, Any]:
    return {name: getattr(options, name) for name in names}


def _removing(edit: Edit, ids: Collection[int]) -> Edit:
    """Return an edit in which the objects of these ids go and the others stay."""
    for each in ids:
        edit[each]  # refuses what is not there
    objects = tuple(replace(each, removed=each.id in ids) for each in edit.objects)
    return replace(edit, objects=objects)


def save_job(path: Path, job: Job, said: Prompts, *, overwrite: bool) -> Project:
    """Keep a job whose prompts were said on the command line; return the project.

    Raises:
        UserError: it cannot be written.
    """
    info = probe(job.source, job.fps)
    project = project_of(job, said, info.width, info.height)
    save_project(project, path, overwrite=overwrite)
    return project
