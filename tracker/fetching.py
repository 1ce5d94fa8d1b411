"""Downloads for the page: in a process of their own, with news, and stopped when asked.

What has arrived is tested at once; a stopped download goes on from there the next time.
"""

import queue
import threading
from collections.abc import Generator
from dataclasses import dataclass

from tracker import checkpoints, engines, selftest
from tracker.downloads import download
from tracker.types import UserError

NEWS_SECONDS = 0.1


@dataclass(frozen=True)
class News:
    """How far a download is."""

    name: str
    done: int  # bytes
    total: int | None  # bytes; None if unknown
    is_tested: bool = False  # it has arrived, and its self-test runs


class _StoppedError(Exception):
    """Whoever asked does not want the rest now."""


def fetch(name: str) -> Generator[News, None, None]:
    """Get the weights `name` and test them; yield how far it is.

    The verdict lies in the report (`tracker/verdicts.py`) when this ends.

    Raises:
        UserError: they could not be had, or failed their test.
    """
    news: queue.SimpleQueue[News | BaseException | None] = queue.SimpleQueue()
    stop = threading.Event()

    def report(name: str, done: int, total: int | None) -> None:
        if stop.is_set():
            raise _StoppedError
        news.put(News(name, done, total))

    def work() -> None:
        try:
            download([name], report)
            news.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
            news.put(error)

    thread = threading.Thread(target=work, name=f"download {name}", daemon=True)
    thread.start()
    try:
        yield from _told(name, news)
    finally:
        stop.set()
    size = checkpoints.record(name).bytes
    yield News(name, size or 0, size, is_tested=True)
    if engines.has_torch():
        verdict = selftest.judge(name)
        if not verdict.passed:
            raise UserError(
                f"{name} arrived but failed its self-test, so it is not used by itself: "
                f"{verdict.reason}"
            )


def _told(
    name: str, news: "queue.SimpleQueue[News | BaseException | None]"
) -> Generator[News, None, None]:
    """Yield the newest news until the download ends; also while there is none, to be stoppable."""
    last = News(name, 0, None)
    while True:
        try:
            item = news.get(timeout=NEWS_SECONDS)
            while isinstance(item, News) and not news.empty():
                last, item = item, news.get()
        except queue.Empty:
            item = last
        if item is None:
            return
        if isinstance(item, BaseException):
            raise item
        last = item
        yield item
