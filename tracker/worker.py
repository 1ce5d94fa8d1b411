"""Lanes: long-lived processes that do one thing at a time, each for everybody.

A lane runs one named function in a process of its own, so that what it loads stays
loaded, and so that a crash is one failed request and never a dead page.  Requests queue
up; `Ticket.place` says how many are before one.  If the function is a generator, what it
yields comes back while it runs, and closing it is how it is asked to stop.

The process is started with "spawn" and holds only its end of a pipe: when the other end
closes, however its parent died, it stops too.
"""

import logging
import signal
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from tracker.serving import BUG, GRACE_SECONDS, OUT_OF_MEMORY, serve
from tracker.types import UserError

POLL_SECONDS = 0.05
ITEMS_KEPT = 64  # yielded and not yet taken; older ones are forgotten

logger = logging.getLogger(__name__)


class StoppedError(Exception):
    """The request was cancelled before it was done."""


@dataclass(eq=False)
class Ticket:
    """One request: where it stands, what it has yielded, how it ended."""

    argument: object
    owner: str
    lane: "Lane"
    _items: deque[Any] = field(default_factory=lambda: deque(maxlen=ITEMS_KEPT))
    _value: Any = None
    _error: Exception | None = None
    _done: threading.Event = field(default_factory=threading.Event)
    _cancel: threading.Event = field(default_factory=threading.Event)

    @property
    def place(self) -> int:
        """Return how many requests are before this one: 0 while it runs or is done."""
        return self.lane.place(self)

    @property
    def done(self) -> bool:
        """Return whether it has ended, well or not."""
        return self._done.is_set()

    def take(self) -> list[Any]:
        """Return what the function has yielded since the last call, oldest first."""
        return [self._items.popleft() for _ in range(len(self._items))]

    def cancel(self) -> None:
        """Ask for the end; `done` becomes true within two seconds."""
        self._cancel.set()
        self.lane.forget(self)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the end and return what the function returned.

        Raises:
            UserError: the function raised it, its process died, or `timeout` seconds passed
                (the request is cancelled then).
            StoppedError: somebody cancelled it.
        """
        if not self._done.wait(timeout):
            self.cancel()
            raise UserError(
                f"no answer within {timeout:g} s, so this was stopped; "
                "try again, or a smaller or shorter video"
            )
        if self._error is not None:
            raise self._error
        return self._value

    def finish(self, value: object = None, error: Exception | None = None) -> None:
        """Record the end; only the lane calls this."""
        self._value, self._error = value, error
        self._done.set()


class Lane:
    """One process that answers requests in the order they came.

    Args:
        name: what to call it in the log.
        target: "package.module:function".  A class is made once, and its object called.
        grace_seconds: time a cancelled request has before its process is killed.
        niceness: how far it stands back behind other processes, 0 to 19; none on Windows.
    """

    def __init__(
        self,
        name: str,
        target: str,
        *,
        grace_seconds: float = GRACE_SECONDS,
        niceness: int = 0,
    ) -> None:
        self.name, self.target, self.grace_seconds = name, target, grace_seconds
        self.niceness = niceness
        self._waiting: deque[Ticket] = deque()
        self._current: Ticket | None = None
        self._changed = threading.Condition()
        self._closed = False
        self._numbers = count()
        self._process: BaseProcess | None = None
        self._connection: Connection[Any, Any] | None = None
        self._thread: threading.Thread | None = None

    def submit(self, argument: object, owner: str = "") -> Ticket:
        """Queue a request; `argument` must be picklable."""
        ticket = Ticket(argument, owner, self)
        with self._changed:
            if self._closed:
                raise UserError("the program is shutting down; start it again")
            self._waiting.append(ticket)
            self._changed.notify()
        self.warm()
        return ticket

    def warm(self) -> None:
        """Start the process now, so that the first request need not wait for it."""
        with self._changed:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                self._thread.start()

    @property
    def num_waiting(self) -> int:
        """Return how many requests have not begun."""
        return len(self._waiting)

    def place(self, ticket: Ticket) -> int:
        """Return how many requests are before `ticket`."""
        with self._changed:
            if ticket not in self._waiting:
                return 0
            return self._waiting.index(ticket) + (self._current is not None)

    def forget(self, ticket: Ticket) -> None:
        """End `ticket` at once if it has not begun."""
        with self._changed:
            if ticket not in self._waiting:
                return
            self._waiting.remove(ticket)
        ticket.finish(error=StoppedError())

    def cancel_owner(self, owner: str) -> None:
        """Cancel all requests of one user."""
        with self._changed:
            tickets = [*self._waiting, *([self._current] if self._current else [])]
        for ticket in tickets:
            if ticket.owner == owner:
                ticket.cancel()

    def close(self) -> None:
        """Cancel everything and end the process."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, deque()
            self._changed.notify()
        for ticket in waiting:
            ticket.finish(error=StoppedError())
        if self._current is not None:
            self._current.cancel()
        if self._thread is not None:
            self._thread.join(self.grace_seconds + 5)

    def _run(self) -> None:
        self._start()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    break
                ticket = self._current = self._waiting.popleft()
            self._answer(ticket)
            with self._changed:
                self._current = None
        self._kill()

    def _answer(self, ticket: Ticket) -> None:
        try:
            connection = self._start()
            number = next(self._numbers)
            connection.send(("run", number, ticket.argument))
            self._listen(ticket, connection, number)
        except (EOFError, OSError):  # the other end of the pipe is gone
            ticket.finish(error=UserError(self._bury()))

    def _listen(self, ticket: Ticket, connection: "Connection[Any, Any]", number: int) -> None:
        """Wait for the end of a request, passing on what it yields."""
        kill_at: float | None = None
        while not ticket.done:
            if connection.poll(POLL_SECONDS):
                kind, value = connection.recv()
                if kind == "item":
                    ticket._items.append(value)
                elif kind == "result":
                    ticket.finish(value)
                elif kind == "refused":
                    ticket.finish(error=UserError(value))
                else:
                    ticket.finish(error=StoppedError())
            if kill_at is None and ticket._cancel.is_set() and not ticket.done:
                connection.send(("cancel", number, None))
                kill_at = time.monotonic() + self.grace_seconds
            if kill_at is not None and time.monotonic() > kill_at and not ticket.done:
                logger.info("%s: did not stop in %.1f s; killed", self.name, self.grace_seconds)
                self._kill()
                ticket.finish(error=StoppedError())

    def _start(self) -> "Connection[Any, Any]":
        """Return the pipe to a living process, starting one if need be."""
        if self._process is None or self._connection is None or not self._process.is_alive():
            self._kill()
            context = get_context("spawn")
            ours, theirs = context.Pipe()
            level = logging.getLogger().getEffectiveLevel()
            self._process = context.Process(
                target=serve,
                args=(self.target, theirs, level, self.niceness),
                name=self.name,
                daemon=True,
            )
            self._process.start()
            theirs.close()
            self._connection = ours
        return self._connection

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None

    def _bury(self) -> str:
        """Clear away a dead process and return what to tell the user."""
        code = None
        if self._process is not None:
            self._process.join(self.grace_seconds)
            code = self._process.exitcode
        self._kill()
        logger.error("%s: its process ended with code %s", self.name, code)
        return _why(code)


def _why(code: int | None) -> str:
    if code == BUG:
        return "something went wrong on our side; the details are in the log. Please report it"
    killed = -int(getattr(signal, "SIGKILL", 9))
    if code in (OUT_OF_MEMORY, killed):
        return (
            "memory ran out, so this was stopped; "
            "try a shorter or smaller video, or close other programs"
        )
    return (
        f"the process doing this crashed (code {code}) and was started again; nothing else "
        "was lost. Try once more, or convert the video to an .mp4 file first"
    )
