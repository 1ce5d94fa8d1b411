"""Objects that live in a process of their own.

Python runs in one thread of a process at a time.  Two stages that are largely Python, such as
following and filling without weights, slow each other down as threads; in two processes each
has a core.  A process is started as a plain program, so that no caller's main module is run
again, and ends when its pipe closes, however we end.  One that is no longer used waits for
the next object; where one died before it had begun, no other is started.
"""

import atexit
import importlib
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from tracker.costs import peak_rss_mb
from tracker.types import UserError
from tracker.wire import Wire

_MOST_IDLE = 2  # processes that wait for work
_PIPE_BYTES = 1 << 20  # the most Linux grants everybody
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ
_PROGRAM = "import sys; sys.path[:] = {path!r}; from tracker.elsewhere import serve; serve()"
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
                self._wait_until_it_begins()
            self._guarded(self._wire.send, (True, method, arguments))
            error, result = self._guarded(self._wire.receive)
        if error is not None:
            raise error
        return result

    def _wait_until_it_begins(self) -> None:
        try:
            self._guarded(self._wire.receive)
        except ProcessDiedError:
            _Process.starts = False
            raise
        self._has_begun = True

    def _guarded(self, work: Callable[..., Any], *arguments: object) -> Any:
        try:
            return work(*arguments)
        except (OSError, EOFError) as error:
            self._is_whole = False
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
_used: "weakref.WeakSet[_Process]" = weakref.WeakSet()
_lock = threading.Lock()


def _take() -> _Process:
    with _lock:
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


def _give_back(process: _Process) -> None:
    """Keep a process that nobody uses any more for the next object, or end it."""
    with _lock:
        _used.discard(process)
        if process.is_usable and len(_idle) < _MOST_IDLE:
            with suppress(ProcessDiedError):
                process.tell("drop")
                _idle.append(process)
                return
    process.end()


@atexit.register
def end_all() -> None:
    """End the processes that wait for work."""
    with _lock:
        ending, _idle[:] = list(_idle), []
    for process in ending:
        process.end()


if hasattr(os, "register_at_fork"):  # what our parent talks to is not ours
    os.register_at_fork(after_in_child=_idle.clear)


def peak_rss_mb_there() -> float:
    """Return the largest resident memory of our other processes together, in megabytes."""
    with _lock:
        processes = [process for process in (*_used, *_idle) if process.is_usable]
    total = 0.0
    for process in processes:
        with suppress(ProcessDiedError):
            total += process.ask("memory")
    return total


def _widen(pipe: int) -> None:
    """Let a pipe hold a picture, where the system can: fewer turns for each."""
    if sys.platform == "linux":
        import fcntl

        try:
            fcntl.fcntl(pipe, _SET_PIPE_SIZE, _PIPE_BYTES)
        except OSError:  # less is granted
            return


def serve() -> None:
    """Keep one object and call its methods until the pipe closes: the program of the process."""
    try:
        os.fstat(2)
    except OSError:  # our parent has nowhere to complain to
        os.open(os.devnull, os.O_WRONLY)  # becomes 2, the lowest number that is free
    source, target = (os.fdopen(os.dup(number), mode, 0) for number, mode in ((0, "rb"), (1, "wb")))
    os.dup2(2, 1)  # whatever prints must not print into the wire
    wire = Wire(source, target)
    wire.send("begun")
    found: object = None
    failure: Exception | None = None
    while True:
        try:
            is_call, method, arguments = wire.receive()
        except EOFError:
            return
        result: object = None
        try:
            if method == "make":
                found, failure = None, None
                found = resolve(arguments[0])(*arguments[1:])
            elif method == "drop":
                found = None
            elif method == "memory":
                result = peak_rss_mb()
            elif failure is None:
                result = getattr(found, method)(*arguments)
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            failure = error
        if is_call:
            try:
                wire.send((failure, result))
            except OSError:
                return
            failure = None


def resolve(maker: str) -> Callable[..., object]:
    """Return the function "package.module:name" names."""
    module, _, name = maker.partition(":")
    function: Callable[..., object] = getattr(importlib.import_module(module), name)
    return function
