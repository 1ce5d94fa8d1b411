"""What a run costs: seconds by stage, time left, peak memory."""

import re
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from tracker.interfaces import (
    Inpainter,
    LookingForward,
    MaskPropagator,
    Preparing,
    lookahead_of,
    remarks_of,
)
from tracker.types import Clip, Frame, LabelMap, Mask, Tracked

ItemT = TypeVar("ItemT")
_ASSUMED_FREE = 4 << 30  # bytes, where the system does not tell


class Stopwatch:
    """Busy seconds by name, in all threads together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = time.perf_counter()
        self._busy: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time spent inside to `name`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - started)

    def add(self, name: str, seconds: float) -> None:
        """Count seconds spent on `name`."""
        with self._lock:
            self._busy[name] += seconds

    def each(self, name: str, items: Iterable[ItemT]) -> Iterator[ItemT]:
        """Yield `items`; add the time spent making them to `name`."""
        iterator = iter(items)
        while True:
            with self.measure(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    @property
    def elapsed(self) -> float:
        """Return the seconds since the stopwatch was made."""
        return time.perf_counter() - self._started

    @property
    def busy(self) -> dict[str, float]:
        """Return seconds by name, in the order of first use."""
        return {name: round(seconds, 4) for name, seconds in self._busy.items()}


class TimedPropagator:
    """A propagator whose seconds are counted."""

    def __init__(self, propagator: MaskPropagator, watch: Stopwatch) -> None:
        self._propagator, self._watch = propagator, watch

    def step(self, frame: Frame, labels: LabelMap | None = None) -> Tracked:
        """Label the next frame; see `MaskPropagator`."""
        with self._watch.measure("propagate"):
            return self._propagator.step(frame, labels)


class TimedPreparing(TimedPropagator):
    """The same for one that does some of its work beforehand.  Implements `LookingAhead`."""

    def __init__(self, propagator: Preparing, watch: Stopwatch) -> None:
        super().__init__(propagator, watch)
        self._preparing = propagator
        self.lookahead = lookahead_of(propagator)

    def prepare(self, frame: Frame) -> None:
        """Look at a frame that will come; see `Preparing`."""
        with self._watch.measure("propagate"):
            self._preparing.prepare(frame)


@runtime_checkable
class TellingTime(Preparing, Protocol):
    """A propagator that works elsewhere, and tells for how long."""

    busy_seconds: float


class TimedElsewhere:
    """The same for one that works elsewhere: who waits for it is not busy.

    Implements `LookingAhead`.
    """

    def __init__(self, propagator: TellingTime, watch: Stopwatch) -> None:
        self._propagator, self._watch = propagator, watch
        self.lookahead = lookahead_of(propagator)

    def prepare(self, frame: Frame) -> None:
        """Have a frame that will come looked at; see `Preparing`."""
        self._propagator.prepare(frame)

    def step(self, frame: Frame, labels: LabelMap | None = None) -> Tracked:
        """Label the next frame; see `MaskPropagator`."""
        before = self._propagator.busy_seconds
        tracked = self._propagator.step(frame, labels)
        self._watch.add("propagate", self._propagator.busy_seconds - before)
        return tracked


def timed(propagator: MaskPropagator, watch: Stopwatch) -> MaskPropagator:
    """Return the propagator with its seconds counted by `watch`."""
    if isinstance(propagator, TellingTime):
        return TimedElsewhere(propagator, watch)
    if isinstance(propagator, Preparing):
        return TimedPreparing(propagator, watch)
    return TimedPropagator(propagator, watch)


class TimedInpainter:
    """An inpainter whose seconds are counted."""

    def __init__(self, inpainter: Inpainter, watch: Stopwatch) -> None:
        self._inpainter, self._watch = inpainter, watch

    def fill(self, clip: Clip) -> list[Frame]:
        """Fill the holes of a clip; see `Inpainter`."""
        with self._watch.measure("inpaint"):
            return self._inpainter.fill(clip)

    @property
    def remarks(self) -> Sequence[str]:
        """Return what the inpainter has to tell the user."""
        return remarks_of(self._inpainter)


class TimedLookingForward(TimedInpainter):
    """The same for one that does some of its work beforehand."""

    def __init__(self, inpainter: LookingForward, watch: Stopwatch) -> None:
        super().__init__(inpainter, watch)
        self._looking = inpainter

    def prepare(self, index: int, frame: Frame, hole: Mask) -> None:
        """Look at a frame that will come; see `LookingForward`."""
        with self._watch.measure("inpaint"):
            self._looking.prepare(index, frame, hole)


def timed_inpainter(inpainter: Inpainter, watch: Stopwatch) -> TimedInpainter:
    """Return the inpainter with its seconds counted by `watch`."""
    if isinstance(inpainter, LookingForward):
        return TimedLookingForward(inpainter, watch)
    return TimedInpainter(inpainter, watch)


class Countdown:
    """Guesses the time a job still needs, from how fast each pass has gone so far.

    A pass that has not begun is taken to go as fast as those before it.
    """

    def __init__(self, passes: dict[str, int | None]) -> None:
        """Take the number of frames of each pass, in order; None if unknown."""
        self._totals = dict(passes)
        self._done = dict.fromkeys(passes, 0)
        self._seconds = dict.fromkeys(passes, 0.0)
        self._last = time.perf_counter()

    def total(self, name: str) -> int | None:
        """Return the number of frames of a pass."""
        return self._totals[name]

    def set_total(self, name: str, total: int) -> None:
        """Say how many frames a pass has, once it is known."""
        self._totals[name] = total

    def advance(self, name: str) -> int:
        """Count one more frame of a pass; return how many are done."""
        now = time.perf_counter()
        self._seconds[name] += now - self._last
        self._last = now
        self._done[name] += 1
        return self._done[name]

    @property
    def seconds_left(self) -> float | None:
        """Return the guess, or None while there is nothing to judge by."""
        left, pace = 0.0, None
        for name, total in self._totals.items():
            done = self._done[name]
            pace = self._seconds[name] / done if done else pace
            if total is None or pace is None:
                return None
            left += pace * max(0, total - done)
        return left


def peak_rss_mb() -> float:
    """Return the largest resident memory this process has had, in megabytes."""
    if sys.platform == "win32":
        return _peak_working_set_mb()
    status = Path("/proc/self/status")
    if status.exists():  # Linux: getrusage would count what the parent had before the fork
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found is not None:
            return int(found[1]) / 2**10
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, KB here


def available_memory_bytes() -> int:
    """Return how much memory can still be had, in bytes: of the machine and of the container."""
    found = [_ASSUMED_FREE]
    machine = Path("/proc/meminfo")
    if machine.exists():
        line = re.search(r"MemAvailable:\s+(\d+) kB", machine.read_text(encoding="ascii"))
        found = [int(line[1]) * 1024] if line is not None else found
    limit, used = (Path(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    if limit.exists() and used.exists() and (text := limit.read_text().strip()).isdigit():
        found.append(max(0, int(text) - int(used.read_text())))
    return min(found)


def _peak_working_set_mb() -> float:
    import ctypes
    from ctypes import wintypes

    class Counters(ctypes.Structure):  # PROCESS_MEMORY_COUNTERS of psapi.h
        _fields_ = [
            ("cb", wintypes.DWORD),
            ("page_fault_count", wintypes.DWORD),
            ("peak_working_set_size", ctypes.c_size_t),
            ("others", ctypes.c_size_t * 7),
        ]

    counters = Counters(cb=ctypes.sizeof(Counters))
    windll = ctypes.windll  # type: ignore[attr-defined]
    windll.kernel32.GetCurrentProcess.restype = wintypes.HANDLE
    process = wintypes.HANDLE(windll.kernel32.GetCurrentProcess())
    windll.psapi.GetProcessMemoryInfo(process, ctypes.byref(counters), counters.cb)
    return float(counters.peak_working_set_size) / 2**20
