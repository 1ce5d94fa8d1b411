"""Fill holes with the background seen at other times; no weights.

For each frame a few others that show what its hole hides are laid under it (camera motion,
then dense flow carried into the hole), their colours brought to its exposure and merged.
Every colour is read once from the frame that saw it.  What no frame saw is filled from
around the hole once, and carried along from then on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.classical.blend import APART, Ballot, Reading, elect, merge
from tracker.classical.chain import Links
from tracker.classical.flow import FAST, Flow, FlowEstimator
from tracker.classical.invention import carry, invent, lay_base
from tracker.classical.reading import LEAST_WEIGHT, from_around, read
from tracker.classical.registration import Offer, Surroundings, register
from tracker.classical.views import View, box_around, worth_keeping
from tracker.types import Clip, Frame, Mask

_NEED = (1.0, 0.25, 0.12, 0.06, 0.03)  # worth of the first, second, ... source of a pixel
_LIFE_OF_A_SOURCE = 10.0  # frames after which a source is worth half
_LEAST_WORTH = 0.005  # of a source, as a share of the hole
_LEAST_BELIEF = 0.1  # of the most believed: less is not read
_LEAST_INVENTION = 0.02  # of the hole: less is filled smoothly
_URGENT_INVENTION = 0.5  # of the hole: more does not wait
_PAUSE = 6  # frames between two inventions
_NEAR = 100.0  # grey levels squared: what the surroundings foretell so well is no invention
_CONVINCING = 1.0  # times the belief in the surroundings: what is believed less was not seen
_KEYFRAME = 8.0  # times as much is believed of what the user gave
_PROBES = 300  # hole pixels that stand for the hole when sources are chosen


@dataclass(frozen=True)
class Effort:
    """How much is done for each frame."""

    side: int  # pixels: the longer side of frames where motion is estimated
    sources: int  # frames merged; some more where these do not show everything
    offers: int  # motions tried for each of them
    finest_scale: int  # of the flow around the hole, see FlowEstimator
    matches_distant: bool  # look for references that no chain of neighbours leads to


# The future is known; streaming.
_AT_LEISURE = Effort(side=432, sources=4, offers=3, finest_scale=1, matches_distant=True)
_AT_SPEED = Effort(side=320, sources=1, offers=2, finest_scale=2, matches_distant=False)


class ClassicalInpainter:
    """Fills the holes of one video; remembers what it has seen of the background."""

    def __init__(self) -> None:
        self._views: dict[int, View] = {}
        self._effort: Effort | None = None  # decided when the first clip is seen
        self._links = Links(FlowEstimator(FAST, finest_scale=1, refinements=0))
        self._estimator = FlowEstimator(FAST)
        self._anchor: View | None = None  # the frame whose invented pixels are carried along

    def fill(self, clip: Clip) -> list[Frame]:
        """Return the local frames, those wanted with their holes filled."""
        results = list(clip.frames[: clip.num_local])
        wanted = clip.wanted_positions
        if self._effort is None:
            sees_ahead = max(clip.indices) > clip.indices[wanted.start]
            self._effort = _AT_LEISURE if sees_ahead else _AT_SPEED
            self._estimator = FlowEstimator(FAST, self._effort.finest_scale)
        for index, frame, hole in zip(clip.indices, clip.frames, clip.holes, strict=True):
            if index not in self._views:
                self._views[index] = View(index, frame, hole, self._effort.side)
                self._views[index].is_keyframe = index in clip.keyframes
        for position in wanted:
            index = clip.indices[position]
            self._links.move_to(index, self._views, clip.indices[: clip.num_local])
            if self._effort.matches_distant:
                references = clip.indices[clip.num_local :]
                self._links.match(index, self._views, references, clip.keyframes)
            if self._views[index].has_hole:
                results[position] = self._fill_view(self._views[index], self._effort)
        self._forget(clip)
        return results

    def _forget(self, clip: Clip) -> None:
        current = clip.indices[clip.wanted_positions.stop - 1]
        kept = worth_keeping(self._views, current) | set(clip.indices)
        for index in [index for index in self._views if index not in kept]:
            del self._views[index]
        self._links.forget(kept | ({self._anchor.index} if self._anchor else set()))

    def _fill_view(self, target: View, effort: Effort) -> Frame:
        """Return the frame with its hole filled, and remember it so."""
        part = box_around(~target.known, margin=_margin(target))
        rows, columns = np.nonzero(target.hole)
        places = np.stack((columns, rows), axis=-1).astype(np.float32)
        inside = target.to_working(places) - np.array([part[1].start, part[0].start], np.float32)
        around = Surroundings(target, part)
        offers = self._offers(target, effort, around)
        readings = _read_elected(target, offers, inside)
        result = np.array(target.frame)
        nearby = from_around(target, part, inside)
        doubted = np.zeros(target.hole.shape, np.float32)
        doubted[target.hole] = nearby.error
        missing = target.hole.copy()
        if readings:
            weight = np.max([reading.weight for reading in readings], axis=0)
            near = nearby.error < _NEAR
            weak = weight <= _CONVINCING * nearby.weight
            missing[target.hole] = weak & ~(near & (weight > LEAST_WEIGHT))
            result[target.hole] = np.clip(np.rint(merge([*readings, nearby])), 0, 255)
        if missing.any():
            self._invent(target, result, missing, doubted, around, offers)
        result.setflags(write=False)
        target.filled, target.genuine = result, ~missing
        return result

    def _offers(
        self, target: View, effort: Effort, around: Surroundings
    ) -> list[tuple[View, Offer]]:
        """Return what each useful source offers."""
        offers: list[tuple[View, Offer]] = []
        probes = _probes(target)
        need = np.full(len(probes), _NEED[0])
        count = np.zeros(len(probes), int)
        tried, used, most = {target.index}, 0, effort.sources
        extra = (most + 1) // 2
        while used < most + extra and len(tried) <= 2 * most:
            if used >= most:
                need[count > 0] = 0  # from here on only for what nothing has shown yet
            best = self._best_source(target, probes, need, tried, fading=used < most)
            if best is None:
                break
            source, visible = best
            tried.add(source.index)
            link = self._links.to(source.index)
            found, link = register(around, source, link, self._estimator, effort.offers)
            if not found:
                continue
            used += 1
            self._links.correct(source.index, link)
            offers.extend((source, offer) for offer in found)
            count[visible] += 1
            need = np.array([*_NEED, 0.0])[np.minimum(count, len(_NEED))]
        return offers

    def _best_source(
        self,
        target: View,
        probes: Flow,
        need: NDArray[np.float64],
        tried: set[int],
        *,
        fading: bool,
    ) -> tuple[View, NDArray[np.bool_]] | None:
        """Return the frame that shows most of what is still needed, and which probes."""
        best, best_worth = None, _LEAST_WORTH * len(probes)
        for index in self._links.known():
            if index in tried or index not in self._views:
                continue
            source = self._views[index]
            visible = _visible(source, self._links.to(index).places(probes))
            worth = float(need[visible].sum())
            if fading and not source.is_keyframe:
                worth /= 1 + abs(index - target.index) / _LIFE_OF_A_SOURCE
                gap = min((abs(index - other) for other in tried - {target.index}), default=99)
                worth *= gap / (gap + APART)
            if worth > best_worth:
                best, best_worth = (source, visible), worth
        return best

    def _invent(
        self,
        target: View,
        result: NDArray[np.uint8],
        missing: Mask,
        doubted: NDArray[np.float32],
        around: Surroundings,
        offers: list[tuple[View, Offer]],
    ) -> None:
        """Fill what no frame saw, in place; `missing` keeps what had to be invented.

        What was seen long ago is carried on; nor is anything invented where the surroundings
        foretell it well: `doubted` (H, W) is the squared error to be expected of them.
        """
        carriers: list[tuple[View, Offer]] = []
        for view in self._carriers(target):
            found = [offer for source, offer in offers if source is view][:1]
            if not found:
                link = self._links.to(view.index)
                found, link = register(around, view, link, self._estimator, 1)
                self._links.correct(view.index, link)
            carriers.extend((view, offer) for offer in found)
        corner = np.array([around.part[1].start, around.part[0].start], np.float32)
        detail, detailed = carry(result, missing, doubted, carriers, corner, target)
        if offers:
            missing &= doubted >= _NEAR  # `result` shows there what the surroundings foretell
        if not missing.any():
            return
        fresh = missing & ~detailed
        pause = target.index - self._anchor.index if self._anchor else _PAUSE
        share = float(fresh.sum() / target.hole.sum())
        if share > _LEAST_INVENTION and (pause >= _PAUSE or share > _URGENT_INVENTION):
            detail[fresh] = invent(target, fresh)[fresh]
            detailed |= fresh
            self._anchor = target
        lay_base(result, missing, target, detail)
        target.detail, target.detailed = detail, detailed

    def _carriers(self, target: View) -> list[View]:
        previous = self._views.get(target.index - 1)
        candidates = [self._anchor, previous]
        return [
            view
            for view in candidates
            if view is not None
            and view is not target
            and view.filled is not None
            and view.index in self._links.known()
        ]


def _read_elected(target: View, offers: list[tuple[View, Offer]], inside: Flow) -> list[Reading]:
    """Return what the offers that are believed somewhere say about the hole's pixels."""
    if not offers:
        return []
    ballots = [
        Ballot(
            offer.colours,
            offer.error,
            offer.visible,
            np.asarray(offer.share * (_KEYFRAME if source.is_keyframe else 1), np.float32),
            source.index - target.index,
        )
        for source, offer in offers
    ]
    weights = elect(ballots)
    enough = _LEAST_BELIEF * np.max(weights, axis=0)
    return [
        read(source, offer, inside, weight)
        for (source, offer), weight in zip(offers, weights, strict=True)
        if ((weight > enough) & offer.visible).any()
    ]


def _probes(target: View) -> Flow:
    rows, columns = np.nonzero(~target.known)
    step = max(1, len(rows) // _PROBES)
    return np.stack((columns[::step], rows[::step]), axis=-1).astype(np.float32)


def _visible(source: View, places: Flow) -> NDArray[np.bool_]:
    height, width = source.known.shape
    x, y = np.rint(places[:, 0]).astype(int), np.rint(places[:, 1]).astype(int)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    result: NDArray[np.bool_] = inside & source.known[y, x]
    return result


def _margin(target: View) -> int:
    """Return how much of the surroundings is looked at, in pixels of the working size."""
    rows, columns = box_around(~target.known, margin=0)
    extent: int = max(rows.stop - rows.start, columns.stop - columns.start)
    return 24 + extent // 4
