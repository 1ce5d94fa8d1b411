"""Clips with holes whose content is known, made from any clips.

`stationary`: a hole that stays where it is over true frames, as in the published tables.
`moving`: a real object, cut out of one clip by its masks, moves over another clip: what it
hides is known exactly.  Both are the same for the same clips and seed.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tracker.evaluation.case_files import (
    CaseOrder,
    check_enough,
    generator_of,
    new_case,
    write_meta,
)
from tracker.evaluation.footage import read_labelled
from tracker.evaluation.layout import choose_clips, find_clips, find_objects, list_images
from tracker.evaluation.protocol import FrameFolder, resize_frame
from tracker.label_images import encode_labels
from tracker.types import Frame, Mask, UserError

STATIONARY_SHARE = (0.04, 0.12)  # of the frame: the hole of a stationary case
MOVING_HEIGHT = (0.25, 0.5)  # of the frame's: the pasted object, where it is largest
_STROKES = 6
_OPAQUE = 0.01  # an object's share of a pixel above which the pixel counts as hidden


@dataclass(frozen=True, eq=False)
class _Cutout:
    """An object in each frame of its clip."""

    name: str
    frames: list[Frame]
    masks: list[Mask]


def stationary(order: CaseOrder) -> Iterator[str]:
    """Give every clip one hole that stays; yield what was made.

    Raises:
        UserError: there are no clips, or a case exists already.
    """
    found = find_clips(order.clips, "frames")
    for name, place in choose_clips(found, order.only, order.clips).items():
        target = new_case(order.output / name)
        names = _write_frames(place, target / "frames", order.size)
        with Image.open(next((target / "frames").iterdir())) as image:
            width, height = image.size
        generator = generator_of(name, order.seed)
        hole = brush_hole(height, width, generator)
        data = encode_labels(hole.astype(np.uint8))
        for stem in names:
            (target / "masks" / f"{stem}.png").write_bytes(data)
        write_meta(target, "stationary", str(place.name), order.seed, {"truth": "frames"})
        yield f"{name}: {len(names)} frames, hole {100 * hole.mean():.1f} % of the frame"


def moving(order: CaseOrder) -> Iterator[str]:
    """Paste the object of each clip over the next clip; yield what was made.

    Raises:
        UserError: fewer than two clips have frames and masks, or a case exists already.
    """
    found = find_objects(order.clips, order.only)
    names = list(found)
    check_enough(order.clips, names, 2)
    for name, behind in zip(names, names[1:] + names[:1], strict=True):
        generator = generator_of(f"{name} {behind}", order.seed)
        background = [
            np.array(frame, np.uint8) for frame in FrameFolder(found[behind][0]).read(order.size)
        ]
        cutout = _read_cutout(name, *found[name], len(background))
        case = f"{name}_over_{behind}"
        target = new_case(order.output / case)
        (target / "bg").mkdir()
        shares = []
        for index, (alpha, colours) in enumerate(
            _placed(cutout, background[0].shape[:2], generator)
        ):
            truth = background[index]
            mixed = truth + alpha[..., None] * (colours - truth.astype(np.float32))
            hidden = alpha > _OPAQUE
            shares.append(float(hidden.mean()))
            Image.fromarray(np.rint(mixed).astype(np.uint8)).save(
                target / "frames" / f"{index:05d}.png"
            )
            Image.fromarray(truth).save(target / "bg" / f"{index:05d}.png")
            data = encode_labels(hidden.astype(np.uint8))
            (target / "masks" / f"{index:05d}.png").write_bytes(data)
        write_meta(target, "moving", f"{name} over {behind}", order.seed, {"has_bg": True})
        yield f"{case}: {len(shares)} frames, hole {100 * np.mean(shares):.1f} % of the frame"


def brush_hole(height: int, width: int, generator: np.random.Generator) -> Mask:
    """Return a hole as a brush would paint it: strokes about a centre, until it is large enough."""
    y, x = np.mgrid[:height, :width]
    share = generator.uniform(*STATIONARY_SHARE)
    hole = np.zeros((height, width), np.bool_)
    centre = generator.uniform(0.25, 0.75, 2) * (height, width)
    radius = np.sqrt(share * height * width / _STROKES / np.pi)
    while hole.mean() < share:
        end = centre + generator.normal(0, 1.5 * radius, 2)
        for step in np.linspace(0, 1, 8):
            place = centre + step * (end - centre)
            hole |= (y - place[0]) ** 2 + (x - place[1]) ** 2 <= radius**2
        radius = max(0.9 * radius, 2.0)
        centre = np.clip(end, 0, (height - 1, width - 1))  # else strokes could leave for good
    return hole


def _placed(
    cutout: _Cutout, size: tuple[int, ...], generator: np.random.Generator
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield the object's share of each pixel, (H, W), and its colours, (H, W, 3).

    The object keeps the way it moves through its own picture, scaled, then shifted so that
    the middle of that way lies somewhere in the new one.
    """
    height, width = size[:2]
    boxes = [np.argwhere(mask) for mask in cutout.masks if mask.any()]
    if not boxes:
        raise UserError(f"{cutout.name} has no object in its first frames; choose another clip")
    tallest = max(int(np.ptp(box[:, 0])) + 1 for box in boxes)
    scale = generator.uniform(*MOVING_HEIGHT) * height / tallest
    middle = scale * np.median(np.concatenate(boxes), axis=0)
    wanted = generator.uniform(0.35, 0.65, 2) * (height, width)
    dy, dx = np.rint(wanted - middle).astype(int).tolist()
    for frame, mask in zip(cutout.frames, cutout.masks, strict=True):
        small = (max(1, round(frame.shape[0] * scale)), max(1, round(frame.shape[1] * scale)))
        colours = resize_frame(frame, small)
        soft = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
        share = np.asarray(soft.resize((small[1], small[0]), Image.Resampling.BOX), np.float32)
        alpha = np.zeros((height, width), np.float32)
        placed = np.zeros((height, width, 3), np.float32)
        to = (
            slice(max(0, dy), min(height, dy + small[0])),
            slice(max(0, dx), min(width, dx + small[1])),
        )
        here = (slice(to[0].start - dy, to[0].stop - dy), slice(to[1].start - dx, to[1].stop - dx))
        alpha[to], placed[to] = share[here] / 255, colours[here]
        yield alpha, placed


def _read_cutout(name: str, frames: Path, labels: Path, count: int) -> _Cutout:
    pixels, maps = read_labelled(frames, labels, count)
    return _Cutout(name, pixels, [each > 0 for each in maps])


def _write_frames(place: Path, folder: Path, size: tuple[int, int] | None) -> list[str]:
    """Put the frames of a clip into `folder`; return their names."""
    if size is None and place.is_dir():
        for file in list_images(place):
            try:
                os.link(file, folder / file.name)  # the same bytes, kept once
            except OSError:
                shutil.copyfile(file, folder / file.name)
        return [file.stem for file in list_images(place)]
    names = []
    source = FrameFolder(place)
    for index, pixels in enumerate(source.read(size)):
        names.append(source.names[index] if source.names else f"{index:05d}")
        Image.fromarray(np.asarray(pixels, np.uint8)).save(folder / f"{names[-1]}.png")
    return names
