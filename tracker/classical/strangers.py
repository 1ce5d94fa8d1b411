"""Parts of a mask that are something else: what once touched the object and was taken with it.

A mask may spread over something of the object's colours that comes close to it, and what it
spreads over is learned as the object's looks.  Once the two part, the mask is in pieces, and
one of them looks much less like the object, as it was given, than the other.
"""

import numpy as np

from tracker.classical.appearance import Floats
from tracker.classical.belief import alike
from tracker.classical.lost import FEWEST_CELLS, Background
from tracker.classical.softmaps import at_cells, pieces
from tracker.types import Mask

LESS_ALIKE = 0.5  # of the share of cells that are like the object in a better part
AS_LARGE = 0.25  # of a part's size: a smaller one says nothing about it


def find_strangers(
    mask: Mask, features: Floats, model: Floats, background: Background
) -> Mask | None:
    """Return (h, w): the parts of an object's mask that are not of it; None if there are none.

    Args:
        mask: (h, w), of an object that was given in one piece.
        features: (rows, columns, features), of the frame's cells.
        model: (M, features), of the object as it was given.
        background: what the object could be mistaken for.
    """
    parts, areas = pieces(mask)
    if len(areas) < 3:
        return None
    cells = at_cells(parts.astype(np.uint16))
    shares = {
        part: alike(features[cells == part], model, background)
        for part in range(1, len(areas))
        if np.count_nonzero(cells == part) >= FEWEST_CELLS
    }
    strangers = [
        part
        for part, share in shares.items()
        if any(
            share < LESS_ALIKE * shares[other] and areas[other] >= AS_LARGE * areas[part]
            for other in shares
        )
    ]
    return np.isin(parts, strangers) if strangers else None
