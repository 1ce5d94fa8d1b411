"""Sound and container of the sample clip."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from script.sample_balloon import TAPS

SAMPLE_RATE = 48000


def _band(rng: np.random.Generator, count: int, low: float, high: float) -> NDArray[Any]:
    """Return noise between `low` and `high` hertz with standard deviation 1."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    frequency = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    spectrum *= np.exp(
        -((np.log(np.maximum(frequency, 1) / np.sqrt(low * high))) ** 2) / np.log(high / low)
    )
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / noise.std())


def sound(seconds: float, steps: Sequence[float]) -> NDArray[Any]:
    """Return (2, samples): wind, birds, a footstep at each of `steps`, a gust at each tap."""
    rng = np.random.default_rng(77)
    count = round(seconds * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    swell = 1 + 0.4 * np.sin(1.3 * time) + 0.2 * np.sin(3.1 * time)
    sides = np.stack([0.010 * swell * _band(rng, count, 90, 700) for _ in range(2)])
    grit, thud = _band(rng, count, 900, 4000), _band(rng, count, 70, 200)
    for step in steps:
        since = np.clip(time - step, 0, None)
        begun = (time >= step) * np.minimum(since / 0.004, 1)
        sides += begun * (0.05 * np.exp(-28 * since) * thud + 0.02 * np.exp(-45 * since) * grit)
    air = _band(rng, count, 400, 2500)
    for tap in TAPS:
        since = np.clip(time - tap, 0, None)
        begun = (time >= tap) * np.minimum(since / 0.03, 1)
        pan = np.array([[0.8], [1.2]])
        sides += pan * begun * (0.045 * np.exp(-7 * since) * air)
        sides += pan * begun * 0.06 * np.exp(-16 * since) * np.sin(2 * np.pi * 150 * since)
    for start, pitch, side in (
        (0.35, 3400, 0.3),
        (0.52, 3900, 0.3),
        (2.15, 2900, 0.8),
        (3.4, 3600, 0.5),
    ):
        since = time - start
        chirp = np.where(
            np.abs(since - 0.05) < 0.05, np.sin(np.pi * np.clip(since / 0.1, 0, 1)) ** 2, 0
        )
        tone = chirp * np.sin(2 * np.pi * (pitch * since - 5000 * since * since))
        sides += 0.03 * np.array([[1 - side], [side]]) * tone
    fade = np.clip(np.minimum(time / 0.05, (seconds - time) / 0.2), 0, 1)
    return np.asarray((sides * fade).astype(np.float32))


def write_film(
    path: Path, frames: Sequence[NDArray[np.uint8]], fps: int, steps: Sequence[float]
) -> None:
    """Write frames (H, W, 3) and sound as H.264 and AAC in MP4, tagged BT.709."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        options = {"crf": "18", "preset": "slow", "threads": "1", "tune": "grain"}
        video = container.add_stream("libx264", rate=fps, options=options)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.time_base = Fraction(1, fps)
        context = video.codec_context
        context.color_primaries, context.color_trc, context.colorspace = 1, 1, 1
        context.color_range = 1
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        audio.bit_rate = 96000
        for index, pixels in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            picture.pts, picture.time_base = index, Fraction(1, fps)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        samples = sound(len(frames) / fps, steps)
        for start in range(0, samples.shape[1], 1024):
            piece = np.ascontiguousarray(samples[:, start : start + 1024])
            block = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
            block.sample_rate, block.pts = SAMPLE_RATE, start
            block.time_base = Fraction(1, SAMPLE_RATE)
            container.mux(audio.encode(block))
        container.mux(audio.encode(None))
