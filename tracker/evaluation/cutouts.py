"""A real object cut out of its clip by its masks, to be laid into other pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tracker.evaluation.footage import read_labelled
from tracker.evaluation.protocol import resize_frame
from tracker.images import connected_parts
from tracker.types import Frame, LabelMap, Mask

_WHOLE = 0.5  # of its usual area: with less the object is cut off or hidden in its own clip
_ONE_THING = 0.8  # of the area in one part, or it is several things
_ALIKE = 0.8  # how far the colours of a look-alike are drawn to those it is to resemble

Box: TypeAlias = tuple[slice, slice]  # rows, columns


@dataclass(frozen=True, eq=False)
class Piece:
    """An object in one frame, cropped to it."""

    colours: NDArray[np.float32]  # (H, W, 3), 0 to 255
    alpha: NDArray[np.float32]  # (H, W), its share of each pixel

    @property
    def height(self) -> int:
        """Return its height in pixels."""
        return int(self.alpha.shape[0])

    @property
    def width(self) -> int:
        """Return its width in pixels."""
        return int(self.alpha.shape[1])

    def paint(self, picture: NDArray[np.float32], x: float, y: float) -> None:
        """Lay it over `picture`, its middle at (x, y), to whole pixels, in place.

        Args:
            picture: (H, W, 3), 0 to 255; changed.
            x: from the left edge of the picture, pixels; the piece may lie outside.
            y: from the upper edge.
        """
        to, here = self._places((picture.shape[0], picture.shape[1]), x, y)
        picture[to] += self.alpha[here][..., None] * (self.colours[here] - picture[to])

    def cover(self, size: tuple[int, int], x: float, y: float) -> Mask:
        """Return (H, W), which pixels of a picture of (height, width) `size` it mostly covers."""
        to, here = self._places(size, x, y)
        covered = np.zeros(size, np.bool_)
        covered[to] = self.alpha[here] > 0.5
        return covered

    def _places(self, size: tuple[int, int], x: float, y: float) -> tuple[Box, Box]:
        """Return where it lies in the picture, and which part of it that is."""
        top, left = round(y - self.height / 2), round(x - self.width / 2)
        rows, columns = _overlap(top, self.height, size[0]), _overlap(left, self.width, size[1])
        return (rows, columns), (_moved(rows, -top), _moved(columns, -left))

    def resembling(self, other: "Piece") -> "Piece":
        """Return it with its colours drawn to the mean colour of `other`."""
        shift = _ALIKE * (other.mean_colour() - self.mean_colour())
        return Piece(np.clip(self.colours + shift.astype(np.float32), 0, 255), self.alpha)

    def mean_colour(self) -> NDArray[np.float64]:
        """Return the mean colour of the object, three values 0 to 255."""
        return np.average(self.colours.reshape(-1, 3), axis=0, weights=self.alpha.reshape(-1))


def read_cutout(frames: Path, labels: Path, most: int = 60) -> list[Piece]:
    """Return the largest object of a clip, frame by frame, in the first `most` frames.

    Frames in which hardly anything of it is to be seen are left out; all are where there is
    no object, or what is marked as one is several things.
    """
    pictures, maps = read_labelled(frames, labels, most)
    masks = largest_object(maps)
    return [_crop(pictures[index], masks[index]) for index in _mostly_seen(masks)]


def largest_object(maps: Sequence[LabelMap]) -> list[Mask]:
    """Return where the largest object of a clip is, frame by frame.

    Nothing is returned where there is no object, or what is marked as one is several things.
    """
    largest = _largest_label(maps)
    if largest == 0:
        return []
    masks = [each == largest for each in maps]
    parts = [_largest_part(masks[index]) for index in _mostly_seen(masks)]
    return masks if np.median(parts) >= _ONE_THING else []


def fit(pieces: Sequence[Piece], height: float, width: float) -> list[Piece]:
    """Return the pieces as large as they may be and none higher or wider than that (pixels).

    What comes nearer or goes away in its own clip stays at one distance: its usual growth, a
    line through the logarithms of its areas, is taken out.  So is the rim, which shows what
    was behind the object as well.
    """
    sides = np.log([float(piece.alpha.sum()) for piece in pieces]) / 2
    places = np.arange(len(pieces))
    trend = np.polyval(np.polyfit(places, sides, 1), places) if len(pieces) > 1 else sides
    scales = np.exp(trend[0] - trend)
    scales *= min(
        height / max(piece.height * scale for piece, scale in zip(pieces, scales, strict=True)),
        width / max(piece.width * scale for piece, scale in zip(pieces, scales, strict=True)),
    )
    fitted = []
    for piece, scale in zip(pieces, scales, strict=True):
        size = max(1, round(piece.height * scale)), max(1, round(piece.width * scale))
        colours = resize_frame(piece.colours.astype(np.uint8), size).astype(np.float32)
        share = Image.fromarray((255 * piece.alpha).astype(np.uint8))
        soft = share.resize((size[1], size[0]), Image.Resampling.BOX)
        alpha = np.clip(np.asarray(soft, np.float32) * np.float32(2 / 255) - 1, 0, 1)
        fitted.append(Piece(colours, alpha))
    return fitted


def _largest_label(maps: Sequence[LabelMap]) -> int:
    counts = np.zeros(256, np.int64)
    for each in maps:
        counts += np.bincount(each.reshape(-1), minlength=256)
    counts[[0, 255]] = 0  # nothing, and what nobody can say
    return int(counts.argmax()) if counts.any() else 0


def _mostly_seen(masks: Sequence[Mask]) -> list[int]:
    """Return in which frames enough of an object is to be seen."""
    areas = np.array([int(mask.sum()) for mask in masks])
    if not areas.any():
        return []
    return np.flatnonzero(areas >= _WHOLE * np.median(areas[areas > 0])).tolist()


def _largest_part(mask: Mask) -> float:
    """Return how much of a mask that is not empty hangs together."""
    return float(max(mask[part].sum() for part in connected_parts(mask)) / mask.sum())


def _crop(picture: Frame, mask: Mask) -> Piece:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Piece(picture[box].astype(np.float32), mask[box].astype(np.float32))


def _overlap(start: int, length: int, limit: int) -> slice:
    first = min(max(0, start), limit)
    return slice(first, max(first, min(limit, start + length)))


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)
