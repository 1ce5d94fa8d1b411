"""What the command line accepts: verbs, options and their help."""

import argparse
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

from tracker.batch.arguments import add_batch
from tracker.evaluation.arguments import add_evaluate
from tracker.exports.flags import add_exports
from tracker.jobs import Settings
from tracker.live.flags import INPUT_HELP, add_live, media
from tracker.project_command import add_project
from tracker.published import DEFAULT, RECORDS
from tracker.spans import parse_span

DEFAULTS = Settings()
OUTPUT_HELP = ".mp4 (H.264), .mkv (lossless), .mov (ProRes) or a folder (PNG)"

Command: TypeAlias = Callable[[argparse.Namespace], None]


def make_parser(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    """Return the parser; it sets `command` to the one of `commands` that is named."""
    parser = argparse.ArgumentParser(
        prog="cleanplate", description="Remove objects from videos: point at them once."
    )
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    remove = verbs.add_parser("remove", help="write the video without the objects")
    remove.add_argument("input", nargs="?", type=media, help=INPUT_HELP)
    remove.add_argument("output", nargs="?", type=Path, help=OUTPUT_HELP)
    _add_prompts(remove)
    remove.add_argument("--masks-out", type=Path, metavar="FILE.zip", help="also write the masks")
    add_exports(remove, fills=True)
    _add_filling(remove)
    _add_running(remove)
    add_project(remove)
    add_live(remove)
    remove.set_defaults(command=commands["remove"])

    track = verbs.add_parser("track", help="write the masks of the objects only")
    track.add_argument("input", type=Path, help="a video file or a folder of images")
    track.add_argument("masks", type=Path, metavar="MASKS.zip", help="palette PNGs, one per frame")
    _add_prompts(track)
    add_exports(track, fills=False)
    _add_running(track)
    track.set_defaults(command=commands["track"])

    fill = verbs.add_parser("fill", help="fill holes given as masks")
    fill.add_argument("input", type=Path, help="a video file or a folder of images")
    fill.add_argument(
        "masks",
        type=Path,
        help="zip or folder of label PNGs, a matte video, or one PNG for a hole that stays",
    )
    fill.add_argument("output", type=Path, help=OUTPUT_HELP)
    add_exports(fill, fills=True)
    _add_filling(fill)
    _add_running(fill)
    fill.add_argument(
        "--spans",
        type=parse_span,
        metavar="K/N",
        help="offline: fill only the K-th of N parts; the last of them to run makes OUTPUT, "
        "the same as if the clip had been filled whole (E2FGVI)",
    )
    fill.set_defaults(command=commands["fill"])

    add_evaluate(verbs)
    add_batch(verbs)

    listing = verbs.add_parser("engines", help="say which engine does each job here, and why")
    listing.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    _add_licence(listing)
    listing.set_defaults(command=commands["engines"])

    fetch = verbs.add_parser("download", help="get official weights into ckpt/")
    fetch.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"default: {' '.join(DEFAULT)}; known: " + ", ".join(RECORDS),
    )
    fetch.add_argument("--quiet", action="store_true", help="no progress")
    fetch.set_defaults(command=commands["download"])

    test = verbs.add_parser("selftest", help="see whether the weights in ckpt/ do what they should")
    test.add_argument("names", nargs="*", metavar="NAME", help="default: all that are there")
    test.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    test.set_defaults(command=commands["selftest"])

    page = verbs.add_parser("page", help="open the page in a browser")
    page.add_argument("--host", default="127.0.0.1", help="address to listen on")
    page.add_argument("--port", type=int, help="default: the first free one from 7860 on")
    page.add_argument("--share", action="store_true", help="make a public link (off by default)")
    page.add_argument("--auth", metavar="USER:PASSWORD", help="ask for a name and a password")
    page.set_defaults(command=commands["page"])
    return parser


def _add_prompts(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "what to point at", "K is an object id (default 1), FRAME counts from 0 (default 0)"
    )
    for flag, form, meaning in (
        ("--point", "[K:]X,Y[@FRAME]", "inside object K"),
        ("--negative", "[K:]X,Y[@FRAME]", "outside object K"),
        ("--box", "[K:]X0,Y0,X1,Y1[@FRAME]", "around object K"),
        ("--mask", "FILE[@FRAME]", "label image, 0 = no object"),
    ):
        group.add_argument(flag, metavar=form, action="append", default=[], help=meaning)
    _add_finding(group)
    group.add_argument(
        "--motion",
        action="append",
        default=[],
        metavar="K:MOTION",
        help="object: K follows itself (default); surface: it sticks to the plane behind it, as "
        "a crack or a logo on a wall; screen: it is fixed in the picture, as a watermark",
    )
    group.add_argument("--segmenter", default="auto", metavar="NAME", help="see: engines")
    group.add_argument("--propagator", default="auto", metavar="NAME", help="see: engines")
    group.add_argument(
        "--refine",
        metavar="NAME",
        help="make each tracked mask exact with this segmenter, such as sam_hq_tiny",
    )
    group.add_argument(
        "--memory-gap",
        type=_positive,
        metavar="N",
        help="DeAOT: frames between two long-term memories (default: as published)",
    )
    group.add_argument(
        "--memory-frames",
        type=_positive_or_none,
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
        type=_whole,
        metavar="FRAME",
        help="frame in which words or everything are looked for (default: the first)",
    )
    group.add_argument(
        "--redetect",
        type=_positive,
        metavar="N",
        help="look again every N frames, and remove what has come in",
    )
    for flag, default in (("--box-threshold", "0.35"), ("--text-threshold", "0.25")):
        group.add_argument(
            flag,
            type=_share,
            metavar="SHARE",
            help=f"how well words must match, 0 to 1 (default {default})",
        )


def _add_licence(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    parser.add_argument(
        "--commercial",
        action="store_true",
        help="only engines whose weights may be used commercially",
    )


def _add_filling(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how to fill")
    group.add_argument("--objects", type=_ids, metavar="1,3", help="remove only these")
    group.add_argument("--inpainter", default="auto", metavar="NAME", help="see: engines")
    group.add_argument(
        "--keyframe",
        metavar="FILE@FRAME",
        action="append",
        default=[],
        help="that frame as it should look, without the objects; it guides the other frames",
    )
    group.add_argument(
        "--dilate",
        type=_pixels,
        metavar="PIXELS",
        help="how far the hole reaches beyond the mask (default: 4 at 432x240, scaled)",
    )
    group.add_argument(
        "--feather",
        type=_pixels,
        metavar="PIXELS",
        help="how far inside the hole its seam is softened (default: half of --dilate)",
    )
    group.add_argument(
        "--size",
        choices=("fast", "balanced", "full"),
        default=DEFAULTS.size,
        help="how large a picture the fill is invented at: full is the source's own size, slow "
        "and hungry for memory (default %(default)s)",
    )
    group.add_argument(
        "--grow-shadow",
        action="store_true",
        help="also remove the shadows the objects cast (those of things that move)",
    )
    group.add_argument(
        "--crop",
        choices=("auto", "off"),
        default=DEFAULTS.crop,
        help="auto: of large frames, only what lies around the hole is looked at, in more detail; "
        "off: the whole frame, shrunk (default %(default)s)",
    )
    group.add_argument(
        "--schedule",
        choices=("published", "fast"),
        help="offline: windows overlap and are averaged, or fill each frame once",
    )
    group.add_argument(
        "--max-references",
        type=_positive_or_none,
        default=DEFAULTS.max_references,
        metavar="N|none",
        help="offline: distant frames a window looks at; none is as published, and grows with "
        "the clip (default %(default)s)",
    )
    group.add_argument(
        "--lookahead",
        type=_whole,
        default=DEFAULTS.lookahead,
        metavar="N",
        help="streaming: wait for N more frames, for better quality (default %(default)s)",
    )
    group.add_argument(
        "--recall",
        choices=("auto", "recompute", "memory"),
        default=DEFAULTS.recall,
        help="streaming with E2FGVI: recompute the window (exact), remember it (faster), or "
        "recompute if that keeps up with the video (default %(default)s)",
    )
    group.add_argument(
        "--compile",
        action="store_true",
        help="E2FGVI: let torch compile the network first; takes a minute, and gained nothing on "
        "the CPU it was measured on (4 %% slower): for accelerators",
    )


def _add_running(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how to run")
    group.add_argument("--mode", choices=("offline", "streaming"), default="offline")
    group.add_argument(
        "--in",
        dest="first",
        type=_whole,
        default=0,
        metavar="FRAME",
        help="first frame worked on; those before pass as they are (default %(default)s)",
    )
    group.add_argument(
        "--out",
        dest="last",
        type=_whole,
        metavar="FRAME",
        help="last frame worked on; those after it pass as they are (default: the end)",
    )
    group.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    _add_licence(group)
    group.add_argument(
        "--resume",
        action="store_true",
        help="work in spans noted in a hidden file beside the output, and go on from the last "
        "whole one if such a run was cut off",
    )
    group.add_argument(
        "--keep",
        type=Path,
        metavar="FILE",
        help="offline: keep the run in a file, for --earlier",
    )
    group.add_argument(
        "--earlier",
        type=Path,
        metavar="FILE",
        help="offline: go on from a kept run of this video: only what other prompts change is "
        "tracked and filled again; the file may be that of --keep",
    )
    group.add_argument("--fps", type=_rate, default=Fraction(24), help="of a folder of images")
    group.add_argument("--overwrite", action="store_true", help="replace existing files")
    group.add_argument("--json", type=Path, metavar="FILE", help="write a report")
    group.add_argument("--quiet", action="store_true", help="no progress, no summary")


def _ids(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of ids such as 1,3") from None


def _pixels(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of pixels, 0 or more")
    return value


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share, 0 to 1")
    return value


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or more")
    return int(text)


def _positive(text: str) -> int:
    value = _whole(text)
    if value == 0:
        raise argparse.ArgumentTypeError("0 is too few; give 1 or more")
    return value


def _positive_or_none(text: str) -> int | None:
    return None if text == "none" else _positive(text)


def _rate(text: str) -> Fraction:
    try:
        # Python would count for hours on 1e999999999.
        rate = Fraction(text if len(text) <= 20 and "e" not in text.lower() else "0")
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate such as 24, 29.97 or 30000/1001")
    return rate
