"""A folder of images as a video: natural order, one size, times from `frames.json` or a rate."""

import json
import math
import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av

from tracker.types import UserError
from tracker.video.colour import colour_of
from tracker.video.formats import unpack
from tracker.video.frames import SourceFrame
from tracker.video.info import VideoInfo
from tracker.video.notices import Notices
from tracker.video.opening import MAX_PIXELS
from tracker.video.orientation import orientation_of, turn

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
TIMES_FILE = "frames.json"
MAX_TIMES_BYTES = 64 << 20
_TIME = r"-?\d{1,18}([./]\d{1,18})?"  # seconds: 2, 0.5 or 1/24

# First bytes of a file and FFmpeg's decoder for it; the ending of a name proves nothing.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "mjpeg"), (b"BM", "bmp"),
    (b"RIFF", "webp"), (b"II*\0", "tiff"), (b"MM\0*", "tiff"), (b"P5", "pgm"), (b"P6", "ppm"),
)  # fmt: skip


def natural_key(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort names as people do: 2 before 10."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name


def list_images(folder: Path) -> list[Path]:
    """Return the images of a folder, in natural order; hidden files do not count."""
    names = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_ENDINGS and not path.name.startswith(".")
    ]
    return sorted(names, key=natural_key)


def decode_image(path: Path) -> av.VideoFrame:
    """Decode one image file.

    Raises:
        UserError: It is no image of a known kind, or damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    codec = next((name for head, name in _SIGNATURES if data.startswith(head)), None)
    if codec is None:
        raise UserError(f"{path.name} is not an image; use PNG, JPEG, BMP, TIFF or WebP")
    context: Any = av.CodecContext.create(codec, "r")
    context.thread_count = 1
    context.options = {"max_pixels": str(MAX_PIXELS)}
    try:
        pictures: list[Any] = [*context.decode(av.Packet(data)), *context.decode(None)]
    except av.FFmpegError as error:
        raise UserError(f"{path.name} is damaged ({error.strerror}); replace it") from None
    if not pictures:
        raise UserError(f"{path.name} is damaged (no picture in it); replace it")
    picture: av.VideoFrame = pictures[0]
    return picture


class FolderSource:
    """A folder of images of one size."""

    def __init__(self, folder: Path, fps: Fraction, notices: Notices) -> None:
        self._notices = notices
        self._images = list_images(folder)
        if not self._images:
            endings = ", ".join(IMAGE_ENDINGS)
            raise UserError(f"{folder} has no images in it ({endings}); choose another folder")
        self._times = read_times(folder, self._images)
        rate = fps
        if self._times is None:
            self._times = [index / fps for index in range(len(self._images))]
        elif len(self._times) > 1:
            rate = (len(self._times) - 1) / (self._times[-1] - self._times[0])
        first = decode_image(self._images[0])
        layout, planes = unpack(first)
        layout, planes = turn(layout, planes, orientation_of(first))
        height, width = planes[0].shape
        self.info = VideoInfo(
            path=folder,
            width=width,
            height=height,
            num_frames=len(self._images),
            frames_are_exact=True,
            rate=rate,
            duration_seconds=float(self._times[-1] - self._times[0] + 1 / rate),
            pixel_aspect=Fraction(1),
            bit_depth=layout.depth,
            pixel_format=first.format.name,
            has_audio=False,
            time_base=common_time_base(self._times, fps),
            layout=layout,
            colour=colour_of(first),
            start_seconds=self._times[0],
        )

    def length_by_packets(self) -> int:
        """Return the number of images."""
        return len(self._images)

    def frames(self, start: int) -> Iterator[SourceFrame]:
        """Yield the pictures from `start` on."""
        times = self._times or []
        for index in range(start, len(self._images)):
            yield self._read(index, times[index])

    def _read(self, index: int, time: Fraction) -> SourceFrame:
        path, info = self._images[index], self.info
        picture = decode_image(path)
        orientation = orientation_of(picture)
        layout, planes = turn(*unpack(picture), orientation)
        height, width = planes[0].shape
        if (width, height) != (info.width, info.height):
            raise UserError(
                f"{path.name} is {width}x{height} but {self._images[0].name} is "
                f"{info.width}x{info.height}; give images of one size"
            )
        frame = SourceFrame(index, time, layout, planes, colour_of(picture))
        if (layout, frame.colour) == (info.layout, info.colour):
            return frame
        self._notices.say(
            "mixed", f"{path.name} and others were converted to the format of the first image"
        )
        return frame.converted(info.layout, info.colour)


def read_times(folder: Path, images: list[Path]) -> list[Fraction] | None:
    """Return the times noted in the folder's `frames.json`, or None if there is no such file.

    Raises:
        UserError: The file is there but does not fit the images.
    """
    path = folder / TIMES_FILE
    if not path.is_file():
        return None
    advice = f"{path.name} does not fit the images beside it; delete it to use a constant rate"
    if path.stat().st_size > MAX_TIMES_BYTES:
        raise UserError(advice)
    try:
        noted = {entry["file"]: _time(entry["time"]) for entry in json.loads(path.read_text())}
        times = [noted[image.name] for image in images]
    except (ValueError, KeyError, TypeError, ZeroDivisionError, RecursionError):
        raise UserError(advice) from None
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise UserError(advice)
    return times


def _time(noted: object) -> Fraction:
    """Return a noted time; one with a large exponent would take hours to read."""
    text = str(noted)
    if re.fullmatch(_TIME, text) is None:
        raise ValueError(f"{text[:60]} is not a time")
    return Fraction(text)


def common_time_base(times: list[Fraction], fps: Fraction) -> Fraction:
    """Return a unit of time that divides all times, or nearly if there is no sensible one."""
    denominator = fps.numerator
    for time in times:
        denominator = math.lcm(denominator, time.denominator)
        if denominator > 1_000_000:
            return Fraction(1, 90000)
    return Fraction(1, denominator)
