"""The options of the command line that several verbs share, group by group."""

import argparse
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

from tracker import option_values as values
from tracker.jobs import Settings

DEFAULTS = Settings()
Group: TypeAlias = argparse.ArgumentParser | argparse._ArgumentGroup


def add_prompts(parser: argparse.ArgumentParser) -> None:
    """Add what says where the objects are, and how they are followed."""
    group = parser.add_argument_group(
        "what to point at", "K is an object id (default 1), FRAME counts from 0 (default 0)"
    )
    for flag, form, meaning in (
        ("--point", "[K:]X,Y[@FRAME]", "inside object K"),
        ("--negative", "[K:]X,Y[@FRAME]", "outside object K"),
        ("--box", "[K:]X0,Y0,X1,Y1[@FRAME]", "around object K"),
        ("--mask", "FILE[@FRAME]", "label image, 0 = no object"),
        (
            "--motion",
            "K:MOTION",
            "object: K follows itself (default); surface: it sticks to the plane behind it, as "
            "a crack or a logo on a wall; screen: it is fixed in the picture, as a watermark",
        ),
    ):
        group.add_argument(flag, metavar=form, action="append", default=[], help=meaning)
    _add_finding(group)
    add_engine(group, "--segmenter")
    add_engine(group, "--propagator")
    group.add_argument(
        "--refine",
        metavar="NAME",
        help="make each tracked mask exact with this segmenter, such as sam_hq_tiny",
    )
    group.add_argument(
        "--memory-gap",
        type=values.positive,
        metavar="N",
        help="DeAOT: frames between two long-term memories (default: as published)",
    )
    group.add_argument(
        "--memory-frames",
        type=values.positive_or_none,
        default=DEFAULTS.memory_frames,
        metavar="N|none",
        help="DeAOT: long-term memories kept besides the prompted frames (default %(default)s)",
    )


def _add_finding(group: argparse._ArgumentGroup) -> None:
    what = group.add_mutually_exclusive_group()
    what.add_argument(
        "--words", metavar="TEXT", help='by name: "remove the red car and the dog", "car . dog"'
    )
    what.add_argument(
        "--everything", action="store_true", help="whatever stands out; choose with --objects"
    )
    group.add_argument(
        "--find-in",
        type=values.whole,
        metavar="FRAME",
        help="frame in which words or everything are looked for (default: the first)",
    )
    group.add_argument(
        "--redetect",
        type=values.positive,
        metavar="N",
        help="look again every N frames, and remove what has come in",
    )
    for flag, default in (("--box-threshold", "0.35"), ("--text-threshold", "0.25")):
        group.add_argument(
            flag,
            type=values.share,
            metavar="SHARE",
            help=f"how well words must match, 0 to 1 (default {default})",
        )


def add_filling(parser: argparse.ArgumentParser) -> None:
    """Add what says how holes are made and filled."""
    group = parser.add_argument_group("how to fill")
    group.add_argument("--objects", type=values.ids, metavar="1,3", help="remove only these")
    add_engine(group, "--inpainter")
    group.add_argument(
        "--keyframe",
        metavar="FILE@FRAME",
        action="append",
        default=[],
        help="that frame as it should look, without the objects; it guides the other frames",
    )
    for flag, meaning in (
        (
            "--dilate",
            "how far the hole reaches beyond the mask (default: 4 at 432x240, scaled)",
        ),
        (
            "--feather",
            "how far inside the hole its seam is softened (default: half of --dilate)",
        ),
    ):
        group.add_argument(flag, type=values.pixels, metavar="PIXELS", help=meaning)
    group.add_argument(
        "--grow-shadow",
        action="store_true",
        help="also remove the shadows the objects cast (those of things that move)",
    )
    for name, choices, meaning in (
        (
            "size",
            ("fast", "balanced", "full"),
            "how large a picture the fill is invented at: balanced is smaller where much of the "
            "frame is removed; full is the source's own size, slow and hungry for memory "
            "(default %(default)s)",
        ),
        (
            "crop",
            ("auto", "off"),
            "auto: of large frames, only what lies around the hole is looked at, in more detail; "
            "off: the whole frame, shrunk (default %(default)s)",
        ),
        (
            "schedule",
            ("published", "fast"),
            "offline: windows overlap and are averaged, or fill each frame once",
        ),
        (
            "recall",
            ("auto", "recompute", "memory"),
            "streaming with E2FGVI: recompute the window (exact), remember it (faster), or "
            "recompute if that keeps up with the video (default %(default)s)",
        ),
    ):
        default = getattr(DEFAULTS, name)
        group.add_argument(f"--{name}", choices=choices, default=default, help=meaning)
    group.add_argument(
        "--max-references",
        type=values.positive_or_none,
        default=DEFAULTS.max_references,
        metavar="N|none",
        help="offline: distant frames a window looks at; none is as published, and grows with "
        "the clip (default %(default)s)",
    )
    group.add_argument(
        "--lookahead",
        type=values.whole,
        default=DEFAULTS.lookahead,
        metavar="N",
        help="streaming: wait for N more frames, for better quality (default %(default)s)",
    )
    group.add_argument(
        "--compile",
        action="store_true",
        help="E2FGVI: let torch compile the network first; takes a minute, and gained nothing on "
        "the CPU it was measured on (4 %% slower): for accelerators",
    )


def add_running(parser: argparse.ArgumentParser) -> None:
    """Add what says where, on what part and how a job runs."""
    group = parser.add_argument_group("how to run")
    add_mode(group)
    group.add_argument(
        "--in",
        dest="first",
        type=values.whole,
        default=0,
        metavar="FRAME",
        help="first frame worked on; those before pass as they are (default %(default)s)",
    )
    group.add_argument(
        "--out",
        dest="last",
        type=values.whole,
        metavar="FRAME",
        help="last frame worked on; those after it pass as they are (default: the end)",
    )
    add_device(group)
    add_licence(group)
    group.add_argument(
        "--resume",
        action="store_true",
        help="work in spans noted in a hidden file beside the output, and go on from the last "
        "whole one if such a run was cut off",
    )
    add_files(
        group,
        ("--keep", "FILE", "offline: keep the run in a file, for --earlier"),
        (
            "--earlier",
            "FILE",
            "offline: go on from a kept run of this video: only what other prompts change is "
            "tracked and filled again; the file may be that of --keep",
        ),
    )
    group.add_argument(
        "--fps", type=values.rate, default=Fraction(24), help="of a folder of images"
    )
    group.add_argument("--overwrite", action="store_true", help="replace existing files")
    add_files(group, ("--json", "FILE", "write a report"))
    group.add_argument("--quiet", action="store_true", help="no progress, no summary")


def add_files(group: Group, *rows: Sequence[str]) -> None:
    """Add options that name a file each; a row is the option, its form and its meaning."""
    for flag, form, meaning in rows:
        group.add_argument(flag, type=Path, metavar=form, help=meaning)


def add_engine(group: Group, flag: str) -> None:
    """Add the choice of an engine."""
    group.add_argument(flag, default="auto", metavar="NAME", help="see: engines")


def add_mode(group: Group) -> None:
    """Add the choice between the two modes."""
    group.add_argument("--mode", choices=("offline", "streaming"), default="offline")


def add_device(group: Group) -> None:
    """Add where networks run."""
    group.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")


def add_licence(group: Group) -> None:
    """Add the switch that leaves out what may not be used commercially."""
    group.add_argument(
        "--commercial",
        action="store_true",
        help="only engines whose weights may be used commercially",
    )
