"""Records of any size in one file that is never larger than what is in it.

The file is cut into blocks; a record takes as many as it needs, wherever they are, and
gives them back when it is replaced.  So there are no gaps that nothing fits into.  What is
kept in memory is 16 bytes a record and 8 a block.
"""

import errno
import os
import tempfile
import threading
from array import array

from tracker.closable import Closable

BLOCK_BYTES = 1024  # most label maps of small frames fit one
NONE = -1


class BlockFile(Closable):
    """A temporary file of records, by number.

    It has no name (or is deleted by the system when its process ends), so even a process
    that is killed leaves nothing.
    """

    def __init__(self) -> None:
        # Without a buffer, which would be written again, to the full disk, when it is closed.
        self._file = tempfile.TemporaryFile(prefix="cleanplate-", buffering=0)  # noqa: SIM115
        self._first = array("q")  # number -> first block of its record; NONE if there is none
        self._num_bytes = array("q")  # number -> length of its record
        self._next = array("q")  # block -> the one after it in the same record, or free
        self._free = NONE  # a block that is free, the first of a chain
        self._num_records = 0
        self._lock = threading.Lock()  # one stage reads ahead while another looks back

    @property
    def size(self) -> int:
        """Return how many bytes the file takes."""
        return len(self._next) * BLOCK_BYTES

    def __contains__(self, number: int) -> bool:
        return 0 <= number < len(self._first) and self._first[number] != NONE

    def __len__(self) -> int:
        return self._num_records

    def __setitem__(self, number: int, record: bytes) -> None:
        """Write a record, in place of an earlier one of this number, counted from 0.

        Raises:
            OSError: There is no room; neither record is there then.
            ValueError: The record is empty.
        """
        if not record:
            raise ValueError(f"record {number} is empty")
        with self._lock:
            self._drop(number)
            first = self._written(record)
            missing = number + 1 - len(self._first)
            self._first.extend([NONE] * missing)
            self._num_bytes.extend([0] * missing)
            self._first[number], self._num_bytes[number] = first, len(record)
            self._num_records += 1

    def __getitem__(self, number: int) -> bytes:
        """Return a record as it was written last."""
        with self._lock:
            if number not in self:
                raise KeyError(number)
            parts, block = [], self._first[number]
            while block != NONE:
                self._file.seek(block * BLOCK_BYTES)
                parts.append(self._file.read(BLOCK_BYTES))
                block = self._next[block]
            return b"".join(parts)[: self._num_bytes[number]]

    def _written(self, record: bytes) -> int:
        """Write a record into blocks of its own; return the first of them."""
        block = NONE
        try:  # from its end, so that every block knows the one after it
            for start in reversed(range(0, len(record), BLOCK_BYTES)):
                block = self._take(followed_by=block)
                part = record[start : start + BLOCK_BYTES]
                self._file.seek(block * BLOCK_BYTES)
                if self._file.write(part) < len(part):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            self._give_back(block)
            raise
        return block

    def _take(self, followed_by: int) -> int:
        """Return a block that is nobody's, chained to the one that follows it."""
        block = self._free
        if block == NONE:
            block = len(self._next)
            self._next.append(NONE)
        else:
            self._free = self._next[block]
        self._next[block] = followed_by
        return block

    def _drop(self, number: int) -> None:
        if number in self:
            self._give_back(self._first[number])
            self._first[number] = NONE
            self._num_records -= 1

    def _give_back(self, first: int) -> None:
        """Make a chain of blocks free."""
        last = first
        while self._next[last] != NONE:
            last = self._next[last]
        self._next[last], self._free = self._free, first

    def close(self) -> None:
        """Delete the file."""
        self._file.close()
