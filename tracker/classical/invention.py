"""Fill what no frame saw: as it was filled before, else from the frame itself."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.blend import OPTIMISM, share_of
from tracker.classical.flow import sample
from tracker.classical.reading import as_table, pixels, place
from tracker.classical.registration import Offer
from tracker.classical.spatial import spread
from tracker.classical.texture import displacements
from tracker.classical.views import AROUND, View, box_around
from tracker.types import Mask

CONVINCING = 0.5  # of a colour: what counts less was not seen, or is not taken over


def carry(
    patch: NDArray[np.uint8],
    missing: Mask,
    left: NDArray[np.float32],
    carriers: Sequence[tuple[View, Offer]],
    corner: NDArray[np.float32],
    target: View,
) -> tuple[NDArray[np.int8], Mask]:
    """Take over what earlier frames were filled with, in place.

    Genuine background, which a frame got from a source since forgotten, is copied and no
    longer `missing`.  Of what was invented only the fine part is kept.

    Args:
        patch: (h, w, 3), the target's `box` as filled so far.
        missing: (h, w), where nothing is known; both are changed.
        left: (h, w), the squared error to be expected of `patch`: a carrier must promise a
            smaller one; changed.
        carriers: filled frames and how they lie under the target, best first.
        corner: (2,), of the registered part, working size.
        target: the frame being filled.

    Returns:
        (h, w, 3) fine detail for what is still missing, and (h, w) where there is some.
    """
    detail = np.zeros(patch.shape, np.int8)
    detailed = np.zeros(missing.shape, bool)
    for view, offer in carriers:
        rows, columns = np.nonzero(missing)
        if len(rows) == 0 or view.fill is None:
            continue
        num_places = len(rows)
        inside = target.to_working(pixels(rows, columns, target.box)) - corner
        table = as_table(inside)
        places, half, within = place(view, offer, table)
        fill = view.fill
        in_box, genuine = fill.at(places)
        error = sample(fill.error, in_box) + OPTIMISM * sample(offer.error, half)
        error = error.reshape(-1)[:num_places]
        share = share_of(error, left[rows, columns])
        usable = (genuine & within).reshape(-1)[:num_places] & (share > CONVINCING)
        if usable.any():
            colours = sample(fill.filled, places, interpolation=cv2.INTER_CUBIC).astype(np.float32)
            colours = (colours + sample(offer.offset, half)).reshape(-1, 3)[:num_places]
            taken, now = (rows[usable], columns[usable]), share[usable]
            values = patch[taken] + now[:, None] * (colours[usable] - patch[taken])
            patch[taken] = np.clip(np.rint(values), 0, 255)
            left[taken] *= 1 - now
            missing[taken] = False
        fresh = within.reshape(-1)[:num_places] & ~usable & ~detailed[rows, columns]
        fresh &= sample(fill.detailed.astype(np.uint8), in_box).reshape(-1)[:num_places] > 0
        if fresh.any():
            fine = sample(fill.detail.astype(np.float32), in_box).reshape(-1, 3)[:num_places]
            detail[rows[fresh], columns[fresh]] = np.rint(fine[fresh])
            detailed[rows[fresh], columns[fresh]] = True
    return detail, detailed


def invent(target: View, fresh: Mask) -> NDArray[np.int8]:
    """Return (h, w, 3): fine detail for `fresh` pixels of the target's box, from like places."""
    detail = np.zeros((*fresh.shape, 3), np.int8)
    rows_of_frame, columns_of_frame = target.hole.shape
    missing = np.zeros((rows_of_frame, columns_of_frame), bool)
    missing[target.box] = fresh
    height, width = target.tiny.shape[:2]
    shrink = (width, height)
    wanted = cv2.resize(missing.astype(np.float32), shrink, interpolation=cv2.INTER_AREA) > 0
    known = cv2.resize(target.hole.astype(np.float32), shrink, interpolation=cv2.INTER_AREA) <= 0
    if not known.any() or min(shrink) < 16:
        return detail
    tiny = target.tiny.astype(np.float32)
    shifts, strength = displacements(tiny, known, wanted)
    weight = known.astype(np.float32)
    share = np.maximum(cv2.blur(weight, (9, 9)), np.float32(1e-6))
    mean = np.asarray(cv2.blur(tiny * weight[..., None], (9, 9)) / share[..., None], np.float32)
    rows, columns = np.nonzero(fresh)
    full = pixels(rows, columns, target.box)
    ratio = np.array([columns_of_frame / width, rows_of_frame / height], np.float32)
    at_tiny = np.minimum(full / ratio, (width - 1, height - 1)).astype(int)
    shift = np.rint(shifts[at_tiny[:, 1], at_tiny[:, 0]] * ratio)
    source = np.clip(full + shift, 0, (columns_of_frame - 1, rows_of_frame - 1)).astype(int)
    table = as_table(((source + 0.5) / ratio - 0.5).astype(np.float32))
    smooth = sample(mean, table).reshape(-1, 3)[: len(rows)]
    fine = target.frame[source[:, 1], source[:, 0]] - smooth
    fine *= strength[at_tiny[:, 1], at_tiny[:, 0]][:, None]
    fine[target.unusable[source[:, 1], source[:, 0]] > 0] = 0
    detail[rows, columns] = np.clip(np.rint(fine), -127, 127)
    return detail


def lay_base(
    patch: NDArray[np.uint8],
    missing: Mask,
    target: View,
    detail: NDArray[np.int8],
    share: NDArray[np.float32],
) -> None:
    """Fill `missing` pixels of the target's box in place: smoothly, plus `detail`.

    Where sources count a little, as much as `share` (h, w) says, only detail is added.
    """
    patch[missing] = _sum(patch, detail * (1 - share[..., None]), missing)
    bare = missing & (share == 0)
    if not bare.any():
        return
    part = box_around(bare, margin=AROUND)
    hole, piece = bare[part], patch[part]
    height, width = hole.shape
    scale = target.size[0] / target.hole.shape[0]
    reduced = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(piece, reduced, interpolation=cv2.INTER_AREA), np.float32)
    unknown = cv2.resize(hole.astype(np.float32), reduced, interpolation=cv2.INTER_AREA) > 0
    smooth = spread(small, unknown)
    base = np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR))
    piece[hole] = _sum(base, detail[part], hole)


def _sum(colours: NDArray[Any], detail: NDArray[Any], mask: Mask) -> NDArray[np.uint8]:
    """Return (N, 3), the sum of both where `mask` is."""
    total = colours[mask] + np.asarray(detail[mask], np.float32)
    return np.asarray(np.clip(np.rint(total), 0, 255), np.uint8)
