"""What `python -m tracker evaluate` accepts."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tracker import option_values as values
from tracker.flags import add_device, add_engine, add_licence, add_mode

SIZE_FORM = "WIDTHxHEIGHT|source"

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


def add_evaluate(verbs: "Verbs") -> None:
    """Add the verb `evaluate` with its own verbs."""
    parser = verbs.add_parser("evaluate", help="measure masks and fills against a known truth")
    kinds = parser.add_subparsers(required=True, metavar="WHAT")

    masks = kinds.add_parser("masks", help="J and F of tracked masks, as DAVIS measures them")
    masks.add_argument(
        "predictions", type=Path, help="folder of clips: folders of label PNGs, or CLIP.zip"
    )
    masks.add_argument("truth", type=Path, help="folder of clips, or the folder of DAVIS")
    masks.add_argument("--frames", type=Path, help="folder of clips, to draw the worst masks on")
    _add_output(masks)
    masks.set_defaults(command=_lazily("measure_masks"))

    returns = kinds.add_parser("returns", help="are hidden objects found again, and nothing else")
    returns.add_argument("predictions", type=Path, help="as for masks")
    returns.add_argument("truth", type=Path, help="as for masks")
    _add_output(returns)
    returns.set_defaults(command=_lazily("measure_returns"))

    fill = kinds.add_parser("fill", help="PSNR, SSIM and more of filled clips, as E2FGVI does")
    fill.add_argument("results", type=Path, help="folder of clips: folders of frames, or videos")
    fill.add_argument("truth", type=Path, help="folder of clips without the object")
    fill.add_argument(
        "--masks", type=Path, help="folder of clips of label PNGs: where the holes are"
    )
    fill.add_argument(
        "--size",
        type=values.size,
        default=(240, 432),
        metavar=SIZE_FORM,
        help="at which all is compared (default: 432x240, as published)",
    )
    fill.add_argument(
        "--ssim-window", type=values.odd, default=65, metavar="PIXELS", help="default: 65"
    )
    fill.add_argument("--dilate", type=values.whole, default=4, metavar="N", help="default: 4")
    add_device(fill)
    _add_output(fill)
    fill.set_defaults(command=_lazily("measure_fill"))

    cases = kinds.add_parser("cases", help="make clips whose truth is known")
    cases.add_argument(
        "kind",
        choices=("stationary", "moving", "occluded", "interrupted", "exposed", "portrait"),
        help="a hole that stays over true frames; an object of one clip pasted over another; the "
        "same, hidden for a while, to be followed; a clip whose own object is hidden for a while; "
        "a clip whose exposure changes; the part of it that an upright telephone would show",
    )
    cases.add_argument("clips", type=Path, help="folder of clips")
    cases.add_argument("output", type=Path, help="folder to be made")
    cases.add_argument("--clips", dest="only", type=values.names, metavar="NAME,NAME")
    cases.add_argument("--size", type=values.size, metavar=SIZE_FORM, default=(240, 432))
    cases.add_argument("--seed", type=values.whole, default=0, help="other seeds, other holes")
    cases.set_defaults(command=_lazily("make_cases"))

    track = kinds.add_parser("track", help="follow the first true masks; DAVIS folders out")
    track.add_argument("clips", type=Path, help="folder of clips with frames and first masks")
    track.add_argument("output", type=Path, help="folder to be made")
    add_engine(track, "--propagator")
    track.add_argument("--memory-frames", type=values.whole_or_none, default=8, metavar="N|none")
    add_mode(track)
    _add_run(track)
    track.set_defaults(command=_lazily("track_clips"))

    inpaint = kinds.add_parser("inpaint", help="fill clips by the published protocol, not rounded")
    inpaint.add_argument("clips", type=Path, help="folder of clips with frames")
    inpaint.add_argument("output", type=Path, help="folder to be made")
    inpaint.add_argument("--masks", type=Path, help="folder of clips with masks; default: CLIPS")
    add_engine(inpaint, "--inpainter")
    inpaint.add_argument(
        "--baseline",
        choices=("telea", "nearest", "previous"),
        help="instead of an engine: OpenCV frame by frame, or the same pixel from the nearest (or "
        "the last) frame that shows it",
    )
    add_mode(inpaint)
    inpaint.add_argument(
        "--schedule",
        choices=("published", "engine"),
        default="published",
        help="offline: overlapping windows that see every tenth frame, or the engine's own",
    )
    inpaint.add_argument("--size", type=values.size, default=(240, 432), metavar=SIZE_FORM)
    inpaint.add_argument("--dilate", type=values.whole, default=4, metavar="N", help="default: 4")
    _add_run(inpaint)
    inpaint.set_defaults(command=_lazily("inpaint_clips"))


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clips", type=values.names, metavar="NAME,NAME", help="only these")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table")
    parser.add_argument(
        "--report", type=Path, metavar="FILE.html", help="write plots and the worst frames"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, no table")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--clips", dest="only", type=values.names, metavar="NAME,NAME", help="only these"
    )
    add_device(parser)
    add_licence(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress")


def _lazily(name: str) -> Callable[[argparse.Namespace], None]:
    """Return the command of that name; its module is read when it is called."""

    def run(options: argparse.Namespace) -> None:
        from tracker.evaluation import command

        getattr(command, name)(options)

    return run
