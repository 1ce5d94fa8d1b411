"""Clips small enough to render in a test: a disc that moves over a wall, with sound."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tracker.classical.softmaps import gray_of, look_closely

HEIGHT, WIDTH = 96, 144
TIME_BASE = Fraction(1, 600)


def wall(height=HEIGHT, width=WIDTH, seed=0):
    """Return a textured wall that tells every place from every other."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3))
    for size, strength in ((16, 90), (4, 50), (2, 25)):
        shape = (-(-height // size), -(-width // size), 3)
        grain = rng.random(shape).repeat(size, 0).repeat(size, 1)[:height, :width]
        picture += strength * grain
    return (picture + 20).astype(np.uint8)


def look(frame):
    """Return a frame as following sees it, as if that were its working size."""
    return look_closely(frame, gray_of(frame))


def disc(index, height=HEIGHT, width=WIDTH, step=3):
    """Return where the disc is in frame `index`."""
    rows, columns = np.ogrid[:height, :width]
    return (rows - height // 2) ** 2 + (columns - 30 - step * index) ** 2 <= 14**2


def times(num_frames, *, variable=True):
    """Return time stamps in units of TIME_BASE: every third frame comes late."""
    ticks = np.full(num_frames, 25)
    if variable:
        ticks[::3] += 7
    return (np.cumsum(ticks) - ticks[0]).tolist()


def write_scene(path: Path, num_frames=30, *, codec="ffv1", pixel_format="yuv420p", sound=True):
    """Write the scene with variable time stamps; return the true wall of every frame."""
    background = wall()
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=24)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, pixel_format
        video.time_base = video.codec_context.time_base = TIME_BASE
        audio = container.add_stream("aac", rate=44100, layout="mono") if sound else None
        for index, pts in enumerate(times(num_frames)):
            picture = background.copy()
            picture[disc(index)] = (215, 50, 45)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=pixel_format)
            frame.pts, frame.time_base = pts, TIME_BASE
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            _add_tone(container, audio, seconds=float(times(num_frames)[-1] * TIME_BASE))
    return background


def _add_tone(container, audio, seconds):
    samples = np.arange(int(44100 * seconds), dtype=np.float32)
    tone = (0.2 * np.sin(samples * 2 * np.pi * 440 / 44100)).astype(np.float32)[None]
    for start in range(0, tone.shape[1], 1024):
        frame = av.AudioFrame.from_ndarray(tone[:, start : start + 1024], "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
        container.mux(audio.encode(frame))
    container.mux(audio.encode(None))


def planes(path: Path):
    """Return every frame's samples as decoded, (frames, rows of all planes, columns)."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray() for frame in container.decode(video=0)])


def rgb(path: Path):
    """Return every frame as RGB."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def read_only(path: Path):
    """Return every frame as RGB that nobody may write to, as readers give them."""
    pictures = [np.array(picture) for picture in rgb(path)]
    for picture in pictures:
        picture.flags.writeable = False
    return pictures


def given():
    """Return the labels of the first frame."""
    return disc(0).astype(np.uint8)


def labels_of(propagator, frames):
    """Return the labels of all frames, those of the first given."""
    steps = [propagator.step(frames[0], given()), *map(propagator.step, frames[1:])]
    return np.stack([tracked.labels for tracked in steps])


def stamps(path: Path):
    """Return every frame's time in seconds."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def audio_packets(path: Path):
    """Return the bytes of every audio packet."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def write_sound(path: Path):
    """Write a file with a tone and no picture."""
    with av.open(str(path), "w") as container:
        audio = container.add_stream("aac", rate=44100, layout="mono")
        _add_tone(container, audio, seconds=1)


@dataclass(frozen=True, eq=False)
class ShadowScene:
    """A ball that moves over a wall and dims the wall below it, frame by frame."""

    frames: list[np.ndarray]  # (H, W, 3)
    labels: list[np.ndarray]  # (H, W), 1 on the ball
    shadows: list[np.ndarray]  # (H, W), where the ball's shadow is to be seen
    others: list[np.ndarray]  # (H, W), where another thing and its shadow are


def shadow_scene(
    num_frames, *, strength=0.5, softness=1, gap=0, pan=0, dimming=0.0, noise=0, passer_by=False
):
    """Render a ball and its shadow.

    Args:
        num_frames: how many frames.
        strength: brightness of the ground in the shadow, 1 for no shadow.
        softness: pixels, of its edge.
        gap: pixels between the ball and its shadow.
        pan: pixels the camera moves per frame.
        dimming: share by which each frame is darker than the one before.
        noise: grey levels, standard deviation.
        passer_by: whether another ball with a shadow crosses the top of the picture.
    """
    height, width = 120, 208
    ground, rng = wall(height, width + pan * num_frames).astype(float), np.random.default_rng(1)
    rows, columns = np.ogrid[:height, :width]
    scene = ShadowScene([], [], [], [])
    for index in range(num_frames):
        picture = ground[:, pan * index : pan * index + width].copy()
        x = 30 + 6 * index
        shade = _ellipse(rows, columns, (81 + gap, x + 6), (6, 18), softness)
        ball = (rows - 64) ** 2 + (columns - x) ** 2 <= 14**2
        picture *= 1 - (1 - strength) * shade[..., None]
        picture[ball] = (215, 50, 45)
        other = np.zeros((height, width), bool)
        if passer_by:
            far = width - 30 - 6 * index
            shadow = _ellipse(rows, columns, (24, far), (4, 10), 1) > 0.5
            picture[shadow] *= 0.5
            body = (rows - 14) ** 2 + (columns - far) ** 2 <= 7**2
            picture[body] = (40, 90, 200)
            other = body | shadow
        picture = picture * (1 - dimming) ** index + rng.normal(0, noise, picture.shape)
        scene.frames.append(np.clip(picture, 0, 255).astype(np.uint8))
        scene.labels.append(ball.astype(np.uint8))
        scene.shadows.append((shade > 0.5) & ~ball)
        scene.others.append(other)
    return scene


def _ellipse(rows, columns, centre, radii, softness):
    """Return an ellipse with values from 0 outside to 1 inside."""
    distance = np.hypot((rows - centre[0]) / radii[0], (columns - centre[1]) / radii[1])
    return np.clip((1 - distance) * min(radii) / softness + 0.5, 0, 1)
