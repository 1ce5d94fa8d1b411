"""The far end of a lane: what runs in the worker process.

It reads requests from its pipe, runs one named function on each, and sends back what that
yields and returns.  When the pipe closes, however its parent died, the process ends.
"""

import gc
import importlib
import logging
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Generator
from multiprocessing.connection import Connection
from typing import Any

from tracker.types import UserError

BUG, OUT_OF_MEMORY = 70, 71  # exit codes
GRACE_SECONDS = 1.5  # between asking for the end and killing: with dying, within 2 s

logger = logging.getLogger(__name__)


class _Inbox(threading.Thread):
    """The worker's reading end: requests in order, and which one was cancelled."""

    def __init__(self, connection: "Connection[Any, Any]") -> None:
        super().__init__(name="inbox", daemon=True)
        self.connection = connection
        self.requests: queue.SimpleQueue[tuple[int, object] | None] = queue.SimpleQueue()
        self.cancelled = -1  # number of the request that was cancelled last
        self.closed = False

    def run(self) -> None:
        """Read until the other end closes; then leave the process, whatever it is doing."""
        while True:
            try:
                kind, number, argument = self.connection.recv()
            except (EOFError, OSError):
                break
            if kind == "run":
                self.requests.put((number, argument))
            else:
                self.cancelled = number
        self.closed = True
        self.requests.put(None)
        time.sleep(GRACE_SECONDS)
        os._exit(0)


def resolve(target: str) -> Callable[[Any], Any]:
    """Return the function "package.module:name" names, or an object of the class it names."""
    module, _, name = target.partition(":")
    found = getattr(importlib.import_module(module), name)
    function: Callable[[Any], Any] = found() if isinstance(found, type) else found
    return function


def serve(
    target: str, connection: "Connection[Any, Any]", log_level: int, niceness: int = 0
) -> None:
    """Answer requests until the pipe closes: the worker's main function."""
    if niceness and hasattr(os, "nice"):  # before anything starts threads, which inherit it
        os.nice(niceness)
    logging.basicConfig(level=log_level, format="%(levelname)s %(processName)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who closes the pipe
    inbox = _Inbox(connection)
    inbox.start()
    try:
        function = resolve(target)
        while (request := inbox.requests.get()) is not None:
            number, argument = request
            try:
                _perform(function, argument, number, inbox)
            except UserError as error:
                connection.send(("refused", str(error)))
    except (BrokenPipeError, ConnectionResetError):
        return  # the parent is gone: nobody to tell
    except BaseException as error:
        # A process whose state is unknown is not used again: say why once, and end.
        logger.exception("%s failed", target)
        ran_out = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
        raise SystemExit(OUT_OF_MEMORY if ran_out else BUG) from None


def _perform(function: Callable[[Any], Any], argument: object, number: int, inbox: _Inbox) -> None:
    outcome = function(argument)
    if not isinstance(outcome, Generator):
        inbox.connection.send(("result", outcome))
        return
    try:
        for item in outcome:
            inbox.connection.send(("item", item))
            if inbox.closed or inbox.cancelled == number:
                outcome.close()
                inbox.connection.send(("cancelled", None))
                return
    finally:
        outcome.close()
        del outcome
        # What a job leaves in cycles holds pictures and the threads of decoders: dozens of
        # them and a hundred megabytes after a few jobs, until Python would look by itself.
        gc.collect()
    inbox.connection.send(("result", None))
