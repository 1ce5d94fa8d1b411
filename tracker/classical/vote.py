"""Which layer the cells of a frame look like, asked as densely as it matters.

Objects may have moved far, so they are looked for in a wide area; but most of it is plainly
background.  There every second cell in each direction is asked, and speaks for the square of
four it begins; all are asked where an object is expected, and around there.
"""

import cv2
import numpy as np

from tracker.classical.appearance import STRIDE, Floats, PatchMemory
from tracker.classical.softmaps import Picture, Region, cell_places, grown
from tracker.types import Mask

LOCALITY = 0.15  # of the longer side: distance that weighs as much as one unit of features
LARGEST_VOTE = 6.0  # log odds one comparison of appearance may shift at most
LEAST_TYPICAL = 0.05  # squared distance: nothing is more alike than noise allows
UNLIKE = 9.0  # squared distance: nothing remembered is like this cell
NEWS = 1.5  # squared distance: what may be new background is no further from it,
WITHIN = 2.0  # nor than so many times what most cells of objects differ from theirs
MOST = 0.9  # quantile of those
SURE = 0.9  # probability of an object's cells
FEWEST = 4  # of them that tell what most do
POSSIBLE = 0.02  # probability from which an object is expected
AROUND = 3  # cells: as far around where an object is expected all are asked


def vote(
    memory: PatchMemory,
    picture: Picture,
    near: Mask,
    cells: Region,
    expected: Floats,
    to_background: Floats | None,
    unseen: Mask,
) -> Floats:
    """Return (layers, h, w): how much worse than the best layer each fits, log odds.

    Args:
        memory: what the layers look like.
        picture: the frame.
        near: (rows, columns), the cells of the frame in which objects may be.
        cells: the part of them that is wanted.
        expected: (layers, h, w), how likely each layer is so far in their pixels.
        to_background: (rows, columns), of the frame: the most that cells differ from the
            background, squared distance of features; None if only memory knows.
        unseen: (rows, columns), of the frame: cells that may show background for the first time.
    """
    height, width = picture.small.shape[:2]
    wanted = near[cells]
    features, places = picture.features[cells], cell_places(height, width)[cells]
    objects = (expected[0] < 1 - POSSIBLE).astype(np.float32)
    possible = cv2.resize(objects, wanted.shape[::-1], interpolation=cv2.INTER_AREA) > 0
    sparse = np.zeros_like(wanted)
    sparse[::2, ::2] = True
    asked = wanted & (sparse | grown(possible, AROUND))
    locality = LOCALITY * max(height, width)
    far = memory.distances(features[asked], places[asked], len(expected), locality)
    if to_background is not None:
        far[0] = np.minimum(far[0], to_background[cells][asked])
    far = np.minimum(far, UNLIKE)
    share = cv2.resize(1 - expected[0], wanted.shape[::-1], interpolation=cv2.INTER_AREA)
    _admit_news(far, unseen[cells][asked], np.asarray(share > SURE)[asked])
    best = far.min(axis=0)
    typical = max(LEAST_TYPICAL, float(np.median(best)))
    votes = np.full((len(expected), *wanted.shape), -LARGEST_VOTE / 2, np.float32)
    votes[0] = 0
    votes[:, asked] = np.maximum((best - far) / (2 * typical), -LARGEST_VOTE)
    squares = votes[:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2)
    rest = wanted & ~asked
    votes[:, rest] = squares[:, : rest.shape[0], : rest.shape[1]][:, rest]
    size = (wanted.shape[1] * STRIDE, wanted.shape[0] * STRIDE)
    crop_height, crop_width = expected.shape[1:]
    return np.stack([cv2.resize(one, size)[:crop_height, :crop_width] for one in votes])


def _admit_news(far: Floats, unseen: Mask, sure: Mask) -> None:
    """Let what may be new be background, unless it looks clearly like an object; in place.

    All of an object that is given has been seen; of the background there is always more.

    Args:
        far: (layers, N), how far cells are from what is remembered of each layer.
        unseen: (N,), those that may show background for the first time.
        sure: (N,), those that are an object's.
    """
    own = far[1:, sure & ~unseen].min(axis=0)
    usual = WITHIN * float(np.quantile(own, MOST)) if own.size >= FEWEST else 0.0
    np.minimum(far[0], max(NEWS, usual), out=far[0], where=unseen)
