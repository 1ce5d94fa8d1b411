"""Label maps of a whole clip, on disk: memory does not grow with the clip."""

import struct
import tempfile
import zlib
from typing import Protocol

import numpy as np

from tracker import images
from tracker.blocks import BlockFile
from tracker.closable import Closable
from tracker.types import LabelMap, UserError

_IS_BOX = b"B"  # what zlib writes begins otherwise
_BOX = struct.Struct("<cHHHH")  # that; first row, first column, rows, columns


class LabelStore(Protocol):
    """Label maps by frame index, all of one size; a frame not written has no labels."""

    shape: tuple[int, int]  # height, width

    def __setitem__(self, index: int, labels: LabelMap) -> None: ...

    def __getitem__(self, index: int) -> LabelMap: ...


class LabelSpool(Closable):
    """Label maps by frame index, compressed in a file that disappears with the object.

    A label map seldom takes more than a few kilobytes.  Writing an index again replaces
    it and takes no more room; a frame for which nothing was written has no labels.
    """

    def __init__(self, height: int, width: int) -> None:
        self.shape = (height, width)
        self._records = BlockFile()

    @property
    def size(self) -> int:
        """Return how many bytes of disk it takes."""
        return self._records.size

    def __setitem__(self, index: int, labels: LabelMap) -> None:
        if labels.shape != self.shape:
            raise ValueError(f"labels are {labels.shape} but the clip is {self.shape} (H, W)")
        packed = pack(labels)
        try:
            self._records[index] = packed
        except OSError as error:
            raise UserError(
                f"no room for {len(packed)} bytes of masks in {tempfile.gettempdir()}, where "
                f"{self.size / 1e6:.1f} MB of them are ({error.strerror}); "
                "free some space or set TMPDIR to another folder"
            ) from error

    def __getitem__(self, index: int) -> LabelMap:
        if index not in self._records:
            return np.zeros(self.shape, np.uint8)
        return unpack(self._records[index], self.shape)

    def __len__(self) -> int:
        return len(self._records)

    def close(self) -> None:
        """Delete the file."""
        self._records.close()


def pack(labels: LabelMap) -> bytes:
    """Return labels (H, W), sides below 65,536, as few bytes: the box around them, compressed."""
    rows, columns = images.bounding_box(labels > 0) or (slice(0, 0), slice(0, 0))
    crop = labels[rows, columns]
    box = _BOX.pack(_IS_BOX, rows.start, columns.start, *crop.shape)
    return box + zlib.compress(crop.astype(np.uint8).tobytes(), 1)


def unpack(packed: bytes, shape: tuple[int, int]) -> LabelMap:
    """Return the labels (H, W) that were packed; read-only."""
    labels = np.zeros(shape, np.uint8)
    if packed[:1] == _IS_BOX:
        _, top, left, height, width = _BOX.unpack_from(packed)
        place = labels[top : top + height, left : left + width]
        packed = packed[_BOX.size :]
    else:  # a file of an earlier version: the whole map
        place = labels
    found = zlib.decompressobj().decompress(packed, place.size) if place.size else b""
    place[:] = np.frombuffer(found, np.uint8).reshape(place.shape)
    labels.setflags(write=False)
    return labels
