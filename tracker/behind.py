"""Work in a thread of its own, a few items behind who makes them."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

ItemT = TypeVar("ItemT")


def behind(
    items: Iterator[ItemT], work: Callable[[ItemT], None], depth: int = 4
) -> Generator[ItemT]:
    """Yield each of `items` once `work` is done with it, while up to `depth` more are made.

    `work` does one item after another, in order, in a thread of its own.  What it raises is
    raised here, and it is given no more; nor is it when this generator is closed.
    """
    has_failed = threading.Event()

    def attempt(item: ItemT) -> None:
        if has_failed.is_set():
            return
        try:
            work(item)
        except BaseException:
            has_failed.set()
            raise

    pool = ThreadPoolExecutor(1, thread_name_prefix="behind")
    begun: deque[tuple[ItemT, Future[None]]] = deque()

    def done(at_most: int) -> Generator[ItemT]:
        while begun and (len(begun) > at_most or begun[0][1].done()):
            item, working = begun.popleft()
            working.result()
            yield item

    try:
        for item in items:
            begun.append((item, pool.submit(attempt, item)))
            yield from done(depth)
        yield from done(0)
    finally:
        pool.shutdown(cancel_futures=True)
