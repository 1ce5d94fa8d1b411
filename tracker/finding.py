"""Finding objects without pointing: by words, or whatever stands out.

Words go to a text detector, whose boxes become masks through the segmenter; without words a
proposer says what stands out.  Either way the user decides what becomes of each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tracker import engines
from tracker.engines import Choice
from tracker.interfaces import Proposer, Segmenter, TextDetector
from tracker.jobs import Search
from tracker.prompts import read_neighbours
from tracker.proposals import Rule, new_objects
from tracker.types import MAX_OBJECTS, Frame, LabelMap, Prompt, Proposal, UserError
from tracker.video import VideoReader

NEIGHBOUR_STEPS = (-4, -2, 2, 4)  # frames: far enough apart for slow things to have moved
# Who asks for something by name may mean a small thing, or a wall: only repetitions go.
NAMED = Rule(least_background=0.5, least_pixels=1, largest_share=1.0)


class Finder(Protocol):
    """Finds objects in a frame."""

    def find(self, frame: Frame, neighbours: Sequence[Frame] = ()) -> list[Proposal]:
        """Return what was found, surest first; masks may overlap."""


@dataclass(frozen=True, eq=False)
class WordFinder:
    """Finds what words name."""

    detector: TextDetector
    segmenter: Segmenter
    search: Search

    def find(self, frame: Frame, neighbours: Sequence[Frame] = ()) -> list[Proposal]:
        """Return a mask for every box the detector finds, with the phrase as its name."""
        detections = self.detector.detect(
            frame,
            self.search.words or "",
            box_threshold=self.search.box_threshold,
            text_threshold=self.search.text_threshold,
        )
        found = []
        for each in detections:
            masks = self.segmenter.segment(frame, Prompt(box=each.box), neighbours).masks
            if masks[0].any():
                found.append(Proposal(masks[0], each.score, each.phrase))
        return found


@dataclass(frozen=True, eq=False)
class EverythingFinder:
    """Finds whatever stands out."""

    proposer: Proposer

    def find(self, frame: Frame, neighbours: Sequence[Frame] = ()) -> list[Proposal]:
        """Return what the proposer finds."""
        return self.proposer.propose(frame, neighbours)


@dataclass(frozen=True, eq=False)
class Found:
    """What a frame's labels became when what was found in it was added."""

    labels: LabelMap
    names: dict[int, str]  # of the objects added; empty words if nothing names them
    scores: dict[int, float]


def choose_engines(search: Search, device: str, *, commercial: bool = False) -> dict[str, Choice]:
    """Return the engines a search needs, by job.

    Raises:
        UserError: one is missing; the message says what to download.
    """
    if search.words is None:
        names = {"proposer": search.proposer}
    else:
        names = {"detector": search.detector, "segmenter": search.segmenter}
    return {
        job: engines.choose(job, name, device, commercial=commercial) for job, name in names.items()
    }


def make_finder(search: Search, choices: dict[str, Choice]) -> Finder:
    """Return a finder made of the engines `choose_engines` chose."""
    if search.words is None:
        return EverythingFinder(engines.make_proposer(choices["proposer"]))
    detector = engines.make_detector(choices["detector"])
    return WordFinder(detector, engines.make_segmenter(choices["segmenter"]), search)


def look_into(reader: VideoReader, index: int, search: Search, finder: Finder) -> list[Proposal]:
    """Return what is found in one frame of a video that can be read anywhere.

    Raises:
        UserError: nothing is; the message says what to try.
    """
    frame = reader.read(index).rgb
    found = finder.find(frame, read_neighbours(reader, index, NEIGHBOUR_STEPS))
    if found:
        return found
    if search.words is None:
        raise UserError(
            f"nothing stands out in frame {index}; look in another frame, or point at the object"
        )
    raise UserError(
        f"nothing in frame {index} looks like {search.words!r}; use other words, lower the box "
        "threshold, look in another frame, or point at the object"
    )


def add_found(
    labels: LabelMap, found: Iterable[Proposal], first_id: int, rule: Rule | None = None
) -> Found:
    """Return `labels` (H, W) with what is new in `found` as objects `first_id` and on.

    Args:
        labels: what is known in the frame; left as it is.
        found: proposals for it.
        first_id: the id the surest new one gets.
        rule: when a proposal is new; None for the published rule.
    """
    added = labels.copy()
    names, scores = {}, {}
    new = new_objects(list(found), labels, rule)
    for object_id, proposal in zip(range(first_id, MAX_OBJECTS + 1), new, strict=False):
        added[proposal.mask] = object_id
        names[object_id], scores[object_id] = proposal.name, proposal.score
    return Found(added, names, scores)


def blank(reader: VideoReader) -> LabelMap:
    """Return the labels of a frame in which nothing is known."""
    return np.zeros((reader.info.height, reader.info.width), np.uint8)
