"""Fill what no frame saw: as it was filled before, else from the frame itself."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.blend import OPTIMISM, mean_square, share_of
from tracker.classical.continuation import continue_edges
from tracker.classical.detail import weigh
from tracker.classical.planes import join, repeat, rounded, split
from tracker.classical.recall import CONVINCING, Memory
from tracker.classical.spatial import spread
from tracker.classical.spots import Plane, Planes, Spots, gather, put, spread_out, usable_at
from tracker.classical.texture import texture_of
from tracker.classical.views import AROUND, Fill, View, box_around
from tracker.images import shrink_hole
from tracker.types import Frame, Mask

_MEANS = (3, 9)  # pixels of half the working size: sides of boxes that part octaves
_MUCH = 0.5  # of the hole: edges are continued where that much is missing


@dataclass(eq=False)
class Found:
    """What is known so far of the N pixels of a hole."""

    colours: Planes  # (3, N)
    share: Plane  # (N,), 0 to 1, how much sources count in them
    left: Plane  # (N,), the squared error to be expected
    missing: NDArray[np.bool_]  # (N,), what no frame saw
    detail: Planes | None = None  # (3, N), the fine part of what was invented
    detailed: NDArray[np.bool_] | None = None  # (N,), where `detail` holds

    def remember(self, numbers: NDArray[np.intp], detail: Planes) -> None:
        """Keep the fine part (3, n) of some of the pixels."""
        if self.detail is None or self.detailed is None:
            self.detail = np.zeros_like(self.colours)
            self.detailed = np.zeros_like(self.missing)
        self.detail[:, numbers] = detail
        self.detailed[numbers] = True

    def lay(self, target: View, patch: NDArray[np.uint8], spots: Spots) -> None:
        """Put all into the box around the hole: what is missing smoothly, with its detail.

        Where sources count a little, only detail is added.
        """
        if self.detail is not None:
            faint = np.flatnonzero(self.missing)
            self.colours[:, faint] += self.detail[:, faint] * (1 - self.share[faint])
        put(patch, spots.places, self.colours)
        bare = self.missing & (self.share == 0)
        if bare.any():
            hole = np.zeros(patch.shape[:2], bool)
            hole.reshape(-1)[spots.places] = bare
            lay_base(patch, hole, target, self._detail_image(patch.shape[:2], spots))

    def fill(self, target: View, spots: Spots, filled: Frame) -> Fill:
        """Return what is to be remembered of a frame filled so."""
        shape = target.hole[target.box].shape
        error, genuine, detailed, nothing = (np.zeros(shape, np.float32) for _ in range(4))
        genuine[:] = 255
        error.reshape(-1)[spots.places] = self.left
        genuine.reshape(-1)[spots.places] = np.float32(255) * ~self.missing
        if self.detailed is not None:
            detailed.reshape(-1)[spots.places] = self.detailed
        state = join([error, genuine, detailed, nothing])
        return Fill(target.box, filled, state, self._detail_image(shape, spots))

    def _detail_image(self, shape: tuple[int, ...], spots: Spots) -> NDArray[np.float32] | None:
        if self.detail is None:
            return None
        image = np.zeros((3, *shape), np.float32)
        for plane, values in zip(image, self.detail, strict=True):
            plane.reshape(-1)[spots.places] = values
        return join(list(image))


def carry(found: Found, carriers: Iterable[Callable[[NDArray[np.intp]], Memory]]) -> None:
    """Take over what earlier frames were filled with, in place.

    Genuine background, which a frame got from a source since forgotten, is copied and no
    longer `missing`, if a smaller error is to be expected of it.  Of what was invented only
    the fine part is kept.  Each of the `carriers` says what one of them shows at some of the
    pixels; the best first.
    """
    for recalled in carriers:
        numbers = np.flatnonzero(found.missing)
        if not len(numbers):
            continue
        memory = recalled(numbers)
        was = found.left.take(numbers)
        share = share_of(memory.error + (OPTIMISM - 1) * memory.risk, was)
        usable = memory.genuine & (share > CONVINCING)
        if usable.any():
            taken, now = numbers[usable], share[usable]
            colours = found.colours.take(taken, axis=1)
            found.colours[:, taken] = colours + now * (memory.colours[:, usable] - colours)
            found.left[taken] = was[usable] * (1 - now)
            found.missing[taken] = False
        if memory.detail is not None:
            fresh = memory.detailed & ~usable
            if found.detailed is not None:
                fresh &= ~found.detailed.take(numbers)
            if fresh.any():
                found.remember(numbers[fresh], np.rint(memory.detail[:, fresh]))


def invent(target: View, spots: Spots) -> Planes:
    """Return (3, N), what is to be added to the membrane at some pixels of a hole.

    Detail from like places, and, if much of the hole is missing, edges continued through it.
    """
    (height, width), (full_height, full_width) = target.tiny.shape[:2], target.hole.shape
    missing = np.zeros(target.hole.shape, bool)
    missing[spots.y.astype(np.intp), spots.x.astype(np.intp)] = True
    wanted = shrink_hole(missing, height, width)
    known = ~shrink_hole(target.hole, height, width)
    if not known.any() or min(height, width) < 16:
        return np.zeros((3, spots.count), np.float32)
    texture = texture_of(target.tiny.astype(np.float32), known, wanted)
    ratio_x, ratio_y = full_width / width, full_height / height
    tiny_x = np.minimum(spots.x / ratio_x, width - 1).astype(np.intp)
    tiny_y = np.minimum(spots.y / ratio_y, height - 1).astype(np.intp)
    at_tiny = tiny_y * width + tiny_x
    shift_x, shift_y = (one.ravel().take(at_tiny) for one in split(texture.shift))
    x = np.clip(spots.x + np.rint(shift_x * ratio_x), 0, full_width - 1).astype(np.float32)
    y = np.clip(spots.y + np.rint(shift_y * ratio_y), 0, full_height - 1).astype(np.float32)
    strength, foretold = (one.ravel().take(at_tiny) for one in (texture.strength, texture.foretold))
    strength = strength * usable_at(target, x, y)
    bands, pixels = _bands(target, known, x, y)
    # The strength is that of one band, the finest of `tiny`.
    whole, one = (
        np.sqrt(mean_square(part)) for part in (sum(bands, np.zeros_like(bands[0])), bands[2])
    )
    strength *= np.exp(np.mean(np.log((whole + 1) / (one + 1))))
    # What is copied by whole pixels of `tiny` foretells nothing finer.
    sure = [np.zeros_like(x), np.zeros_like(x), foretold, foretold]
    fine = weigh(bands, pixels, strength, sure)
    if np.count_nonzero(wanted) > _MUCH * np.count_nonzero(~known):
        fine += _edges(target, spots)
    fine = np.clip(np.rint(fine), -127, 127)[:, : spots.count]
    return np.asarray(fine, np.float32)


def _bands(target: View, known: Mask, x: Plane, y: Plane) -> tuple[list[Planes], list[float]]:
    """Return octaves of detail at places (N,) of a frame, the finest first, and their pixels.

    `known` (h, w) says where nothing of the hole takes part in `target.tiny`.
    """
    smooth = [cv2.cvtColor(target.small, cv2.COLOR_RGB2RGBA).astype(np.float32), target.tones]
    weight = known.astype(np.float32)
    tiny = target.tiny.astype(np.float32) * repeat(weight, 3)
    for side in _MEANS:
        mean = cv2.blur(join([tiny, weight]), (side, side))
        share = np.maximum(cv2.extractChannel(mean, 3), np.float32(1e-6))
        smooth.append(mean / repeat(share, 4))
    source = y.astype(np.intp) * target.hole.shape[1] + x.astype(np.intp)
    last = gather(np.ascontiguousarray(target.frame), source)
    bands, pixels, cell = [], [], 1.0
    for picture, side in zip(smooth, (1, 1, *_MEANS), strict=True):
        scale_x, scale_y = (picture.shape[axis] / target.hole.shape[axis] for axis in (1, 0))
        places = (x + 0.5) * scale_x - 0.5, (y + 0.5) * scale_y - 0.5
        seen = np.stack(spread_out(picture, *(one.astype(np.float32) for one in places))[:3])
        bands.append(last - seen)
        pixels.append(cell)
        last, cell = seen, side / scale_x
    return bands, pixels


def _edges(target: View, spots: Spots) -> Planes:
    """Return (3, N): by how much edges continued through the hole differ from the membrane."""
    small = target.small.astype(np.float32)
    edges = join([continue_edges(small, ~target.known) - small, np.zeros(target.size, np.float32)])
    scale_x, scale_y = (target.size[axis] / target.hole.shape[axis] for axis in (1, 0))
    x, y = (spots.x + 0.5) * scale_x - 0.5, (spots.y + 0.5) * scale_y - 0.5
    return np.stack(spread_out(edges, x.astype(np.float32), y.astype(np.float32))[:3])


def lay_base(
    patch: NDArray[np.uint8], bare: Mask, target: View, detail: NDArray[np.float32] | None
) -> None:
    """Fill the `bare` pixels of the target's box in place: smoothly, plus `detail` (h, w, 3)."""
    part = box_around(bare, margin=AROUND)
    hole, piece = bare[part], patch[part]
    height, width = hole.shape
    scale = target.size[0] / target.hole.shape[0]
    reduced = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(piece, reduced, interpolation=cv2.INTER_AREA), np.float32)
    smooth = spread(small, shrink_hole(hole, *reduced[::-1]))
    base = np.asarray(cv2.resize(smooth, (width, height)), np.float32)
    if detail is not None:
        base += detail[part]
    patch[part] = cv2.copyTo(rounded(base), hole.view(np.uint8), piece)
