"""The options of the command line that ask for more files, and what they mean for a job."""

import argparse
from dataclasses import replace
from pathlib import Path

from tracker.flags import add_files
from tracker.jobs import Job
from tracker.video.codecs import ENDINGS

LAYER_FORM = "FILE.mov|FILE.webm|FOLDER"


def add_exports(parser: argparse.ArgumentParser, *, fills: bool) -> None:
    """Add the options; those about filled pixels only to verbs that fill."""
    group = parser.add_argument_group("what else to write")
    add_files(
        group,
        ("--overlay-out", "FILE.mp4", "a video with the objects marked"),
        (
            "--matte-out",
            "FILE.mkv",
            "the masks as a black and white video (FFV1); `fill` takes it back bit-exactly",
        ),
        (
            "--cutout-out",
            LAYER_FORM,
            "the objects alone, with transparency: ProRes 4444, VP9 or PNG",
        ),
    )
    if not fills:
        return
    add_files(
        group,
        (
            "--patch-out",
            LAYER_FORM,
            "the filled pixels alone, with transparency: laid over the input, the clean video",
        ),
    )
    group.add_argument(
        "--codec",
        choices=tuple(ENDINGS),
        help="of the output: h264 or h265 (10 bits) in .mp4, prores (422 HQ) in .mov; "
        "default: by its ending",
    )


def export_paths(options: argparse.Namespace) -> list[Path | None]:
    """Return the files these options ask for."""
    names = ("overlay_out", "matte_out", "cutout_out", "patch_out")
    return [getattr(options, name, None) for name in names]


def with_exports(job: Job, options: argparse.Namespace) -> Job:
    """Return `job` with the files these options ask for."""
    return replace(
        job,
        overlay_out=options.overlay_out,
        matte_out=options.matte_out,
        cutout_out=options.cutout_out,
        patch_out=getattr(options, "patch_out", None),
        codec=getattr(options, "codec", None),
    )
