"""Find the shadow an object casts: what is darker here than at other times, and near it.

Frames are laid over each other along the camera's motion.  A shadow dims the ground it lies
on and keeps its colours: all channels grow darker by about the same factor.  (Prati and
others, "Detecting moving shadows", PAMI 2003; here the camera may move and there is no
background model, only other frames.)  The shadow of what stands still all the time cannot
be told from dark ground, and is not found.
"""

from collections import deque
from collections.abc import Generator, Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.camera import apply
from tracker.classical.chain import Links
from tracker.classical.flow import Flow, pixel_grid, sample
from tracker.classical.steps import StepFinder
from tracker.classical.views import View, box_around, worth_keeping
from tracker.types import Frame, LabelMap, Mask

LOOKAHEAD = 24  # frames: how far ahead to look where that is possible

_SIDE = 320  # pixels: the longer side of the frames compared
_MOST_SOURCES = 12  # other frames asked about each frame
_FEWEST_SOURCES = 2  # that must have seen a place
_BRIGHT = 0.25  # quantile of what others say: some of them were in the shadow, too
_FLOOR = np.float32(4.0)  # grey levels added before logarithms are taken: noise in the dark
_MISPLACED = 2.0  # times how badly frames lie on each other away from the object
_BADLY = 0.6  # pixels: where that is worse, things there have moved
_CLEARLY = 0.18  # of log brightness: so much darker somewhere in the shadow
_SLIGHTLY = 0.07  # of log brightness: so much darker everywhere in it
_TINTED = 0.15  # of log brightness, and more in deep shadow: channels that differ more show
# another thing
_COVERED = np.float32(0.3)  # of a pixel: shadows have soft edges
_SHARE_CLEAR = 0.2  # of a patch must be clearly darker
_REACH = 0.6  # of the object's extent: how far from it its shadow may begin
_TOUCHING = 0.1  # of the object's extent
_LARGEST = 1.0  # times the object's area: a larger patch is no shadow of it
_FOLLOWS = 0.6  # of a patch that does not touch must have been dark before, too
_SQUARE = (7, 7)  # pixels: evenness is judged in it
_UNEVEN = 0.4  # of the mean darkening: what does not touch must be dimmed so evenly


def cast_shadows(
    labelled: Iterable[tuple[Frame, LabelMap]], lookahead: int = LOOKAHEAD
) -> Generator[LabelMap]:
    """Yield, for each frame and its labels (H, W), in order, the labels with shadows added.

    A shadow gets the label of the object next to it.  What comes out is `lookahead` frames
    behind what goes in; with 0, only the past is looked at.
    """
    finder = ShadowFinder()
    waiting: deque[LabelMap] = deque()
    first = 0
    for index, (frame, labels) in enumerate(labelled):
        finder.add(index, frame, labels > 0)
        waiting.append(labels)
        if len(waiting) > lookahead:
            yield add_shadow(waiting.popleft(), finder.find(first))
            first += 1
    for index, labels in enumerate(waiting, start=first):
        yield add_shadow(labels, finder.find(index))


def add_shadow(labels: LabelMap, shadow: Mask) -> LabelMap:
    """Return `labels` (H, W) with the `shadow`, a mask of any size, given to the nearest object."""
    if not shadow.any():
        return labels
    height, width = labels.shape
    grown = cv2.resize(shadow.astype(np.float32), (width, height)) > _COVERED
    free = (labels == 0).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(
        free, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    identities = np.zeros(int(nearest.max()) + 1, np.uint8)
    identities[nearest[free == 0]] = labels[free == 0]
    return np.where(grown & (free > 0), identities[nearest], labels)


class ShadowFinder:
    """Compares frames of one video; remembers a bounded number of small ones."""

    def __init__(self) -> None:
        self._views: dict[int, View] = {}
        self._clear: dict[int, NDArray[np.uint8]] = {}  # 255 where neither object nor shadow is
        self._tones: dict[int, NDArray[np.float32]] = {}  # (h, w, 3), logarithms
        self._before: tuple[Mask, NDArray[np.float64]] | None = None  # dark places, the objects'
        self._links = Links(StepFinder())

    def add(self, index: int, frame: Frame, objects: Mask) -> None:
        """Take the next frame; `objects` (H, W) are those whose shadows are looked for."""
        view = View(index, frame, objects, _SIDE)
        small = View(index, view.small, ~view.known, _SIDE)  # full pictures are not kept
        self._views[index] = small
        self._clear[index] = small.known.astype(np.uint8) * 255
        smooth = np.asarray(cv2.blur(small.frame, (3, 3)), np.float32)
        self._tones[index] = np.log(smooth + _FLOOR)

    def find(self, index: int) -> Mask:
        """Return where the shadows lie in frame `index`, at working size (h, w)."""
        view = self._views[index]
        newest = max(self._views)
        oldest = index
        while oldest - 1 in self._views:
            oldest -= 1
        self._links.move_to(index, self._views, range(oldest, newest + 1))
        shadow = np.zeros(view.size, bool)
        if view.has_hole:
            shadow = self._darkened(view)
            self._clear[index][cv2.dilate(shadow.astype(np.uint8), np.ones((3, 3))) > 0] = 0
        self._forget(index)
        return shadow

    def _darkened(self, view: View) -> Mask:
        rows, columns = box_around(view.hole, margin=0)
        extent = max(rows.stop - rows.start, columns.stop - columns.start)
        part = box_around(view.hole, margin=8 + 2 * extent)
        rows, columns = part
        height, width = rows.stop - rows.start, columns.stop - columns.start
        grid = pixel_grid(height, width) + np.array([columns.start, rows.start], np.float32)
        tones = self._tones[view.index][part]
        known = view.known[part]
        near = cv2.distanceTransform(known.astype(np.uint8), cv2.DIST_L2, 3)
        changes = [
            change
            for index in self._sources(view.index)
            if (change := self._change(index, grid, tones, known & (near > extent))) is not None
        ]
        shadow, dark = np.zeros(view.size, bool), np.zeros(view.size, bool)
        if len(changes) < _FEWEST_SOURCES:
            return shadow
        darker, median = _darkness(np.stack(changes), tones, known & (near > extent))
        dark[part] = known & (darker > _SLIGHTLY)
        moved = self._moved_along(dark, view.hole)
        shadow[part] = _patches(darker, median, dark[part], moved[part], near / np.float32(extent))
        return shadow

    def _moved_along(self, dark: Mask, objects: Mask) -> Mask:
        """Return what was dark in the frame before, moved as the objects have; keep `dark`."""
        centre = np.array([axis.mean() for axis in np.nonzero(objects)][::-1])
        moved = dark
        if self._before is not None:
            before, start = self._before
            shift = np.eye(2, 3)
            shift[:, 2] = centre - start
            size = dark.shape[1::-1]
            moved = (
                cv2.warpAffine(before.astype(np.uint8), shift, size, flags=cv2.INTER_NEAREST) > 0
            )
        self._before = dark, centre
        return moved

    def _sources(self, index: int) -> list[int]:
        others = np.array([k for k in self._links.known() if k != index and k in self._views])
        if len(others) == 0:
            return []
        times = np.linspace(others.min(), others.max(), _MOST_SOURCES)
        nearest = np.abs(others[:, None] - times).argmin(axis=0)
        return [int(k) for k in np.unique(others[nearest])]

    def _change(
        self, index: int, grid: Flow, tones: NDArray[np.float32], outside: Mask
    ) -> NDArray[np.float32] | None:
        """Return (h, w, 3), how much brighter than in frame `index`; NaN where it was hidden.

        Flow may follow the shadow instead of the ground.  Of flow and the camera's motion,
        that is believed by which a small square changes more evenly.
        """
        link = self._links.to(index)
        ways = [apply(link.homography, grid)]
        if link.residual.any():
            ways.append(link.places(grid))
        best, lowest = None, None
        for places in ways:
            clear = sample(self._clear[index], places, border=cv2.BORDER_CONSTANT) > 250
            change = tones - sample(self._tones[index], places)
            usual = change[clear & outside]
            if len(usual) == 0:
                continue
            change -= np.median(usual, axis=0).astype(np.float32)
            variance = _variance(change.mean(axis=2))
            change[~clear] = np.nan
            if best is None or lowest is None:
                best, lowest = change, variance
            else:
                best[variance < lowest] = change[variance < lowest]
        return best

    def _forget(self, current: int) -> None:
        kept = worth_keeping(self._views, current + 1) | {
            index for index in self._views if index >= current
        }
        for index in [index for index in self._views if index not in kept]:
            del self._views[index], self._clear[index], self._tones[index]
        self._links.forget(kept)


def _variance(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (h, w): how much values differ within a small square."""
    mean = cv2.blur(values, _SQUARE)
    return np.asarray(cv2.blur(values * values, _SQUARE) - mean * mean, np.float32)


def _darkness(
    changes: NDArray[np.float32], tones: NDArray[np.float32], outside: Mask
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (h, w) each: how much darker a place surely is than usual, and the median change.

    Args:
        changes: (S, h, w, 3), from each other frame; NaN where it does not show the place.
        tones: (h, w, 3).
        outside: (h, w), too far from the objects for their shadows.
    """
    change, tint = _ranked(changes, _BRIGHT)
    median, _ = _ranked(changes, 0.5)
    contrary, _ = _ranked(changes, 1 - _BRIGHT)  # what lies badly is brighter as often as darker
    bright = tones.mean(axis=2)
    slope = np.abs(cv2.Sobel(bright, cv2.CV_32F, 1, 0, scale=1 / 8))
    slope += np.abs(cv2.Sobel(bright, cv2.CV_32F, 0, 1, scale=1 / 8))
    misplaced = float(np.abs(change[outside]).sum()) / max(float(slope[outside].sum()), 1e-6)
    darker = -change - np.float32(min(_MISPLACED * misplaced, _BADLY)) * slope
    darker -= cv2.blur(np.maximum(contrary, 0), (5, 5))
    return np.where(tint < _TINTED - _TINTED * change, darker, np.float32(0)), median


def _patches(
    darker: NDArray[np.float32],
    median: NDArray[np.float32],
    dark: Mask,
    moved: Mask,
    near: NDArray[np.float32],
) -> Mask:
    """Return (h, w): the patches of `dark` that are taken for the objects' shadow.

    Args:
        darker: (h, w), how much darker than usual.
        median: (h, w), the median change.
        dark: (h, w), where that is enough.
        moved: (h, w), where it would be if it had moved with the objects.
        near: (h, w), distance to the objects as a share of their extent, 0 on them.
    """
    opened = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    num_patches, patches = cv2.connectedComponents(opened, connectivity=4)
    result = np.zeros(dark.shape, np.uint8)
    most = _LARGEST * np.count_nonzero(near == 0)
    for number in range(1, num_patches):
        patch = patches == number
        distance = float(near[patch].min())
        if np.count_nonzero(patch) > most or (darker[patch] > _CLEARLY).mean() < _SHARE_CLEAR:
            continue
        is_even = np.std(median[patch]) < _UNEVEN * -median[patch].mean()
        follows = moved[patch].mean() > _FOLLOWS
        if distance < _TOUCHING or (distance < _REACH and is_even and follows):
            result[patch] = 1
    closed = cv2.morphologyEx(result, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    grown = cv2.dilate(closed, np.ones((3, 3), np.uint8))  # edges are soft
    return np.asarray((grown > 0) & (near > 0))


def _ranked(
    changes: NDArray[np.float32], quantile: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (h, w) each: a quantile of the changes, and how far channels differ in it.

    Zero where too few know.
    """
    brightness = changes.mean(axis=3)  # NaN where unknown: sorted to the end
    order = brightness.argsort(axis=0)
    count = np.isfinite(brightness).sum(axis=0)
    rank = np.minimum(quantile * count, len(changes) - 1).astype(np.intp)
    chosen = np.take_along_axis(order, rank[None], axis=0)
    change = np.take_along_axis(changes, chosen[..., None], axis=0)[0]
    change[count < _FEWEST_SOURCES] = 0
    mean = change.mean(axis=2)
    return mean, np.asarray(np.abs(change - mean[..., None]).max(axis=2), np.float32)
