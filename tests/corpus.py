"""A corpus of broken and odd videos, each with what has to happen to it.

Everything is made here, by PyAV and a little surgery.  `script/make_corpus.py` writes all of
it into a folder, for other programs and for the eye.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image
from video_making import YUV420, scene, write_video

from tracker.video import VideoInfo
from tracker.video.layouts import Layout
from tracker.video.matroska import SEGMENT, TRACKS, children, find

NUM_FRAMES = 6  # of a clip that is not about its length
NUM_CUT = 40  # of a clip that will be cut
TEN, YUVA = Layout("yuv", 10, 1, 1), Layout("yuv", 8, 1, 1, has_alpha=True)
YUV444, GREY, GREY10 = Layout("yuv", 8), Layout("grey", 8), Layout("grey", 10)
PRORES = Layout("yuv", 12, has_alpha=True)
X265 = {"x265-params": "log-level=none"}
NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)
TRACK_ENTRY, VIDEO, PIXEL_WIDTH, PIXEL_HEIGHT = 0xAE, 0xE0, 0xB0, 0xBA


@dataclass(frozen=True)
class Case:
    """One file, and the promise about it: refused for a reason, or read so far."""

    make: Callable[[Path], object]
    refused: str | None = None  # pattern of the refusal
    num_frames: range = range(NUM_FRAMES, NUM_FRAMES + 1)  # that have to be read
    size: tuple[int, int] | None = (64, 48)  # width, height, upright
    notice: str | None = None  # pattern of what has to be said
    looks_right: Callable[[VideoInfo], bool] = lambda info: True  # as the reader sees it


def video(path, num_frames=NUM_FRAMES, layout=YUV420, size=(48, 64), **options):
    """Write a moving texture."""
    options.setdefault("codec", "libx264" if path.suffix in (".mp4", ".mov", ".ts") else "ffv1")
    return write_video(path, scene(layout, num_frames, *size), layout, **options)


def clip(**options):
    """Return what makes a video with `options`."""
    return lambda path: video(path, **options)


def unhurried(make):
    """Return `make` for SVT-AV1, which turns whoever starts it into a real-time thread, as root."""

    def made(path):
        if not hasattr(os, "sched_getscheduler"):
            return make(path)
        before = os.sched_getscheduler(0), os.sched_getparam(0)
        try:
            return make(path)
        finally:
            os.sched_setscheduler(0, *before)

    return made


def coarse(path):
    """Write two large frames of few details."""
    large = [
        [plane.repeat(16, axis=0).repeat(16, axis=1) for plane in planes]
        for planes in scene(YUV420, 2, 136, 256)
    ]
    large = [[y[:2160], u[:1080], v[:1080]] for y, u, v in large]
    write_video(path, large, YUV420, codec="libx264", options={"preset": "ultrafast"})


def still(path):
    """Write one picture, a PNG whatever the name."""
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path, "PNG")


def sound_only(path):
    """Write a tone and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), "s16", "mono")
        frame.rate = 48000
        container.mux([*stream.encode(frame), *stream.encode(None)])


def stillborn(path):
    """Write a video whose only packet is rubbish."""
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuvj420p"
        container.start_encoding()
        packet = av.Packet(b"rubbish")
        packet.stream, packet.pts, packet.dts = stream, 0, 0
        packet.time_base = Fraction(1, 25)
        container.mux(packet)


def huge(path):
    """Write a header that claims pictures of 256 megapixels."""
    video(path, 1, size=(300, 300))
    data = bytearray(path.read_bytes())
    claims = find(data, 0, len(data), (SEGMENT, TRACKS, TRACK_ENTRY, VIDEO))
    for child in list(children(data, claims.content, claims.end)):
        if child.number in (PIXEL_WIDTH, PIXEL_HEIGHT):
            data[child.content : child.end] = (16_000).to_bytes(2, "big")
    path.write_bytes(data)


def cut(percent, **options):
    """Return what makes a video and throws away its end."""

    def make(path):
        shorten(video(path, NUM_CUT, **options), percent)

    return make


def shorten(path, percent):
    """Throw away the end of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * percent // 100])


def animation(path):
    """Write a GIF of pictures with palettes of their own, shown for different times."""
    pictures = [Image.new("P", (64, 48), index) for index in range(4)]
    for picture in pictures:
        picture.putpalette([value for k in range(256) for value in (k * 60 % 256, k, 255 - k)])
        picture.putpixel((3, 4), 9)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[40, 80, 40, 200])


def with_subtitles(path):
    """Write pictures of a second and two subtitles."""
    text = path.with_suffix(".srt")
    text.write_text(
        "1\n00:00:00,100 --> 00:00:00,500\nHello\n\n2\n00:00:00,700 --> 00:00:01,000\nYou\n"
    )
    plain = video(path.with_name("plain.mkv"), 30)
    with av.open(str(plain)) as source, av.open(str(text)) as words, av.open(str(path), "w") as out:
        pictures = out.add_stream_from_template(source.streams.video[0])
        subtitles = out.add_stream_from_template(words.streams.subtitles[0])
        for packets, target in ((source.demux(video=0), pictures), (words.demux(), subtitles)):
            for packet in packets:
                if packet.dts is None:
                    continue
                packet.stream = target
                out.mux(packet)
    plain.unlink()
    text.unlink()


def every(step, num_frames=NUM_FRAMES, start=0):
    """Return evenly spaced time stamps."""
    return [start + step * index for index in range(num_frames)]


def survivors(percent):
    """Return how many frames of a cut clip may be there: they are of similar size."""
    return range(NUM_CUT * percent // 100 - 7, NUM_CUT * percent // 100 + 2)


BAD: Mapping[str, Case] = {
    "missing.mp4": Case(lambda path: None, "missing.mp4 does not exist; check the name"),
    "empty.mp4": Case(lambda path: path.write_bytes(b""), r"empty.mp4 is empty \(0 bytes\)"),
    "text.mp4": Case(
        lambda path: path.write_text("It was a dark and stormy night.\n" * 200),
        r"text.mp4 is not a video that can be read \(invalid data .*\); choose a video file",
    ),
    "noise.mkv": Case(
        lambda path: path.write_bytes(np.random.default_rng(0).bytes(100_000)),
        "noise.mkv is not a video that can be read",
    ),
    "zeros.avi": Case(lambda path: path.write_bytes(bytes(100_000)), "zeros.avi is not a video"),
    "sound.mp4": Case(sound_only, "sound.mp4 has no video stream; choose a video file"),
    "picture.png": Case(still, "picture.png is a picture, not a video; for a series of pictures"),
    "picture.mp4": Case(still, "picture.mp4 is a picture, not a video"),
    "folder": Case(lambda path: path.mkdir(), "folder has no images in it"),
    "rubbish.mkv": Case(stillborn, "no picture of rubbish.mkv can be decoded: it is damaged"),
    "huge.mkv": Case(huge, r"huge.mkv declares pictures of 16000x16000; at most 67 megapixels"),
    "list.mp4": Case(
        lambda path: path.write_text("#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n"),
        "list.mp4 is a playlist, not a video",
    ),
    "concat.mp4": Case(
        lambda path: path.write_text("ffconcat version 1.0\nfile other.mp4\n"),
        "concat.mp4 is a playlist, not a video",
    ),
    "subtitle.mp4": Case(
        lambda path: path.write_text("1\n00:00:00,000 --> 00:00:02,000\nHello\n"), "subtitle.mp4 "
    ),
    "n" * 300: Case(lambda path: None, "nnn cannot be used: File name too long"),
}  # fmt: skip

_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
CUT_KINDS: Mapping[str, dict[str, Any]] = {
    "mkv": {},
    "avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "time_base": Fraction(1, 25)},
    "fragments.mp4": {"options": {"g": "5", "bf": "0"}, "container_options": _FRAGMENTS},
    "index_first.mp4": {"options": {"bf": "0"}, "container_options": {"movflags": "faststart"}},
}
CUT: dict[str, Case] = {
    f"cut_{percent}_{kind}" if "." in kind else f"cut_{percent}.{kind}": Case(
        cut(percent, **options), num_frames=survivors(percent), notice=r"is cut off: \d+ frames"
    )
    for percent in (25, 50, 90)
    for kind, options in CUT_KINDS.items()
}
CUT |= {
    f"cut_{percent}.mp4": Case(cut(percent), f"cut_{percent}.mp4 has lost its index: the file is")
    for percent in (25, 50, 90)
}

_FINE = {"movie_timescale": "12800"}
TIMES: Mapping[str, Case] = {
    "variable.mp4": Case(clip(pts=[0, 300, 1100, 1101, 4000, 9000])),
    "late.mp4": Case(clip(pts=every(512, start=7001), container_options=_FINE)),
    "edit_list.mp4": Case(
        clip(num_frames=20, pts=every(512, 20, -1300), options={"bf": "0"}),
        num_frames=range(17, 21),  # players differ on how much of the cut-off start they show
    ),
    "b_pictures.mp4": Case(clip(num_frames=12, options={"bf": "3"}), num_frames=range(12, 13)),
    "film.mp4": Case(clip(rate=FILM, time_base=1 / FILM / 1001)),
    "ntsc.mp4": Case(clip(rate=NTSC, time_base=Fraction(1, 30000), pts=every(1001))),
    "broadcast.ts": Case(
        clip(
            num_frames=30, time_base=Fraction(1, 90_000), pts=every(3600, 30, 36_000_000),
            sound=[("aac", 48000, 400 * 48000)],
        ),
        num_frames=range(30, 31),
        notice="time stamps began at 400",
    ),
    "two_tracks.mp4": Case(
        clip(num_frames=30, sound=[("aac", 48000, 0), ("aac", 44100, 4410)]),
        num_frames=range(30, 31),
    ),
    "subtitles.mkv": Case(with_subtitles, num_frames=range(30, 31)),
}  # fmt: skip

_EXACT = {"options": {"qp": "0"}}
TURNED: Mapping[str, Case] = {
    "turned_90.mov": Case(clip(rotation=(90, False, False), **_EXACT), size=(48, 64)),
    "turned_180.mov": Case(clip(rotation=(180, False, False), **_EXACT)),
    "turned_270.mov": Case(clip(rotation=(270, False, False), **_EXACT), size=(48, 64)),
    "mirrored.mov": Case(clip(rotation=(0, True, False), **_EXACT)),
    "turned_and_mirrored.mov": Case(clip(rotation=(90, True, False), **_EXACT), size=(48, 64)),
    "wide_pixels.mp4": Case(clip(aspect=Fraction(4, 3))),
    "turned_wide_pixels.mov": Case(
        clip(rotation=(90, False, False), aspect=Fraction(64, 45), **_EXACT), size=(48, 64)
    ),
}

SIZES: dict[str, Case] = {
    f"{width}x{height}.nut": Case(
        clip(size=(height, width), codec="rawvideo"), size=(width, height)
    )
    for width, height in ((1, 1), (2, 2), (17, 1), (1, 19), (3, 400), (17, 19), (64, 47), (63, 48))
}
SIZES |= {
    "one_frame.mp4": Case(clip(num_frames=1), num_frames=range(1, 2)),
    "two_frames.mp4": Case(clip(num_frames=2), num_frames=range(2, 3)),
    "4096x2160.mp4": Case(coarse, num_frames=range(2, 3), size=(4096, 2160)),
}

YUYV = Layout("yuv", 8, 1, 0)
SAMPLES: Mapping[str, Case] = {
    "hdr10.mkv": Case(
        clip(layout=TEN, codec="libx265", tags=(9, 1, 9, 16), options=X265),
        looks_right=lambda info: info.bit_depth == 10 and info.colour.transfer == 16,
    ),
    "hlg.mkv": Case(
        clip(layout=TEN, codec="libx265", tags=(9, 1, 9, 18), options=X265),
        looks_right=lambda info: info.bit_depth == 10 and info.colour.transfer == 18,
    ),
    "444.mp4": Case(clip(layout=YUV444), looks_right=lambda info: info.layout == YUV444),
    "full_range.mov": Case(
        clip(codec="mjpeg", pix_fmt="yuvj420p"),
        looks_right=lambda info: info.colour.range == 2 and info.layout == YUV420,
    ),
    "grey.mkv": Case(clip(layout=GREY), looks_right=lambda info: info.layout == GREY),
    "grey10.mkv": Case(clip(layout=GREY10), looks_right=lambda info: info.layout == GREY10),
    "alpha.webm": Case(
        clip(
            layout=YUVA, codec="libvpx-vp9", metadata={"alpha_mode": "1"},
            options={"lossless": "1"},
        ),
        looks_right=lambda info: info.layout == YUVA,
    ),
    "alpha.mov": Case(
        clip(layout=PRORES, codec="prores_ks", pix_fmt="yuva444p10le"),
        looks_right=lambda info: info.layout.has_alpha and info.bit_depth >= 10,
    ),
    "palette.gif": Case(
        animation,
        num_frames=range(4, 5),
        looks_right=lambda info: info.num_frames in (4, None),
    ),
    "pal.mpg": Case(
        clip(
            size=(576, 720), codec="mpeg2video", time_base=Fraction(1, 25),
            options={"flags": "+ildct+ilme"}, aspect=Fraction(64, 45),
        ),
        size=(720, 576),
        notice="the interlaced video is treated as progressive",
        looks_right=lambda info: info.pixel_aspect == Fraction(64, 45),
    ),
    "dv_pal.avi": Case(
        clip(
            num_frames=2, size=(576, 720), codec="dvvideo", time_base=Fraction(1, 25),
            aspect=Fraction(16, 15),
        ),
        num_frames=range(2, 3),
        size=(720, 576),
        notice="the interlaced video is treated as progressive",
        looks_right=lambda info: info.pixel_aspect != 1,
    ),
    "vp9.webm": Case(clip(codec="libvpx-vp9", options={"deadline": "realtime"})),
    "av1.mkv": Case(
        unhurried(clip(num_frames=3, size=(64, 64), codec="libsvtav1", options={"preset": "12"})),
        num_frames=range(3, 4),
        size=(64, 64),
    ),
    "yuyv.avi": Case(
        clip(layout=YUYV, codec="rawvideo", pix_fmt="yuyv422", time_base=Fraction(1, 25)),
        looks_right=lambda info: info.layout == YUYV,
    ),
    "nv12.nut": Case(
        clip(codec="rawvideo", pix_fmt="nv12"),
        looks_right=lambda info: info.layout == YUV420 and info.pixel_format == "nv12",
    ),
}  # fmt: skip

CORPUS: Mapping[str, Case] = {**BAD, **CUT, **TIMES, **TURNED, **SIZES, **SAMPLES}
