"""The options of the command line about live sources."""

import argparse
from pathlib import Path

from tracker.live.addresses import is_live
from tracker.option_values import seconds
from tracker.video.stream_writer import FORMATS

INPUT_HELP = (
    "a video file or a folder of images; or live: camera:0, /dev/video0, rtsp://..., a named pipe, "
    "or - for standard input"
)


def media(text: str) -> Path | str:
    """Return a file as a path, a live source as its address."""
    return text if is_live(text) else Path(text)


def add_live(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group(
        "live", "for a live INPUT; Ctrl-C ends it and finishes OUTPUT (- is standard output)"
    )
    group.add_argument(
        "--learn-background",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="a static camera shows the empty scene first; holes are filled from it, and FRAME "
        "counts from then on",
    )
    group.add_argument(
        "--duration", type=seconds, metavar="SECONDS", help="end by itself after so long"
    )
    group.add_argument(
        "--when-behind",
        choices=("drop", "wait"),
        help="drop pictures that come too fast (default, but for pipes), or let the sender wait",
    )
    group.add_argument(
        "--stream-format",
        choices=tuple(FORMATS),
        default="mpegts",
        help="of standard output (default %(default)s)",
    )
