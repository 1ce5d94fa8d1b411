"""Kinds of video people have, each read, composited and written without loss."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from video_making import YUV420, scene, write_video

from tracker.video import VideoReader, VideoWriter
from tracker.video.layouts import Layout

YUVA444 = Layout("yuv", 12, has_alpha=True)
TEN = Layout("yuv", 10, 1, 1)


def animation(path):
    pictures = [Image.new("P", (20, 12), index) for index in range(4)]
    for picture in pictures:
        picture.putpalette([value for k in range(256) for value in (k * 60 % 256, k, 255 - k)])
        picture.putpixel((3, 4), 9)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[40, 80, 40, 200])
    return path


KINDS = {
    "prores4444.mov": (
        lambda path: write_video(
            path, scene(YUVA444, 3), YUVA444, codec="prores_ks", pix_fmt="yuva444p10le"
        ),
        lambda info: info.layout.has_alpha and info.bit_depth >= 10,
    ),
    "hdr10.mkv": (
        lambda path: write_video(
            path, scene(TEN, 3), TEN, codec="libx265", tags=(9, 1, 9, 16),
            options={"x265-params": "log-level=none"},
        ),
        lambda info: info.bit_depth == 10 and info.colour.transfer == 16,
    ),
    "full_range.mov": (
        lambda path: write_video(
            path, scene(YUV420, 3), YUV420, codec="mjpeg", pix_fmt="yuvj420p"
        ),
        lambda info: info.colour.range == 2 and info.layout == YUV420,
    ),
    "animation.gif": (animation, lambda info: info.num_frames in (4, None)),
    "portrait.webm": (
        lambda path: write_video(
            path, scene(YUV420, 3, 160, 90), YUV420, codec="libvpx-vp9",
            options={"deadline": "realtime"},
        ),
        lambda info: (info.width, info.height) == (90, 160),
    ),
    "av1.mkv": (
        lambda path: write_video(
            path, scene(YUV420, 3, 64, 64), YUV420, codec="libsvtav1", options={"preset": "12"}
        ),
        lambda info: info.layout == YUV420,
    ),
    "yuyv.avi": (
        lambda path: write_video(
            path, scene(Layout("yuv", 8, 1, 0), 3), Layout("yuv", 8, 1, 0), codec="rawvideo",
            pix_fmt="yuyv422", time_base=Fraction(1, 25),
        ),
        lambda info: info.layout == Layout("yuv", 8, 1, 0),
    ),
    "nv12.nut": (
        lambda path: write_video(
            path, scene(YUV420, 3), YUV420, codec="rawvideo", pix_fmt="nv12"
        ),
        lambda info: info.layout == YUV420 and info.pixel_format == "nv12",
    ),
    "dv_pal.avi": (
        lambda path: write_video(
            path, scene(YUV420, 2, 576, 720), YUV420, codec="dvvideo", time_base=Fraction(1, 25),
            aspect=Fraction(16, 15),
        ),
        lambda info: info.pixel_aspect != 1,
    ),
    "large.mp4": (
        lambda path: write_video(
            path, scene(YUV420, 2, 2160, 4096), YUV420, codec="libx264",
            options={"preset": "ultrafast"},
        ),
        lambda info: (info.width, info.height) == (4096, 2160),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_survives_lossless_writing_outside_the_hole(tmp_path, name):
    make, looks_right = KINDS[name]
    source = make(tmp_path / name)
    with VideoReader(source) as reader:
        assert looks_right(reader.info), reader.info
        height, width = reader.info.height, reader.info.width
        alpha = np.zeros((height, width), np.float32)
        alpha[height // 4 : height // 2, width // 4 : width // 2] = 1
        filled = np.full((height, width, 3), (200, 90, 20), np.uint8)
        with VideoWriter(tmp_path / "out.mkv", reader) as writer:
            for frame in reader:
                writer.write(frame.composite(filled, alpha))
            writer.commit()
        notices = writer.notices

    assert notices == []
    untouched = np.ones((height, width), bool)
    untouched[height // 4 // 4 * 4 : height // 2 + 3, width // 4 // 4 * 4 : width // 2 + 3] = False
    with VideoReader(source) as before, VideoReader(tmp_path / "out.mkv") as after:
        assert after.info.layout == before.info.layout
        assert after.info.pixel_aspect == before.info.pixel_aspect
        assert after.info.colour.transfer == before.info.colour.transfer
        for a, b in zip(before, after, strict=True):
            assert abs(a.time - b.time) <= Fraction(1, 1000)
            np.testing.assert_array_equal(a.rgb[untouched], b.rgb[untouched])
            np.testing.assert_array_equal(a.planes[0][untouched], b.planes[0][untouched])
            if a.layout.has_alpha:
                np.testing.assert_array_equal(a.planes[-1], b.planes[-1])
            inside = b.rgb[height // 3, width // 3].astype(int)
            assert np.abs(inside - (200, 90, 20)).max() <= 3


def test_interlaced_video_is_read_as_it_is_and_says_so(tmp_path):
    source = write_video(
        tmp_path / "pal.mpg", scene(YUV420, 5, 576, 720), YUV420, codec="mpeg2video",
        time_base=Fraction(1, 25), options={"flags": "+ildct+ilme"}, aspect=Fraction(64, 45),
    )  # fmt: skip

    with VideoReader(source) as reader:
        assert reader.info.pixel_aspect == Fraction(64, 45)
        assert sum(1 for _ in reader) == 5
        assert reader.notices == ["the interlaced video is treated as progressive"]
