"""The data every stage exchanges: plain arrays and a few frozen records.

Pixels are those of the source video, upright: x grows right, y grows down, and (0, 0) is
the centre of the top-left pixel.  Colours are RGB everywhere; nothing is BGR.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Frame: TypeAlias = NDArray[np.uint8]  # (H, W, 3) RGB, read-only
Mask: TypeAlias = NDArray[np.bool_]  # (H, W), True inside
LabelMap: TypeAlias = NDArray[np.uint8]  # (H, W), 0 = background, k = object k
Alpha: TypeAlias = NDArray[np.float32]  # (H, W), 0 = keep the source, 1 = take the fill
Box: TypeAlias = tuple[float, float, float, float]  # x0, y0, x1, y1

# Where the mask of a prompt comes from: a brush or a file, tracking, words, or a proposer.
Origin: TypeAlias = Literal["drawn", "tracked", "words", "proposed"]

MAX_OBJECTS = 255  # ids fit a byte


class UserError(Exception):
    """Something the user can put right.  Interfaces show the message as it stands."""


@dataclass(frozen=True)
class Point:
    """One click: inside the object if positive, outside it if not."""

    x: float
    y: float
    positive: bool = True


@dataclass(frozen=True, eq=False)
class Prompt:
    """All the user has said about one object in one frame.

    `mask` is what is already believed to be the object (given in a file, drawn with a
    brush, or carried there by tracking); points and box correct it.  A single click may mean
    a part or the whole: `choice` says which of the answers was taken, and later points start
    from that one.
    """

    points: tuple[Point, ...] = ()
    box: Box | None = None
    mask: Mask | None = None
    choice: int = 0  # 0 the best, 1 the next, and so on around
    origin: Origin = "drawn"  # of `mask`


def check_prompt(frame: Frame, prompt: Prompt) -> None:
    """Raise ValueError where `prompt` says nothing or does not fit `frame` (H, W, 3)."""
    height, width = frame.shape[:2]
    has_mask = prompt.mask is not None and bool(prompt.mask.any())
    if not prompt.points and prompt.box is None and not has_mask:
        raise ValueError("empty prompt: expected a point, a box or a mask")
    for point in prompt.points:
        if not (-0.5 <= point.x < width - 0.5 and -0.5 <= point.y < height - 0.5):
            raise ValueError(
                f"point ({point.x:g}, {point.y:g}) is outside the frame of {width}x{height}"
            )
    if prompt.mask is not None and prompt.mask.shape != (height, width):
        raise ValueError(f"mask is {prompt.mask.shape} but frame is {(height, width)} (H, W)")
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box
        if not (x0 < x1 and y0 < y1 and x1 > 0 and y1 > 0 and x0 < width and y0 < height):
            raise ValueError(f"box {prompt.box} does not overlap the frame of {width}x{height}")


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a prompt may mean: up to three masks, best first, with scores in [0, 1].

    Where the prompt chose another than the best, that one comes first.
    """

    masks: tuple[Mask, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Detection:
    """One box a text prompt matched."""

    box: Box
    score: float
    phrase: str


@dataclass(frozen=True, eq=False)
class Proposal:
    """A mask that may be an object nobody pointed at, how sure that is, and what it is called."""

    mask: Mask
    score: float  # 0 to 1
    name: str = ""  # the words that found it; empty if none did


@dataclass(frozen=True, eq=False)
class Tracked:
    """The labels of one frame, and how sure each object's are: 1 certain, 0 lost."""

    labels: LabelMap
    confidence: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Clip:
    """What one inpainting call sees: local frames in order, then reference frames.

    `indices` are frame numbers in the whole video, so an engine may keep what it has
    computed for a frame (features, flows) from one call to the next.  Only the results at
    the positions `wanted` count; an engine may return the other local frames as they are.
    Frames named in `keyframes` were given by the user as they should look, without a hole.
    If it `is_streaming`, the next clip is one frame further on, and somebody waits: each frame
    is worth as little time as it takes to keep up.  Local frames after those wanted may be
    there all the same.
    """

    indices: tuple[int, ...]
    frames: tuple[Frame, ...]
    holes: tuple[Mask, ...]
    num_local: int
    wanted: range | None = None  # positions in `frames`; None: all local frames
    keyframes: frozenset[int] = frozenset()  # frame numbers
    is_streaming: bool = False

    @property
    def wanted_positions(self) -> range:
        """Return the positions whose result counts."""
        return range(self.num_local) if self.wanted is None else self.wanted
