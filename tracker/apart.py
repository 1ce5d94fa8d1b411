"""A propagator in a process of its own, so that it does not hold up the other stages."""

import threading
from collections import deque
from typing import Any, cast

from tracker.costs import Stopwatch
from tracker.elsewhere import Elsewhere
from tracker.interfaces import MaskPropagator, Preparing
from tracker.there import resolve
from tracker.types import Frame, LabelMap, Tracked

_MOST_READY = 8  # frames prepared and not asked for


class PropagatorApart:
    """Stands in for a propagator in another process.  Implements `Preparing`.

    Frames go there as soon as they are prepared; it works on them in the order they come.

    Args:
        maker: "package.module:function", which makes the propagator there.
        arguments: for it.
    """

    def __init__(self, maker: str, *arguments: object) -> None:
        self._there = Elsewhere("tracker.apart:Receiver", maker, arguments)
        self._ready: deque[Frame] = deque(maxlen=_MOST_READY)  # as they lie there
        self._last: Frame | None = None
        self._order = threading.Lock()
        self.busy_seconds = 0.0  # that it has worked

    def prepare(self, frame: Frame) -> None:
        """Send a frame that `step` will be given; may be done in another thread."""
        with self._order:
            self._ready.append(frame)
            self._there.begin("prepare", frame)

    def step(self, frame: Frame, labels: LabelMap | None = None) -> Tracked:
        """Label the next frame, or memorise the labels given for it."""
        place = next((k for k, ready in enumerate(self._ready) if ready is frame), None)
        if place is not None:
            for _ in range(place + 1):
                self._ready.popleft()
            answer = self._there.call("step_ready", place, labels)
        elif frame is self._last and not frame.flags.writeable:
            answer = self._there.call("step_again", labels)
        else:
            answer = self._there.call("step", frame, labels)
        self._last = frame
        tracked: Tracked
        tracked, self.busy_seconds = answer
        return tracked


class Receiver:
    """The far end: keeps the frames that are prepared, and steps as it is told."""

    def __init__(self, maker: str, arguments: tuple[Any, ...]) -> None:
        self._propagator = cast("MaskPropagator", resolve(maker)(*arguments))
        self._ready: deque[Frame] = deque(maxlen=_MOST_READY)
        self._last: Frame | None = None
        self._watch = Stopwatch()

    def prepare(self, frame: Frame) -> None:
        """Look at a frame that will be stepped to."""
        self._ready.append(frame)
        if isinstance(self._propagator, Preparing):
            with self._watch.measure("busy"):
                self._propagator.prepare(frame)

    def step_ready(self, place: int, labels: LabelMap | None) -> tuple[Tracked, float]:
        """Step to a frame that was prepared; those before it are not asked for."""
        for _ in range(place):
            self._ready.popleft()
        return self.step(self._ready.popleft(), labels)

    def step_again(self, labels: LabelMap | None) -> tuple[Tracked, float]:
        """Step to the last frame once more."""
        if self._last is None:
            raise ValueError("there was no frame before")
        return self.step(self._last, labels)

    def step(self, frame: Frame, labels: LabelMap | None) -> tuple[Tracked, float]:
        """Step to a frame that is sent now; return its labels and the seconds worked so far."""
        self._last = frame
        with self._watch.measure("busy"):
            tracked = self._propagator.step(frame, labels)
        return tracked, self._watch.busy["busy"]
