"""What the command line accepts: its verbs; their options are in modules by subject."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from tracker.batch.arguments import add_batch
from tracker.evaluation.arguments import add_evaluate
from tracker.exports.flags import add_exports
from tracker.flags import add_device, add_filling, add_licence, add_prompts, add_running
from tracker.live.flags import INPUT_HELP, add_live, media
from tracker.noting import NotingParser
from tracker.project_command import add_project
from tracker.published import DEFAULT, RECORDS
from tracker.spans import parse_span

OUTPUT_HELP = ".mp4 (H.264), .mkv (lossless), .mov (ProRes) or a folder (PNG)"

Command: TypeAlias = Callable[[argparse.Namespace], None]


def make_parser(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    """Return the parser; it sets `command` to the one of `commands` that is named."""
    parser = argparse.ArgumentParser(
        prog="cleanplate", description="Remove objects from videos: point at them once."
    )
    noting: type[argparse.ArgumentParser] = NotingParser
    verbs = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=noting)

    remove = verbs.add_parser("remove", help="write the video without the objects")
    remove.add_argument("input", nargs="?", type=media, help=INPUT_HELP)
    remove.add_argument("output", nargs="?", type=Path, help=OUTPUT_HELP)
    add_prompts(remove)
    remove.add_argument("--masks-out", type=Path, metavar="FILE.zip", help="also write the masks")
    add_exports(remove, fills=True)
    add_filling(remove)
    add_running(remove)
    add_project(remove)
    add_live(remove)
    remove.set_defaults(command=commands["remove"])

    track = verbs.add_parser("track", help="write the masks of the objects only")
    track.add_argument("input", type=Path, help="a video file or a folder of images")
    track.add_argument("masks", type=Path, metavar="MASKS.zip", help="palette PNGs, one per frame")
    add_prompts(track)
    add_exports(track, fills=False)
    add_running(track)
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
    add_filling(fill)
    add_running(fill)
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
    add_device(listing)
    add_licence(listing)
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
    add_device(test)
    test.set_defaults(command=commands["selftest"])

    page = verbs.add_parser("page", help="open the page in a browser")
    page.add_argument("--host", default="127.0.0.1", help="address to listen on")
    page.add_argument("--port", type=int, help="default: the first free one from 7860 on")
    page.add_argument("--share", action="store_true", help="make a public link (off by default)")
    page.add_argument("--auth", metavar="USER:PASSWORD", help="ask for a name and a password")
    page.set_defaults(command=commands["page"])
    return parser
