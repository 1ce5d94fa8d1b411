"""The worst masks of each clip, drawn: what was found rightly, wrongly, and not at all."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tracker.evaluation.davis import VOID, ObjectScore, read_labels
from tracker.evaluation.layout import find_clips
from tracker.evaluation.protocol import FrameFolder
from tracker.evaluation.sheet import Picture, worst_places
from tracker.images import overlay
from tracker.types import Frame, LabelMap

_RIGHT, _WRONG, _MISSED = (60, 200, 90), (235, 60, 50), (70, 120, 255)


def worst(
    scores: Sequence[ObjectScore], predictions: Path, truth: Path, frames: Path | None
) -> tuple[Picture, ...]:
    """Return the frames of each clip whose J and F, mean over objects, are lowest."""
    found, true = find_clips(predictions, "masks"), find_clips(truth, "masks")
    shots = {} if frames is None else find_clips(frames, "frames")
    pictures = []
    for clip in dict.fromkeys(score.clip for score in scores):
        mine = [score for score in scores if score.clip == clip]
        quality = np.mean([np.add(score.j, score.f) / 2 for score in mine], axis=0)
        labels, answers = read_labels(found[clip]), read_labels(true[clip])
        names = mine[0].frames
        positions = {name: index for index, name in enumerate(answers)}
        for place in worst_places(quality.tolist()):
            name = names[place]
            pixels = _frame(shots.get(clip), positions[name], answers[name])
            pictures.append(
                Picture(
                    clip,
                    name,
                    f"J and F {quality[place]:.3f}; green found, red wrongly found, blue missed",
                    (
                        (
                            "truth",
                            overlay(pixels, np.where(answers[name] == VOID, 0, answers[name])),
                        ),
                        ("prediction", overlay(pixels, labels[name])),
                        ("difference", _difference(pixels, labels[name], answers[name])),
                    ),
                )
            )
    return tuple(pictures)


def _frame(place: Path | None, index: int, labels: LabelMap) -> Frame:
    """Return a frame of the clip, or black if there is none of that size."""
    if place is not None:
        for position, frame in enumerate(FrameFolder(place).read(None)):
            if position == index and frame.shape[:2] == labels.shape:
                return np.asarray(frame, np.uint8)
    return np.zeros((*labels.shape, 3), np.uint8)


def _difference(frame: Frame, labels: LabelMap, answer: LabelMap) -> Frame:
    dim = frame // 2
    decided = answer != VOID
    for where, colour in (
        ((labels == answer) & (answer > 0), _RIGHT),
        ((labels != answer) & (labels > 0), _WRONG),
        ((labels == 0) & (answer > 0), _MISSED),
    ):
        dim[where & decided] = colour
    return dim
