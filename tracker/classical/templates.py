"""Finding a lost object as a whole: its cells in their arrangement.

Cells looked for one by one (see `lost.py`) do not know how they lay beside each other, but most
objects come back much as they left.  A template is an object's cells as they were when it was
given, or when it was last seen well, less the mean of the background and made white by its
covariance, so that what is common there counts for little (Hariharan, Malik and Ramanan,
"Discriminative decorrelation for clustering and classification", ECCV 2012).  It is laid
everywhere, in three sizes; its score is the cosine between it and what lies there.

What score is high differs from video to video.  So an object is found where its templates fit
clearly better than they ever did where it was not, once they fit no better from frame to frame:
until then it is still coming out of something.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from tracker.classical.appearance import STRIDE, Floats
from tracker.classical.softmaps import Picture
from tracker.types import Mask

COARSE = 2  # cells: the side of what is compared
SCALES = (0.8, 1.0, 1.25)
AS_IS = (1.0,)  # enough to see how well views fit elsewhere, for a third of the time
FEWEST = 6  # coarse cells: fewer have no arrangement
SHRINKAGE = 0.01  # of the mean variance, added to every variance
LEAST_LENGTH = 0.7  # of a template's: what is blank, or hardly in the picture, is no fit
BELONGS = 0.3  # of a coarse cell, if it may speak for the object
KEPT = 60  # scores where the object was not, the newest
MOST_ELSEWHERE = 0.9  # quantile of them
CLEARLY = 0.25  # of the way from there to a perfect fit
LEAST_SCORE = 0.5
UNCERTAIN = 10  # frames: so long it is open whether a score was of the object coming back
RISES = 0.02  # from one frame to the next
LONGEST_RISE = 5  # frames
PERFECT = 0.85  # score that need not be waited for


@dataclass(frozen=True, eq=False)
class Template:
    """A view of an object."""

    features: Floats  # (h, w, features), of coarse cells
    mask: Floats  # (h, w), how much of each is the object


@dataclass(frozen=True, eq=False)
class Fit:
    """The place where the templates of an object fit best."""

    score: float
    mask: Mask  # (rows, columns) of cells: the object, if it is there


class White:
    """What background is like: its mean, and what makes its covariance the identity."""

    def __init__(self, features: Floats) -> None:
        """Take cells (N, features) of background, at least two."""
        self._mean = features.mean(axis=0)
        covariance = np.cov(features, rowvar=False)
        covariance += np.eye(len(covariance)) * SHRINKAGE * covariance.trace() / len(covariance)
        values, vectors = np.linalg.eigh(covariance)
        self._matrix = (vectors / np.sqrt(np.maximum(values, 1e-12))).astype(np.float32)

    def __call__(self, features: Floats) -> Floats:
        """Return `features` (..., features) as if background were white."""
        return np.asarray((features - self._mean) @ self._matrix, np.float32)


@dataclass(eq=False)
class _Known:
    """What is known of one object."""

    views: list[Template]  # as given, and as last seen well
    elsewhere: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    undecided: deque[float] = field(default_factory=deque)  # scores of the last frames
    rise: list[float] = field(default_factory=list)  # scores while it seems to come back

    def is_clear(self, score: float) -> bool:
        """Return whether a score is clearly higher than any where the object was not."""
        other = LEAST_SCORE
        if self.elsewhere:
            other = float(np.quantile(self.elsewhere, MOST_ELSEWHERE))
        return score >= max(LEAST_SCORE, other + CLEARLY * (1 - other))

    def note_absent(self, score: float) -> None:
        """Take the object for absent, unless it turns out to have been coming back."""
        self.rise.clear()
        self.undecided.append(score)
        if len(self.undecided) > UNCERTAIN:
            self.elsewhere.append(self.undecided.popleft())

    def has_risen(self, score: float) -> bool:
        """Return whether a clear score no longer rises."""
        rises = not self.rise or score > self.rise[-1] + RISES
        self.rise.append(score)
        return not rises or score > PERFECT or len(self.rise) > LONGEST_RISE


class Templates:
    """Views of the objects of one video, and how well they fit where the objects are not."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}

    def area(self, layer: int) -> float | None:
        """Return how many pixels the newest view of an object covers; None: it has none."""
        if layer not in self._known:
            return None
        return float(self._known[layer].views[-1].mask.sum()) * (COARSE * STRIDE) ** 2

    def learn(self, layer: int, picture: Picture, share: Floats, *, given: bool) -> None:
        """Take a view of an object, of which (rows, columns) cells have this `share`."""
        view = _cut_out(_coarse(picture.features), _coarse(share[..., None])[..., 0])
        if view is None:
            return
        if given or layer not in self._known:
            self._known[layer] = _Known([view])
        else:
            self._known[layer].views[1:] = [view]

    def review(self, layer: int, picture: Picture, share: Floats, white: White) -> Fit | None:
        """Note how well an object in sight fits where it is not; return its `fit`."""
        if layer not in self._known:
            return None
        known, features = self._known[layer], _coarse(picture.features)
        laid = list(_lay(known.views, AS_IS, white(features), white))
        mine = _coarse(share[..., None])[..., 0] > BELONGS
        height, width = known.views[-1].mask.shape
        near = cv2.dilate(mine.view(np.uint8), np.ones((height | 1, width | 1), np.uint8)) > 0
        if laid and mine.any() and not near.all():
            known.elsewhere.append(max(float(scores[~near].max()) for scores, _ in laid))
        return self._clear(layer, _best(laid, picture))

    def seek(self, layer: int, picture: Picture, white: White) -> Fit | None:
        """Return where a lost object has come back, None if it is not to be seen."""
        fit = self._best(layer, picture, white)
        if fit is None:
            return None
        known = self._known[layer]
        if not known.is_clear(fit.score):
            known.note_absent(fit.score)
            return None
        if not known.has_risen(fit.score):
            return None
        known.undecided.clear()
        return fit

    def fit(self, layer: int, picture: Picture, white: White) -> Fit | None:
        """Return where an object is that is thought to be in sight, None if that is not clear."""
        return self._clear(layer, self._best(layer, picture, white))

    def _best(self, layer: int, picture: Picture, white: White) -> Fit | None:
        if layer not in self._known:
            return None
        cells = white(_coarse(picture.features))
        return _best(list(_lay(self._known[layer].views, SCALES, cells, white)), picture)

    def _clear(self, layer: int, fit: Fit | None) -> Fit | None:
        return fit if fit is not None and self._known[layer].is_clear(fit.score) else None


def _best(laid: Sequence[tuple[Floats, Template]], picture: Picture) -> Fit | None:
    if not laid:
        return None
    scores, template = max(laid, key=lambda one: float(one[0].max()))
    place = divmod(int(scores.argmax()), scores.shape[1])
    mask = _laid_at(template.mask, place, scores.shape)
    fine = cv2.resize(mask, (mask.shape[1] * COARSE, mask.shape[0] * COARSE)) > 0.5
    rows, columns = picture.features.shape[:2]
    fine = np.asarray(fine[:rows, :columns])
    return Fit(float(scores.max()), fine) if fine.any() else None


def _coarse(cells: Floats) -> Floats:
    """Return (rows / 2, columns / 2, n), rounded up: means of (rows, columns, n) over squares."""
    rows, columns, num = cells.shape
    padded = np.pad(cells, ((0, -rows % COARSE), (0, -columns % COARSE), (0, 0)), "edge")
    squares = padded.reshape(-(-rows // COARSE), COARSE, -(-columns // COARSE), COARSE, num)
    return np.asarray(squares.mean(axis=(1, 3)), np.float32)


def _cut_out(features: Floats, share: Floats) -> Template | None:
    rows, columns = np.nonzero(share > 0.5)
    if len(rows) < FEWEST:
        return None
    box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    return Template(features[box].copy(), share[box].copy())


def _sized(views: Sequence[Template], scales: Sequence[float]) -> Iterator[Template]:
    for view in views:
        height, width, num_features = view.features.shape
        for scale in scales:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            mask = (cv2.resize(view.mask, size) > 0.5).astype(np.float32)
            if np.count_nonzero(mask) * 2 >= FEWEST:
                resized = cv2.resize(view.features, size).reshape(size[1], size[0], num_features)
                yield Template(np.asarray(resized, np.float32), mask)


def _lay(
    views: Sequence[Template], scales: Sequence[float], cells: Floats, white: White
) -> Iterator[tuple[Floats, Template]]:
    """Yield the scores (h, w) of every view, in each size, with its middle at each of `cells`."""
    planes = [np.ascontiguousarray(plane) for plane in np.moveaxis(cells, -1, 0)]
    energy = np.einsum("hwf,hwf->hw", cells, cells)
    for template in _sized(views, scales):
        kernel = white(template.features) * template.mask[..., None]
        length = np.square(kernel).sum()
        product = np.zeros_like(energy)
        for plane, weights in zip(planes, np.moveaxis(kernel, -1, 0), strict=True):
            product += _correlate(plane, weights)
        there = np.sqrt(np.maximum(_correlate(energy, template.mask), 0) * length)
        yield product / np.maximum(there, np.float32(LEAST_LENGTH) * length), template


def _correlate(plane: Floats, weights: Floats) -> Floats:
    kernel = np.ascontiguousarray(weights)
    return np.asarray(cv2.filter2D(plane, -1, kernel, borderType=cv2.BORDER_CONSTANT), np.float32)


def _laid_at(mask: Floats, place: tuple[int, int], shape: tuple[int, ...]) -> Floats:
    """Return (h, w) of `shape`: zeros, and `mask` with its middle at `place` (row, column)."""
    result = np.zeros(shape, np.float32)
    inside, laid = [], []
    for middle, size, whole in zip(place, mask.shape, shape, strict=True):
        start = middle - size // 2
        part = slice(max(0, start), min(whole, start + size))
        inside.append(part)
        laid.append(slice(part.start - start, part.stop - start))
    result[tuple(inside)] = mask[tuple(laid)]
    return result
