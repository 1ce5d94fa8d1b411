"""A file of small records by kind and frame, in which a crash loses only what is newest.

Records are appended; a later one replaces an earlier one of the same kind and frame.  Each
carries a checksum.  When a file is opened again, it is cut back to where it was committed
last, so that what belongs together is there as a whole or not at all.
"""

import struct
import threading
import zlib
from collections.abc import Collection
from pathlib import Path

from tracker.closable import Closable
from tracker.types import UserError

MAGIC = b"cleanplate run 1\n"
HEAD = struct.Struct("<cIII")  # kind, frame, bytes, checksum
COMMIT = b"."


class Records(Closable):
    """Records by kind (one byte) and frame.

    Args:
        path: where they lie; opened again if it exists.

    Raises:
        UserError: `path` holds something else, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[tuple[bytes, int], tuple[int, int]] = {}  # -> offset, bytes
        self._lock = threading.Lock()  # one stage reads ahead while another looks back
        try:
            self.file = path.open("r+b" if path.exists() else "x+b")
        except OSError as error:
            raise UserError(f"{path} cannot be opened: {error.strerror}") from error
        self._end = 0
        if path.stat().st_size:
            self._load()
        else:
            self._append(MAGIC)

    def put(self, kind: bytes, index: int, payload: bytes) -> None:
        """Write the record of a kind and a frame.

        Raises:
            UserError: the disk is full.
        """
        head = HEAD.pack(kind, index, len(payload), zlib.crc32(payload))
        offset = self._append(head + payload) + HEAD.size
        self._places[kind, index] = (offset, len(payload))

    def get(self, kind: bytes, index: int) -> bytes | None:
        """Return the record of a kind and a frame; None if there is none."""
        place = self._places.get((kind, index))
        if place is None:
            return None
        with self._lock:
            self.file.seek(place[0])
            return self.file.read(place[1])

    def indices(self, kind: bytes) -> list[int]:
        """Return the frames that have a record of a kind, in order."""
        return sorted(index for found, index in list(self._places) if found == kind)

    def copy(self, kinds: Collection[bytes], source: "Records") -> None:
        """Take over the records of these kinds from another file, without what was replaced."""
        for kind, index in list(source._places):
            payload = source.get(kind, index) if kind in kinds else None
            if payload is not None:
                self.put(kind, index, payload)

    def commit(self) -> None:
        """Let all records so far outlast a crash."""
        self._append(HEAD.pack(COMMIT, 0, 0, 0))

    @property
    def num_bytes(self) -> int:
        """Return the size of the file."""
        return self._end

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()

    def _append(self, data: bytes) -> int:
        try:
            with self._lock:
                offset = self._end
                self.file.seek(offset)
                self.file.write(data)
                self.file.flush()
                self._end += len(data)
                return offset
        except OSError as error:
            raise UserError(
                f"no room for {len(data)} bytes of {self._path.name} in {self._path.parent} "
                f"({error.strerror}); free some space there"
            ) from error

    def _load(self) -> None:
        """Find all records up to the last commit, and forget what comes after it."""
        size = self._path.stat().st_size
        if self.file.read(len(MAGIC)) != MAGIC:
            raise UserError(f"{self._path} is not a run of this program; delete it or name another")
        offset = self._end = len(MAGIC)
        pending: dict[tuple[bytes, int], tuple[int, int]] = {}
        while offset + HEAD.size <= size:
            self.file.seek(offset)
            kind, index, num_bytes, checksum = HEAD.unpack(self.file.read(HEAD.size))
            start = offset + HEAD.size
            offset = start + num_bytes
            if offset > size or zlib.crc32(self.file.read(num_bytes)) != checksum:
                break
            if kind == COMMIT:
                self._places |= pending
                pending = {}
                self._end = offset
            else:
                pending[kind, index] = (start, num_bytes)
        self.file.truncate(self._end)
