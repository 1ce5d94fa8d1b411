"""The background seen so far, laid under every frame: background subtraction, camera moving.

What was background is kept in one picture, the plate, that grows past the frame as the camera
turns.  Corners tie it to every new frame by a homography.  A pixel that equals the plate
there is background; one that differs is not (`differing.py`); how objects differ is drawn from
their colours in front of that background.  Where nothing was seen yet, nothing is said.  What
hides an object hides what is behind it as well, and would take its place in the plate; so while
an object is out of sight, the plate as it was before is held beside it, and equalling either is
background.

All of it happens at half the working size.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.appearance import Floats
from tracker.classical.camera import Homography, chain, corners, fit, outline_of
from tracker.classical.differing import Differing, in_bins, most_alike, outside
from tracker.classical.layers import Motion
from tracker.classical.planes import repeat
from tracker.classical.softmaps import winning_layer
from tracker.images import Region, bounding_box
from tracker.types import Mask

MARGIN = 0.15  # of the longer side: how far the plate reaches past the frame it starts from
LEAST_SUPPORT = 0.25  # of the corners: fewer agree with the plate, and it is of another scene
FEWEST_CORNERS = 16
CORNER_CELL = 15  # pixels: one corner is taken from every such square
SURE = 0.9  # probability of background that is worth keeping
CONTRADICTED = 1.0  # log odds for an object: the plate is not equalled
AGREEING_RATE = 0.3  # per frame: how fast the plate follows what equals it
CONTRADICTED_RATE = 0.02  # and what does not: something else may have come to stay
PAIRS = 1500  # of an object's pixel and one of the plate, drawn to see how they differ


class BackgroundPlate:
    """What lies behind the objects of one video, as far as it was seen."""

    def __init__(self) -> None:
        self._colours: Floats | None = None  # (H, W, 3) Lab, larger than the frame
        self._known = np.zeros((1, 1), np.uint8)  # (H, W), 255 where background was seen
        self._held: tuple[Floats, NDArray[np.uint8]] | None = None  # both, as they were
        self._to_frame: Homography = np.eye(3)  # from the plate to the newest frame
        self._differing = Differing()
        self._random = np.random.default_rng(0)
        self.since_given: Homography = np.eye(3)  # from the frame objects were given in last
        self.step: Homography | None = None  # from the frame before; None: another scene

    def forget(self) -> None:
        """Begin anew: the next frame is of another scene."""
        self._colours = None
        self._held = None

    def hold(self) -> None:
        """Keep what is known now beside what is learned, until `release`."""
        if self._held is None and self._colours is not None:
            self._held = self._colours.copy(), self._known.copy()

    def release(self) -> None:
        """Forget what is held."""
        self._held = None

    def note_given(self) -> None:
        """Count `since_given` from the newest frame: objects are given in it."""
        self.since_given = np.eye(3)

    def follow(self, half: Floats, background: Floats, motion: Motion) -> None:
        """Lay the plate under the next frame.

        Args:
            half: (h, w, 3) Lab, the frame.
            background: (h, w), how likely each pixel is background.
            motion: of the background from the frame before, in pixels of `half`.
        """
        self.step = None
        if self._colours is None:
            return
        height, width = half.shape[:2]
        r, s = motion.rotation, motion.shift
        moved = np.array([[r.real, -r.imag, s.real], [r.imag, r.real, s.imag], [0, 0, 1]])
        self._to_frame = chain(self._to_frame, moved)
        self.since_given = chain(self.since_given, moved)
        lightness = np.asarray(cv2.extractChannel(self._colours, 0), np.float32)
        seen, known = self._view(lightness, self._known, height, width)
        clear = cv2.erode((known & (background > SURE)).astype(np.uint8), np.ones((5, 5), np.uint8))
        before, now = _lightness(seen), _lightness(half[..., 0])
        points = corners(before, clear > 0, CORNER_CELL)
        if len(points) < FEWEST_CORNERS:
            self.step = moved  # too little to see: what moved the background must do
            return
        arrived, status, _ = cv2.calcOpticalFlowPyrLK(
            before, now, points[:, None], points[:, None].copy(), winSize=(11, 11), maxLevel=1
        )
        found = status[:, 0] > 0
        outline = outline_of((slice(0, height), slice(0, width)))
        fitted = fit(points[found], arrived[found, 0], outline)
        if fitted is None or fitted.support < LEAST_SUPPORT:
            self.forget()
            return
        self.step = chain(moved, fitted.homography)
        self._to_frame = chain(self._to_frame, fitted.homography)
        self.since_given = chain(self.since_given, fitted.homography)

    def seen(self, shape: tuple[int, ...]) -> Mask:
        """Return (h, w) of `shape`, the newest frame's: where its background was seen."""
        known = cv2.warpPerspective(self._known, self._to_frame, shape[::-1])
        return np.asarray(known == 255) & (self._colours is not None)

    def is_new(self, half: Floats) -> Mask:
        """Return (h, w): where a frame shows something else than the plate under it.

        `half` (h, w, 3) Lab is the frame; where nothing was seen before, nothing is new.
        """
        if self._colours is None:
            return np.zeros(half.shape[:2], bool)
        seen, known = self._view(self._colours, self._known, *half.shape[:2])
        differs = self._no_more_than_held(_differences(half, *_bounds(seen)), half)
        return known & (differs > most_alike(differs[known]))

    def odds(self, half: Floats, expected: Floats, near: Mask) -> Floats:
        """Return (layers, h, w): log odds of each object against the background.

        Args:
            half: (h, w, 3) Lab, the frame the plate was laid under.
            expected: (layers, h, w), how likely each layer is without the plate.
            near: (h, w), where objects may be.
        """
        result = np.zeros_like(expected)
        if self._colours is None:
            self._differing.forget()
            return result
        seen, known = self._view(self._colours, self._known, *half.shape[:2])
        known &= near
        box = bounding_box(known, margin=2) or (slice(1), slice(1))  # nothing: old counts fade
        inside = (slice(None), *box)
        result[inside] = self._odds_in(half, box, expected[inside], seen[box], known[box])
        return result

    def _odds_in(
        self, half: Floats, box: Region, expected: Floats, seen: Floats, known: Mask
    ) -> Floats:
        """Return `odds` for a box of the frame, from what the plate shows there."""
        result = np.zeros_like(expected)
        least, most = _bounds(seen)
        differs = self._no_more_than_held(_differences(half[box], least, most), half, box)
        half, bins, winner = half[box], in_bins(differs), winning_layer(expected)
        behind = np.flatnonzero(known)
        self._differing.count(
            [
                bins[known & (winner == 0)],
                *(
                    self._drawn(half, np.flatnonzero(winner == layer), least, most, behind)
                    for layer in range(1, len(expected))
                ),
            ]
        )
        for one, said in zip(result[1:], self._differing.odds(bins), strict=True):
            np.copyto(one, said, where=known)
        return result

    def _no_more_than_held(
        self, differs: Floats, half: Floats, box: Region = (slice(None), slice(None))
    ) -> Floats:
        """Return differences in a box of `half`, or those from what is held if they are less."""
        if self._held is None:
            return differs
        seen, known = self._view(*self._held, *half.shape[:2])
        held = _differences(half[box], *_bounds(seen[box]))
        return np.where(known[box], np.minimum(differs, held), differs)

    def learn(self, half: Floats, background: Floats, odds: Floats | None) -> None:
        """Keep what is background in the frame the plate lies under.

        Args:
            half: (h, w, 3) Lab.
            background: (h, w), how likely each pixel is background.
            odds: what `odds` said of the frame; None if it was not asked.
        """
        height, width = half.shape[:2]
        colours = self._make_room(height, width)
        sure = cv2.erode((background > SURE).astype(np.uint8), np.ones((3, 3), np.uint8))
        part, back = self._frame_in_plate(height, width)
        known = self._known[part]
        size = known.shape[1], known.shape[0]
        now = cv2.warpPerspective(half, back, size)
        shown = cv2.warpPerspective(sure * np.uint8(255), back, size) == 255
        rate = np.full(half.shape[:2], AGREEING_RATE, np.float32)
        if odds is not None:
            rate[odds[1:].max(axis=0) > CONTRADICTED] = CONTRADICTED_RATE
        rate = np.asarray(cv2.warpPerspective(rate, back, size), np.float32)
        rate[known == 0] = 1
        rate[~shown] = 0
        colours[part] += repeat(rate, 3) * (now - colours[part])
        known[shown] = 255

    def _frame_in_plate(self, height: int, width: int) -> tuple[Region, Homography]:
        """Return the part of the plate the newest frame covers, and how to warp it there."""
        back = np.asarray(np.linalg.inv(self._to_frame), np.float64)
        frame = outline_of((slice(0, height), slice(0, width)))
        x, y = cv2.perspectiveTransform(frame[None], back)[0].T
        part = tuple(
            slice(*np.clip((np.floor(v.min()), np.ceil(v.max()) + 1), 0, size).astype(int))
            for v, size in zip((y, x), self._known.shape, strict=True)
        )
        rows, columns = part
        moved = np.array([[1, 0, -columns.start], [0, 1, -rows.start], [0, 0, 1]], np.float64)
        return (rows, columns), chain(back, moved)

    def _view(
        self, colours: Floats, known: NDArray[np.uint8], height: int, width: int
    ) -> tuple[Floats, Mask]:
        """Return a plate's colours as the newest frame would show them, and where it is known."""
        return _warped(colours, known, self._to_frame, (height, width))

    def _drawn(
        self,
        half: Floats,
        inside: NDArray[np.intp],
        least: Floats,
        most: Floats,
        behind: NDArray[np.intp],
    ) -> NDArray[np.intp]:
        """Return differences, in bins, of an object's colours in front of the plate's bounds.

        Both are drawn from (h, w, 3): colours `inside` (N,), bounds from any place `behind` (M,).
        """
        if not len(inside) or not len(behind):
            return np.empty(0, np.intp)
        own = inside[self._random.choice(len(inside), PAIRS)]
        other = behind[self._random.choice(len(behind), PAIRS)]
        colours, lower, upper = (
            image.reshape(-1, 3).take(places, axis=0)
            for image, places in ((half, own), (least, other), (most, other))
        )
        return in_bins(outside(colours, lower, upper))

    def _make_room(self, height: int, width: int) -> Floats:
        """Return the plate's colours: new, or moved if the frame leaves what they cover."""
        margin = int(MARGIN * max(height, width)) + 1
        shape = (height + 2 * margin, width + 2 * margin)
        centred = np.array([[1, 0, -margin], [0, 1, -margin], [0, 0, 1]], np.float64)
        if self._colours is None:
            self._colours = np.zeros((*shape, 3), np.float32)
            self._known = np.zeros(shape, np.uint8)
            self._to_frame = centred
            return self._colours
        corners_now = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float32)
        x, y = cv2.perspectiveTransform(corners_now, np.linalg.inv(self._to_frame))[0].T
        inside = min(x.min(), y.min()) >= 0 and x.max() <= shape[1] and y.max() <= shape[0]
        scale = cv2.contourArea(np.stack((x, y), axis=-1)) / (height * width)
        if inside and 0.7 < scale < 1.4:
            return self._colours
        moved = chain(self._to_frame, np.asarray(np.linalg.inv(centred), np.float64))
        self._colours, inside = _warped(self._colours, self._known, moved, shape)
        self._known = inside * np.uint8(255)
        if self._held is not None:
            held, inside = _warped(*self._held, moved, shape)
            self._held = held, inside * np.uint8(255)
        self._to_frame = centred
        return self._colours


def _warped(
    colours: Floats, known: NDArray[np.uint8], to: Homography, shape: tuple[int, int]
) -> tuple[Floats, Mask]:
    """Return a plate's colours moved into (height, width), and where all of it is known."""
    size = (shape[1], shape[0])
    seen = np.asarray(cv2.warpPerspective(colours, to, size), np.float32)
    return seen, cv2.warpPerspective(known, to, size) == 255


def _bounds(seen: Floats) -> tuple[Floats, Floats]:
    """Return the least and the most (h, w, 3) around every pixel of the plate `seen`.

    Half a pixel of misplacement must not count: only what is outside all values around.
    """
    square = np.ones((3, 3), np.uint8)
    least, most = cv2.erode(seen, square), cv2.dilate(seen, square)
    return np.asarray(least, np.float32), np.asarray(most, np.float32)


def _differences(half: Floats, least: Floats, most: Floats) -> Floats:
    return np.asarray(cv2.blur(outside(half, least, most), (3, 3)), np.float32)


def _lightness(values: Floats) -> NDArray[np.uint8]:
    """Return L (h, w) in [0, 255]."""
    return np.asarray(np.clip(values * np.float32(2.55), 0, 255), np.uint8)
