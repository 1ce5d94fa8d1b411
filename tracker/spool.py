"""Label maps of a whole clip, on disk: memory does not grow with the clip."""

import tempfile
import zlib

import numpy as np

from tracker.blocks import BlockFile
from tracker.closable import Closable
from tracker.types import LabelMap, UserError


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
        packed = zlib.compress(np.ascontiguousarray(labels, np.uint8).tobytes(), 1)
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
        return np.frombuffer(zlib.decompress(self._records[index]), np.uint8).reshape(self.shape)

    def __len__(self) -> int:
        return len(self._records)

    def close(self) -> None:
        """Delete the file."""
        self._records.close()
