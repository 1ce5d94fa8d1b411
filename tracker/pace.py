"""How fast finished pictures come, and how long after they were read."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from tracker.video import SourceFrame

FPS_SECONDS = 2.0  # the rate told is that of the last two seconds


class Pace:
    """Notes when pictures are read, and when they are finished; one thread for each.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._read_at: dict[int, float] = {}
        self._finished_at: deque[float] = deque()
        self.delay_seconds = 0.0  # of the picture finished last

    def read(self, pictures: Iterable[SourceFrame]) -> Iterator[SourceFrame]:
        """Yield `pictures`; note when each was there."""
        for picture in pictures:
            self._read_at[picture.index] = self._clock()
            yield picture

    def finish(self, index: int) -> None:
        """Note that a picture is finished."""
        now = self._clock()
        self.delay_seconds = now - self._read_at.pop(index, now)
        self._finished_at.append(now)
        while now - self._finished_at[0] > FPS_SECONDS:
            self._finished_at.popleft()

    @property
    def fps(self) -> float:
        """Return how many pictures a second were finished lately; 0 if that cannot be told."""
        span = self._finished_at[-1] - self._finished_at[0] if self._finished_at else 0.0
        return (len(self._finished_at) - 1) / span if span > 0 else 0.0
