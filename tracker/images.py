"""Pixels: sizes, holes with soft edges, and drawings for the eye."""

import math
from collections.abc import Collection, Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.types import Alpha, Frame, LabelMap, Mask, Point

PUBLISHED_DILATION = 4.0  # pixels at 432x240: what E2FGVI's masks are grown by
PUBLISHED_PIXELS = 432 * 240

GRID = 4  # pixels, a multiple of every subsampling: where parts to be composited begin and end
_CELL = 8  # pixels: side of the squares in which connected parts are looked for
Region = tuple[slice, slice]  # rows, columns
Samples = NDArray[np.uint8]  # (H, W)


def default_dilation(height: int, width: int) -> float:
    """Return how far to grow a mask, in pixels: 4 at 432x240, scaled with the frame."""
    return PUBLISHED_DILATION * math.sqrt(height * width / PUBLISHED_PIXELS)


def fit_within(height: int, width: int, max_pixels: int | None) -> tuple[int, int]:
    """Return (height, width) of the same shape with at most `max_pixels`; never enlarge."""
    if max_pixels is None or height * width <= max_pixels:
        return height, width
    scale = math.sqrt(max_pixels / (height * width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def bounding_box(mask: Mask, margin: int = 0) -> Region | None:
    """Return the rows and columns `mask` occupies, with a margin; None if it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + 1 + margin),
    )


def widened(edge: slice, grid: int) -> slice:
    """Return rows or columns with at least one more on either side, from and to multiples.

    What lies before the first is left out; what lies beyond the last is not.
    """
    return slice(max(0, edge.start - 1) // grid * grid, -(-(edge.stop + 1) // grid) * grid)


def connected_parts(mask: Mask) -> list[Region]:
    """Return the rows and columns of each connected part; gaps below 8 pixels do not part."""
    height, width = mask.shape
    cells = np.zeros((-(-height // _CELL) * _CELL, -(-width // _CELL) * _CELL), bool)
    cells[:height, :width] = mask
    coarse = cells.reshape(cells.shape[0] // _CELL, _CELL, -1, _CELL).any(axis=(1, 3))
    found = cv2.connectedComponentsWithStats(np.asarray(coarse, np.uint8))[2]
    regions = []
    for left, top, wide, tall, _ in (_CELL * np.asarray(found[1:])).tolist():
        inside = bounding_box(mask[top : top + tall, left : left + wide])
        if inside is not None:
            rows, columns = inside
            regions.append(
                (
                    slice(top + rows.start, top + rows.stop),
                    slice(left + columns.start, left + columns.stop),
                )
            )
    return regions


def interleaved(red: Samples, green: Samples, blue: Samples) -> Frame:
    """Return three planes (H, W) as one picture."""
    return np.asarray(cv2.merge((red, green, blue)), np.uint8)


def shrink(frame: Frame, height: int, width: int) -> Frame:
    """Return `frame` at a smaller size, each pixel the mean of those it covers; read-only."""
    if frame.shape[:2] == (height, width):
        return frame
    small = np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    small.flags.writeable = False
    return small


def shrink_quickly(frame: Frame, height: int, width: int) -> Frame:
    """Return `frame` at a smaller size: means of squares of four first, the rest interpolated.

    Nearly what `shrink` returns (means of parts of squares take OpenCV long, and so do those of
    larger ones), in less than half the time: what is left, less than halving, is read between
    pixels at twice the size wanted, and halved.
    """
    while frame.shape[0] >= 2 * height and frame.shape[1] >= 2 * width:
        frame = shrink(frame, frame.shape[0] // 2, frame.shape[1] // 2)
    if frame.shape[:2] != (height, width):
        frame = np.asarray(cv2.resize(frame, (2 * width, 2 * height)), np.uint8)
    return shrink(frame, height, width)


def shrink_hole(hole: Mask, height: int, width: int) -> Mask:
    """Return `hole` at a smaller size: a pixel is in it if any pixel it covers was."""
    if hole.shape == (height, width):
        return hole
    small = np.zeros((height, width), bool)
    left, top, wide, tall = cv2.boundingRect(hole.view(np.uint8))
    if not wide:
        return small
    total = cv2.integral(hole[top : top + tall, left : left + wide].view(np.uint8))
    rows, above, below = _covered(hole.shape[0], height, top, tall)
    columns, before, behind = _covered(hole.shape[1], width, left, wide)
    bands = total[below] - total[above]
    small[rows, columns] = bands[:, behind] > bands[:, before]
    return small


def _covered(
    size: int, small_size: int, first: int, count: int
) -> tuple[slice, NDArray[np.intp], NDArray[np.intp]]:
    """Return which of `small_size` pixels cover some of `count` from the `first` of `size` on.

    With it where what each of them covers begins and ends, counted from the first.
    """
    start, stop = first * small_size // size, ((first + count) * small_size - 1) // size + 1
    places = np.arange(start, stop)
    begin, end = places * size // small_size - first, -(-(places + 1) * size // small_size) - first
    return slice(start, stop), np.maximum(begin, 0), np.minimum(end, count)


def enlarge(frame: Frame, height: int, width: int, region: Region) -> Frame:
    """Return `frame` at a larger size; only the pixels of `region` are computed (bicubic)."""
    if frame.shape[:2] == (height, width):
        return frame
    rows, columns = region
    scale_y, scale_x = frame.shape[0] / height, frame.shape[1] / width
    # From a pixel of the region to the place in `frame` with the same centre.
    matrix = np.array(
        [
            [scale_x, 0, (columns.start + 0.5) * scale_x - 0.5],
            [0, scale_y, (rows.start + 0.5) * scale_y - 0.5],
        ]
    )
    stop_y, stop_x = min(rows.stop, height), min(columns.stop, width)
    result = np.zeros((height, width, 3), np.uint8)
    result[rows, columns] = cv2.warpAffine(
        frame,
        matrix,
        (stop_x - columns.start, stop_y - rows.start),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return result


def areas(labels: LabelMap) -> NDArray[np.int64]:
    """Return (256,): how many pixels each label has."""
    region = bounding_box(labels > 0) or (slice(0, 1), slice(0, 1))
    crop = np.ascontiguousarray(labels[region])
    counts = np.rint(cv2.calcHist([crop], [0], None, [256], [0, 256]).ravel()).astype(np.int64)
    counts[0] += labels.size - crop.size
    return counts


def inpaint_simply(frame: Frame, hole: Mask) -> Frame:
    """Return `frame` with its hole filled from its border alone (OpenCV; Telea, 2004)."""
    filled = cv2.inpaint(frame, hole.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    return np.asarray(filled, np.uint8)


def dilate(mask: Mask, radius: float) -> Mask:
    """Return all pixels within `radius` pixels (Euclidean) of `mask`."""
    region = bounding_box(mask, margin=math.ceil(radius))
    if radius <= 0 or region is None:
        return mask
    outside = np.logical_not(mask[region]).astype(np.uint8)
    grown = np.zeros_like(mask)
    if outside.any():
        grown[region] = cv2.distanceTransform(outside, cv2.DIST_L2, 5) <= radius
    else:
        grown[region] = True
    return grown


def feather(hole: Mask, width: float) -> Alpha:
    """Return the share of the fill in each pixel: 0 outside, rising to 1 inside `hole`.

    The ramp lies inside the hole and is `width` pixels wide; borders of the frame are not
    edges of the hole.
    """
    alpha = hole.astype(np.float32)
    region = bounding_box(hole, margin=1)
    if width <= 0 or region is None or hole.all():
        return alpha
    depth = cv2.distanceTransform(hole[region].astype(np.uint8), cv2.DIST_L2, 5)
    alpha[region] = np.minimum(depth / (width + 1), 1)
    return alpha


def chosen(labels: LabelMap, objects: Collection[int] | None) -> Mask:
    """Return the pixels of some objects; None: of all."""
    if objects is None:
        return labels > 0
    is_chosen = np.zeros(256, bool)  # a table is several times as fast as `np.isin`
    is_chosen[[k for k in objects if 0 <= k < len(is_chosen)]] = True
    return is_chosen[labels]


def hole_of(labels: LabelMap, objects: Collection[int] | None, radius: float) -> Mask:
    """Return the pixels to fill: the chosen objects (None: all), grown by `radius`.

    Objects that are not chosen are kept whole, however close they are.
    """
    hole = dilate(chosen(labels, objects), radius)
    if objects is None:
        return hole
    kept: Mask = (labels > 0) & ~chosen(labels, objects)
    return hole & ~kept


def stroke(height: int, width: int, points: Iterable[tuple[float, float]], radius: float) -> Mask:
    """Return the pixels within `radius` pixels of a line through `points`, (x, y) each."""
    line = np.zeros((height, width), np.uint8)
    corners = [(round(x), round(y)) for x, y in points]
    # The line itself is thin; growing it gives round ends, and any radius.  A line needs two
    # ends, so that a dot ends where it began.
    cv2.polylines(line, [np.array([*corners, corners[-1]], np.int32)], isClosed=False, color=1)
    return dilate(line > 0, max(0.0, radius))


def thumbnail(picture: Frame, mask: Mask, max_pixels: int) -> Frame | None:
    """Return what `mask` covers in `picture`, with a little around it; None if nothing is.

    Args:
        picture: (H, W, 3).
        mask: of the same frame, perhaps at another size.
        max_pixels: of the result.
    """
    region = bounding_box(mask)
    if region is None:
        return None
    box = []
    for span, size, old_size in zip(region, picture.shape, mask.shape, strict=False):
        scale = size / old_size
        margin = 0.15 * (span.stop - span.start) * scale + 2
        first = max(0, math.floor(span.start * scale - margin))
        box.append(slice(first, min(size, math.ceil(span.stop * scale + margin))))
    crop = picture[box[0], box[1]]
    return shrink(crop, *fit_within(crop.shape[0], crop.shape[1], max_pixels))


def object_colour(object_id: int) -> tuple[int, int, int]:
    """Return the RGB colour an object is drawn in: far apart for neighbouring ids."""
    hue = (object_id * 0.618034 + 0.35) % 1.0  # golden-ratio steps never come close early
    sector, fraction = divmod(hue * 6, 1)
    low, high = 40, 255
    rising, falling = int(low + (high - low) * fraction), int(high - (high - low) * fraction)
    return (
        (high, rising, low),
        (falling, high, low),
        (low, high, rising),
        (low, falling, high),
        (rising, low, high),
        (high, low, falling),
    )[int(sector) % 6]


def overlay(
    frame: Frame, labels: LabelMap, points: Iterable[Point] = (), opacity: float = 0.45
) -> Frame:
    """Return a copy of `frame` with objects tinted and outlined and points drawn.

    Positive points are green with a plus, negative ones red with a minus.
    """
    result = frame.copy()
    thickness = max(1, round(min(frame.shape[:2]) / 240))
    for object_id in np.unique(labels[labels > 0]):
        mask = labels == object_id
        region = bounding_box(mask, margin=thickness)
        if region is None:
            continue
        colour = np.array(object_colour(int(object_id)), np.float32)
        patch, inside = result[region], mask[region]
        patch[inside] = (patch[inside] * (1 - opacity) + colour * opacity).astype(np.uint8)
        contours, _ = cv2.findContours(
            inside.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(patch, contours, -1, colour.tolist(), thickness, cv2.LINE_AA)
    for point in points:
        _draw_point(result, point, radius=4 * thickness)
    return result


def _draw_point(image: Frame, point: Point, radius: int) -> None:
    centre = (round(point.x), round(point.y))
    colour = (40, 180, 70) if point.positive else (220, 50, 50)
    arm = max(1, radius // 2)
    cv2.circle(image, centre, radius + 1, (255, 255, 255), -1, cv2.LINE_AA)
    cv2.circle(image, centre, radius, colour, -1, cv2.LINE_AA)
    cv2.line(image, (centre[0] - arm, centre[1]), (centre[0] + arm, centre[1]), (255,) * 3, 2)
    if point.positive:
        cv2.line(image, (centre[0], centre[1] - arm), (centre[0], centre[1] + arm), (255,) * 3, 2)
