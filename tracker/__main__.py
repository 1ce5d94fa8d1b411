"""The command line: `python -m tracker` (or `cleanplate`, once installed).

Exit codes: 0 done; 2 something the user can put right, said in one line; 130 Ctrl-C.
"""

import argparse
import dataclasses
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path

from tracker import engines, prompts
from tracker.jobs import Job, Progress, Report
from tracker.masks import read_label_image
from tracker.removal import run_job
from tracker.types import UserError
from tracker.video import VideoReader


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        command(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return 0


def _remove(options: argparse.Namespace) -> None:
    _run(options, _prompted_job(options, output=options.output, masks_out=options.masks_out))


def _track(options: argparse.Namespace) -> None:
    _run(options, _prompted_job(options, output=None, masks_out=options.masks))


def _fill(options: argparse.Namespace) -> None:
    job = Job(
        options.input,
        options.output,
        masks=options.masks,
        objects=options.objects,
        mode=options.mode,
        inpainter=options.inpainter,
        device=options.device,
        dilate=options.dilate,
        overlay_out=options.overlay_out,
        fps=options.fps,
        overwrite=options.overwrite,
    )
    _run(options, job)


def _prompted_job(options: argparse.Namespace, output: Path | None, masks_out: Path | None) -> Job:
    """Ask the segmenter for the labels of every prompted frame."""
    said: prompts.Prompts = {}
    for text in options.mask:
        file, frame = prompts.split_file(text)
        prompts.add_labels(said, read_label_image(Path(file)), frame)
    for text in options.box:
        prompts.add_box(said, text)
    for text in options.point:
        prompts.add_point(said, text, positive=True)
    for text in options.negative:
        prompts.add_point(said, text, positive=False)
    _check_outputs(options.overwrite, output, masks_out, options.overlay_out)
    segmenter = engines.choose("segmenter", options.segmenter, options.device)
    with VideoReader(options.input, options.fps) as reader:
        prompted = prompts.label_frames(reader, said, engines.make_segmenter(segmenter))
    return Job(
        options.input,
        output,
        prompted,
        segmenter=segmenter.name if any(p.points or p.box for p in said.values()) else None,
        objects=getattr(options, "objects", None),
        mode=options.mode,
        propagator=options.propagator,
        inpainter=getattr(options, "inpainter", "auto"),
        device=options.device,
        dilate=getattr(options, "dilate", None),
        masks_out=masks_out,
        overlay_out=options.overlay_out,
        fps=options.fps,
        overwrite=options.overwrite,
    )


def _check_outputs(overwrite: bool, *paths: Path | None) -> None:
    """Refuse files that exist before any work is done."""
    for path in paths:
        if path is not None and path.exists() and not overwrite:
            raise UserError(f"{path} exists; choose another name or pass --overwrite")


def _run(options: argparse.Namespace, job: Job) -> None:
    show = _ignore if options.quiet else _Line()
    report = None
    with closing(run_job(job)) as steps:
        for progress in steps:
            show(progress)
            report = progress.report
    if report is None:
        raise RuntimeError("the job ended without a report")
    if not options.quiet:
        _say_what_was_done(report, [job.output, job.masks_out, job.overlay_out])
    if options.json is not None:
        _write_json(options.json, report)


def _ignore(progress: Progress) -> None:
    """Show nothing."""


class _Line:
    """Progress on one line of stderr, or on a line per tenth where that is not a terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._shown = ""

    def __call__(self, progress: Progress) -> None:
        if progress.stage == "done":
            if self._terminal and self._shown:
                print(file=sys.stderr)
            return
        total = progress.total
        text = f"{progress.stage} {progress.done}" + (f"/{total}" if total else "")
        tenth = f"{progress.stage} {progress.done * 10 // total if total else progress.done // 50}"
        if self._terminal:
            left = progress.seconds_left
            text += "" if left is None else f", {left:.0f} s left"
            print(f"\r{text:<60}", end="", flush=True, file=sys.stderr)
        elif tenth != self._shown:
            print(text, file=sys.stderr)
        self._shown = tenth


def _say_what_was_done(report: Report, paths: Sequence[Path | None]) -> None:
    for notice in report.notices:
        print(f"note: {notice}", file=sys.stderr)
    names = ", ".join(str(path) for path in paths if path is not None)
    made_by = ", ".join(f"{job} {name}" for job, name in report.engines.items())
    print(
        f"{names}: {report.frames} frames in {report.seconds:.1f} s "
        f"({report.fps:.1f} frames per second; {made_by})",
        file=sys.stderr,
    )


def _write_json(path: Path, report: Report) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        partial.write_text(json.dumps(dataclasses.asdict(report), indent=2) + "\n")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def _engines(options: argparse.Namespace) -> None:
    for choice in engines.describe(options.device):
        print(f"{choice.job:<11} {choice.name} on {choice.device}: {choice.reason}")
        for name, state in engines.table(choice.job):
            print(f"    {name:<16} {state}")


def _page(options: argparse.Namespace) -> None:
    from tracker.ui import build_demo, launch_options

    wanted = launch_options(options.host, options.port, options.share, options.auth)
    build_demo().launch(**wanted)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cleanplate", description="Remove objects from videos: point at them once."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    remove = commands.add_parser("remove", help="write the video without the objects")
    remove.add_argument("input", type=Path, help="a video file or a folder of images")
    remove.add_argument("output", type=Path, help=".mp4 (H.264), .mkv (lossless) or a folder (PNG)")
    _add_prompts(remove)
    remove.add_argument("--masks-out", type=Path, metavar="FILE.zip", help="also write the masks")
    _add_filling(remove)
    _add_running(remove)
    remove.set_defaults(command=_remove)

    track = commands.add_parser("track", help="write the masks of the objects only")
    track.add_argument("input", type=Path, help="a video file or a folder of images")
    track.add_argument("masks", type=Path, metavar="MASKS.zip", help="palette PNGs, one per frame")
    _add_prompts(track)
    _add_running(track)
    track.set_defaults(command=_track)

    fill = commands.add_parser("fill", help="fill holes given as masks")
    fill.add_argument("input", type=Path, help="a video file or a folder of images")
    fill.add_argument(
        "masks", type=Path, help="zip or folder of label PNGs, or one PNG for a hole that stays"
    )
    fill.add_argument("output", type=Path, help=".mp4 (H.264), .mkv (lossless) or a folder (PNG)")
    _add_filling(fill)
    _add_running(fill)
    fill.set_defaults(command=_fill)

    listing = commands.add_parser("engines", help="say which engine does each job here, and why")
    listing.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    listing.set_defaults(command=_engines)

    page = commands.add_parser("page", help="open the page in a browser")
    page.add_argument("--host", default="127.0.0.1", help="address to listen on")
    page.add_argument("--port", type=int, help="default: the first free one from 7860 on")
    page.add_argument("--share", action="store_true", help="make a public link (off by default)")
    page.add_argument("--auth", metavar="USER:PASSWORD", help="ask for a name and a password")
    page.set_defaults(command=_page)
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
    group.add_argument("--segmenter", default="auto", metavar="NAME")
    group.add_argument("--propagator", default="auto", metavar="NAME")


def _add_filling(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how to fill")
    group.add_argument("--objects", type=_ids, metavar="1,3", help="remove only these")
    group.add_argument("--inpainter", default="auto", metavar="NAME")
    group.add_argument(
        "--dilate",
        type=_pixels,
        metavar="PIXELS",
        help="how far the hole reaches beyond the mask (default: 4 at 432x240, scaled)",
    )


def _add_running(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how to run")
    group.add_argument("--mode", choices=("offline", "streaming"), default="offline")
    group.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    group.add_argument(
        "--overlay-out", type=Path, metavar="FILE.mp4", help="also write the objects marked"
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


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate such as 24, 29.97 or 30000/1001")
    return rate


if __name__ == "__main__":
    sys.exit(main())
