"""Is an object found again after it was hidden, and is nothing marked meanwhile?

An object counts where at least half of its usual area is to be seen, the median of the
frames before it was hidden for the first time.  It is found again if, in the first ten such
frames after its return, J reaches 0.6 of its mean before; nothing is marked meanwhile if no
mask of a frame in which it is hidden covers more than 0.2 % of the frame.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.evaluation.davis import read_labels
from tracker.evaluation.layout import choose_clips, find_clips
from tracker.evaluation.sheet import Figures, Sheet
from tracker.metrics import region_similarity
from tracker.types import Mask, UserError

LEAST_HIDDEN = 10  # frames
SHOWN = 0.5  # of the usual area
WITHIN = 10  # frames after the return
FOUND = 0.6  # of J before
FALSE_SHARE = 0.002  # of the frame


@dataclass(frozen=True)
class Return:
    """How one object was followed through one time it was hidden."""

    clip: str
    object_id: int
    num_hidden: int  # frames
    before: float  # mean J
    best: float  # J, the best within ten frames of the return
    mean: float  # J, their mean
    false_share: float  # of the frame, the largest mask while it is hidden
    num_false: int  # frames in which it covers more than `FALSE_SHARE`
    j: tuple[float, ...]  # one per frame

    @property
    def is_found(self) -> bool:
        """Return whether the object was found again."""
        return self.best >= FOUND * self.before

    @property
    def is_quiet(self) -> bool:
        """Return whether nothing was marked while the object was hidden."""
        return self.num_false == 0


def evaluate_returns(
    predictions: Path, truth: Path, clips: Collection[str] | None = None
) -> list[Return]:
    """Measure every object of the clips below `truth` that is hidden for ten frames or more.

    Raises:
        UserError: a clip or a frame is missing or has another size, or no object is hidden
            and seen again.
    """
    true_clips = choose_clips(find_clips(truth, "masks"), clips, truth)
    found_clips = choose_clips(find_clips(predictions, "masks"), list(true_clips), predictions)
    returns = []
    for name, place in true_clips.items():
        true_labels, found_labels = read_labels(place), read_labels(found_clips[name])
        if missing := [frame for frame in true_labels if frame not in found_labels]:
            raise UserError(f"{name}: no prediction for frame {missing[0]} of {len(true_labels)}")
        pairs = [(found_labels[frame], labels) for frame, labels in true_labels.items()]
        for found, labels in pairs:
            if found.shape != labels.shape:
                raise UserError(
                    f"{name}: a prediction is {found.shape} but the truth {labels.shape}"
                )
        for number in sorted(set(np.unique(pairs[0][1]).tolist()) - {0, 255}):
            masks = [(found == number, labels == number) for found, labels in pairs]
            if (measured := measure_return(name, number, masks)) is not None:
                returns.append(measured)
    if not returns:
        raise UserError(f"no object in {truth} is hidden for {LEAST_HIDDEN} frames and seen again")
    return returns


def measure_return(clip: str, number: int, masks: Sequence[tuple[Mask, Mask]]) -> Return | None:
    """Return how the object was followed; None if it never was hidden, or never came back.

    Args:
        clip: its name.
        number: the object's.
        masks: what was found and what is true, for every frame in order; the first is given.
    """
    areas = np.array([int(truth.sum()) for _, truth in masks])
    hidden = _first_run(areas == 0)
    if hidden is None:
        return None
    shown = areas >= SHOWN * np.median(areas[: hidden.start])
    before = [index for index in range(1, hidden.start) if shown[index]]
    after = [index for index in range(hidden.stop, len(masks)) if shown[index]][:WITHIN]
    if not before or not after:
        return None
    j = [region_similarity(found, truth) for found, truth in masks]
    shares = [float(masks[index][0].mean()) for index in hidden]
    return Return(
        clip,
        number,
        len(hidden),
        float(np.mean([j[index] for index in before])),
        max(j[index] for index in after),
        float(np.mean([j[index] for index in after])),
        max(shares),
        sum(share > FALSE_SHARE for share in shares),
        tuple(j),
    )


def return_sheet(returns: Sequence[Return]) -> Sheet:
    """Sum up the objects of a data set: means over objects."""
    names = list(dict.fromkeys(each.clip for each in returns))
    mine = {name: [each for each in returns if each.clip == name] for name in names}
    return Sheet(
        "Occlusions",
        {
            "found": f"J reaches {FOUND} of its mean before within {WITHIN} frames of the return",
            "quiet": f"no mask of more than {100 * FALSE_SHARE} % of the frame while hidden",
        },
        _figures(returns),
        {name: _figures(mine[name]) for name in names},
        {name: {str(each.object_id): _figures([each]) for each in mine[name]} for name in names},
        {name: [str(index) for index in range(len(mine[name][0].j))] for name in names},
        {name: {"j": np.mean([each.j for each in mine[name]], axis=0).tolist()} for name in names},
    )


def _figures(returns: Sequence[Return]) -> Figures:
    def mean(values: Sequence[float]) -> float:
        return float(np.mean(values))

    return {
        "hidden": mean([each.num_hidden for each in returns]),
        "j_before": mean([each.before for each in returns]),
        "j_best": mean([each.best for each in returns]),
        "j_after": mean([each.mean for each in returns]),
        "false_share": mean([each.false_share for each in returns]),
        "false_frames": mean([each.num_false for each in returns]),
        "found": mean([each.is_found for each in returns]),
        "quiet": mean([each.is_quiet for each in returns]),
        "passed": mean([each.is_found and each.is_quiet for each in returns]),
    }


def _first_run(hidden: NDArray[np.bool_]) -> range | None:
    """Return the first run of `LEAST_HIDDEN` or more frames after the first frame."""
    start = None
    for index, is_hidden in enumerate([*hidden.tolist(), False]):
        if is_hidden:
            start = index if start is None else start
        elif start is not None:
            if index - start >= LEAST_HIDDEN and start > 0:
                return range(start, index)
            start = None
    return None
