"""Small videos of every kind, made for tests with PyAV."""

from fractions import Fraction

import av
import numpy as np

from tracker.video.formats import pack, pack_pixels
from tracker.video.layouts import Layout, layout_of

TICK = Fraction(1, 12800)


def scene(layout, num_frames=6, height=48, width=64, seed=0):
    """Return planes of a moving texture that uses the whole nominal range."""
    random = np.random.default_rng(seed)
    clip = []
    base = [
        random.integers(
            20 << (layout.depth - 8), 230 << (layout.depth - 8), layout.shape(p, height, width)
        )
        for p in range(layout.num_planes)
    ]
    for index in range(num_frames):
        clip.append([np.roll(plane, index, axis=1).astype(layout.dtype) for plane in base])
    return clip


def write_video(
    path,
    clip,
    layout,
    *,
    codec="ffv1",
    pix_fmt=None,
    pts=None,
    time_base=TICK,
    rate=Fraction(25),
    options=None,
    container_options=None,
    tags=None,
    aspect=None,
    rotation=None,
    sound=(),
    metadata=None,
    container_format=None,
):
    """Write planes (a list per frame) as a video; return the path.

    `sound` holds (codec, sample rate, first sample) of sound tracks; `rotation` is
    (degrees, hflip, vflip).
    """
    step = round(1 / rate / time_base)
    pts = [index * step for index in range(len(clip))] if pts is None else pts
    height, width = clip[0][0].shape
    with av.open(
        str(path), "w", format=container_format, container_options=container_options or {}
    ) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height = width, height
        stream.pix_fmt = pix_fmt or layout.name
        stream.time_base = stream.codec_context.time_base = time_base
        if metadata:
            stream.metadata.update(metadata)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        context = stream.codec_context
        if tags:
            context.colorspace, context.color_range, context.color_primaries, context.color_trc = (
                tags
            )
        if rotation:
            degrees, hflip, vflip = rotation
            stream.set_display_rotation(degrees, hflip=hflip, vflip=vflip)
        tracks = [add_sound(container, *track) for track in sound]
        for planes, ticks in zip(clip, pts, strict=True):
            picture = picture_of(layout, planes, pix_fmt)
            picture.pts, picture.time_base = ticks, time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
        for track, first_sample in tracks:
            write_tone(container, track, first_sample, len(clip) / rate)
    return path


def picture_of(layout, planes, pix_fmt=None):
    if pix_fmt in ("bgr0", "bgra"):
        order = (1, 0, 2, 3)[: len(planes)]
        pixels = np.full((*planes[0].shape, 4), 255, np.uint8)
        for channel, plane in zip(order, planes, strict=True):
            pixels[..., channel] = plane
        return pack_pixels(pixels, pix_fmt)
    picture = pack(layout, planes)
    return picture if pix_fmt in (None, layout.name) else picture.reformat(format=pix_fmt)


def add_sound(container, codec, rate, first_sample):
    stream = container.add_stream(codec, rate=rate)
    stream.layout = "mono"
    return stream, first_sample


def write_tone(container, stream, first_sample, seconds):
    rate = stream.rate
    samples = np.sin(np.arange(int(rate * seconds)) * 0.05) * 8000
    for start in range(0, len(samples), 1024):
        part = samples[start : start + 1024].astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
        frame.rate, frame.pts, frame.time_base = rate, first_sample + start, Fraction(1, rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def frame_times(path):
    """Return the times of all pictures, read by plain PyAV."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [picture.pts * stream.time_base for picture in container.decode(stream)]


def sound_packets(path, track=0):
    """Return (time, bytes) of all packets of a sound track, read by plain PyAV."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[track]
        return [(p.pts * p.time_base, bytes(p)) for p in container.demux(stream) if p.size]


YUV420 = Layout("yuv", 8, 1, 1)

__all__ = [
    "TICK", "YUV420", "frame_times", "layout_of", "picture_of", "scene", "sound_packets",
    "write_video",
]  # fmt: skip
