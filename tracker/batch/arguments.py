"""What `python -m tracker batch` accepts."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tracker import option_values as values

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
        "--jobs", type=values.positive, metavar="N", help="clips at once (default: processors / 2)"
    )
    parser.add_argument(
        "--memory",
        type=values.positive,
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
