"""A propagator that outlives the process it works in.

All it knows comes from the frames and labels it was shown.  When its process dies, a new one
is shown them again, read from the video once more, and so knows the same.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

from tracker.ahead import ahead
from tracker.apart import MOST_READY
from tracker.elsewhere import ProcessDiedError
from tracker.interfaces import MaskPropagator, Preparing, lookahead_of
from tracker.types import Frame, LabelMap, Tracked
from tracker.video import SourceFrame, VideoReader

PREPARED = 2  # frames looked at before they are labelled, beyond those it looks ahead at

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Shown:
    """A frame that a propagator was shown."""

    index: int
    labels: LabelMap | None  # given
    is_prepared: bool


class ReplayingPropagator:
    """Stands in for a propagator, and has it made again if its process dies.

    Args:
        make: makes one that knows nothing yet.
        reader: the video.
    """

    def __init__(self, make: Callable[[], MaskPropagator], reader: VideoReader) -> None:
        self._make, self._reader = make, reader
        self._propagator: MaskPropagator | None = make()
        self._index = 0
        self._shown: list[_Shown] = []
        self._preparing = threading.Lock()  # held where frames are prepared, or all of them again
        self._num_shown_at_death = -1
        self._lookahead = lookahead_of(self._propagator)
        # Prepared, and not stepped to yet.
        self._coming: deque[Frame] = deque(maxlen=self._lookahead + MOST_READY)
        self.prepares = isinstance(self._propagator, Preparing)

    def turn_to(self, index: int) -> None:
        """Say which frame of the video the next steps are at."""
        self._index = index

    def prepare(self, frame: Frame) -> None:
        """Look at a frame that will be stepped to; may be done in another thread."""
        with self._preparing:
            self._coming.append(frame)
            propagator = self._propagator
            if isinstance(propagator, Preparing):
                with suppress(ProcessDiedError):  # which the next step finds out
                    propagator.prepare(frame)

    def prepared(self, sources: Iterator[SourceFrame]) -> Generator[SourceFrame]:
        """Yield `sources`; what can be done beforehand is, in a thread of its own."""
        if not self.prepares:
            yield from sources
            return

        def prepare() -> Generator[SourceFrame]:
            waiting: deque[SourceFrame] = deque()
            for source in sources:
                self.prepare(source.rgb)
                waiting.append(source)
                if len(waiting) > self._lookahead:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()

        with closing(ahead(prepare(), PREPARED)) as prepared:
            yield from prepared

    def step(self, frame: Frame, labels: LabelMap | None = None) -> Tracked:
        """Label the frame turned to, or memorise the labels given for it.

        Raises:
            ProcessDiedError: the process died, and so did the next in the same place.
        """
        while True:
            try:
                if self._propagator is None:
                    with self._preparing:
                        self._propagator = self._made_again()
                tracked = self._propagator.step(frame, labels)
            except ProcessDiedError:
                if self._num_shown_at_death == len(self._shown):
                    raise
                self._num_shown_at_death, self._propagator = len(self._shown), None
                logger.warning("what follows objects died at frame %d; made again", self._index)
            else:
                self._shown.append(_Shown(self._index, labels, is_prepared=self._take(frame)))
                return tracked

    def _take(self, frame: Frame) -> bool:
        """Return whether a frame was prepared; forget it, and those before."""
        coming = list(self._coming)  # more may come meanwhile
        place = next((k for k, other in enumerate(coming) if other is frame), None)
        if place is None:
            return False
        for _ in range(place + 1):
            self._coming.popleft()
        return True

    def _made_again(self) -> MaskPropagator:
        """Return another propagator that has been shown the same, as far ahead each time."""
        propagator = self._make()
        waiting: deque[tuple[Frame, list[LabelMap | None]]] = deque()  # frames, labels given

        def prepare(frame: Frame) -> None:
            if isinstance(propagator, Preparing):
                propagator.prepare(frame)

        def step(num_left: int) -> None:
            while len(waiting) > num_left:
                frame, given = waiting.popleft()
                for labels in given:
                    propagator.step(frame, labels)

        for frame, shown in self._shown_again():
            if waiting and waiting[-1][0] is frame:  # stepped to once more
                waiting[-1][1].append(shown.labels)
                continue
            if shown.is_prepared:
                prepare(frame)
            else:
                step(0)
            waiting.append((frame, [shown.labels]))
            step(self._lookahead if shown.is_prepared else 0)
        for count, frame in enumerate(self._coming, start=1):
            prepare(frame)
            step(max(0, self._lookahead - count))
        step(0)
        return propagator

    def _shown_again(self) -> Iterator[tuple[Frame, _Shown]]:
        """Read what was shown again, neighbours in one go."""
        sources: Iterator[SourceFrame] = iter(())
        place, direction = -2, 1  # no neighbour of any frame
        frame: Frame | None = None
        for shown in self._shown:
            index = shown.index
            if frame is None or index != place:
                if index != place + direction:
                    direction = -1 if index == place - 1 else 1
                    onwards = direction > 0
                    sources = (
                        self._reader.frames(index) if onwards else self._reader.backwards(index + 1)
                    )
                frame, place = next(sources).rgb, index
            yield frame, shown
