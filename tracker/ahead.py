"""Work in a thread of its own, a few items ahead of who needs them."""

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TypeVar

ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class _End:
    """The last thing an `ahead` thread hands over: why there is no more."""

    error: BaseException | None = None


def ahead(items: Iterator[ItemT], depth: int = 4) -> Generator[ItemT]:
    """Yield `items`, made up to `depth` ahead in a thread of their own.

    OpenCV, FFmpeg and torch release the interpreter while they work, so two stages run at
    once.  Closing this generator stops the thread at its next item and closes `items`.
    """
    ready: queue.Queue[ItemT | _End] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: ItemT | _End) -> None:
        while not stop.is_set():
            try:
                return ready.put(item, timeout=0.05)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put(item)
                if stop.is_set():
                    break
            end = _End()
        except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
            end = _End(error)
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
        put(end)

    thread = threading.Thread(target=work, daemon=True, name="ahead")
    thread.start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        thread.join()
