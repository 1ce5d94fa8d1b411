"""Fill what no frame saw: as it was filled before, else from the frame itself."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.blend import share_of
from tracker.classical.completion import complete_from_pieces
from tracker.classical.continuation import continue_edges
from tracker.classical.flow import Flow
from tracker.classical.planes import join, rounded, split
from tracker.classical.recall import CONVINCING, Memory
from tracker.classical.spatial import spread_coarsely
from tracker.classical.spots import Plane, Planes, Spots, gather, put, spread_out, usable_at
from tracker.classical.views import AROUND, Fill, View, box_around
from tracker.images import shrink_hole, shrink_quickly
from tracker.types import Frame, Mask

_SMALLEST = 16  # pixels of half the working size: less is only filled smoothly
_BELIEF = 0.5  # of what a hole is completed with: at least so much is shown
_LARGE = (13, 13)  # pixels of half the working size: what is larger may be all wrong
_BELIEF_LARGE = 0.25  # at least so much of that
_GRAIN = np.float32(0.6)  # of what is finer: hardly any is right, but without it nothing looks so
_MOSTLY = 0.5  # of a pixel must be missing to be completed
_MUCH = 0.5  # of the hole: edges are continued where that much is missing


@dataclass(eq=False)
class Found:
    """What is known so far of the N pixels of a hole."""

    colours: Planes  # (3, N)
    share: Plane  # (N,), 0 to 1, how much sources count in them
    left: Plane  # (N,), the squared error to be expected
    missing: NDArray[np.bool_]  # (N,), what no frame saw
    detail: Planes | None = None  # (3, N), what was invented, less the membrane
    detailed: NDArray[np.bool_] | None = None  # (N,), where `detail` holds
    _image: NDArray[np.float32] | None = None  # see `_detail_image`

    def remember(self, numbers: NDArray[np.intp], detail: Planes) -> None:
        """Keep what was invented at some of the pixels, less the membrane, (3, n)."""
        if self.detail is None or self.detailed is None:
            self.detail = np.zeros_like(self.colours)
            self.detailed = np.zeros_like(self.missing)
        self.detail[:, numbers] = detail
        self.detailed[numbers] = True
        self._image = None

    def lay(self, target: View, patch: NDArray[np.uint8], spots: Spots) -> None:
        """Put all into the box around the hole: what is missing smoothly, with its detail.

        Where sources count a little, only detail is added.
        """
        colours = self.colours
        if self.detail is not None:
            colours = colours + self.detail * ((1 - self.share) * self.missing)
        put(patch, spots.places, colours)
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
        """Return `detail` in the box around the hole, (h, w, 4); the last says nothing."""
        if self.detail is not None and self._image is None:
            planes = np.zeros((4, *shape), np.float32)
            for plane, values in zip(planes[:3], self.detail, strict=True):
                plane.reshape(-1)[spots.places] = values
            self._image = join(list(planes))
        return self._image


def carry(
    found: Found, carriers: Iterable[Callable[[NDArray[np.intp]], Memory]], optimism: float
) -> None:
    """Take over what earlier frames were filled with, in place.

    Genuine background, which a frame got from a source since forgotten, is copied and no longer
    `missing`, if a smaller error is to be expected of it. Of what was invented only what differs
    from the membrane is kept. Each of the `carriers` says what one of them shows at some of the
    pixels; the best first.  How a fill is laid errs by `optimism` times what is expected of it.
    """
    for recalled in carriers:
        numbers = np.flatnonzero(found.missing)
        if not len(numbers):
            continue
        memory = recalled(numbers)
        was = found.left.take(numbers)
        share = share_of(memory.error + np.float32(optimism - 1) * memory.risk, was)
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


def invent(target: View, filled: Frame, spots: Spots) -> Planes:
    """Return (3, N), what is to be added to the membrane at some pixels of a hole.

    What completes it from pieces of the frame, weaker than it is, as it need not be right;
    and, if much of the hole is missing, edges continued through it.

    Args:
        target: the frame.
        filled: it, filled with what is known so far, and smoothly where nothing is.
        spots: what is to be invented.
    """
    missing = np.zeros(target.hole.shape, bool)
    missing[spots.y.astype(np.intp), spots.x.astype(np.intp)] = True
    known = ~shrink_hole(target.hole, *target.tiny.shape[:2])
    if not known.any() or min(known.shape) < _SMALLEST:
        return np.zeros((3, spots.count), np.float32)
    small = shrink_quickly(filled, *target.size).astype(np.float32)
    hole, smooth = shrink_hole(missing, *target.size), small
    if np.count_nonzero(hole) > _MUCH * np.count_nonzero(~target.known):
        smooth = continue_edges(small, hole)
    height, width = known.shape
    tiny = np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    share = cv2.resize(missing.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    wanted = np.asarray(share) > _MOSTLY
    completion = complete_from_pieces(tiny, known, wanted) if wanted.any() else None
    fine = _at(smooth - small, target, spots.x, spots.y)
    if completion is not None:
        change = completion.colours - tiny
        large = np.asarray(cv2.blur(change, _LARGE), np.float32)
        shown = max(_BELIEF, completion.agreement) * (change - large)
        shown += max(_BELIEF_LARGE, completion.agreement) * large
        fine += _at(shown, target, spots.x, spots.y)
        fine += _GRAIN * _grain(target, completion.shift, spots)
    return np.asarray(np.clip(np.rint(fine), -127, 127)[:, : spots.count], np.float32)


def _grain(target: View, shift: Flow, spots: Spots) -> Planes:
    """Return (3, N), what the frame shows finer than `target.tiny` where a hole is taken from.

    Args:
        target: the frame.
        shift: (h, w, 2), whole pixels of `target.tiny`, from where.
        spots: pixels of the hole.
    """
    (height, width), (full_height, full_width) = shift.shape[:2], target.hole.shape
    ratio_x, ratio_y = full_width / width, full_height / height
    tiny_x = np.minimum(spots.x / ratio_x, width - 1).astype(np.intp)
    tiny_y = np.minimum(spots.y / ratio_y, height - 1).astype(np.intp)
    shift_x, shift_y = (one.ravel().take(tiny_y * width + tiny_x) for one in split(shift))
    x = np.clip(spots.x + np.rint(shift_x * ratio_x), 0, full_width - 1).astype(np.float32)
    y = np.clip(spots.y + np.rint(shift_y * ratio_y), 0, full_height - 1).astype(np.float32)
    source = y.astype(np.intp) * full_width + x.astype(np.intp)
    shown = gather(np.ascontiguousarray(target.frame), source)
    return (shown - _at(target.tiny.astype(np.float32), target, x, y)) * usable_at(target, x, y)


def _at(picture: NDArray[np.float32], target: View, x: Plane, y: Plane) -> Planes:
    """Return (3, N), the values of a reduced picture (h, w, 3) at places of the frame."""
    scale_x, scale_y = (picture.shape[axis] / target.hole.shape[axis] for axis in (1, 0))
    places = (x + 0.5) * scale_x - 0.5, (y + 0.5) * scale_y - 0.5
    planes = join([picture, np.zeros(picture.shape[:2], np.float32)])
    return np.stack(spread_out(planes, *(one.astype(np.float32) for one in places))[:3])


def lay_base(
    patch: NDArray[np.uint8], bare: Mask, target: View, detail: NDArray[np.float32] | None
) -> None:
    """Fill the `bare` pixels of the target's box in place: smoothly, plus `detail` (h, w, 4)."""
    part = box_around(bare, margin=AROUND)
    hole, piece = bare[part], patch[part]
    height, width = hole.shape
    factor = -(-target.hole.shape[0] // target.size[0])
    smooth = spread_coarsely(np.ascontiguousarray(piece), hole, factor)
    size = smooth.shape[1] * factor, smooth.shape[0] * factor
    base = np.asarray(cv2.resize(smooth, size)[:height, :width], np.float32)
    if detail is not None:
        base += detail[part]
    cv2.copyTo(cv2.cvtColor(rounded(base), cv2.COLOR_RGBA2RGB), hole.view(np.uint8), piece)
