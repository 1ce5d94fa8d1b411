"""The shape of pixels in a finished Matroska file, which PyAV cannot pass to the muxer.

The header is patched in place: display width and height take the room of padding that
FFmpeg leaves beside the codec's data, and the checksum is computed anew.  Elements and
their numbers are those of RFC 9559.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

HEAD_BYTES = 1 << 16  # FFmpeg writes the tracks long before that
SEGMENT, TRACKS, TRACK, VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0xE0
CHECKSUM, PADDING = 0xBF, 0xEC
DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
MAX_VIDEO = 100  # bytes; the display ratio must fit beside it, the size in one byte
MAX_ROOM = 128  # of an element whose size fits one byte, head included
ASPECT_RATIO = 3  # of `DISPLAY_UNIT`: width and height are only a ratio


@dataclass(frozen=True)
class Element:
    """One EBML element: its number, where it begins, where its content begins and ends."""

    number: int
    start: int
    content: int
    end: int
    has_size: bool  # live recordings leave it open


def set_pixel_aspect(path: Path, width: int, height: int, aspect: Fraction) -> bool:
    """Note in a Matroska file how wide its pixels are; return whether there was room for it.

    Args:
        path: A file written by FFmpeg.
        width: Of the stored pictures, pixels.
        height: Of the stored pictures, pixels.
        aspect: Width by height of a pixel.
    """
    with path.open("rb+") as file:
        head = bytearray(file.read(HEAD_BYTES))
        tracks = find(head, 0, len(head), (SEGMENT, TRACKS))
        track = tracks and find(head, tracks.content, tracks.end, (TRACK,))
        if tracks is None or track is None or tracks.end > len(head):
            return False
        ratio = _small(aspect * width / height)
        entry = _with_display(bytes(head), track, ratio)
        if entry is None:
            return False
        head[track.content : track.end] = entry
        first = next(children(head, tracks.content, tracks.end))
        if first.number == CHECKSUM:
            checksum = zlib.crc32(head[first.end : tracks.end])
            head[first.content : first.end] = checksum.to_bytes(4, "little")
        file.seek(0)
        file.write(head)
    return True


def children(data: bytes | bytearray, start: int, end: int) -> Iterator[Element]:
    """Yield the elements between two places, as far as `data` reaches."""
    while start < min(end, len(data)) and data[start]:
        length = 9 - data[start].bit_length()  # ones after as many zeros as bytes follow
        number = int.from_bytes(data[start : start + length], "big")
        at = start + length
        if at >= len(data) or not data[at]:
            return
        length = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
        has_size = size != (1 << 7 * length) - 1
        yield Element(number, start, at + length, at + length + size, has_size)
        start = at + length + size


def find(data: bytes | bytearray, start: int, end: int, numbers: tuple[int, ...]) -> Element | None:
    """Return the first element reached by descending through `numbers`."""
    for element in children(data, start, end):
        if element.number == numbers[0]:
            if len(numbers) == 1:
                return element
            return find(data, element.content, element.end, numbers[1:])
    return None


def _with_display(data: bytes, track: Element, ratio: Fraction) -> bytes | None:
    """Return the content of `track`, as long as before, with a display ratio; or None."""
    parts: list[bytes] = []
    video, video_at = b"", None
    for element in children(data, track.content, track.end):
        if element.number == VIDEO:
            video_at = len(parts)
            for child in children(data, element.content, element.end):
                if child.number not in (DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT):
                    video += data[child.start : child.end]
            parts.append(b"")
        elif element.number != PADDING:
            parts.append(data[element.start : element.end])
    if video_at is None or len(video) > MAX_VIDEO:
        return None
    for num_bytes in (2, 3):  # a single byte left over could not be padded
        display = _number(DISPLAY_WIDTH, ratio.numerator, 2)
        display += _number(DISPLAY_HEIGHT, ratio.denominator, num_bytes)
        display += _number(DISPLAY_UNIT, ASPECT_RATIO, 1)
        parts[video_at] = _element(VIDEO, video + display)
        room = track.end - track.content - sum(map(len, parts))
        if room == 0:
            return b"".join(parts)
        if 2 <= room <= MAX_ROOM:
            return b"".join([*parts, _element(PADDING, bytes(room - 2))])
    return None


def _small(ratio: Fraction) -> Fraction:
    """Return a ratio, or one very near, whose terms fit two bytes."""
    if ratio > 1:
        return 1 / (1 / ratio).limit_denominator(0xFFFF)
    return ratio.limit_denominator(0xFFFF)


def _element(number: int, content: bytes) -> bytes:
    """Encode a short element, its size in one byte."""
    name = number.to_bytes(-(-number.bit_length() // 8), "big")
    return name + bytes([0x80 | len(content)]) + content


def _number(number: int, value: int, num_bytes: int) -> bytes:
    return _element(number, value.to_bytes(num_bytes, "big"))
