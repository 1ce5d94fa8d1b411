"""The commands behind `python -m tracker evaluate`."""

import argparse
import sys

from tracker import engines
from tracker.engines import Choice
from tracker.evaluation import (
    cases,
    davis,
    exposures,
    interruptions,
    mask_pictures,
    occlusions,
    portraits,
    returns,
    runs,
)
from tracker.evaluation.case_files import CaseOrder
from tracker.evaluation.fill_sheet import evaluate_fill
from tracker.evaluation.perceptual import Perception
from tracker.evaluation.protocol import Protocol
from tracker.evaluation.report import html_report
from tracker.evaluation.sheet import Sheet, as_csv, as_json, as_text, mask_sheet
from tracker.whole import write_whole


def measure_masks(options: argparse.Namespace) -> None:
    """J and F of a folder of predictions."""
    scores = davis.evaluate_masks(options.predictions, options.truth, options.clips)
    pictures = (
        mask_pictures.worst(scores, options.predictions, options.truth, options.frames)
        if options.report
        else ()
    )
    _write(mask_sheet(scores, pictures), options)


def measure_returns(options: argparse.Namespace) -> None:
    """Whether objects that were hidden are found again."""
    found = returns.evaluate_returns(options.predictions, options.truth, options.clips)
    _write(returns.return_sheet(found), options)


def measure_fill(options: argparse.Namespace) -> None:
    """The quality of a folder of filled clips."""
    protocol = Protocol(options.size, options.ssim_window, options.dilate)
    perception = Perception.find(options.device)
    say = _say(options)
    sheet = evaluate_fill(
        options.results, options.truth, options.masks, protocol, perception, options.clips, say
    )
    _write(sheet, options)


def make_cases(options: argparse.Namespace) -> None:
    """Clips whose truth is known."""
    make = {
        "stationary": cases.stationary,
        "moving": cases.moving,
        "occluded": occlusions.occluded,
        "interrupted": interruptions.interrupted,
        "exposed": exposures.exposed,
        "portrait": portraits.portraits,
    }[options.kind]
    order = CaseOrder(options.clips, options.output, options.only, options.size, options.seed)
    for sentence in make(order):
        print(sentence)


def track_clips(options: argparse.Namespace) -> None:
    """Follow the first true masks of every clip."""
    choice = _choose("propagator", options.propagator, options)
    for done in runs.track(
        options.clips,
        options.output,
        options.only,
        choice,
        options.memory_frames,
        options.mode,
    ):
        _say(options)(str(done))


def inpaint_clips(options: argparse.Namespace) -> None:
    """Fill every clip by the published protocol."""
    choice = None
    if options.baseline is None:
        choice = _choose("inpainter", options.inpainter, options)
    plan = runs.FillPlan(
        choice or options.baseline,
        options.mode,
        options.schedule == "published",
        options.size,
        options.dilate,
    )
    masks = options.masks or options.clips
    for done in runs.inpaint(options.clips, masks, options.output, options.only, plan):
        _say(options)(str(done))


def _choose(job: str, name: str, options: argparse.Namespace) -> Choice:
    return engines.choose(job, name, options.device, commercial=options.commercial)


def _say(options: argparse.Namespace) -> "runs.Say":
    def say(sentence: str) -> None:
        if not options.quiet:
            print(sentence, file=sys.stderr)

    return say


def _write(sheet: Sheet, options: argparse.Namespace) -> None:
    if not options.quiet:
        print(as_text(sheet))
    for file, text in (
        (options.json, as_json),
        (options.csv, as_csv),
        (options.report, html_report),
    ):
        if file is not None:
            write_whole(file, text(sheet))
