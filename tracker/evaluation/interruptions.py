"""Clips as they are, whose own object is hidden for a while in its own place.

Nothing is to be seen of the largest object of each clip for twelve frames or more:

    card      a plain grey card lies over it and moves along with it
    noise     the same, a card of coarse coloured noise
    pillar    a thing as high as the picture, a still of another clip, passes in front of it
    cut       another clip is shown meanwhile
    black     black frames are shown meanwhile

What is not covered stays exactly as it is in the clip.  When, for how long and by which
other clip is decided by the scene's name and the seed.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TypeAlias

import numpy as np

from tracker.evaluation.case_files import (
    CaseOrder,
    check_enough,
    generator_of,
    new_case,
    write_frame,
    write_meta,
)
from tracker.evaluation.cutouts import Box, largest_object
from tracker.evaluation.footage import read_frames, read_labelled, to_and_fro
from tracker.evaluation.layout import find_objects
from tracker.evaluation.occlusions import HIDDEN
from tracker.evaluation.protocol import resize_frame, resize_mask
from tracker.evaluation.returns import SHOWN
from tracker.types import Frame, Mask

FEWEST_CLIPS = 2  # of the object, and what is put in its place
BEFORE, AFTER = 16, 12  # frames in which the object is to be seen in its clip
_JUDGED = 4  # of those after, in which it must count
_MARGIN = 1 / 20  # of the picture's height: how far a card reaches beyond the object's box
_GREY = 110
_GRAINS = 32  # of noise, along the picture's height
_BLACK = (4, 1.5)  # grey levels of a dark picture: mean, deviation
_CROSSING = BEFORE // 2  # frames a pillar takes to cover the object
_NARROW = 1 / 4  # of the picture's width: narrower objects are covered in fewer frames

Cover: TypeAlias = tuple[Box, Frame]  # a part of the picture, and what is shown there instead
Covers: TypeAlias = Mapping[int, Cover]  # by the number of the frame


@dataclass(frozen=True, eq=False)
class Shot:
    """A clip with its object, and when and by what it is to be interrupted."""

    frames: Sequence[Frame]
    masks: Sequence[Mask]
    hidden: range  # frames
    other: Path  # the frames of another clip

    @property
    def size(self) -> tuple[int, int]:
        """Return height and width of its frames."""
        height, width = self.masks[0].shape
        return height, width

    def show(self, index: int, covers: Covers) -> tuple[Frame, Mask]:
        """Return frame `index` and where its object is to be seen, covered."""
        picture, truth = self.frames[index].copy(), self.masks[index].copy()
        if index in covers:
            box, instead = covers[index]
            picture[box], truth[box] = instead, False
        return picture, truth


def interrupted(order: CaseOrder) -> Iterator[str]:
    """Hide the largest object of each clip in five ways; yield what was made.

    Raises:
        UserError: fewer than two clips have frames and masks, or a case exists already.
    """
    found = find_objects(order.clips, order.only)
    check_enough(order.clips, found, FEWEST_CLIPS)
    for name, places in found.items():
        frames, maps = read_labelled(*places, size=order.size)
        masks = [resize_mask(mask, frames[0].shape[:2]) for mask in largest_object(maps)]
        if reason := _why_not(masks):
            yield f"{name}: left out, {reason}"
            continue
        others = [other for other in found if other != name]
        for kind, hide in KINDS.items():
            case = f"{name}_{kind}"
            generator = generator_of(case, order.seed)
            hidden = _draw_hidden(masks, generator)
            other = others[int(generator.integers(len(others)))]
            shot = Shot(frames, masks, hidden, found[other][0])
            covers = hide(shot, generator)
            if covers is None:
                yield f"{case}: left out, too little of its object is seen before or after"
                continue
            target = new_case(order.output / case)
            num_hidden = 0
            for index in range(len(frames)):
                picture, truth = shot.show(index, covers)
                write_frame(target, index, picture, truth)
                num_hidden += not truth.any()
            source = f"{name} and {other}" if kind in ("pillar", "cut") else name
            write_meta(target, "interrupted", source, order.seed, {"kind": kind})
            yield f"{case}: {len(frames)} frames, {num_hidden} hidden"


def _why_not(masks: Sequence[Mask]) -> str | None:
    """Return why the object of a clip cannot be interrupted; None if it can be."""
    if not masks:
        return "nothing is marked, or several things as one"
    least = BEFORE + HIDDEN[0] + AFTER
    if len(masks) < least:
        return f"it has {len(masks)} frames; {least} are needed"
    if (num_seen := _num_seen(masks)) < least:
        return f"its object is seen in its first {num_seen} frames alone; {least} are needed"
    if not _spans(masks):
        return f"its object soon shrinks to less than {SHOWN} of its area"
    return None


def _num_seen(masks: Sequence[Mask]) -> int:
    """Return how many frames there are before the first without the object."""
    return sum(1 for _ in takewhile(np.any, masks))


def _spans(masks: Sequence[Mask]) -> list[range]:
    """Return all the runs of frames an object may be hidden in."""
    num_seen = _num_seen(masks)
    areas = [int(mask.sum()) for mask in masks]
    spans = (
        range(start, start + length)
        for length in range(HIDDEN[0], HIDDEN[1] + 1)
        for start in range(BEFORE, num_seen - AFTER - length + 1)
    )
    return [span for span in spans if _is_seen_again(areas, span)]


def _is_seen_again(areas: Sequence[int], hidden: range) -> bool:
    """Return whether the object counts, as `returns` has it, in enough frames after."""
    after = np.array(areas[hidden.stop : hidden.stop + AFTER])
    enough = SHOWN * float(np.median(areas[: hidden.start]))
    return bool(np.count_nonzero(after >= enough) >= _JUDGED)


def _draw_hidden(masks: Sequence[Mask], generator: np.random.Generator) -> range:
    spans = _spans(masks)
    length = generator.choice(sorted({len(span) for span in spans}))
    fitting = [span for span in spans if len(span) == length]
    return fitting[int(generator.integers(len(fitting)))]


def _card(shot: Shot, _: np.random.Generator) -> Covers:
    return _carry(shot, np.full((*shot.size, 3), _GREY, np.uint8))


def _noise(shot: Shot, generator: np.random.Generator) -> Covers:
    height, width = shot.size
    grains = _GRAINS, max(1, round(_GRAINS * width / height))
    colours = generator.integers(0, 256, (*grains, 3), np.uint8)
    return _carry(shot, resize_frame(colours, shot.size))


def _carry(shot: Shot, card: Frame) -> Covers:
    """Return the card, cut to the object's box and a margin, where the object is."""
    margin = max(1, round(_MARGIN * shot.size[0]))
    covers = {}
    for index in shot.hidden:
        mask = shot.masks[index]
        rows, columns = _stretch(mask, 0, margin), _stretch(mask, 1, margin)
        covers[index] = (
            (rows, columns),
            card[: rows.stop - rows.start, : columns.stop - columns.start],
        )
    return covers


def _stretch(mask: Mask, axis: int, margin: int = 0) -> slice:
    """Return from where to where along an axis (0: rows) an object and a margin reach."""
    inside = np.nonzero(mask)[axis]
    first, last = int(inside.min()) - margin, int(inside.max()) + margin
    return slice(max(0, first), min(mask.shape[axis], last + 1))


def _pillar(shot: Shot, generator: np.random.Generator) -> Covers | None:
    """Return a still that passes at constant speed; None where it hides too much.

    It is the narrowest that covers the object in all of the frames, and comes from the other
    side if too little of the object is seen otherwise.
    """
    height, width = shot.size
    boxes = [_stretch(shot.masks[index], 1) for index in shot.hidden]
    middles = [(box.start + box.stop) / 2 for box in boxes]
    own_speed = float(np.polyfit(shot.hidden, middles, 1)[0])
    widest = max(box.stop - box.start for box in boxes)
    speed = max(widest, _NARROW * width) / _CROSSING
    sign = 1 if generator.random() < 0.5 else -1
    still = read_frames(shot.other, shot.size, most=1)[0]
    place = generator.random()
    for passing in (own_speed + sign * speed, own_speed - sign * speed):
        edge = min(box.start - passing * i for i, box in zip(shot.hidden, boxes, strict=True))
        end = max(box.stop - passing * i for i, box in zip(shot.hidden, boxes, strict=True))
        wide = math.ceil(end - edge) + 1  # its place is rounded down
        picture = resize_frame(still, (height, max(width, wide)))
        first = int(place * (picture.shape[1] - wide))
        lefts = [math.floor(edge + passing * index) for index in range(len(shot.frames))]
        covers = _pass(picture[:, first : first + wide], lefts, width)
        if _is_seen_enough(shot, covers):
            return covers
    return None


def _pass(thing: Frame, lefts: Sequence[int], width: int) -> Covers:
    """Return a thing as high as the picture whose left edge is at `lefts`, frame by frame."""
    covers = {}
    for index, left in enumerate(lefts):
        start, stop = max(0, left), min(width, left + thing.shape[1])
        if start < stop:
            box = slice(0, thing.shape[0]), slice(start, stop)
            covers[index] = box, thing[:, start - left : stop - left]
    return covers


def _is_seen_enough(shot: Shot, covers: Covers) -> bool:
    """Return whether all of the object is seen at first, and enough of it soon after."""
    areas = [int(shot.show(index, covers)[1].sum()) for index in range(len(shot.frames))]
    return areas[0] == int(shot.masks[0].sum()) and _is_seen_again(areas, shot.hidden)


def _cut(shot: Shot, _: np.random.Generator) -> Covers:
    meanwhile = read_frames(shot.other, shot.size, most=len(shot.hidden))
    return {
        index: (_everywhere(shot), meanwhile[to_and_fro(number, len(meanwhile))])
        for number, index in enumerate(shot.hidden)
    }


def _black(shot: Shot, generator: np.random.Generator) -> Covers:
    covers = {}
    for index in shot.hidden:
        dark = np.rint(generator.normal(*_BLACK, (*shot.size, 3)))
        covers[index] = _everywhere(shot), np.clip(dark, 0, 255).astype(np.uint8)
    return covers


def _everywhere(shot: Shot) -> Box:
    height, width = shot.size
    return slice(0, height), slice(0, width)


KINDS: Mapping[str, Callable[[Shot, np.random.Generator], Covers | None]] = {
    "card": _card,
    "noise": _noise,
    "pillar": _pillar,
    "cut": _cut,
    "black": _black,
}
