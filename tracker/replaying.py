"""A propagator that outlives the process it works in.

All it knows comes from the frames and labels it was shown.  When its process dies, a new one
is shown them again, read from the video once more, and so knows the same.
"""

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress

from tracker.ahead import ahead
from tracker.elsewhere import ProcessDiedError
from tracker.interfaces import MaskPropagator, Preparing
from tracker.types import Frame, LabelMap, Tracked
from tracker.video import SourceFrame, VideoReader

PREPARED = 2  # frames looked at before they are labelled

logger = logging.getLogger(__name__)


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
        self._shown: list[tuple[int, LabelMap | None]] = []  # frame, labels given
        self._num_shown_at_death = -1
        self.prepares = isinstance(self._propagator, Preparing)

    def turn_to(self, index: int) -> None:
        """Say which frame of the video the next steps are at."""
        self._index = index

    def prepare(self, frame: Frame) -> None:
        """Look at a frame that will be stepped to; may be done in another thread."""
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
            for source in sources:
                self.prepare(source.rgb)
                yield source

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
                    self._propagator = self._made_again()
                tracked = self._propagator.step(frame, labels)
            except ProcessDiedError:
                if self._num_shown_at_death == len(self._shown):
                    raise
                self._num_shown_at_death, self._propagator = len(self._shown), None
                logger.warning("what follows objects died at frame %d; made again", self._index)
            else:
                self._shown.append((self._index, labels))
                return tracked

    def _made_again(self) -> MaskPropagator:
        propagator = self._make()
        for frame, labels in self._shown_again():
            propagator.step(frame, labels)
        return propagator

    def _shown_again(self) -> Iterator[tuple[Frame, LabelMap | None]]:
        """Read what was shown again, neighbours in one go."""
        sources: Iterator[SourceFrame] = iter(())
        source, place, direction = None, -2, 1  # no neighbour of any frame
        for index, labels in self._shown:
            if source is None or index != place:
                if index != place + direction:
                    direction = -1 if index == place - 1 else 1
                    onwards = direction > 0
                    sources = (
                        self._reader.frames(index) if onwards else self._reader.backwards(index + 1)
                    )
                source, place = next(sources), index
            yield source.rgb, labels
