"""Label maps of a whole clip, on disk: memory does not grow with the clip."""

import tempfile
import threading
import zlib
from types import TracebackType

import numpy as np

from tracker.types import LabelMap, UserError


class LabelSpool:
    """Label maps by frame index, compressed in a file that disappears with the object.

    A label map seldom takes more than a few kilobytes.  Writing an index again replaces
    it; a frame for which nothing was written has no labels.  The file has no name (or is
    deleted when closed), so a crash leaves nothing.
    """

    def __init__(self, height: int, width: int) -> None:
        self.shape = (height, width)
        self._file = tempfile.TemporaryFile(prefix="cleanplate-")  # noqa: SIM115
        self._places: dict[int, tuple[int, int]] = {}  # index -> offset, size
        self._end = 0
        self._lock = threading.Lock()  # one stage reads ahead while another looks back

    def __setitem__(self, index: int, labels: LabelMap) -> None:
        if labels.shape != self.shape:
            raise ValueError(f"labels are {labels.shape} but the clip is {self.shape} (H, W)")
        packed = zlib.compress(np.ascontiguousarray(labels, np.uint8).tobytes(), 1)
        try:
            with self._lock:
                self._file.seek(self._end)
                self._file.write(packed)
                self._file.flush()
                self._places[index] = (self._end, len(packed))
                self._end += len(packed)
        except OSError as error:
            raise UserError(
                f"no room for {len(packed)} bytes of masks in {tempfile.gettempdir()} "
                f"({error.strerror}); free some space or set TMPDIR to another folder"
            ) from error

    def __getitem__(self, index: int) -> LabelMap:
        if index not in self._places:
            return np.zeros(self.shape, np.uint8)
        offset, size = self._places[index]
        with self._lock:
            self._file.seek(offset)
            packed = self._file.read(size)
        labels = np.frombuffer(zlib.decompress(packed), np.uint8)
        return labels.reshape(self.shape)

    def __len__(self) -> int:
        return len(self._places)

    def close(self) -> None:
        """Delete the file."""
        self._file.close()

    def __enter__(self) -> "LabelSpool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
