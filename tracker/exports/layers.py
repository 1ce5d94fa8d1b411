"""Pictures with transparency, to be laid over others in an editing suite.

Alpha is straight: colours are not darkened by it.  Where a layer shows nothing it is black,
but for a margin of the nearest colours, because codecs mix neighbouring pixels.
"""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tracker import images
from tracker.types import Frame, LabelMap, Mask
from tracker.video import SourceFrame, VideoInfo
from tracker.video.colour import Colour
from tracker.video.layouts import Layout

MARGIN = 16  # pixels: the size of a block of ProRes and VP9
RGBA = Layout("rgb", 8, has_alpha=True)


def layer_info(info: VideoInfo) -> VideoInfo:
    """Return what a layer over a video is: the same clock, size and colours, no sound."""
    return replace(info, has_audio=False, has_subtitles=False, sound_rates=())


def cut_out(source: SourceFrame, labels: LabelMap, objects: Collection[int] | None) -> SourceFrame:
    """Return the chosen objects (None: all) alone: opaque inside, transparent outside."""
    mask = images.hole_of(labels, objects, 0)
    alpha = mask.astype(np.uint8) * np.uint8(255)
    near = images.dilate(mask, MARGIN)
    return _layer(source, source.rgb * near[..., None], alpha)


def patch_layer(result: SourceFrame) -> SourceFrame:
    """Return what was filled in a frame, as a layer that makes it of the source."""
    if result.patch is None:
        nothing = np.zeros((result.height, result.width), np.uint8)
        return _layer(result, np.zeros((*nothing.shape, 3), np.uint8), nothing)
    filled, alpha = result.patch
    return _layer(result, _spread(filled, alpha > 0), np.rint(alpha * 255).astype(np.uint8))


def _spread(filled: Frame, hole: Mask) -> Frame:
    """Return `filled` in the box around the hole, its border repeated beyond; else black."""
    result = np.zeros_like(filled)
    region = images.bounding_box(hole)
    if region is None:
        return result
    height, width = hole.shape
    margins = []
    for part, length in zip(region, (height, width), strict=True):
        stop = min(part.stop, length)
        margins.append((min(MARGIN, part.start), min(MARGIN, length - stop)))
    (up, down), (left, right) = margins
    rows, columns = region
    wide = np.pad(filled[rows, columns], (*margins, (0, 0)), mode="edge")
    result[rows.start - up : rows.stop + down, columns.start - left : columns.stop + right] = wide
    return result


def _layer(frame: SourceFrame, rgb: Frame, alpha: NDArray[np.uint8]) -> SourceFrame:
    planes = [rgb[..., 1], rgb[..., 2], rgb[..., 0], alpha]
    return SourceFrame(frame.index, frame.time, RGBA, planes, Colour(), duration=frame.duration)
