"""A second pair of hands: a thread that does half of what can be done in any order.

OpenCV and NumPy release the interpreter while they work, so two threads fill two cores.  What
is handed over must not depend on what the other hand is doing: then no result does.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class Hands:
    """The caller's own thread and another, which begins when it is first needed."""

    def __init__(self, *, are_two: bool = True) -> None:
        """Without the other thread all is done by the caller, in turn."""
        self._are_two = are_two

    @cached_property
    def _other(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="hand")  # ends when nobody holds it

    def begin(self, work: Callable[[], ResultT]) -> "Future[ResultT]":
        """Begin `work` in the other thread."""
        return self._other.submit(work)

    def each(self, work: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> list[ResultT]:
        """Return what `work` makes of each item; every second is done in the other thread."""
        wanted = list(items)
        if len(wanted) < 2 or not self._are_two:
            return [work(item) for item in wanted]
        later = self.begin(lambda: [work(item) for item in wanted[1::2]])
        try:
            first = [work(item) for item in wanted[::2]]
        finally:
            second = later.result()
        results = [first[0]] * len(wanted)
        results[::2], results[1::2] = first, second
        return results
