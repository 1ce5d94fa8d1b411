"""Objects through a pair of pipes; large arrays go as they are, not copied into a message.

The other end must be a process of our own: what comes is unpickled (protocol 5, whose buffers
travel beside the message; PEP 574).
"""

import pickle
import struct
import threading
from typing import IO, Any

import numpy as np

_HEAD = struct.Struct("<QI")  # bytes of the message, number of buffers
_SIZE = struct.Struct("<Q?")  # bytes of a buffer, whether nobody may write to it


class Wire:
    """One end of a connection: a file to read from and one to write to, both unbuffered.

    Any thread may send; only one at a time may receive.
    """

    def __init__(self, source: IO[bytes], target: IO[bytes]) -> None:
        self._source, self._target = source, target
        self._sending = threading.Lock()

    def send(self, thing: object) -> None:
        """Send anything picklable; return when the other end has taken nearly all of it.

        Raises:
            OSError: the other end is closed.
        """
        views: list[memoryview] = []
        message = pickle.dumps(
            thing, protocol=5, buffer_callback=lambda found: views.append(found.raw())
        )
        sizes = b"".join(_SIZE.pack(view.nbytes, view.readonly) for view in views)
        with self._sending:
            self._write(_HEAD.pack(len(message), len(views)) + sizes + message)
            for view in views:
                self._write(view)

    def receive(self) -> Any:
        """Return what comes next; arrays are read-only if they were.

        Raises:
            EOFError: the other end is closed.
        """
        length, num_buffers = _HEAD.unpack(self._read(_HEAD.size))
        sizes = [_SIZE.unpack(self._read(_SIZE.size)) for _ in range(num_buffers)]
        message = self._read(length)
        buffers = [(self._read(size), is_fixed) for size, is_fixed in sizes]
        return pickle.loads(  # noqa: S301 - our own process wrote it
            message,
            buffers=[view.toreadonly() if is_fixed else view for view, is_fixed in buffers],
        )

    def close(self) -> None:
        """Hang up."""
        for end in (self._target, self._source):
            try:
                end.close()
            except OSError:  # what nobody reads any more
                continue

    def _write(self, data: bytes | memoryview) -> None:
        rest = memoryview(data).cast("B")
        while len(rest):
            rest = rest[self._target.write(rest) :]

    def _read(self, size: int) -> memoryview:
        whole = np.empty(size, np.uint8).data  # not cleared, as a bytearray would be
        rest = whole
        while len(rest):
            count = self._source.readinto(rest)  # type: ignore[attr-defined]
            if not count:
                raise EOFError
            rest = rest[count:]
        return whole
