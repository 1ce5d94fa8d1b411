"""A propagator in a process of its own, so that it does not hold up the other stages."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import count
from typing import Any, cast

from tracker.costs import Stopwatch
from tracker.elsewhere import Elsewhere
from tracker.interfaces import MaskPropagator, Preparing, lookahead_of
from tracker.there import resolve
from tracker.types import Frame, LabelMap, Tracked

MOST_READY = 8  # frames prepared and not asked for, beyond those looked ahead at


class PropagatorApart:
    """Stands in for a propagator in another process.  Implements `LookingAhead`.

    Frames go there as soon as they are prepared; it works on them in the order they come.

    Args:
        maker: "package.module:function", which makes the propagator there.
        arguments: for it.
        lookahead: that of the propagator.
    """

    def __init__(self, maker: str, *arguments: object, lookahead: int = 0) -> None:
        self.lookahead = lookahead
        self._there = Elsewhere("tracker.apart:Receiver", maker, arguments)
        self._ready: dict[int, Frame] = {}  # by number, as they lie there
        self._numbers = count()
        self._last: Frame | None = None
        self._order = threading.Lock()  # frames are numbered in the order they are sent
        self.busy_seconds = 0.0  # that it has worked

    def prepare(self, frame: Frame) -> None:
        """Send a frame that `step` will be given; may be done in another thread."""
        with self._order:
            number = next(self._numbers)
            self._ready[number] = frame
            if len(self._ready) > self.lookahead + MOST_READY:
                oldest = next(iter(self._ready))
                del self._ready[oldest]
                self._there.begin("forget", oldest)
            self._there.begin("prepare", number, frame)

    def step(self, frame: Frame, labels: LabelMap | None = None) -> Tracked:
        """Label the next frame, or memorise the labels given for it."""
        number = self._take(frame)
        if number is not None:
            answer = self._there.call("step_ready", number, labels)
        elif frame is self._last and not frame.flags.writeable:
            answer = self._there.call("step_again", labels)
        else:
            answer = self._there.call("step", frame, labels)
        self._last = frame
        tracked: Tracked
        tracked, self.busy_seconds = answer
        return tracked

    def _take(self, frame: Frame) -> int | None:
        """Return the number of a frame that is prepared, and forget it and those before."""
        with self._order:
            number = next((k for k, ready in self._ready.items() if ready is frame), None)
            if number is not None:
                self._ready = {k: ready for k, ready in self._ready.items() if k > number}
        return number


class Receiver:
    """The far end: keeps the frames that are prepared, and steps as it is told.

    It looks at the next frames, in a thread of their own, while it steps.
    """

    def __init__(self, maker: str, arguments: tuple[Any, ...]) -> None:
        self._propagator = cast("MaskPropagator", resolve(maker)(*arguments))
        self._ready: dict[int, tuple[Frame, Future[None]]] = {}
        self._last: Frame | None = None
        self._watch = Stopwatch()
        self._looking = ThreadPoolExecutor(1, thread_name_prefix="look")

    def prepare(self, number: int, frame: Frame) -> None:
        """Look at a frame that will be stepped to; what goes wrong is said by that step."""
        self._ready[number] = frame, self._looking.submit(self._look, frame)

    def _look(self, frame: Frame) -> None:
        if isinstance(self._propagator, Preparing):
            with self._watch.measure("busy"):
                self._propagator.prepare(frame)

    def forget(self, number: int) -> None:
        """Let go of a frame that was prepared and will not be stepped to."""
        del self._ready[number]

    def step_ready(self, number: int, labels: LabelMap | None) -> tuple[Tracked, float]:
        """Step to a frame that was prepared; those before it are not asked for."""
        frame, looked = self._ready[number]
        self._ready = {k: ready for k, ready in self._ready.items() if k > number}
        looked.result()
        last = number + lookahead_of(self._propagator)
        wait([looked for k, (_, looked) in self._ready.items() if k <= last])
        return self._step(frame, labels)

    def step_again(self, labels: LabelMap | None) -> tuple[Tracked, float]:
        """Step to the last frame once more."""
        if self._last is None:
            raise ValueError("there was no frame before")
        return self._step(self._last, labels)

    def step(self, frame: Frame, labels: LabelMap | None) -> tuple[Tracked, float]:
        """Step to a frame that is sent now; return its labels and the seconds worked so far."""
        wait([looked for _, looked in self._ready.values()])  # it is looked at after those
        return self._step(frame, labels)

    def _step(self, frame: Frame, labels: LabelMap | None) -> tuple[Tracked, float]:
        self._last = frame
        with self._watch.measure("busy"):
            tracked = self._propagator.step(frame, labels)
        return tracked, self._watch.busy["busy"]
