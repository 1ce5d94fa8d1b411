"""Pictures flow: propagate, inpaint, composite.

Every stage is a generator, so work happens as pictures are pulled and closing the
outermost generator stops everything.  Nothing here knows files, engines or people.
"""

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

import numpy as np

from tracker import images
from tracker.ahead import ahead
from tracker.averages import Average
from tracker.buffering import FrameBuffer, Pair
from tracker.interfaces import Inpainter, LookingForward, MaskPropagator
from tracker.types import Alpha, Frame, LabelMap, Mask, Tracked
from tracker.windows import Window

SelfT = TypeVar("SelfT", bound="Source")
AHEAD = 2  # pictures filled and not yet composited, where it hurries
PREPARED = 4  # pictures prepared and not yet asked for, likewise
NO_KEYFRAMES: Mapping[int, Frame] = MappingProxyType({})
FindNew = Callable[[int, Frame, LabelMap], LabelMap | None]  # labels with more objects, or None


class Source(Protocol):
    """A decoded picture: engines see its RGB, the output keeps its own samples."""

    @property
    def rgb(self) -> Frame:
        """Return the picture as engines see it."""

    def composite(self: SelfT, filled: Frame, alpha: Alpha, corner: tuple[int, int]) -> SelfT:
        """Return the picture with `filled` laid over the part that begins at `corner`.

        As far as `alpha` says so.  The part begins and ends at multiples of 4 pixels, or where
        the picture ends.
        """

    def detached(self: SelfT) -> SelfT:
        """Return the picture alone, without what the decoder holds on to."""


SourceT = TypeVar("SourceT", bound=Source)


def propagate(
    frames: Iterable[Frame],
    prompted: Mapping[int, LabelMap],
    propagator: MaskPropagator,
    newcomers: FindNew | None = None,
    known: Iterable[int] = (),
) -> Generator[Tracked]:
    """Label every frame; those before the first prompted one have no labels.

    A prompted frame says all there is about the objects in it; objects it leaves out are
    tracked on.  `newcomers` is shown every frame with its labels, and may add objects.
    `known` are objects the propagator has met already.
    """
    known = set(known)
    for index, frame in enumerate(frames):
        labels = prompted.get(index)
        if labels is None:
            blank = Tracked(np.zeros(frame.shape[:2], np.uint8))
            tracked = propagator.step(frame) if known else blank
        else:
            named = ids_in(labels)
            if known - named:
                labels = add_labels(labels, propagator.step(frame).labels, known - named)
            known |= named
            tracked = propagator.step(frame, labels)
        more = None if newcomers is None else newcomers(index, frame, tracked.labels)
        if more is not None:
            known |= ids_in(more)
            tracked = propagator.step(frame, more)
        yield tracked


def ids_in(labels: LabelMap) -> set[int]:
    """Return the ids of the objects in `labels`."""
    return set(np.unique(labels[labels > 0]).tolist())


def add_labels(labels: LabelMap, others: LabelMap, objects: Iterable[int]) -> LabelMap:
    """Return `labels` with the given objects of `others` where no label is yet."""
    free = (labels == 0) & np.isin(others, list(objects))
    return np.where(free, others, labels)


def inpaint(
    pairs: Iterable[Pair],
    windows: Iterable[Window],
    inpainter: Inpainter,
    fetch: Callable[[int], Pair] | None = None,
    keyframes: Collection[int] = (),
    known: Collection[int] = (),
) -> Generator[Frame]:
    """Fill the hole in every frame, in order; pixels outside it are not to be used."""
    for mean in average(pairs, windows, inpainter, fetch, keyframes, known):
        yield mean.rounded


def average(
    pairs: Iterable[Pair],
    windows: Iterable[Window],
    inpainter: Inpainter,
    fetch: Callable[[int], Pair] | None = None,
    keyframes: Collection[int] = (),
    known: Collection[int] = (),
) -> Generator[Average]:
    """Fill the hole in every frame, in order; yield what all windows say, not yet rounded.

    Windows all of whose results are `known` already are not filled: their frames pass as
    they are.
    """
    buffer = FrameBuffer(pairs, fetch, keyframes)
    averages: dict[int, Average] = {}
    for window in windows:
        num_read = buffer.read_until(window.local.stop)
        if num_read < window.final.stop:
            return
        if num_read < window.local.stop:  # the clip ends inside a window that looks ahead
            window = replace(window, local=range(window.local.start, num_read))
        if all(index in known for index in window.update):
            filled = [buffer[index][0] for index in window.local]
        else:
            filled = inpainter.fill(buffer.clip(window))
        for index, frame in zip(window.local, filled, strict=True):
            if index in window.update:
                if index in averages:
                    averages[index].add(frame, buffer[index][1])
                else:
                    averages[index] = Average(frame)
        del filled, frame  # what nobody needs is not to wait for the next window
        for index in window.final:
            yield averages.pop(index)
        buffer.forget(before=window.oldest_needed)


@dataclass(frozen=True)
class HolePlan:
    """Which pixels are filled, at which size the fill is computed, and how it blends in."""

    objects: tuple[int, ...] | None  # ids to remove; None: all
    dilation: float  # source pixels
    working_size: tuple[int, int]  # height, width
    feather: float | None = None  # source pixels; None: half the dilation

    def hole(self, labels: LabelMap) -> Mask:
        """Return the pixels of the source that may change."""
        return images.hole_of(labels, self.objects, self.dilation)

    def shrink(self, frame: Frame, hole: Mask) -> Pair:
        """Return what the inpainter sees."""
        return images.shrink(frame, *self.working_size), images.shrink_hole(
            hole, *self.working_size
        )

    def show(self, keyframe: Frame) -> Pair:
        """Return what the inpainter sees of a frame given as it should look."""
        return self.shrink(keyframe, np.zeros(keyframe.shape[:2], bool))

    def composite(self, source: SourceT, hole: Mask, filled: Frame) -> SourceT:
        """Return `source` with its hole, and nothing else, taken from `filled`.

        The seam is softened inside the hole, over `feather` pixels.
        """
        region = images.bounding_box(hole)
        if region is None:
            return source
        whole = images.enlarge(filled, hole.shape[0], hole.shape[1], region)
        width = self.dilation / 2 if self.feather is None else self.feather
        rows, columns = (images.widened(edge, images.GRID) for edge in region)
        alpha = images.feather(hole[rows, columns], width)
        # A copy: several wait to be written, and most of a frame is no hole.
        return source.composite(whole[rows, columns].copy(), alpha, (rows.start, columns.start))


class FillMemory(Protocol):
    """What is known of earlier fills; `place` counts the pictures from the first."""

    def fingerprint(self, labels: LabelMap) -> bytes:
        """Return what tells the hole of `labels` from any other."""

    def recall(self, place: int, fingerprint: bytes, frame: Frame) -> Frame | None:
        """Return `frame` as it was filled before; None if it is to be filled."""

    def keep(self, place: int, fingerprint: bytes, filled: Frame, hole: Mask) -> None:
        """Remember a filled frame and its hole, at the working size."""


class _Hole:
    """A mask that takes no more memory than the box around it."""

    def __init__(self, mask: Mask) -> None:
        self._shape = mask.shape
        self._box = images.bounding_box(mask) or (slice(0), slice(0))
        self._inside = mask[self._box].copy()

    @property
    def mask(self) -> Mask:
        """Return the mask, (H, W)."""
        whole = np.zeros(self._shape, bool)
        whole[self._box] = self._inside
        return whole


@dataclass(frozen=True, eq=False)
class _Waiting(Generic[SourceT]):
    """A picture whose fill is not final yet: many may wait."""

    source: SourceT  # without its RGB
    hole: _Hole  # at its own size
    small_hole: Mask
    fingerprint: bytes  # of the hole
    given: Frame | None  # what the hole is to show, if that is known already


def remove(
    labelled: Iterable[tuple[SourceT, LabelMap]],
    windows: Iterable[Window],
    inpainter: Inpainter,
    plan: HolePlan,
    fetch: Callable[[int], Pair] | None = None,
    keyframes: Mapping[int, Frame] = NO_KEYFRAMES,
    memory: FillMemory | None = None,
    *,
    hurries: bool = False,
) -> Generator[SourceT]:
    """Return every picture without the chosen objects, as soon as it is final.

    Where the frame is one of `keyframes`, its hole shows what they show.  Frames `memory`
    recalls show that, and the inpainter sees them without a hole.  If it `hurries`, the next
    pictures are filled while one is composited, in a thread of their own; where windows look
    ahead, those after them are prepared in another.
    """
    finals = _finals(labelled, windows, inpainter, plan, fetch, keyframes, memory, hurries=hurries)
    with closing(ahead(finals, AHEAD) if hurries else finals) as found:
        for source, hole, shown in found:
            yield plan.composite(source, hole, shown)


def _finals(
    labelled: Iterable[tuple[SourceT, LabelMap]],
    windows: Iterable[Window],
    inpainter: Inpainter,
    plan: HolePlan,
    fetch: Callable[[int], Pair] | None,
    keyframes: Mapping[int, Frame],
    memory: FillMemory | None,
    *,
    hurries: bool,
) -> Generator[tuple[SourceT, Mask, Frame]]:
    """Yield every picture, its hole and what is to be seen there."""
    waiting: deque[_Waiting[SourceT]] = deque()
    known: set[int] = set()
    first, windows = _peek(windows)
    looks = hurries and first is not None and not first.is_streaming
    looking = inpainter if looks and isinstance(inpainter, LookingForward) else None

    def pairs() -> Generator[Pair]:
        for place, (source, labels) in enumerate(labelled):
            hole = plan.hole(labels)
            pair = plan.shrink(source.rgb, hole)
            given, mark = keyframes.get(place), b""
            if given is not None:
                pair = plan.show(given)
            elif memory is not None:
                mark = memory.fingerprint(labels)
                given = memory.recall(place, mark, pair[0])
            waiting.append(_Waiting(source.detached(), _Hole(hole), pair[1], mark, given))
            if given is not None and place not in keyframes:
                known.add(place)
                pair = given, np.zeros_like(pair[1])
            elif looking is not None:
                looking.prepare(place, *pair)
            yield pair

    with closing(ahead(pairs(), PREPARED) if looks else pairs()) as found:
        for place, filled in enumerate(inpaint(found, windows, inpainter, fetch, keyframes, known)):
            picture = waiting.popleft()
            if picture.given is None and memory is not None:
                memory.keep(place, picture.fingerprint, filled, picture.small_hole)
            shown = filled if picture.given is None else picture.given
            yield picture.source, picture.hole.mask, shown


def _peek(windows: Iterable[Window]) -> tuple[Window | None, Iterator[Window]]:
    """Return the first window, and all of them."""
    rest = iter(windows)
    first = next(rest, None)
    return first, rest if first is None else chain([first], rest)
