"""What `python -m tracker batch` accepts."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


def add_batch(verbs: "Verbs") -> None:
    """Add the verb `batch`."""
    parser = verbs.add_parser(
        "batch",
        help="do many clips, each once, side by side",
        description="What follows --with goes to remove (or fill) of every clip: "
        "batch CLIPS OUT --jobs 2 --with --mode streaming --point 300,260",
    )
    parser.add_argument(
        "source", type=Path, metavar="FOLDER", help="of clips, or a JSON-lines manifest"
    )
    parser.add_argument("output", type=Path, metavar="OUT", help="folder for the results")
    parser.add_argument(
        "--format", choices=("mp4", "mkv", "png"), default="mp4", help="default: %(default)s"
    )
    parser.add_argument(
        "--jobs", type=_positive, metavar="N", help="clips at once (default: processors / 2)"
    )
    parser.add_argument(
        "--memory",
        type=_positive,
        metavar="MB",
        help="that all clips together may take (default: 70 %% of this machine's)",
    )
    parser.add_argument(
        "--ray", metavar="ADDRESS", help="run on this Ray cluster (auto: the one running here)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table")
    parser.add_argument("--quiet", action="store_true", help="no progress, no table")
    parser.add_argument(
        "--with",
        dest="options",
        nargs=argparse.REMAINDER,
        default=[],
        metavar="OPTION",
        help="options of remove or fill, for every clip; comes last",
    )
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from tracker.batch.command import run_batch

    run_batch(options)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 1 or more")
    return int(text)
