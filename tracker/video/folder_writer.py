"""A folder of PNG pictures in the making, with their times beside them."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tracker.types import Frame
from tracker.video.folder_source import TIMES_FILE
from tracker.video.formats import pack_pixels
from tracker.video.frames import SourceFrame
from tracker.video.info import VideoInfo
from tracker.video.layouts import Samples
from tracker.video.notices import Notices

COMPRESSION = "3"  # of 9; more is slow and hardly smaller


class FolderWriter:
    """Writes the folder `temporary`: 00000.png, 00001.png … and frames.json."""

    def __init__(self, temporary: Path, info: VideoInfo, notices: Notices) -> None:
        self._path = temporary
        self._times: list[Fraction] = []
        temporary.mkdir(exist_ok=True)
        if info.has_audio:
            notices.say("sound", "a folder of pictures has no sound; .mp4 and .mkv keep it")
        self._notices = notices

    def write(self, frame: SourceFrame) -> None:
        """Append a source picture: RGB and grey as they are, YUV as 8-bit RGB."""
        layout = frame.layout
        if layout.family == "yuv":
            if layout.depth > 8 or layout.has_alpha:
                self._notices.say("depth", "PNG pictures are 8-bit RGB; .mkv keeps all")
            self._save(frame.rgb, "rgb24", frame.time)
            return
        order = (0,) if layout.family == "grey" else (2, 0, 1, 3)[: layout.num_planes]
        samples = np.stack([frame.planes[index] for index in order], axis=-1)
        if layout.depth == 8:
            self._save(samples, ("gray", "", "rgb24", "rgba")[len(order) - 1], frame.time)
            return
        if layout.depth < 16:  # stretch to PNG's 16 bits; shifting back restores the samples
            high = np.left_shift(samples, 16 - layout.depth)
            samples = (high | (samples >> (2 * layout.depth - 16))).astype(np.uint16)
        self._save(samples, ("gray16be", "", "rgb48be", "rgba64be")[len(order) - 1], frame.time)

    def write_rgb(self, rgb: Frame, time: Fraction) -> None:
        """Append an RGB picture."""
        self._save(rgb, "rgb24", time)

    def _save(self, pixels: Samples, format_name: str, time: Fraction) -> None:
        height, width = pixels.shape[:2]
        encoder = av.CodecContext.create("png", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, format_name
        encoder.time_base = Fraction(1, 1000)
        encoder.thread_count = 1
        encoder.options = {"compression_level": COMPRESSION}
        packets = [*encoder.encode(pack_pixels(pixels, format_name)), *encoder.encode(None)]
        path = self._path / f"{len(self._times):05d}.png"
        try:
            path.write_bytes(b"".join(bytes(packet) for packet in packets))
        except OSError:
            path.unlink(missing_ok=True)  # no half pictures
            raise
        self._times.append(time)

    def finish(self, *, whole: bool) -> Path:
        """Note the times and return the folder's path."""
        noted = [
            {"file": f"{index:05d}.png", "time": str(time)}
            for index, time in enumerate(self._times)
        ]
        (self._path / TIMES_FILE).write_text(json.dumps(noted, indent=0))
        return self._path

    def leave(self) -> Path:
        """Return the path of what there is, finished or not."""
        (self._path / TIMES_FILE).unlink(missing_ok=True)  # which may be cut off
        return self._path
