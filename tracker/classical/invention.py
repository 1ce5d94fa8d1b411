"""Fill what no frame saw: as it was filled before, else from the frame itself."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.flow import sample
from tracker.classical.reading import as_table, place
from tracker.classical.registration import Offer
from tracker.classical.spatial import spread
from tracker.classical.texture import displacements
from tracker.classical.views import View, box_around
from tracker.types import Mask

_MUCH = 0.1  # of the error
_MOSTLY = 250  # of 255: this much of what is sampled must be genuine


def carry(
    result: NDArray[np.uint8],
    missing: Mask,
    doubted: NDArray[np.float32],
    carriers: Sequence[tuple[View, Offer]],
    corner: NDArray[np.float32],
    target: View,
) -> tuple[NDArray[np.int8], Mask]:
    """Take over what earlier frames were filled with, in place.

    Genuine background, which a frame got from a source since forgotten, is copied and no
    longer `missing`.  Of what was invented only the fine part is kept.

    Args:
        result: (H, W, 3), the target as filled so far.
        missing: (H, W), where nothing is known; both are changed.
        doubted: (H, W), the squared error to be expected of the surroundings: a carrier must
            promise to be much better.
        carriers: filled frames and how they lie under the target, best first.
        corner: (2,), of the registered part, working size.
        target: the frame being filled.

    Returns:
        (H, W, 3) fine detail for what is still missing, and (H, W) where there is some.
    """
    detail = np.zeros(result.shape, np.int8)
    detailed = np.zeros(missing.shape, bool)
    for view, offer in carriers:
        rows, columns = np.nonzero(missing)
        if len(rows) == 0 or view.filled is None or view.genuine is None:
            continue
        num_places = len(rows)
        inside = target.to_working(np.stack((columns, rows), axis=-1).astype(np.float32)) - corner
        table = as_table(inside)
        places, half, within = place(view, offer, table)
        genuine = sample(view.genuine.astype(np.uint8) * 255, places) > _MOSTLY
        better = sample(offer.error, half).reshape(-1)[:num_places] < _MUCH * doubted[rows, columns]
        usable = (genuine & within).reshape(-1)[:num_places] & better
        colours = sample(view.filled, places, interpolation=cv2.INTER_CUBIC).astype(np.float32)
        colours = (colours + sample(offer.offset, half)).reshape(-1, 3)[:num_places]
        values = np.clip(np.rint(colours), 0, 255).astype(np.uint8)
        result[rows[usable], columns[usable]] = values[usable]
        missing[rows[usable], columns[usable]] = False
        if view.detail is None or view.detailed is None:
            continue
        fine = sample(view.detail.astype(np.float32), places).reshape(-1, 3)[:num_places]
        fresh = within.reshape(-1)[:num_places] & ~usable & ~detailed[rows, columns]
        fresh &= sample(view.detailed.astype(np.uint8), places).reshape(-1)[:num_places] > 0
        detail[rows[fresh], columns[fresh]] = np.rint(fine[fresh])
        detailed[rows[fresh], columns[fresh]] = True
    return detail, detailed


def invent(target: View, missing: Mask) -> NDArray[np.int8]:
    """Return (H, W, 3): fine detail for `missing` pixels, copied from like places."""
    detail = np.zeros((*missing.shape, 3), np.int8)
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
    rows, columns = np.nonzero(missing)
    full = np.stack((columns, rows), axis=-1).astype(np.float32)
    ratio = np.array([missing.shape[1] / width, missing.shape[0] / height], np.float32)
    at_tiny = np.minimum(full / ratio, (width - 1, height - 1)).astype(int)
    shift = np.rint(shifts[at_tiny[:, 1], at_tiny[:, 0]] * ratio)
    source = np.clip(full + shift, 0, (missing.shape[1] - 1, missing.shape[0] - 1)).astype(int)
    table = as_table(((source + 0.5) / ratio - 0.5).astype(np.float32))
    smooth = sample(mean, table).reshape(-1, 3)[: len(rows)]
    fine = target.frame[source[:, 1], source[:, 0]] - smooth
    fine *= strength[at_tiny[:, 1], at_tiny[:, 0]][:, None]
    fine[target.unusable[source[:, 1], source[:, 0]] > 0] = 0
    detail[rows, columns] = np.clip(np.rint(fine), -127, 127)
    return detail


def lay_base(
    result: NDArray[np.uint8], missing: Mask, target: View, detail: NDArray[np.int8]
) -> None:
    """Fill `missing` pixels of `result` in place: smoothly from around them, plus `detail`."""
    part = box_around(missing, margin=16)
    hole, piece = missing[part], result[part]
    height, width = hole.shape
    scale = target.size[0] / missing.shape[0]
    reduced = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(piece, reduced, interpolation=cv2.INTER_AREA), np.float32)
    unknown = cv2.resize(hole.astype(np.float32), reduced, interpolation=cv2.INTER_AREA) > 0
    smooth = spread(small, unknown)
    base = np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR))
    values = base[hole] + detail[part][hole]
    piece[hole] = np.clip(np.rint(values), 0, 255)
