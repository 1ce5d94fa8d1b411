"""What any fill has to beat: each frame on its own, and the same pixel at another time."""

from collections.abc import Sequence

import cv2
import numpy as np

from tracker.types import Frame, Mask

TELEA_RADIUS = 3.0  # pixels


def fill_telea(frames: Sequence[Frame], holes: Sequence[Mask]) -> list[Frame]:
    """Fill every frame from around its hole (Telea, 2004), as OpenCV does."""
    return [
        np.asarray(
            cv2.inpaint(frame, hole.astype(np.uint8), TELEA_RADIUS, cv2.INPAINT_TELEA), np.uint8
        )
        for frame, hole in zip(frames, holes, strict=True)
    ]


def fill_nearest(
    frames: Sequence[Frame], holes: Sequence[Mask], *, past_only: bool = False
) -> list[Frame]:
    """Copy each pixel from the nearest frame where it is uncovered, the past first.

    What is covered in all frames (or in all earlier ones) is filled as `fill_telea` does.
    """
    fallback = fill_telea(frames, holes)
    results = []
    for index, hole in enumerate(holes):
        result, missing = np.array(frames[index]), hole.copy()
        for distance in range(1, len(frames)):
            others = (index - distance,) if past_only else (index - distance, index + distance)
            for other in others:
                if 0 <= other < len(frames) and missing.any():
                    here = missing & ~holes[other]
                    result[here] = frames[other][here]
                    missing &= ~here
        result[missing] = fallback[index][missing]
        results.append(result)
    return results
