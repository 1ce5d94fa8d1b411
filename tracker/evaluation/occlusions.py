"""Clips in which a real object is hidden for a while, with its true masks.

The largest object of each clip is cut out and moves over another clip, in one of four ways,
until nothing of it is to be seen for ten frames or more:

    behind    it passes behind a strip of other ground and comes out on the other side
    returns   it goes behind such a strip, waits, and comes back the way it went
    passed    a larger object of a third clip passes in front of it
    leaves    it leaves the picture and enters it again, on the same or the other side

Half of what hides it is drawn to the object's own colour.  Everything else is decided by
the clip's name and the seed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracker.evaluation.case_files import (
    CaseOrder,
    check_enough,
    generator_of,
    new_case,
    write_frame,
    write_meta,
)
from tracker.evaluation.cutouts import Piece, fit, read_cutout
from tracker.evaluation.footage import read_frames, to_and_fro
from tracker.evaluation.layout import find_objects
from tracker.evaluation.returns import LEAST_HIDDEN
from tracker.types import Frame, Mask

FEWEST_CLIPS = 3  # of an object, of the ground, of what passes in front
KINDS = ("behind", "returns", "passed", "leaves")
HIDDEN = (12, 18)  # frames: how long nothing is to be seen, drawn from these
_BEFORE = 20  # frames in which all of it is to be seen, before and after
_NOISE = 1.5  # grey levels: no two frames are quite the same
_OBJECT = (0.4, 0.25)  # of the frame's height and width: what it fits into
_SCALES = (1.0, 0.8, 0.65, 0.5)  # of it, tried in turn where an object is to hide it

Place: TypeAlias = tuple[float, float]  # x, y
Layer: TypeAlias = tuple[Sequence[Piece], Callable[[int], Place]]  # a thing and its way


@dataclass(frozen=True, eq=False)
class Scene:
    """An object on its way, and what passes in front of it."""

    num_frames: int
    layers: Sequence[Layer]  # the object, then what is in front of it

    def paint(self, index: int, picture: NDArray[np.float32]) -> None:
        """Lay all of it over the ground (H, W, 3) of frame `index`, in place."""
        for pieces, way in self.layers:
            pieces[to_and_fro(index, len(pieces))].paint(picture, *way(index))

    def truth(self, index: int, size: tuple[int, int]) -> Mask:
        """Return (H, W), where the object is to be seen in frame `index`."""
        seen, *before = (
            pieces[to_and_fro(index, len(pieces))].cover(size, *way(index))
            for pieces, way in self.layers
        )
        for covered in before:
            seen &= ~covered
        return seen

    def num_hidden(self, size: tuple[int, int]) -> int:
        """Return in how many frames nothing of the object is to be seen."""
        return sum(not self.truth(index, size).any() for index in range(self.num_frames))


def occluded(order: CaseOrder) -> Iterator[str]:
    """Hide the largest object of each clip in four ways; yield what was made.

    Raises:
        UserError: fewer than three clips have frames and masks, or a case exists already.
    """
    found = find_objects(order.clips, order.only)
    cutouts = {name: read_cutout(*places) for name, places in found.items()}
    names = [name for name in found if cutouts[name]]
    check_enough(order.clips, names, FEWEST_CLIPS)
    for index, name in enumerate(names):
        others = [*names[index + 1 :], *names[:index]]
        for turn, kind in enumerate(KINDS):
            behind = others[turn % len(others)]
            fronts = [cutouts[other] for other in others if other != behind]
            case = f"{name}_{kind}_{behind}"
            generator = generator_of(case, order.seed)
            scenery = read_frames(found[behind][0], order.size)
            scene = _find_scene(kind, scenery[0], cutouts[name], fronts, generator)
            if scene is None:
                yield f"{case}: left out, no other object hides it for {LEAST_HIDDEN} frames"
                continue
            target = new_case(order.output / case)
            for number in range(scene.num_frames):
                picture = _compose(scene, number, scenery, generator)
                write_frame(target, number, picture, scene.truth(number, picture.shape[:2]))
            write_meta(target, "occluded", f"{name} over {behind}", order.seed, {"kind": kind})
            yield f"{case}: {scene.num_frames} frames, {scene.num_hidden(picture.shape[:2])} hidden"


def _find_scene(
    kind: str,
    ground: Frame,
    thing: Sequence[Piece],
    fronts: Sequence[Sequence[Piece]],
    generator: np.random.Generator,
) -> Scene | None:
    """Return a scene in which the object is hidden for long enough; None: there is none."""
    height, width = ground.shape[:2]
    fitted = fit(thing, _OBJECT[0] * height, _OBJECT[1] * width)
    if kind != "passed":
        return {"behind": _behind, "returns": _returns, "leaves": _leaves}[kind](
            fitted, ground, generator
        )
    state = generator.bit_generator.state
    for scale in _SCALES:  # what passes is ragged and may be too small
        fitted = fit(thing, scale * _OBJECT[0] * height, scale * _OBJECT[1] * width)
        for front in fronts:
            generator.bit_generator.state = state
            scene = _passed(fitted, front, (height, width), generator)
            if scene.num_hidden((height, width)) >= LEAST_HIDDEN:
                return scene
    return None


def _behind(thing: Sequence[Piece], ground: Frame, generator: np.random.Generator) -> Scene:
    height, width = ground.shape[:2]
    wide, hidden = _widest(thing), _draw_hidden(generator)
    speed = (width - 3 * wide) / (2 * _BEFORE + hidden)
    start = wide + _BEFORE * speed  # left edge of the strip
    strip = _strip(ground, wide + hidden * speed, thing[0], generator)
    y = _draw_height(thing, height, generator)
    mirrored = generator.random() < 0.5
    num_frames = int((width - wide) / speed)

    def way(index: int) -> Place:
        x = wide / 2 + speed * index
        return (width - x if mirrored else x), y

    middle = start + strip.width / 2
    at = width - middle if mirrored else middle
    return Scene(num_frames, [(thing, way), _standing(strip, at)])


def _returns(thing: Sequence[Piece], ground: Frame, generator: np.random.Generator) -> Scene:
    height, width = ground.shape[:2]
    wide, hidden = _widest(thing), _draw_hidden(generator)
    strip = _strip(ground, 1.25 * wide, thing[0], generator)
    far = generator.uniform(0.4, 0.6) * width
    speed = (far - 1.5 * wide) / _BEFORE
    covered = far + strip.width / 2  # where it waits
    moves = int((covered - wide / 2) / speed)
    y = _draw_height(thing, height, generator)
    mirrored = generator.random() < 0.5

    def way(index: int) -> Place:
        moved = min(index, moves, max(0, 2 * moves + hidden - index))
        x = wide / 2 + speed * moved
        return (width - x if mirrored else x), y

    at = width - covered if mirrored else covered
    return Scene(2 * moves + hidden, [(thing, way), _standing(strip, at)])


def _leaves(thing: Sequence[Piece], ground: Frame, generator: np.random.Generator) -> Scene:
    height, width = ground.shape[:2]
    wide, hidden = _widest(thing), _draw_hidden(generator)
    speed = width / 4 / _BEFORE
    outside = int((width / 4 + wide) / speed)  # frames until nothing is to be seen
    y, later = _draw_height(thing, height, generator), _draw_height(thing, height, generator)
    mirrored, crosses = generator.random() < 0.5, generator.random() < 0.5

    def way(index: int) -> Place:
        if index < outside + hidden / 2:
            x, at = width * 0.75 - wide / 2 + speed * index, y
        else:
            entered = speed * (index - outside - hidden)
            x, at = (-wide / 2 + entered if crosses else width + wide / 2 - entered), later
        return (width - x if mirrored else x), at

    return Scene(2 * outside + hidden, [(thing, way)])


def _passed(
    thing: Sequence[Piece],
    front: Sequence[Piece],
    size: tuple[int, int],
    generator: np.random.Generator,
) -> Scene:
    height, width = size
    large = fit(front, 0.95 * height, 0.75 * width)
    if generator.random() < 0.5:
        large = [piece.resembling(thing[0]) for piece in large]
    x = generator.uniform(0.4, 0.6) * width
    y = height - _tallest(large) / 2 + generator.uniform(-0.05, 0.05) * height
    inside = max(_widest(large) - _widest(thing), 0.1 * width)
    speed = inside / (_draw_hidden(generator) + LEAST_HIDDEN)  # its outline is ragged
    arrives = x - _widest(large) / 2 - _widest(thing)
    start = min(-_widest(large) / 2, arrives - speed * _BEFORE)
    mirrored = generator.random() < 0.5
    drift = generator.uniform(-0.5, 0.5)
    num_frames = int((x + _widest(thing) + _widest(large) / 2 - start) / speed) + _BEFORE

    def pass_by(index: int) -> Place:
        at = start + speed * index
        return (width - at if mirrored else at), y

    middle = width - x if mirrored else x
    return Scene(num_frames, [(thing, lambda index: (middle + drift * index, y)), (large, pass_by)])


def _compose(
    scene: Scene, index: int, scenery: Sequence[Frame], generator: np.random.Generator
) -> Frame:
    picture = scenery[to_and_fro(index, len(scenery))].astype(np.float32)
    scene.paint(index, picture)
    picture += generator.normal(0, _NOISE, picture.shape).astype(np.float32)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _strip(ground: Frame, wide: float, thing: Piece, generator: np.random.Generator) -> Piece:
    """Return a strip as high as the picture, of another place of the ground."""
    height, width = ground.shape[:2]
    across = min(width, round(wide))
    left = int(generator.integers(0, width - across + 1))
    colours = np.flip(ground[:, left : left + across], axis=0).astype(np.float32)
    strip = Piece(colours, np.ones((height, across), np.float32))
    return strip.resembling(thing) if generator.random() < 0.5 else strip


def _standing(strip: Piece, x: float) -> Layer:
    """Return a strip as high as the picture that stays where it is."""
    return [strip], lambda _: (x, strip.height / 2)


def _draw_hidden(generator: np.random.Generator) -> int:
    return int(generator.integers(HIDDEN[0], HIDDEN[1] + 1))


def _draw_height(thing: Sequence[Piece], height: int, generator: np.random.Generator) -> float:
    return float(generator.uniform(_tallest(thing) / 2, height - _tallest(thing) / 2))


def _widest(pieces: Sequence[Piece]) -> int:
    return max(piece.width for piece in pieces)


def _tallest(pieces: Sequence[Piece]) -> int:
    return max(piece.height for piece in pieces)
