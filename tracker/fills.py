"""What an inpainter put into the holes of a clip, kept on disk to be used again.

Only the box around each hole is kept, at the working size, so that composing it into the
source once more gives the same picture bit by bit.  A fill is kept with a fingerprint of
the hole it was made for: for another hole it does not count.
"""

import hashlib
import struct
import zlib
from collections.abc import Collection

import numpy as np

from tracker import images
from tracker.pipeline import HolePlan
from tracker.records import Records
from tracker.types import Frame, LabelMap, Mask, UserError

FILL = b"F"
BOX = struct.Struct("<16sHHHH")  # fingerprint; first row, first column, rows, columns
MARGIN = 3  # pixels around a hole that enlarging it reads
MOST_BYTES = 1 << 30  # of one file; frames beyond are filled again the next time


class FillStore:
    """The fills of one clip, by frame; implements `tracker.pipeline.FillMemory`.

    Args:
        records: where they lie.
        plan: how holes are made of labels, and how large they are filled.
        first: frame at place 0.
        most_bytes: size of the file above which nothing is added; None: all must be kept.
    """

    def __init__(
        self, records: Records, plan: HolePlan, first: int = 0, most_bytes: int | None = MOST_BYTES
    ) -> None:
        self._records, self._first = records, first
        self.plan = plan
        self._most_bytes = most_bytes
        self._chosen: Collection[int] = ()

    def fingerprint(self, labels: LabelMap) -> bytes:
        """Return 16 bytes that tell the hole of `labels` from any other."""
        digest = hashlib.blake2b(repr(self.plan).encode(), digest_size=16)
        digest.update(np.packbits(images.chosen(labels, self.plan.objects)).tobytes())
        return digest.digest()

    def has(self, place: int, fingerprint: bytes) -> bool:
        """Return whether the fill of this hole is there."""
        packed = self._records.get(FILL, self._first + place)
        return packed is not None and packed[:16] == fingerprint

    def recall(self, place: int, fingerprint: bytes, frame: Frame) -> Frame | None:
        """Return `frame`, at the working size, with its hole as it was filled before.

        None if it is to be filled again.
        """
        if place in self._chosen or not self.has(place, fingerprint):
            return None
        return self.filled(place, frame)

    def filled(self, place: int, frame: Frame) -> Frame:
        """Return `frame`, at the working size, with what was kept for it laid over it."""
        packed = self._records.get(FILL, self._first + place)
        if packed is None:
            raise ValueError(f"no fill was kept of the frame at place {place}")
        _, top, left, rows, columns = BOX.unpack_from(packed)
        if not rows:
            return frame
        result = np.array(frame)
        pixels = np.frombuffer(zlib.decompress(packed[BOX.size :]), np.uint8)
        box = (slice(top, top + rows), slice(left, left + columns))
        result[box] = pixels.reshape(rows, columns, 3)
        result.flags.writeable = False
        return result

    def keep(self, place: int, fingerprint: bytes, filled: Frame, hole: Mask) -> None:
        """Remember a filled frame (h, w, 3) and its hole (h, w), at the working size."""
        if self._most_bytes is not None and self._records.num_bytes > self._most_bytes:
            return
        region = images.bounding_box(hole, MARGIN)
        if region is None:
            packed = BOX.pack(fingerprint, 0, 0, 0, 0)
        else:
            crop = filled[region]
            corner = (region[0].start, region[1].start)
            packed = BOX.pack(fingerprint, *corner, *crop.shape[:2])
            packed += zlib.compress(np.ascontiguousarray(crop).tobytes(), 1)
        try:
            self._records.put(FILL, self._first + place, packed)
        except UserError:
            if self._most_bytes is None:
                raise
            self._most_bytes = 0  # the video matters more than a second one being quick

    def again(self, places: Collection[int]) -> None:
        """Have these filled again, whatever is kept of them."""
        self._chosen = places
