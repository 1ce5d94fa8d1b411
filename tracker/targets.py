"""What the command line points at: from its options to labels in some frames."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tracker import engines, finding, prompts
from tracker.jobs import Search
from tracker.masks import read_label_image
from tracker.pipeline import ids_in
from tracker.proposals import Rule
from tracker.types import LabelMap, UserError
from tracker.video import VideoReader


@dataclass(frozen=True, eq=False)
class Pointed:
    """The labels of the frames that were pointed at, and how they came about."""

    prompted: Mapping[int, LabelMap]
    names: Mapping[int, str]  # of objects that words found
    engines: Mapping[str, str]  # job -> the engine that made labels
    sentences: tuple[str, ...] = ()  # what was found, one object each


def search_of(options: argparse.Namespace) -> Search | None:
    """Return what is to be found without pointing, None if nothing is.

    Raises:
        UserError: an option says how to look, but none what for.
    """
    if options.words is None and not options.everything:
        for name in ("box_threshold", "text_threshold", "find_in", "redetect"):
            if getattr(options, name) is not None:
                flag = f"--{name.replace('_', '-')}"
                raise UserError(f"{flag} needs --words TEXT or --everything beside it")
        return None
    if options.everything and (options.box_threshold, options.text_threshold) != (None, None):
        raise UserError("thresholds are for --words; --everything has none")
    return Search(
        words=options.words,
        box_threshold=options.box_threshold,
        text_threshold=options.text_threshold,
        segmenter=options.segmenter,
        proposer=options.segmenter,
    )


def point(options: argparse.Namespace) -> Pointed:
    """Ask the engines for the labels of every frame that is pointed at.

    Raises:
        UserError: nothing is, or it cannot be done.
    """
    said = said_in(options)
    search = search_of(options)
    if not said and search is None:
        raise UserError(
            "nothing to remove: point at an object with --point X,Y, --box or --mask, name it "
            "with --words, or look for --everything"
        )
    with VideoReader(options.input, options.fps) as reader:
        pointed = Pointed({}, {}, {})
        if said:
            pointed = _clicked(reader, said, options)
        return pointed if search is None else _looked(reader, pointed, search, options)


def said_in(options: argparse.Namespace) -> prompts.Prompts:
    """Return the clicks, boxes and masks, by frame and object."""
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
    return said


def _clicked(reader: VideoReader, said: prompts.Prompts, options: argparse.Namespace) -> Pointed:
    choice = engines.choose(
        "segmenter", options.segmenter, options.device, commercial=options.commercial
    )
    prompted = prompts.label_frames(reader, said, engines.make_segmenter(choice))
    is_used = any(prompt.points or prompt.box for prompt in said.values())
    return Pointed(prompted, {}, {"segmenter": choice.name} if is_used else {})


def _looked(
    reader: VideoReader, pointed: Pointed, search: Search, options: argparse.Namespace
) -> Pointed:
    """Add what is found in one frame; nothing is no fault if it is looked for again later."""
    index = options.first if options.find_in is None else options.find_in
    choices = finding.choose_engines(search, options.device, commercial=options.commercial)
    used = {**pointed.engines, **{job: choice.name for job, choice in choices.items()}}
    known = max((max(ids_in(each), default=0) for each in pointed.prompted.values()), default=0)
    labels = pointed.prompted.get(index, finding.blank(reader))
    try:
        proposals = finding.look_into(reader, index, search, finding.make_finder(search, choices))
    except UserError as error:
        if options.redetect is None and not pointed.prompted:
            raise
        return Pointed(pointed.prompted, {}, used, (str(error),))
    rule = Rule() if search.words is None else finding.NAMED
    found = finding.add_found(labels, proposals, known + 1, rule)
    sentences = tuple(
        f"object {number}: {name or 'found'} in frame {index} (score {found.scores[number]:.2f})"
        for number, name in found.names.items()
    )
    prompted = {**pointed.prompted, index: found.labels} if found.names else pointed.prompted
    return Pointed(prompted, found.names, used, sentences)
