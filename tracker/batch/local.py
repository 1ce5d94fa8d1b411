"""Clips side by side on this machine, as many as processors and memory allow."""

import os
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from tracker.batch.ledger import Ledger, Result
from tracker.batch.manifest import Item
from tracker.batch.work import do_item, memory_needed_mb

_SHARE_OF_MEMORY = 0.7  # of what this machine has, if no budget is given
_UNKNOWN_MEMORY_MB = 4096.0


def default_jobs() -> int:
    """Return how many clips run at once: each keeps about two processors busy."""
    return max(1, (os.cpu_count() or 2) // 2)


def default_budget_mb() -> float:
    """Return the memory all clips together may take."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN_MEMORY_MB
    return _SHARE_OF_MEMORY * total


def run_here(
    items: Sequence[Item], ledger: Ledger, jobs: int, budget_mb: float
) -> Generator[Result]:
    """Do all items; yield what became of each as it ends.

    The next one starts when there is a place and its memory fits beside that of those that
    run; one alone always may.  Closing this generator stops those that run.
    """
    stop = threading.Event()
    waiting = list(items)
    running: dict[Future[Result], float] = {}
    scale = 1.0  # how far the guesses of memory were exceeded
    with ThreadPoolExecutor(jobs) as pool:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    needed = memory_needed_mb(waiting[0])
                    if running and scale * (sum(running.values()) + needed) > budget_mb:
                        break
                    job = pool.submit(do_item, waiting.pop(0), ledger, stop.is_set)
                    running[job] = needed
                for job in wait(running, return_when=FIRST_COMPLETED).done:
                    guess, result = running.pop(job), job.result()
                    if guess:
                        scale = max(scale, result.peak_rss_mb / guess)
                    yield result
        finally:
            stop.set()
