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
