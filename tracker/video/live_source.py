"""Pictures as they come: of a camera, a network stream or a pipe.

A thread of its own decodes, so that pictures are never older than they need be.  Where they
may be dropped only the newest waits to be taken, and what it takes the place of is counted;
else `BUFFERED` wait, and the sender has to.
"""

import io
import os
import queue
import select
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from tracker.closable import Closable
from tracker.types import UserError
from tracker.video.colour import colour_of
from tracker.video.formats import unpack
from tracker.video.frames import SourceFrame
from tracker.video.info import VideoInfo
from tracker.video.opening import allowed_formats
from tracker.video.orientation import orientation_of, turn

BUFFERED = 2
FIRST_PICTURE_SECONDS = 20.0
WRITER_SECONDS = 20.0  # until somebody begins to write to a named pipe
SILENCE_SECONDS = 15.0  # of a network stream: then it is taken for ended
POLL_SECONDS = 0.1
TICK = Fraction(1, 90_000)
_NETWORK = "rtp,udp,tcp,tls,rtsp,rtsps,rtmp,http,https,httpproxy,crypto,srt"
_QUICK = {"probesize": "1000000", "analyzeduration": "500000"}
_CAMERAS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}:none")}


@dataclass(frozen=True, eq=False)
class LivePicture:
    """A picture, and when it was there, on the clock of `time.monotonic`."""

    source: SourceFrame
    arrived: float


class LiveSource(Closable):
    """A source that goes on until it ends or is closed.

    Raises:
        UserError: It cannot be opened, or no picture comes from it.
    """

    def __init__(self, address: str, *, camera: int | None = None, drops: bool = True) -> None:
        """Open a source and wait for its first picture.

        Args:
            address: "-" for standard input, a device or pipe, or a network address.
            camera: Number of a camera, instead of the address.
            drops: Whether a picture not yet taken goes when the next comes.
        """
        self.num_dropped = 0
        self._address, self._drops = address, drops
        self._ready: queue.Queue[LivePicture | Exception | None] = queue.Queue(
            1 if drops else BUFFERED
        )
        self._closed = threading.Event()
        self._start: float | None = None
        self._last: Fraction | None = None
        self._index = 0
        container = _open(address, camera)
        if not container.streams.video:
            container.close()
            raise UserError(f"{address} sends no pictures")
        rate = container.streams.video[0].average_rate
        self._thread = threading.Thread(target=self._read, args=(container,), daemon=True)
        self._thread.start()
        first = self._take(FIRST_PICTURE_SECONDS)
        if first is None:
            raise UserError(f"no picture came from {address}; check what it sends")
        self._first: LivePicture | None = first
        self.began = first.arrived
        self.info = _describe(address, first.source, Fraction(rate or 25))

    def __iter__(self) -> Iterator[LivePicture]:
        """Yield pictures until the source ends or is closed."""
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        while (picture := self._take(None)) is not None:
            yield picture

    def close(self) -> None:
        """Stop; the thread lets go of the source with its next picture."""
        self._closed.set()

    def _take(self, seconds: float | None) -> LivePicture | None:
        until = None if seconds is None else time.monotonic() + seconds
        while not self._closed.is_set():
            try:
                item = self._ready.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if until is not None and time.monotonic() > until:
                    return None
                continue
            if isinstance(item, Exception):
                raise item
            return item
        return None

    def _read(self, container: InputContainer) -> None:
        """Decode until the end: the thread's whole work."""
        end: Exception | None = None
        try:
            stream = container.streams.video[0]
            stream.thread_type = "SLICE"  # threads by frame would hold pictures back
            for picture in container.decode(stream):
                arrived = time.monotonic()
                if self._closed.is_set():
                    return
                self._put(LivePicture(self._source_frame(picture, arrived), arrived))
        except av.FFmpegError:
            pass  # broken off: what came, came
        except UserError as error:
            end = error
        finally:
            with suppress(av.FFmpegError):
                container.close()
            self._put(end)

    def _put(self, item: LivePicture | Exception | None) -> None:
        while not self._closed.is_set():
            try:
                self._ready.put(item, timeout=0 if self._drops else POLL_SECONDS)
                return
            except queue.Full:
                if self._drops and item is not None:
                    with suppress(queue.Empty):
                        self._ready.get_nowait()
                        self.num_dropped += 1
                elif self._drops:
                    time.sleep(POLL_SECONDS)

    def _source_frame(self, picture: av.VideoFrame, arrived: float) -> SourceFrame:
        layout, planes = turn(*unpack(picture), orientation_of(picture))
        if self._start is None:
            self._start = arrived
        elapsed = Fraction(round((arrived - self._start) / TICK)) * TICK
        if self._last is not None and elapsed <= self._last:
            elapsed = self._last + TICK
        self._last = elapsed
        # Pictures outlive the decoder's memory of them, hence copies.
        frame = SourceFrame(
            self._index, elapsed, layout, [plane.copy() for plane in planes], colour_of(picture)
        )
        self._index += 1
        return frame


def _open(address: str, camera: int | None) -> InputContainer:
    options = dict(_QUICK)
    file: Any = address
    format_name = None
    is_network = "://" in address
    if camera is not None or address.startswith("/dev/"):
        if camera is not None and sys.platform not in _CAMERAS:
            raise UserError(f"cameras have no numbers on {sys.platform}; use a stream's address")
        format_name, device = _CAMERAS.get(sys.platform, ("v4l2", "/dev/video{}"))
        file = address if camera is None else device.format(camera)
        options = {}
    elif is_network:
        options |= {"protocol_whitelist": _NETWORK, "rtsp_transport": "tcp"}
    else:
        options |= {"format_whitelist": allowed_formats()}
        # Unbuffered: a buffered read waits until as much has come as was asked for.
        file = io.FileIO(0, closefd=False) if address == "-" else _open_file(address)
    try:
        container: InputContainer = av.open(
            file,
            "r",
            format=format_name,
            options=options,
            timeout=SILENCE_SECONDS if is_network else None,
        )
        return container
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise UserError(f"{address} cannot be opened ({reason}); check that it is there") from None


def _open_file(address: str) -> io.FileIO:
    """Open a file or a named pipe; of a pipe, wait only so long for somebody to write.

    Raises:
        UserError: It cannot be opened, or nobody writes.
    """
    try:
        if not stat.S_ISFIFO(Path(address).stat().st_mode):
            return io.FileIO(address)
        file = io.FileIO(os.open(address, os.O_RDONLY | os.O_NONBLOCK))  # else it waits for ever
    except OSError as error:
        raise UserError(f"{address} cannot be opened ({error.strerror})") from error
    if not select.select([file], [], [], WRITER_SECONDS)[0]:
        file.close()
        raise UserError(
            f"nobody wrote to the pipe {address} in {WRITER_SECONDS:g} s; start the sender first"
        )
    os.set_blocking(file.fileno(), True)
    return file


def _describe(address: str, first: SourceFrame, rate: Fraction) -> VideoInfo:
    return VideoInfo(
        path=Path(address),
        width=first.width,
        height=first.height,
        num_frames=None,
        frames_are_exact=False,
        rate=rate if 1 <= rate <= 240 else Fraction(25),
        duration_seconds=None,
        pixel_aspect=Fraction(1),
        bit_depth=first.layout.depth,
        pixel_format=first.layout.name,
        has_audio=False,
        time_base=TICK,
        layout=first.layout,
        colour=first.colour,
    )
