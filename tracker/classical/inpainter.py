"""Fill holes with the background seen at other times; no weights.

For each frame a few others that show what its hole hides are laid under it (camera motion,
then dense flow carried into the hole), their colours brought to its exposure and merged.
Every colour is read from the frame that saw it, then joined with what the frames before and,
if known, after were filled with.  What no frame saw is filled from around the hole, and
carried along from then on.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tracker.classical.blend import merge
from tracker.classical.chain import Links
from tracker.classical.effort import AT_LEISURE, AT_SPEED, Effort
from tracker.classical.flow import FAST, FlowEstimator
from tracker.classical.hands import Hands
from tracker.classical.invention import Found, carry, invent
from tracker.classical.outlook import Outlook
from tracker.classical.reading import LEAST_WEIGHT, elected, from_around, read
from tracker.classical.recall import CONVINCING, Memory, recall
from tracker.classical.registration import Offer, Surroundings, lay_still, register
from tracker.classical.selection import begin_selection
from tracker.classical.spots import Spots, put, spots_of
from tracker.classical.steps import Link, StepFinder
from tracker.classical.still import StillPlate
from tracker.classical.views import View, box_around, worth_keeping
from tracker.types import Clip, Frame, Mask

_LEAST_INVENTION = 0.02  # of the hole: less is filled smoothly
_URGENT_INVENTION = 0.5  # of the hole: more does not wait
_PAUSE = 6  # frames between two inventions
_NEAR = 100.0  # grey levels squared: what the surroundings foretell so well is no invention
_REFINEMENTS = 2  # sweeps of smoothing the flow; five, the preset's own, are no better
_KEYFRAME = np.float32(0.05)  # of the squared error expected: only where it lies may be wrong


@dataclass(frozen=True, eq=False)
class _Fresh:
    """A frame just filled, and what was prepared for that."""

    target: View
    around: Surroundings
    spots: Spots  # the hole's pixels


class ClassicalInpainter:
    """Fills the holes of one video; remembers what it has seen of the background."""

    def __init__(self) -> None:
        self._views: dict[int, View] = {}
        self._effort: Effort | None = None  # decided when the first clip is seen
        self._finder = StepFinder()
        self._links = Links(self._finder)
        self._outlook: Outlook | None = None
        self._estimator = _estimator()
        self._hands = Hands()
        self._plate: StillPlate | None = None  # only where the future is unknown
        self._anchor: View | None = None  # the frame whose invented pixels are carried along

    def prepare(self, index: int, frame: Frame, hole: Mask) -> None:
        """Look at a frame that will be filled; see `LookingForward`."""
        if self._outlook is None:
            self._outlook = Outlook(self._finder, self._begin(sees_ahead=True).side)
        self._outlook.look(index, frame, hole)

    def fill(self, clip: Clip) -> list[Frame]:
        """Return the local frames, those wanted with their holes filled."""
        results = list(clip.frames[: clip.num_local])
        wanted = clip.wanted_positions
        fresh: list[_Fresh] = []
        effort = self._effort or self._begin(
            sees_ahead=max(clip.indices) > clip.indices[wanted.start]
        )
        self._see(clip, effort)
        if effort.at_once:
            self._links.prepare(self._views, clip.indices[: clip.num_local], self._hands)
        for position in wanted:
            index = clip.indices[position]
            self._links.move_to(index, self._views, clip.indices[: clip.num_local])
            if effort.matches_distant:
                references = clip.indices[clip.num_local :]
                self._links.match(index, self._views, references, self._hands, clip.keyframes)
            stands_still = self._links.stand_still_since(index - 1)
            if self._plate is not None and not stands_still:
                self._plate.forget()
            if self._views[index].has_hole:
                fresh.append(self._fill_view(self._views[index], effort))
            if self._plate is not None and stands_still:
                self._plate.learn(self._views[index])
        for after, one in pairwise(reversed(fresh)):
            self._join_next(one, after.target)
        for one in fresh:
            if one.target.fill is not None:
                results[clip.indices.index(one.target.index)] = one.target.fill.filled
        self._forget(clip)
        return results

    def _begin(self, *, sees_ahead: bool) -> Effort:
        """Decide how much is done for each frame."""
        self._effort = effort = AT_LEISURE if sees_ahead else AT_SPEED
        self._estimator = _estimator(effort.finest_scale)
        self._hands = Hands(are_two=effort.at_once)
        self._plate = None if sees_ahead else StillPlate(effort.side)
        return effort

    def _see(self, clip: Clip, effort: Effort) -> None:
        """Make views of the frames that have none, and take over what was seen beforehand."""
        local = set(clip.indices[: clip.num_local])
        for index, frame, hole in zip(clip.indices, clip.frames, clip.holes, strict=True):
            seen = None
            if self._outlook is not None and index in local:
                seen = self._outlook.take(index, frame, hole)
            view, steps = seen or (None, {})
            for other, step in steps.items():
                self._links.know(index, other, step)
            if index not in self._views:
                self._views[index] = view or View(index, frame, hole, effort.side)
                self._views[index].is_keyframe = index in clip.keyframes

    def _forget(self, clip: Clip) -> None:
        current = clip.indices[clip.wanted_positions.stop - 1]
        kept = worth_keeping(self._views, current) | set(clip.indices)
        self._views = {index: view for index, view in self._views.items() if index in kept}
        first = clip.indices[clip.wanted_positions.start]
        for index, view in self._views.items():
            if index < first and view is not self._anchor:
                view.fill = None  # only the last fills and the anchor's are carried on
        self._links.forget(kept | ({self._anchor.index} if self._anchor else set()))

    def _fill_view(self, target: View, effort: Effort) -> _Fresh:
        """Fill the hole of the frame, and remember it so."""
        part = box_around(~target.known, margin=_margin(target))
        around, spots = Surroundings(target, part), spots_of(target, part)
        plate = None if self._plate is None else self._plate.under(target)
        # The plate stands in for a second motion of the source: it shows more, and costs as much.
        offers = self._offers(target, replace(effort, offers=1) if plate else effort, around)
        if plate is not None:
            offers.extend((plate, offer) for offer in lay_still(around, plate))
        chosen = elected(target, around, offers) if offers else []
        readings = self._hands.each(lambda one: read(one, spots), chosen)
        colours, doubted = from_around(target, around, spots)
        share, near, left = np.zeros_like(doubted), np.zeros(spots.count, bool), doubted
        if readings:
            colours, share = merge(readings, colours, doubted, self._hands)
            weight = np.maximum.reduce([reading.weight for reading in readings])
            near = (doubted < _NEAR) & (weight > LEAST_WEIGHT)
            left = doubted * (1 - share)  # that of the mean
        before = self._before(target, around)
        memory = recall(*before, spots) if before and not plate else None  # it remembers more
        if memory is not None:
            colours, share, left = memory.join(colours, share, left)
        found = Found(colours, share, left, (share < CONVINCING) & ~near)
        patch = target.frame[target.box].copy()
        if not found.missing.any():
            put(patch, spots.places, found.colours)
        else:
            carriers = self._carriers(target, around, spots, offers, before, memory)
            self._invent(target, patch, found, spots, carriers, doubted if offers else None)
            if memory is not None:
                memory.steady(patch, found.missing, found.left, spots.places)
        result = np.array(target.frame)
        result[target.box] = patch
        result.setflags(write=False)
        target.fill = found.fill(target, spots, result)
        return _Fresh(target, around, spots)

    def _join_next(self, fresh: _Fresh, after: View) -> None:
        """Join the fill of a frame with that of the one after it."""
        target, fill = fresh.target, fresh.target.fill
        follows = after.index == target.index + 1
        link = self._links.step(target.index, after.index, self._views) if follows else None
        found = register(fresh.around, after, link, self._estimator, 1)[0] if link else []
        memory = recall(after, found[0], fresh.spots) if found else None
        if memory is not None and fill is not None:
            target.fill = memory.refine(fill, fresh.spots)

    def _before(self, target: View, around: Surroundings) -> tuple[View, Offer] | None:
        """Return the frame before, if it was filled, and how it lies under the target."""
        view = self._views.get(target.index - 1)
        if view is None or view.fill is None or view.index not in self._links.known():
            return None
        found, _ = self._registering(around, view, 1)()
        return (view, found[0]) if found else None

    def _offers(
        self, target: View, effort: Effort, around: Surroundings
    ) -> list[tuple[View, Offer]]:
        """Return what each useful source offers.

        While one is registered, the other hand already registers the one that comes next if
        this one is of use, as it nearly always is.
        """
        offers: list[tuple[View, Offer]] = []
        begun: dict[int, Future[tuple[list[Offer], Link]]] = {}
        selection = begin_selection(target, self._links, self._views, effort.sources)
        while (chosen := selection.best) is not None:
            source = chosen.source
            if_used = selection.after(chosen, is_used=True)
            if source.index in begun:
                found, link = begun.pop(source.index).result()
            else:
                if effort.at_once and (then := if_used.best) is not None:
                    next_source, index = then.source, then.source.index
                    if index not in begun:
                        begun[index] = self._hands.begin(
                            self._registering(around, next_source, effort.offers)
                        )
                found, link = self._registering(around, source, effort.offers)()
            selection = if_used if found else selection.after(chosen, is_used=False)
            if source.is_keyframe:
                found = [offer.surer(_KEYFRAME) for offer in found]
            if found:
                self._links.correct(source.index, link)
                offers.extend((source, offer) for offer in found)
        return offers

    def _registering(
        self, around: Surroundings, source: View, most: int
    ) -> Callable[[], tuple[list[Offer], Link]]:
        """Return what is to be called to `register` a source as it is linked now."""
        link = self._links.to(source.index)
        return partial(register, around, source, link, self._estimator, most)

    def _carriers(
        self,
        target: View,
        around: Surroundings,
        spots: Spots,
        offers: list[tuple[View, Offer]],
        before: tuple[View, Offer] | None,
        memory: Memory | None,
    ) -> Iterator[Callable[[NDArray[np.intp]], Memory | None]]:
        """Yield what says what earlier frames were filled with: the anchor, then the last."""
        anchor = self._anchor
        if anchor and anchor.index in self._links.known() and anchor.index != target.index - 1:
            found = [offer for source, offer in offers if source is anchor][:1]
            if not found:
                found, link = self._registering(around, anchor, 1)()
                self._links.correct(anchor.index, link)
            if found:
                yield partial(recall, anchor, found[0], spots)
        if memory is not None:
            yield memory.at
        elif before is not None:
            yield partial(recall, *before, spots)

    def _invent(
        self,
        target: View,
        patch: NDArray[np.uint8],
        found: Found,
        spots: Spots,
        carriers: Iterable[Callable[[NDArray[np.intp]], Memory | None]],
        doubted: NDArray[np.float32] | None,
    ) -> None:
        """Fill what no frame saw, in `found` and in `patch`, the box around the hole.

        What was seen long ago is carried on; nor is anything invented where the surroundings
        foretell it well: `doubted` (N,) is the squared error to be expected of them, if they
        are trusted there.
        """
        carry(found, carriers)
        if doubted is not None:
            found.missing &= doubted >= _NEAR
        fresh = found.missing if found.detailed is None else found.missing & ~found.detailed
        pause = target.index - self._anchor.index if self._anchor else _PAUSE
        much = np.count_nonzero(fresh) / spots.count
        if much > _LEAST_INVENTION and (pause >= _PAUSE or much > _URGENT_INVENTION):
            numbers = np.flatnonzero(fresh)
            found.remember(numbers, invent(target, spots.take(numbers)))
            self._anchor = target
        found.lay(target, patch, spots)


def _estimator(finest_scale: int | None = None) -> FlowEstimator:
    """Return what finds flow around a hole: it is smoothed when it is carried in anyway."""
    return FlowEstimator(FAST, finest_scale, refinements=_REFINEMENTS)


def _margin(target: View) -> int:
    """Return how much of the surroundings is looked at, in pixels of the working size."""
    rows, columns = box_around(~target.known, margin=0)
    extent: int = max(rows.stop - rows.start, columns.stop - columns.start)
    return 24 + extent // 4
