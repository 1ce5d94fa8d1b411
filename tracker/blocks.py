"""Records of any size in one file that is never larger than what is in it.

The file is cut into blocks; a record takes as many as it needs, wherever they are, and
gives them back when it is replaced.  So there are no gaps that nothing fits into.
"""

import errno
import os
import tempfile
import threading

from tracker.closable import Closable

BLOCK_BYTES = 1024  # most label maps of small frames fit one


class BlockFile(Closable):
    """A temporary file of records, by number.

    It has no name (or is deleted by the system when its process ends), so even a process
    that is killed leaves nothing.
    """

    def __init__(self) -> None:
        # Without a buffer, which would be written again, to the full disk, when it is closed.
        self._file = tempfile.TemporaryFile(prefix="cleanplate-", buffering=0)  # noqa: SIM115
        self._places: dict[int, tuple[tuple[int, ...], int]] = {}  # number -> blocks, bytes
        self._free: list[int] = []
        self._num_blocks = 0
        self._lock = threading.Lock()  # one stage reads ahead while another looks back

    @property
    def size(self) -> int:
        """Return how many bytes the file takes."""
        return self._num_blocks * BLOCK_BYTES

    def __contains__(self, number: int) -> bool:
        return number in self._places

    def __len__(self) -> int:
        return len(self._places)

    def __setitem__(self, number: int, record: bytes) -> None:
        """Write a record, in place of an earlier one of this number.

        Raises:
            OSError: There is no room; neither record is there then.
        """
        with self._lock:
            old, _ = self._places.pop(number, ((), 0))
            self._free += old
            blocks = tuple(self._take() for _ in range(-(-len(record) // BLOCK_BYTES)))
            for position, block in enumerate(blocks):
                part = record[position * BLOCK_BYTES : (position + 1) * BLOCK_BYTES]
                self._file.seek(block * BLOCK_BYTES)
                if self._file.write(part) < len(part):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._places[number] = (blocks, len(record))

    def __getitem__(self, number: int) -> bytes:
        """Return a record as it was written last."""
        with self._lock:
            blocks, num_bytes = self._places[number]
            parts = []
            for block in blocks:
                self._file.seek(block * BLOCK_BYTES)
                parts.append(self._file.read(BLOCK_BYTES))
        return b"".join(parts)[:num_bytes]

    def _take(self) -> int:
        if self._free:
            return self._free.pop()
        self._num_blocks += 1
        return self._num_blocks - 1

    def close(self) -> None:
        """Delete the file."""
        self._file.close()
