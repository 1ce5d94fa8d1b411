"""From the options of the command line to the job they ask for."""

import argparse
import dataclasses
from pathlib import Path

from tracker import crew
from tracker.console import say
from tracker.exports.flags import export_paths, with_exports
from tracker.jobs import Job, Settings
from tracker.keyframes import parse_keyframes
from tracker.motions import parse_motions
from tracker.targets import point, search_of
from tracker.types import UserError


def prompted_job(options: argparse.Namespace, output: Path | None, masks_out: Path | None) -> Job:
    """Find out what is pointed at; say what was found without pointing."""
    check_outputs(options.overwrite, output, masks_out, *export_paths(options))
    crew.warm_up(options.propagator, options.device, commercial=options.commercial)
    pointed = point(options)
    if not options.quiet:
        for sentence in pointed.sentences:
            say(sentence)
    job = Job(
        options.input,
        output,
        pointed.prompted,
        made_by=pointed.engines,
        names=pointed.names,
        search=search_of(options),
        redetect=options.redetect,
        refine=options.refine,
        objects=getattr(options, "objects", None),
        keyframes=parse_keyframes(getattr(options, "keyframe", [])),
        motion=parse_motions(options.motion),
        mode=options.mode,
        propagator=options.propagator,
        inpainter=getattr(options, "inpainter", "auto"),
        device=options.device,
        commercial=options.commercial,
        first=options.first,
        last=options.last,
        dilate=getattr(options, "dilate", None),
        masks_out=masks_out,
        settings=settings_of(options),
        fps=options.fps,
        overwrite=options.overwrite,
    )
    return with_exports(job, options)


def fill_job(options: argparse.Namespace) -> Job:
    """Return the job of `fill`."""
    job = Job(
        options.input,
        options.output,
        masks=options.masks,
        objects=options.objects,
        keyframes=parse_keyframes(options.keyframe),
        mode=options.mode,
        inpainter=options.inpainter,
        device=options.device,
        commercial=options.commercial,
        first=options.first,
        last=options.last,
        dilate=options.dilate,
        settings=settings_of(options),
        fps=options.fps,
        overwrite=options.overwrite,
    )
    return with_exports(job, options)


def settings_of(options: argparse.Namespace) -> Settings:
    """Return what was said of how engines work; a verb has only the options that matter."""
    fields = [field.name for field in dataclasses.fields(Settings)]
    return Settings(**{name: getattr(options, name) for name in fields if hasattr(options, name)})


def check_outputs(overwrite: bool, *paths: Path | None) -> None:
    """Refuse files that exist before any work is done."""
    for path in paths:
        if path is not None and path.exists() and not overwrite:
            raise UserError(f"{path} exists; choose another name or pass --overwrite")
