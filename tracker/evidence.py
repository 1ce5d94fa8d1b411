"""What a run learns of every object: its area and how sure its mask is, frame by frame.

From it follow the spans a person should look at.  All of it is a few bytes per frame.
"""

import struct
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tracker import images
from tracker.records import Records
from tracker.types import Tracked

Reason: TypeAlias = Literal["unsure", "gone"]

# A propagator's confidence is 1 for certain and 0 for lost: below the middle a mask is more
# likely wrong than right.
UNSURE_BELOW = 0.5
EVIDENCE, ENTRY = b"E", struct.Struct("<BIf")  # a record: per object its id, area, confidence
SPANS_TOLD = 4
SHORTEST_GAP = 3  # frames: sure stretches shorter than this do not end a doubtful span


@dataclass(frozen=True)
class Doubt:
    """A span a person should look at: the mask may be wrong, or the object not be there."""

    first: int  # frame
    last: int  # frame, inclusive
    reason: Reason


@dataclass(frozen=True)
class Trace:
    """One object through the clip; the lists begin with frame `first`."""

    first: int
    area: tuple[int, ...]  # pixels of the source
    confidence: tuple[float, ...]  # 1 certain, 0 lost
    doubtful: tuple[Doubt, ...] = ()


class _Series:
    """Numbers by frame index; frames not written yet hold -1."""

    def __init__(self) -> None:
        self.area, self.confidence = array("l"), array("f")

    def put(self, index: int, area: int, confidence: float) -> None:
        missing = index + 1 - len(self.area)
        self.area.extend([-1] * missing)
        self.confidence.extend([-1.0] * missing)
        self.area[index], self.confidence[index] = area, confidence


class Evidence:
    """Gathers what is learned of every object while a clip is tracked, in any order.

    Args:
        records: a file to keep it in too; what it holds already is known from the start.
    """

    def __init__(self, records: Records | None = None) -> None:
        self._series: dict[int, _Series] = {}
        self._records = records
        if records is not None:
            for index in records.indices(EVIDENCE):
                entries = ENTRY.iter_unpack(records.get(EVIDENCE, index) or b"")
                for number, area, confidence in entries:
                    self._put(index, number, area, confidence)

    def note(self, index: int, tracked: Tracked, objects: Iterable[int] | None = None) -> None:
        """Note a frame; with `objects`, of these only."""
        wanted = tracked.confidence if objects is None else objects
        if not wanted:
            return
        areas = images.areas(tracked.labels)
        for number in wanted:
            area = int(areas[number])
            confidence = tracked.confidence.get(number, 0.0) if area else 0.0
            self._put(index, number, area, confidence)
        self._record(index)

    def forget(self, index: int, objects: Iterable[int]) -> None:
        """Forget what is known of objects in a frame."""
        for number in objects:
            if number in self._series and index < len(self._series[number].area):
                self._put(index, number, -1, -1.0)
        self._record(index)

    def _put(self, index: int, number: int, area: int, confidence: float) -> None:
        self._series.setdefault(number, _Series()).put(index, area, confidence)

    def _record(self, index: int) -> None:
        if self._records is not None:
            entries = [ENTRY.pack(k, area, sure) for k, (area, sure) in self.at(index).items()]
            self._records.put(EVIDENCE, index, b"".join(entries))

    def at(self, index: int) -> dict[int, tuple[int, float]]:
        """Return area in pixels and confidence of every object known in a frame."""
        return {
            number: (series.area[index], round(series.confidence[index], 3))
            for number, series in self._series.items()
            if index < len(series.area) and series.area[index] >= 0
        }

    def traces(self) -> dict[int, Trace]:
        """Return what was noted, by object; frames left out in between count as lost."""
        known = {n: series for n, series in self._series.items() if max(series.area) >= 0}
        return {number: _trace(series) for number, series in sorted(known.items())}


def _trace(series: _Series) -> Trace:
    first = next(index for index, area in enumerate(series.area) if area >= 0)
    areas = tuple(max(0, area) for area in series.area[first:])
    confidences = tuple(round(max(0.0, value), 3) for value in series.confidence[first:])
    return Trace(first, areas, confidences, doubtful_spans(first, areas, confidences))


def doubtful_spans(
    first: int, areas: Iterable[int], confidences: Iterable[float]
) -> tuple[Doubt, ...]:
    """Return the spans in which an object is not to be seen, or its mask is likely wrong.

    Args:
        first: frame of the first value.
        areas: pixels, per frame.
        confidences: per frame.
    """
    spans: list[Doubt] = []
    pairs = zip(areas, confidences, strict=True)
    for index, (area, confidence) in enumerate(pairs, first):
        if area and confidence >= UNSURE_BELOW:
            continue
        reason: Reason = "unsure" if area else "gone"
        before = spans[-1] if spans else None
        if before is not None and before.reason == reason and index - before.last <= SHORTEST_GAP:
            spans[-1] = Doubt(before.first, index, reason)
        else:
            spans.append(Doubt(index, index, reason))
    return tuple(spans)


def doubts_in_words(traces: Mapping[int, Trace]) -> list[str]:
    """Return a sentence for every object with a mask that is likely wrong somewhere."""
    sentences = []
    for number, trace in traces.items():
        spans = [doubt for doubt in trace.doubtful if doubt.reason == "unsure"]
        told = ", ".join(f"{d.first}-{d.last}" for d in spans[:SPANS_TOLD])
        if spans:
            more = f" and {len(spans) - SPANS_TOLD} more" if len(spans) > SPANS_TOLD else ""
            sentences.append(
                f"the mask of object {number} is likely wrong in frames {told}{more}; look there, "
                "and mark the object in one of them too"
            )
    return sentences
