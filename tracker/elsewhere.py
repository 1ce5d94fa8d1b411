"""Objects that live in a process of their own.

Python runs in one thread of a process at a time.  Two stages that are largely Python, such as
following and filling without weights, slow each other down as threads; in two processes each
has a core.  A process is started as a plain program, so that no caller's main module is run
again, and ends when its pipe closes, however we end.  One that is no longer used waits for
the next object; where one died before it had begun, no other is started.
"""

import atexit
import os
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from tracker.types import UserError
from tracker.wire import Wire

_MOST_IDLE = 2  # processes that wait for work
_PIPE_BYTES = 1 << 20  # the most Linux grants everybody
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ
_PROGRAM = "import sys; sys.path[:] = {path!r}; from tracker.there import serve; serve()"
_SECONDS_TO_END = 5.0
_OWN_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # Windows: Ctrl-C is not for it


class ProcessDiedError(UserError):
    """What lived in another process is lost."""


class Elsewhere:
    """An object in another process: its methods are called by name.

    Args:
        maker: "package.module:function", which makes the object there.
        arguments: for it; picklable, as all that goes there and comes back.

    Raises:
        UserError: no process can be started.
    """

    def __init__(self, maker: str, *arguments: object) -> None:
        self._process = _take()
        weakref.finalize(self, _give_back, self._process).atexit = False
        self.begin("make", maker, *arguments)

    def begin(self, method: str, *arguments: object) -> None:
        """Have a method called; what it raises is raised by the next `call`.

        Raises:
            ProcessDiedError: the process has died.
        """
        self._process.tell(method, arguments)

    def call(self, method: str, *arguments: object) -> Any:
        """Return what a method returns, once all that was begun before is done.

        Raises:
            ProcessDiedError: the process has died.
            Exception: what the method, or one begun before it, raised.
        """
        return self._process.ask(method, arguments)


class _Process:
    """Another Python, and the wire to it."""

    starts: ClassVar[bool] = True  # as far as is known

    def __init__(self) -> None:
        try:
            self._popen = _start()
        except OSError as error:
            raise UserError(f"no process can be started ({error}); close other programs") from error
        if self._popen.stdin is None or self._popen.stdout is None:
            raise RuntimeError("a process without pipes")
        for pipe in (self._popen.stdin, self._popen.stdout):
            _widen(pipe.fileno())
        self._wire = Wire(self._popen.stdout, self._popen.stdin)
        self._asking = threading.Lock()  # one question at a time, or answers would be mixed up
        self._has_begun = False
        self._is_whole = True

    @property
    def is_usable(self) -> bool:
        """Return whether it lives, as far as can be seen, and nothing half said is on the wire."""
        return self._is_whole and self._popen.poll() is None

    def tell(self, method: str, arguments: tuple[object, ...] = ()) -> None:
        """Have something done, and expect no answer."""
        self._guarded(self._wire.send, (False, method, arguments))

    def ask(self, method: str, arguments: tuple[object, ...] = ()) -> Any:
        """Return what a method returns, or raise what it raises."""
        with self._asking:
            if not self._has_begun:
                self._guarded(self._wire.receive)
                self._has_begun = True
            self._guarded(self._wire.send, (True, method, arguments))
            error, result = self._guarded(self._wire.receive)
        if error is not None:
            raise error
        return result

    def _guarded(self, work: Callable[..., Any], *arguments: object) -> Any:
        try:
            return work(*arguments)
        except (OSError, EOFError) as error:
            self._is_whole = False
            if not self._has_begun:
                _Process.starts = False
            raise ProcessDiedError(
                f"a helping process died (exit code {self._wait()}); if memory ran out, close "
                "other programs or take a smaller video, then try again"
            ) from error
        except BaseException:  # half a message may be on the wire
            self._is_whole = False
            raise

    def end(self) -> None:
        """End it, whatever it does."""
        self._wire.close()
        self._popen.kill()
        self._popen.wait()

    def _wait(self) -> int:
        """Return the exit code of a process that is about to end."""
        try:
            return self._popen.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self._popen.wait()


def _start() -> "subprocess.Popen[bytes]":
    """Start a Python that finds the modules we find, and that no key pressed here interrupts.

    Raises:
        OSError: there is no other Python, or no process, to be had.
    """
    program = sys.executable or ""
    if getattr(sys, "frozen", False) or "python" not in Path(program).name.lower():
        raise OSError(f"{program or 'what runs here'} is no Python")  # but a program that has one
    path = [os.path.abspath(place) for place in sys.path]  # noqa: PTH100 - "" is here
    return subprocess.Popen(  # noqa: S603 - our own module
        [program, "-c", _PROGRAM.format(path=path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
        creationflags=_OWN_GROUP,
    )


_idle: list[_Process] = []
_used: set[_Process] = set()
_given_back: deque[_Process] = deque()  # but not seen to yet
_lock = threading.Lock()


def _give_back(process: _Process) -> None:
    """Keep a process that nobody uses any more for the next object, or end it.

    This is called where garbage is collected, which may be anywhere, also in a thread that holds
    the lock or talks to a process: it must not wait, so whoever holds the lock sees to it then.
    """
    _given_back.append(process)
    _see_to_given_back()


def _see_to_given_back() -> None:
    while _given_back and _lock.acquire(blocking=False):
        try:
            _sort_given_back()
        finally:
            _lock.release()


def _sort_given_back() -> None:
    """Keep or end what was given back; only who holds the lock may call this."""
    while _given_back:
        process = _given_back.popleft()
        if process not in _used:  # our parent's
            continue
        _used.remove(process)
        if process.is_usable and len(_idle) < _MOST_IDLE:
            with suppress(ProcessDiedError):
                process.tell("drop")
                _idle.append(process)
                continue
        process.end()


@contextmanager
def _locked() -> Iterator[None]:
    try:
        with _lock:
            _sort_given_back()
            yield
    finally:
        _see_to_given_back()


def _take() -> _Process:
    with _locked():
        while _idle:
            process = _idle.pop()
            if process.is_usable:
                break
            process.end()
        else:
            if not _Process.starts:
                raise UserError("a process died as soon as it was started")
            process = _Process()
        _used.add(process)
        return process


@atexit.register
def end_all() -> None:
    """End the processes that wait for work."""
    with _locked():
        while _idle:
            _idle.pop().end()


def peak_rss_mb_there() -> float:
    """Return the largest resident memory of our other processes together, in megabytes."""
    total = 0.0
    with _locked():
        for process in (*_used, *_idle):
            if process.is_usable:
                with suppress(ProcessDiedError):
                    total += process.ask("memory")
    return total


def _forget_all() -> None:
    """Leave what our parent talks to alone: it is not ours."""
    global _lock
    _lock = threading.Lock()
    for known in (_idle, _used, _given_back):
        known.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def _widen(pipe: int) -> None:
    """Let a pipe hold a picture, where the system can: fewer turns for each."""
    if sys.platform == "linux":
        import fcntl

        try:
            fcntl.fcntl(pipe, _SET_PIPE_SIZE, _PIPE_BYTES)
        except OSError:  # less is granted
            return
