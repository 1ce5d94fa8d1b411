"""Small films of a red square, for tests that need something to point at."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

NUM_FRAMES, HEIGHT, WIDTH, SIDE = 16, 120, 200, 40


def write_film(
    path: Path,
    *,
    portrait: bool = False,
    phone: bool = False,
    pixel_aspect: Fraction | None = None,
    num_frames: int = NUM_FRAMES,
    codec: str = "libx264",
    gone_from: int | None = None,
) -> Path:
    """Write a film of a red square crossing a textured wall, until it is `gone_from` a frame on.

    A phone's film is upright, but stored lying on its side with a note to turn it.
    """
    height, width = (WIDTH, HEIGHT) if portrait or phone else (HEIGHT, WIDTH)
    rng = np.random.default_rng(3)
    wall = rng.integers(60, 140, (height // 4, width // 4, 1)).repeat(3, axis=2)
    wall = np.kron(wall, np.ones((4, 4, 1))).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=12)
        stream.pix_fmt = "yuv420p"
        stream.width, stream.height = (height, width) if phone else (width, height)
        if phone:
            stream.set_display_rotation(-90)
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        for index in range(num_frames):
            picture = wall.copy()
            x = 10 + index * (width - SIDE - 20) // num_frames
            if gone_from is None or index < gone_from:
                picture[40 : 40 + SIDE, x : x + SIDE] = (200, 30, 40)
            stored = np.ascontiguousarray(np.rot90(picture)) if phone else picture
            container.mux(stream.encode(av.VideoFrame.from_ndarray(stored, "rgb24")))
        container.mux(stream.encode(None))
    return path


def repeat_film(source: Path, path: Path, times: int) -> Path:
    """Write the pictures of a film several times over, as they are stored."""
    with av.open(str(source)) as film, av.open(str(path), "w") as container:
        stored = film.streams.video[0]
        stream = container.add_stream_from_template(stored)
        packets = [packet for packet in film.demux(stored) if packet.size]
        length = sum(packet.duration for packet in packets)
        for round_ in range(times):
            for packet in packets:
                copy = av.Packet(bytes(packet))
                copy.pts = packet.pts + round_ * length
                copy.dts = packet.dts + round_ * length
                copy.duration, copy.time_base = packet.duration, packet.time_base
                copy.is_keyframe, copy.stream = packet.is_keyframe, stream
                container.mux(copy)
    return path
