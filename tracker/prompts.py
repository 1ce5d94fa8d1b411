"""What the user points at, and the label maps that come of it.

On the command line a prompt is `[K:]X,Y[@FRAME]`: object id (default 1), place in pixels
of the upright source, frame (default 0).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import numpy as np

from tracker.interfaces import LookingAround, Segmenter
from tracker.types import MAX_OBJECTS, Box, Frame, LabelMap, Mask, Point, Prompt, UserError
from tracker.video import VideoReader

_WHOLE = r"\d{1,9}"  # more digits are no pixel and no frame, and take long to read
_NUMBER = r"-?\d{1,9}(?:\.\d{1,9})?"
_POINT = re.compile(rf"(?:({_WHOLE}):)?({_NUMBER}),({_NUMBER})(?:@({_WHOLE}))?")
_BOX = re.compile(
    rf"(?:({_WHOLE}):)?({_NUMBER}),({_NUMBER}),({_NUMBER}),({_NUMBER})(?:@({_WHOLE}))?"
)
_FILE = re.compile(rf"(.+?)(?:@({_WHOLE}))?")

NEIGHBOUR_STEPS = (-2, -1, 1, 2)  # frames shown to a segmenter that uses motion
AROUND = 24  # frames before and after that are shown to one that looks around
AROUND_STEP = 2  # every how many of them
AROUND_PIXELS = 2_100_000  # 1920x1080; of larger frames fewer are read


class Place(NamedTuple):
    """Which object a prompt is about, and in which frame."""

    frame: int
    object_id: int


Prompts = dict[Place, Prompt]


def _place(object_id: str | None, frame: str | None, text: str) -> Place:
    number = int(object_id or 1)
    if not 1 <= number <= MAX_OBJECTS:
        raise UserError(f"object {number} in {text[:50]!r} is not an id; use 1 to {MAX_OBJECTS}")
    return Place(int(frame or 0), number)


def add_point(prompts: Prompts, text: str, *, positive: bool) -> None:
    """Add the click `[K:]X,Y[@FRAME]` to `prompts`."""
    match = _POINT.fullmatch(text.strip())
    if match is None:
        raise UserError(f"cannot read the point {text[:50]!r}; write it as 412,230 or 2:412,230@15")
    place = _place(match[1], match[4], text)
    prompt = prompts.get(place, Prompt())
    point = Point(float(match[2]), float(match[3]), positive)
    prompts[place] = replace(prompt, points=(*prompt.points, point))


def add_box(prompts: Prompts, text: str) -> None:
    """Set the box `[K:]X0,Y0,X1,Y1[@FRAME]` in `prompts`."""
    match = _BOX.fullmatch(text.strip())
    if match is None:
        raise UserError(
            f"cannot read the box {text[:50]!r}; write it as 100,80,300,260 or 2:...@15"
        )
    place = _place(match[1], match[6], text)
    x0, y0, x1, y1 = (float(match[group]) for group in (2, 3, 4, 5))
    if x1 <= x0 or y1 <= y0:
        raise UserError(
            f"the box {text[:50]!r} is empty; give its left, top, right and bottom edge"
        )
    prompts[place] = replace(prompts.get(place, Prompt()), box=(x0, y0, x1, y1))


def split_file(text: str) -> tuple[str, int]:
    """Return the file name and the frame of `FILE[@FRAME]`."""
    match = _FILE.fullmatch(text)
    if match is None:
        raise UserError(f"cannot read {text[:50]!r}; write it as mask.png or mask.png@15")
    return match[1], int(match[2] or 0)


def add_labels(prompts: Prompts, labels: LabelMap, frame: int) -> None:
    """Add every object of a label image given for `frame` to `prompts`."""
    for object_id in np.unique(labels[labels > 0]).tolist():
        place = Place(frame, object_id)
        prompts[place] = replace(prompts.get(place, Prompt()), mask=labels == object_id)


def label_frames(
    reader: VideoReader, prompts: Prompts, segmenter: Segmenter
) -> Mapping[int, LabelMap]:
    """Return a label map for every prompted frame; where objects overlap, higher ids win.

    Raises:
        UserError: nothing is prompted, or a prompt lies outside the video.
    """
    if not prompts:
        raise UserError("nothing to remove: point at an object with --point X,Y, --box or --mask")
    prompted: dict[int, LabelMap] = {}
    for index in sorted({place.frame for place in prompts}):
        frame = reader.read(index).rgb
        neighbours: Sequence[Frame] | None = None
        labels = np.zeros(frame.shape[:2], np.uint8)
        for place in sorted(place for place in prompts if place.frame == index):
            prompt = prompts[place]
            check(prompt, *frame.shape[:2])
            if prompt.points or prompt.box:
                if neighbours is None:
                    neighbours = read_neighbours(reader, index)
                    show_surroundings(segmenter, reader, index, frame)
                mask: Mask | None = segmenter.segment(frame, prompt, neighbours).masks[0]
            else:
                mask = prompt.mask
            labels[mask] = place.object_id
        prompted[index] = labels
    return prompted


def read_neighbours(
    reader: VideoReader, index: int, steps: Sequence[int] = NEIGHBOUR_STEPS
) -> list[Frame]:
    """Return a few frames around `index`, for an engine that uses motion."""
    found = []
    for step in steps:
        if index + step >= 0:
            with suppress(UserError):  # past the end
                found.append(reader.read(index + step).rgb)
    return found


def show_surroundings(segmenter: Segmenter, reader: VideoReader, index: int, frame: Frame) -> None:
    """Show a segmenter that looks around what lies before and after `frame`."""
    if isinstance(segmenter, LookingAround):
        segmenter.look_around(frame, _frames_around(reader, index, *frame.shape[:2]))


def _frames_around(
    reader: VideoReader, index: int, height: int, width: int
) -> Iterator[tuple[int, Frame]]:
    reach = int(AROUND * min(1.0, AROUND_PIXELS / (height * width)))
    start = max(0, index - reach)
    for source in islice(reader.frames(start), index + reach + 1 - start):
        offset = source.index - index
        if offset and offset % AROUND_STEP == 0:
            yield offset, source.rgb


def check(prompt: Prompt, height: int, width: int) -> None:
    """Raise UserError if something in `prompt` lies outside the frame."""
    size = f"the video is {width}x{height} (x 0-{width - 1}, y 0-{height - 1})"
    for point in prompt.points:
        if not (0 <= point.x <= width - 1 and 0 <= point.y <= height - 1):
            raise UserError(f"point {point.x:g},{point.y:g} is outside the frame: {size}")
    if prompt.box is not None and not _overlaps(prompt.box, height, width):
        box = ",".join(f"{edge:g}" for edge in prompt.box)
        raise UserError(f"box {box} is outside the frame: {size}")
    if prompt.mask is not None and prompt.mask.shape != (height, width):
        mask_height, mask_width = prompt.mask.shape
        raise UserError(f"the mask is {mask_width}x{mask_height} but {size}; give it that size")


def _overlaps(box: Box, height: int, width: int) -> bool:
    x0, y0, x1, y1 = box
    return x0 < width and y0 < height and x1 > 0 and y1 > 0
