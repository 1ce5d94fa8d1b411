"""Fill holes with the background seen at other times; no weights.

For each frame a few others that show what its hole hides are laid under it (camera motion,
then dense flow carried into the hole), their colours brought to its exposure and merged.
Every colour is read from the frame that saw it, then joined with what the frames before and,
if known, after were filled with.  What no frame saw is filled from around the hole, and
carried along from then on.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tracker.classical.backwards import Fresh, join_backwards
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
from tracker.classical.views import Fill, View, box_around, worth_keeping
from tracker.types import Clip, Frame, Mask

_LEAST_INVENTION = 0.02  # of the hole: less is filled smoothly
_URGENT_INVENTION = 0.5  # of the hole: more does not wait
_PAUSE = 6  # frames between two inventions
_NEAR = 100.0  # grey levels squared: what the surroundings foretell so well is no invention
_REFINEMENTS = 2  # sweeps of smoothing the flow; five, the preset's own, are no better
_KEYFRAME = np.float32(0.05)  # of the squared error expected: only where it lies may be wrong


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
        self._plate: StillPlate | None = None  # streaming only
        self._anchor: View | None = None  # the frame whose invented pixels are carried along
        self._fresh: list[Fresh] = []  # filled, but not asked for yet
        self._next = 0  # the first frame that no clip of a stream had filled

    def prepare(self, index: int, frame: Frame, hole: Mask) -> None:
        """Look at a frame that will be filled; see `LookingForward`."""
        if self._outlook is None:
            self._outlook = Outlook(self._finder, self._begin(is_streaming=False).side)
        self._outlook.look(index, frame, hole)

    def fill(self, clip: Clip) -> list[Frame]:
        """Return the local frames, those wanted with their holes filled."""
        local = clip.indices[: clip.num_local]
        wanted = [clip.indices[position] for position in clip.wanted_positions]
        effort = self._effort or self._begin(is_streaming=clip.is_streaming)
        self._forget_fills(before=wanted[0] - 1)
        self._see(clip, effort)
        self._links.prepare(self._views, local, self._hands)
        stop = min(wanted[-1] + effort.ahead, max(local)) + 1
        for index in range(max(wanted[0], self._next), stop):
            self._links.move_to(index, self._views, local)
            if effort.matches_distant:
                references = clip.indices[clip.num_local :]
                self._links.match(index, self._views, references, self._hands, clip.keyframes)
            stands_still = self._links.stand_still_since(index - 1)
            if self._plate is not None and not stands_still:
                self._plate.forget()
            if self._views[index].has_hole:
                self._fresh.append(self._fill_view(self._views[index], effort))
            if self._plate is not None and stands_still:
                self._plate.learn(self._views[index])
        self._next = stop if clip.is_streaming else 0
        fills = join_backwards(self._fresh, self._links, self._views, self._estimator, wanted)
        results = list(clip.frames[: clip.num_local])
        for one, fill in zip(self._fresh, fills, strict=True):
            if one.target.index in wanted:
                one.target.fill = fill
                results[local.index(one.target.index)] = fill.filled
        self._fresh = [one for one in self._fresh if one.target.index > wanted[-1]]
        self._forget(clip, wanted)
        return results

    def _begin(self, *, is_streaming: bool) -> Effort:
        """Decide how much is done for each frame."""
        self._effort = effort = AT_SPEED if is_streaming else AT_LEISURE
        self._estimator = _estimator(effort.finest_scale)
        self._hands = Hands(are_two=effort.at_once)
        self._plate = StillPlate(effort.side) if is_streaming else None
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

    def _forget_fills(self, before: int) -> None:
        """Let go of fills that are not carried on: all but the last and the anchor's."""
        for index, view in self._views.items():
            if index < before and view is not self._anchor:
                view.fill = None

    def _forget(self, clip: Clip, wanted: list[int]) -> None:
        past = range(clip.indices[0], wanted[0])  # no later window holds these
        kept = worth_keeping(self._views, wanted[-1]) | set(clip.indices).difference(past)
        self._views = {index: view for index, view in self._views.items() if index in kept}
        self._links.forget(kept | ({self._anchor.index} if self._anchor else set()))

    def _fill_view(self, target: View, effort: Effort) -> Fresh:
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
            colours, share = merge(readings, colours, doubted, self._hands, effort.optimism)
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
            carry(found, carriers, effort.optimism)
            self._invent(target, patch, found, spots, doubted if offers else None)
            if memory is not None:
                memory.steady(patch, found.missing, found.left, spots.places)
        result = np.array(target.frame)
        result[target.box] = patch
        result.setflags(write=False)
        target.fill = found.fill(target, spots, result)
        return Fresh(target, around, spots, target.fill)

    def _before(self, target: View, around: Surroundings) -> tuple[View, Fill, Offer] | None:
        """Return the frame before, if it was filled, and how it lies under the target."""
        view = self._views.get(target.index - 1)
        if view is None or view.fill is None or view.index not in self._links.known():
            return None
        found, _ = self._registering(around, view, 1)()
        return (view, view.fill, found[0]) if found else None

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
        before: tuple[View, Fill, Offer] | None,
        memory: Memory | None,
    ) -> Iterator[Callable[[NDArray[np.intp]], Memory]]:
        """Yield what says what earlier frames were filled with: the anchor, then the last."""
        anchor = self._anchor
        known = self._links.known()
        if anchor and anchor.fill and anchor.index in known and anchor.index != target.index - 1:
            found = [offer for source, offer in offers if source is anchor][:1]
            if not found:
                found, link = self._registering(around, anchor, 1)()
                self._links.correct(anchor.index, link)
            if found:
                yield partial(recall, anchor, anchor.fill, found[0], spots)
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
        doubted: NDArray[np.float32] | None,
    ) -> None:
        """Fill what no frame saw, in `found` and in `patch`, the box around the hole.

        Nothing is invented where the surroundings foretell it well: `doubted` (N,) is the
        squared error to be expected of them, if they are trusted there.
        """
        if doubted is not None:
            found.missing &= doubted >= _NEAR
        fresh = found.missing if found.detailed is None else found.missing & ~found.detailed
        pause = target.index - self._anchor.index if self._anchor else _PAUSE
        much = np.count_nonzero(fresh) / spots.count
        if much > _LEAST_INVENTION and (pause >= _PAUSE or much > _URGENT_INVENTION):
            numbers, filled = np.flatnonzero(fresh), target.frame.copy()
            found.lay(target, patch, spots)
            filled[target.box] = patch
            found.remember(numbers, invent(target, filled, spots.take(numbers)))
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
