"""The program of a process that keeps one object for another process: see `tracker.elsewhere`."""

import importlib
import os
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

from tracker.ahead import ahead
from tracker.costs import peak_rss_mb
from tracker.wire import Wire

RECEIVED = 2  # messages taken from the pipe while others are acted on: who sends need not wait


def serve() -> None:
    """Keep one object and call its methods until the pipe closes."""
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
    for is_call, method, arguments in ahead(_messages(wire), RECEIVED):
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


def _messages(wire: Wire) -> Generator[tuple[bool, str, tuple[Any, ...]]]:
    """Yield what comes, until the pipe closes."""
    with suppress(EOFError):
        while True:
            yield wire.receive()


def resolve(maker: str) -> Callable[..., object]:
    """Return the function "package.module:name" names."""
    module, _, name = maker.partition(":")
    function: Callable[..., object] = getattr(importlib.import_module(module), name)
    return function
