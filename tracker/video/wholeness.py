"""Whether a file is as long as its own header says; demuxers end cut files without a word."""

import os
from pathlib import Path

from tracker.video.matroska import SEGMENT, children

_EBML = b"\x1a\x45\xdf\xa3"
_HEAD_BYTES = 1 << 12
_MAX_BOXES = 10_000


def is_cut_off(path: Path) -> bool:
    """Return whether a Matroska, RIFF or MP4 file ends before it should."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(_EBML):
        segment = next((e for e in children(head, 0, len(head)) if e.number == SEGMENT), None)
        return segment is not None and segment.has_size and segment.end > size
    if head.startswith(b"RIFF"):
        return int.from_bytes(head[4:8], "little") + 8 > size
    if head[4:8] == b"ftyp":
        return _boxes_end(path) > size
    return False


def _boxes_end(path: Path) -> int:
    """Return where the last of an MP4 file's outermost boxes should end."""
    position = 0
    with path.open("rb") as file:
        for _ in range(_MAX_BOXES):
            file.seek(position, os.SEEK_SET)
            head = file.read(16)
            if len(head) < 8:
                return position + (8 if head else 0)
            size = int.from_bytes(head[:4], "big")
            if size == 1:  # a long box
                size = int.from_bytes(head[8:], "big")
            if size < 8:  # 0: up to the end of the file; else no box at all
                return position
            position += size
    return position
