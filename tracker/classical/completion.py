"""Complete a hole by pieces of the same picture that agree with each other.

Whatever is seen through a small window anywhere in the hole should also be seen somewhere
where the picture is known.  So every window that touches the hole looks for the one most like
it, the hole becomes the mean of what all windows found, and both are repeated, from coarse to
fine.  (Wexler, Shechtman and Irani, "Space-time completion of video", PAMI 2007; windows found
by what their neighbours found and by chance: Barnes and others, "PatchMatch", SIGGRAPH 2009;
how rough a place is compared as well, or else what is smooth fits everywhere: Newson and
others, "Video inpainting of complex scenes", SIAM 2014.)
"""

from dataclasses import dataclass

import cv2
import numpy as np

from tracker.classical.flow import Flow, complete
from tracker.classical.pieces import SIDE, Level, Search
from tracker.classical.planes import Floats, join
from tracker.types import Mask

_THIN = 5.0  # pixels from the border to the innermost pixel: so thin is the coarsest hole
_SMALLEST = 32  # pixels: smaller pictures are not halved
_ROUGH = 2.0  # what a grey level per pixel of roughness counts, in grey levels
_ROUNDS = (3, 2, 2, 1)  # from the coarsest level on, then as the last
_AXES = ((1, 0), (0, 1))


@dataclass(frozen=True, eq=False)
class Completion:
    """How a hole was completed.

    Attributes:
        colours: (h, w, 3), the hole completed so that it meets its border; the rest as it was.
        shift: (h, w, 2), x and y, whole pixels: where the hole's pixels mostly come from.
        agreement: 0 to 1, how much of the detail next to the hole pieces foretold.
    """

    colours: Floats
    shift: Flow
    agreement: float


def complete_from_pieces(colours: Floats, usable: Mask, wanted: Mask) -> Completion | None:
    """Complete what is wanted, or return None where there is nothing to take pieces from.

    Args:
        colours: (h, w, 3), 0 to 255; filled smoothly where `wanted`.
        usable: (h, w), where pieces may come from; what is neither is only met.
        wanted: (h, w), not empty.
    """
    random = np.random.default_rng(0)
    levels = [Level(join([colours, _roughness(colours, usable)]), wanted, usable & ~wanted)]
    while _thickness(levels[-1].wanted) > _THIN and min(levels[-1].wanted.shape) >= _SMALLEST:
        levels.append(levels[-1].halved())
    search: Search | None = None
    for number, level in enumerate(reversed(levels)):
        before, search = search, Search.over(level)
        if search is None:
            continue
        if before is None:
            search.look_everywhere()
        else:
            search.go_on_from(before)
        search.vote()
        for _ in range(_ROUNDS[min(number, len(_ROUNDS) - 1)]):
            if before is None:
                search.look_everywhere()
            else:
                search.improve(random)
            search.vote()
    if search is None:
        return None
    return Completion(search.completed(), search.shift(), search.agreement())


def _roughness(colours: Floats, known: Mask) -> Floats:
    """Return (h, w), the mean slope of the brightness around each pixel, carried into a hole."""
    gray = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    slope = sum(np.abs(cv2.Sobel(gray, cv2.CV_32F, *way, scale=1 / 4)) for way in _AXES)
    # Next to the hole slopes are those of what it was filled with.
    inside = cv2.erode(known.view(np.uint8), np.ones((3, 3), np.uint8), borderValue=1)
    weight = inside.astype(np.float32)
    share = np.maximum(cv2.blur(weight, (SIDE, SIDE)), np.float32(1e-6))
    rough = cv2.blur(slope * weight, (SIDE, SIDE)) / share
    return complete(np.asarray(_ROUGH * rough, np.float32), ~known)


def _thickness(hole: Mask) -> float:
    padded = cv2.copyMakeBorder(hole.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    return float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max())
