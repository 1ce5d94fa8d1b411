"""J and F of tracked masks, as the semi-supervised DAVIS benchmark measures them.

Follows Pont-Tuset et al., The 2017 DAVIS Challenge (arXiv 1704.00675), and the rules of its
public tool: the objects are those of the first true frame; the first frame, which is given,
and the last do not count; an object that is in no prediction of a frame scores 0 there, and
1 if it is not in the truth either; value 255 in a palette image of the truth is undecided
and left out.  The means of the table are over objects, not over clips.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tracker.evaluation.layout import choose_clips, find_clips, list_images
from tracker.label_images import decode_labels
from tracker.masks import MaskReader
from tracker.metrics import Summary, boundary_measure, region_similarity, summarise
from tracker.types import LabelMap, UserError

VOID = 255  # in the truth: nobody can say


@dataclass(frozen=True)
class ObjectScore:
    """How well one object was followed."""

    clip: str
    object_id: int
    frames: tuple[str, ...]  # the names of those that count
    j: tuple[float, ...]  # one per frame
    f: tuple[float, ...]

    @property
    def j_summary(self) -> Summary:
        """Return mean, recall and decay of J."""
        return summarise(self.j)

    @property
    def f_summary(self) -> Summary:
        """Return mean, recall and decay of F."""
        return summarise(self.f)


def evaluate_masks(
    predictions: Path, truth: Path, clips: Collection[str] | None = None
) -> list[ObjectScore]:
    """Compare every object of every clip below `truth` with the predictions of that name.

    Raises:
        UserError: a clip, a frame or an object is missing, has another size, or should not
            be there; the message names it.
    """
    true_clips = choose_clips(find_clips(truth, "masks"), clips, truth)
    found_clips = choose_clips(find_clips(predictions, "masks"), list(true_clips), predictions)
    return [
        score
        for name, folder in true_clips.items()
        for score in score_clip(name, found_clips[name], folder)
    ]


def score_clip(name: str, predictions: Path, truth: Path) -> list[ObjectScore]:
    """Return the score of every object of one clip; see `evaluate_masks`."""
    true_labels = read_labels(truth)
    found_labels = read_labels(predictions)
    frames = list(true_labels)
    counted = frames[1:-1]
    if not counted:
        raise UserError(
            f"{name} has {len(frames)} frames; the first and the last do not count, so 3 are needed"
        )
    missing = [frame for frame in counted if frame not in found_labels]
    if missing:
        raise UserError(
            f"{name}: no prediction for frame {', '.join(missing[:5])}"
            + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            + f"; {predictions} must hold a PNG for every true frame but the first and the last"
        )
    first = true_labels[frames[0]]
    shown = set(np.unique(first).tolist()) - {0, VOID}
    if not shown:
        raise UserError(f"{name}: the first true frame, {frames[0]}.png, shows no object")
    objects = range(1, max(shown) + 1)
    # An object may be lost at once, but the first frame was given: there every one must be.
    _check_objects(name, found_labels, objects, shown if frames[0] in found_labels else set())
    j: dict[int, list[float]] = {number: [] for number in objects}
    f: dict[int, list[float]] = {number: [] for number in objects}
    for frame in counted:
        labels, answer = found_labels[frame], true_labels[frame]
        if labels.shape != answer.shape:
            raise UserError(
                f"{name}: the prediction of frame {frame} is {labels.shape[1]}x{labels.shape[0]} "
                f"but the truth {answer.shape[1]}x{answer.shape[0]}"
            )
        decided = answer != VOID
        for number in objects:
            mask, true_mask = (labels == number) & decided, answer == number
            j[number].append(region_similarity(mask, true_mask))
            f[number].append(boundary_measure(mask, true_mask))
    return [
        ObjectScore(name, number, tuple(counted), tuple(j[number]), tuple(f[number]))
        for number in objects
    ]


def read_labels(place: Path) -> dict[str, LabelMap]:
    """Return the label maps of a clip by the names of their frames, in order.

    Args:
        place: a folder of label PNGs, or a zip of them.
    """
    if place.is_file():
        with MaskReader(place) as masks:
            return {Path(name).stem: masks[index] for index, name in enumerate(masks.names)}
    return {file.stem: _decode(file) for file in list_images(place, "masks")}


def _decode(file: Path) -> LabelMap:
    try:
        return decode_labels(file.read_bytes(), f"{file.parent.name}/{file.name}")
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None


def _check_objects(
    name: str, found: Mapping[str, LabelMap], objects: range, expected: set[int]
) -> None:
    """Refuse ids the truth does not have, and `expected` objects that no prediction has."""
    seen: set[int] = set()
    for frame, labels in found.items():
        ids = set(np.unique(labels).tolist()) - {0}
        if strange := sorted(ids - set(objects)):
            raise UserError(
                f"{name}: the prediction of frame {frame} has object {strange[0]} but the truth "
                f"has objects 1-{objects[-1]}; ids must be those of the truth"
            )
        seen |= ids
    if lost := sorted(expected - seen):
        raise UserError(
            f"{name}: object {', '.join(map(str, lost))} is in no prediction; "
            "ids must be those of the first true frame"
        )
