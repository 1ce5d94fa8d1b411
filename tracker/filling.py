"""The fill of a job: which windows an inpainter gets, at which size, and where from."""

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np

from tracker import crew, images
from tracker.buffering import Pair
from tracker.crop import Cropped
from tracker.engine_table import InpainterSpec
from tracker.fills import FillStore
from tracker.interfaces import Inpainter
from tracker.jobs import Job, Settings
from tracker.journal import Journal, in_spans
from tracker.kept import KeptRun
from tracker.keyframes import Keyframes
from tracker.part import Part
from tracker.pipeline import HolePlan, remove
from tracker.sizing import choose_sizing
from tracker.types import LabelMap
from tracker.video import SourceFrame, VideoInfo
from tracker.windows import (
    FAST,
    PUBLISHED,
    Schedule,
    causal_windows,
    offline_windows,
    reference_indices,
)

Labelled = tuple[SourceFrame, LabelMap]

EXAMPLES = 24  # frames, spread over a clip, that tell how large its holes are


class Filling:
    """Fills the part of a video that a job works on.

    Args:
        job: what is wanted.
        spec: of the inpainter.
        info: of the video.
    """

    def __init__(self, job: Job, spec: InpainterSpec, info: VideoInfo) -> None:
        self.num_filled = 0  # frames given to the inpainter
        self.remarks: list[str] = []  # what the user should know in the end, a sentence each
        self._rate = info.rate
        self.memory: FillStore | None = None  # of earlier fills
        self._journal: Journal | None = None
        self._job, self._spec = job, spec
        self._part = Part(job.first, job.last)
        self._schedule = _schedule(spec, job.settings)
        self._references = self._expected_references(info)
        self._seen: dict[int, SourceFrame] = {}  # references, until they are asked for
        self._keyframes = Keyframes(job.keyframes).counted_from(job.first)
        height, width = info.height, info.width
        dilation, settings = job.dilate, job.settings
        self._sizing = choose_sizing(
            height, width, self._spec, settings, streaming=job.mode == "streaming"
        )
        self.plan = HolePlan(
            crew.objects_to_remove(job),
            images.default_dilation(height, width) if dilation is None else dilation,
            self._sizing.working_size,
            settings.feather,
        )

    def _expected_references(self, info: VideoInfo) -> frozenset[int]:
        """Return the frames that windows will refer to, if the video is as long as it says."""
        is_bounded = self._schedule.max_references is not None  # else they are too many to keep
        if info.num_frames is None or self._job.mode == "streaming" or not is_bounded:
            return frozenset()
        length = self._part.length_in(info.num_frames)
        return frozenset(
            self._part.first + place for place in reference_indices(length, self._schedule)
        )

    def see(self, source: SourceFrame) -> None:
        """Keep a picture that is read before the filling begins, if it is a reference then."""
        if source.index in self._references and source.index not in self._seen:
            self._seen[source.index] = source.detached()

    @property
    def settings(self) -> Settings:
        """Return how the inpainter works: with the video's own rate to keep up with."""
        settings = self._job.settings
        return settings if settings.rate else replace(settings, rate=float(self._rate))

    @property
    def notices(self) -> list[str]:
        """Return what the user should know beforehand, a sentence each."""
        ahead = self._job.settings.lookahead
        if self._job.mode != "streaming" or not ahead:
            return []
        frames = "1 frame" if ahead == 1 else f"{ahead} frames"
        return [
            f"looking {frames} ahead: every frame comes {float(ahead / self._rate):.2f} s late "
            f"({frames} at {float(self._rate):.3g} per second)"
        ]

    def open(self, file: KeptRun | Journal | None) -> None:
        """Begin with the fills in the file of a run, and add to them."""
        if file is None:
            return
        if isinstance(file, Journal):
            self._journal = file
            self.memory = FillStore(file.records, self.plan, self._part.first, most_bytes=None)
            self.memory.again(range(file.state.num_filled, sys.maxsize))
        else:
            self.memory = FillStore(file.records, self.plan, self._part.first)

    def cropped(self, make: Callable[[], Inpainter]) -> Inpainter:
        """Return an inpainter for the frames as they are given: one, or one per box."""
        room = self._sizing.room
        return make() if room is None else Cropped(make, room)

    def as_they_come(
        self, labelled: Iterator[Labelled], inpainter: Inpainter, *, hurries: bool = False
    ) -> Generator[SourceFrame]:
        """Fill frames, those of the part alone, looking only back; `hurries` as in `remove`."""
        windows = causal_windows(
            history=self._spec.history,
            num_references=self._spec.num_references,
            lookahead=self._job.settings.lookahead,
            keyframes=self._keyframes,
        )
        results = remove(
            labelled,
            windows,
            inpainter,
            self.plan,
            None,
            self._keyframes,
            self.memory,
            hurries=hurries,
        )
        num_known = self._num_known
        with closing(self._noted(results)) as noted:
            for place, result in enumerate(noted):
                self.num_filled += place >= num_known
                yield result

    def _noted(self, results: Generator[SourceFrame]) -> Generator[SourceFrame]:
        """Note in the journal, if there is one, which spans are whole."""
        num_filled = 0
        with closing(results):
            for result in results:
                num_filled += 1
                if self._journal is not None and num_filled % self._journal.span == 0:
                    self._journal.note(num_filled=max(num_filled, self._num_known))
                yield result

    @property
    def _num_known(self) -> int:
        return 0 if self._journal is None else self._journal.state.num_filled

    def at_leisure(
        self,
        labelled: Iterator[Labelled],
        length: int,
        inpainter: Inpainter,
        labels_of: Callable[[int], LabelMap],
        read: Callable[[int], SourceFrame],
    ) -> Generator[SourceFrame]:
        """Fill `length` frames, those of the part; `read` returns any frame of the video.

        With fills of an earlier run only those whose hole has changed, and those near; with
        those of a run that was cut off only those after its last whole span.
        """
        self._fit(length, labels_of)
        memory, schedule = self.memory, self._schedule
        self.num_filled = length - self._num_known
        if memory is not None and self._journal is None:
            again = self._to_fill(length, schedule, labels_of, memory)
            memory.again(again)
            self.num_filled = len(again)

        def fetch(place: int) -> Pair:
            if place in self._keyframes:
                return self.plan.show(self._keyframes[place])
            index = self._part.first + place
            labels = labels_of(index)
            source = self._seen.pop(index, None) or read(index)
            frame, hole = self.plan.shrink(source.rgb, self.plan.hole(labels))
            known = None
            if memory is not None:
                known = memory.recall(place, memory.fingerprint(labels), frame)
            return (frame, hole) if known is None else (known, np.zeros_like(hole))

        windows = offline_windows(length, schedule, self._keyframes)
        if self._journal is not None:
            windows = in_spans(windows, schedule.stride, length)
        return self._noted(
            remove(
                labelled,
                windows,
                inpainter,
                self.plan,
                fetch,
                self._keyframes,
                memory,
                hurries=True,
            )
        )

    def _fit(self, length: int, labels_of: Callable[[int], LabelMap]) -> None:
        """Choose a smaller working size if holes are so large that they would take too long."""
        if self._sizing.least_pixels is None:
            return
        places = {round(place) for place in np.linspace(0, length - 1, min(EXAMPLES, length))}
        share = max(
            (self.plan.hole(labels_of(self._part.first + place)).mean() for place in places),
            default=0.0,
        )
        fitted = self._sizing.for_holes(float(share))
        if fitted == self._sizing:
            return
        self._sizing = fitted
        self.plan = replace(self.plan, working_size=fitted.working_size)
        if self.memory is not None:
            self.memory.plan = self.plan  # in place: others hold it already
        height, width = fitted.working_size
        self.remarks.append(
            f"what is removed covers up to {share:.0%} of a frame, so it was filled at "
            f"{width}x{height} and enlarged; working size Full keeps all detail, but takes longer "
            "and more memory"
        )

    def _to_fill(
        self,
        length: int,
        schedule: Schedule,
        labels_of: Callable[[int], LabelMap],
        memory: FillStore,
    ) -> set[int]:
        """Return the places to fill: those with another hole, and those filled with them.

        A frame is filled from those next to it above all.  What distant references show is
        not looked at again: what they lent was right when it was taken.
        """
        changed = {
            place
            for place in range(length)
            if place not in self._keyframes
            and not memory.has(place, memory.fingerprint(labels_of(self._part.first + place)))
        }
        if not changed:
            return changed
        windows = offline_windows(length, schedule, self._keyframes)
        near = (w.update for w in windows if not changed.isdisjoint(w.local))
        return {place for update in near for place in update}


def _schedule(spec: InpainterSpec, settings: Settings) -> Schedule:
    schedule = spec.schedule
    if settings.schedule is not None:
        schedule = FAST if settings.schedule == "fast" else PUBLISHED
    return replace(schedule, max_references=settings.max_references)
