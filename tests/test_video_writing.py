"""Writing: what comes out is what was read, but for the hole."""

import errno
import json
from fractions import Fraction

import av
import numpy as np
import pytest
from corpus import with_subtitles
from video_making import TICK, YUV420, frame_times, scene, sound_packets, write_video

from tracker.types import UserError
from tracker.video import VideoReader, VideoWriter
from tracker.video.layouts import Layout


def copy(source, output, edit=lambda frame: frame, **options):
    """Read, perhaps edit, and write; return the notices."""
    with VideoReader(source) as reader, VideoWriter(output, reader, **options) as writer:
        for frame in reader:
            writer.write(edit(frame))
        writer.commit()
        return writer.notices


def read_all(path):
    with VideoReader(path) as reader:
        return list(reader)


def luma_psnr(frame, original):
    height, width = original.shape
    error = frame.planes[0][:height, :width].astype(float) - original
    return 10 * np.log10(255**2 / max(np.mean(error**2), 1e-9))


LOSSLESS = [
    *(Layout("yuv", 8, x, y) for x, y in ((1, 1), (1, 0), (0, 0), (0, 1), (2, 0), (2, 2))),
    *(Layout("yuv", depth, 1, 1) for depth in (9, 10, 12, 16)),
    *(Layout("yuv", depth, 1, 0) for depth in (10, 12)),
    *(Layout("yuv", depth) for depth in (10, 12)),
    *(Layout("yuv", depth, 1, 1, has_alpha=True) for depth in (8, 10)),
    *(Layout("rgb", depth) for depth in (8, 10, 12, 16)),
    *(Layout("rgb", depth, has_alpha=True) for depth in (8, 16)),
    *(Layout("grey", depth) for depth in (8, 10, 16)),
]


def packed_name(layout):
    return {"gbrp": "bgr0", "gbrap": "bgra"}.get(layout.name)


@pytest.mark.parametrize("size", [(48, 64), (17, 19), (1, 1)], ids=["48x64", "17x19", "1x1"])
@pytest.mark.parametrize("layout", LOSSLESS, ids=lambda layout: layout.name)
def test_lossless_output_keeps_every_sample_outside_the_hole(tmp_path, layout, size):
    height, width = size
    clip = scene(layout, 3, height, width)
    source = write_video(tmp_path / "in.mkv", clip, layout, pix_fmt=packed_name(layout))
    hole = (slice(height // 3, height // 2), slice(width // 4, width // 2))
    alpha = np.zeros(size, np.float32)
    alpha[hole] = 1
    filled = np.full((*size, 3), (250, 20, 10), np.uint8)

    notices = copy(source, tmp_path / "out.mkv", lambda frame: frame.composite(filled, alpha))
    frames = read_all(tmp_path / "out.mkv")

    assert notices == []
    assert len(frames) == len(clip)
    for frame, planes in zip(frames, clip, strict=True):
        assert frame.layout == layout
        for index, plane in enumerate(planes):
            touched = np.zeros(plane.shape, bool)
            if not (layout.has_alpha and index == len(planes) - 1):
                shift_y = layout.shift_y if layout.is_chroma(index) else 0
                shift_x = layout.shift_x if layout.is_chroma(index) else 0
                ys, xs = np.nonzero(alpha)
                touched[ys >> shift_y, xs >> shift_x] = True
            np.testing.assert_array_equal(frame.planes[index][~touched], plane[~touched])
            if touched.any():
                assert (frame.planes[index][touched] != plane[touched]).any()


@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (9, 2, 9, 16), (6, 1, 6, 6), (9, 1, 9, 18)])
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_colour_tags_are_kept(tmp_path, tags, ending):
    layout = Layout("yuv", 10, 1, 1)
    source = write_video(tmp_path / "in.mkv", scene(layout), layout, tags=tags)

    copy(source, tmp_path / f"out{ending}")

    with av.open(str(tmp_path / f"out{ending}")) as container:
        context = container.streams.video[0].codec_context
        picture = next(container.decode(video=0))
        found = (
            context.colorspace,
            2 if picture.format.name.startswith("yuvj") else context.color_range,
            context.color_primaries,
            context.color_trc,
        )
    assert found == tags


VARIABLE = [0, 300, 1100, 1101, 4000, 9000]


TIME_BASES = [TICK, Fraction(1, 90_000), Fraction(1, 1000), Fraction(1, 7)]


@pytest.mark.parametrize(
    ("time_base", "start"),
    [(base, start) for base in TIME_BASES for start in (0, 7, 1000, 64000) if base * start < 60],
)
def test_times_are_exact_in_mp4(tmp_path, time_base, start):
    pts = [start + ticks for ticks in VARIABLE]
    source = write_video(tmp_path / "in.nut", scene(YUV420), YUV420, pts=pts, time_base=time_base)
    times = [frame.time for frame in read_all(source)]

    copy(source, tmp_path / "out.mp4")

    assert times == [ticks * time_base for ticks in pts]
    assert frame_times(tmp_path / "out.mp4") == times


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(50)])
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_rates_and_lengths_survive(tmp_path, rate, ending):
    source = write_video(
        tmp_path / "in.mp4", scene(YUV420, 30), YUV420, codec="libx264", rate=rate,
        time_base=1 / rate, sound=[("aac", 48000, 0)],
    )  # fmt: skip

    copy(source, tmp_path / f"out{ending}")

    with VideoReader(source) as before, VideoReader(tmp_path / f"out{ending}") as after:
        assert float(after.info.rate) == pytest.approx(float(rate), rel=1e-3)
        assert after.info.duration_seconds == pytest.approx(
            before.info.duration_seconds, abs=float(1 / rate) + 0.03
        )
        for a, b in zip(before, after, strict=True):
            assert abs(a.time - b.time) <= (0 if ending == ".mp4" else Fraction(1, 1000))


def test_times_are_within_a_millisecond_in_mkv(tmp_path):
    pts = [7 + ticks for ticks in VARIABLE if ticks != 1101]
    clip = scene(YUV420, 5)
    source = write_video(tmp_path / "in.nut", clip, YUV420, pts=pts, time_base=Fraction(1, 90_000))

    copy(source, tmp_path / "out.mkv")

    for ticks, time in zip(pts, frame_times(tmp_path / "out.mkv"), strict=True):
        assert abs(time - Fraction(ticks, 90_000)) <= Fraction(1, 1000)


@pytest.mark.parametrize("codec", ["aac", "libmp3lame", "libopus", "flac", "ac3"])
@pytest.mark.parametrize("first_sample", [0, 4800])
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_sound_is_copied_packet_by_packet_and_in_time(tmp_path, codec, first_sample, ending):
    source = write_video(
        tmp_path / "in.mp4", scene(YUV420, 30), YUV420, codec="libx264",
        sound=[(codec, 48000, first_sample)], container_options={"movie_timescale": "48000"},
    )  # fmt: skip

    notices = copy(source, tmp_path / f"out{ending}")

    before, after = sound_packets(source), sound_packets(tmp_path / f"out{ending}")
    assert notices == []
    assert [data for _, data in after] == [data for _, data in before]
    tolerance = Fraction(1, 48000) if ending == ".mp4" else Fraction(1, 1000)
    for (time, _), (expected, _) in zip(after, before, strict=True):
        assert abs(time - expected) <= tolerance


def test_all_sound_tracks_are_kept(tmp_path):
    source = write_video(
        tmp_path / "in.mkv", scene(YUV420, 30), YUV420,
        sound=[("aac", 48000, 0), ("libopus", 48000, 0)],
    )  # fmt: skip

    for ending in (".mp4", ".mkv"):
        assert copy(source, tmp_path / f"out{ending}") == []
        for track in (0, 1):
            before, after = (
                [data for _, data in sound_packets(path, track)]
                for path in (source, tmp_path / f"out{ending}")
            )
            assert before == after


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_f32le", "mp2"])
def test_sound_mp4_cannot_hold_becomes_aac_and_says_so(tmp_path, codec):
    source = write_video(tmp_path / "in.mkv", scene(YUV420, 50), YUV420, sound=[(codec, 44100, 0)])

    notices = copy(source, tmp_path / "out.mp4")

    assert notices == [f"audio {codec} was converted to AAC because .mp4 cannot hold it"]
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.audio[0]
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])
    assert stream.codec_context.name == "aac"
    tone = np.sin(np.arange(44100) * 0.05)
    part = samples[20_000:21_000] / np.abs(samples).max()
    # In time: the tone is where it was, to a few samples.
    offsets = range(-2300, 2300)
    best = max(offsets, key=lambda o: float(part @ tone[20_000 + o : 21_000 + o]))
    assert min(abs(best) % 126, 126 - abs(best) % 126) < 40 or abs(best) <= 1100


def subtitle_packets(path):
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        return [(p.pts * p.time_base, bytes(p)) for p in container.demux(stream) if p.size]


def test_subtitles_are_copied_where_the_container_holds_them(tmp_path):
    source = tmp_path / "in.mkv"
    with_subtitles(source)

    assert copy(source, tmp_path / "out.mkv") == []
    notices = copy(source, tmp_path / "out.mp4")

    assert len(subtitle_packets(source)) == 2
    assert subtitle_packets(tmp_path / "out.mkv") == subtitle_packets(source)
    assert notices == ["subtitles are left out because .mp4 cannot hold them"]


def test_pcm_is_copied_into_mkv(tmp_path):
    source = write_video(
        tmp_path / "in.mkv", scene(YUV420, 30), YUV420, sound=[("pcm_s16le", 44100, 0)]
    )

    assert copy(source, tmp_path / "out.mkv") == []
    assert sound_packets(tmp_path / "out.mkv") == sound_packets(source)


def test_sound_that_begins_before_the_pictures_stays_in_time(tmp_path):
    source = write_video(
        tmp_path / "in.mp4", scene(YUV420, 30), YUV420, codec="libx264",
        pts=[6400 + 512 * index for index in range(30)], sound=[("aac", 48000, 0)],
        container_options={"movie_timescale": "12800"},
    )  # fmt: skip

    copy(source, tmp_path / "out.mp4")

    assert frame_times(tmp_path / "out.mp4") == frame_times(source)
    assert sound_packets(tmp_path / "out.mp4") == sound_packets(source)


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_clock_that_begins_late_is_set_back_with_the_sound(tmp_path, ending):
    source = write_video(
        tmp_path / "in.ts", scene(YUV420, 30), YUV420, codec="libx264",
        time_base=Fraction(1, 90_000),
        pts=[36_000_000 + 3600 * index for index in range(30)],
        sound=[("aac", 48000, 400 * 48000)],
    )  # fmt: skip
    start = frame_times(source)[0]

    notices = copy(source, tmp_path / f"out{ending}")

    times = frame_times(tmp_path / f"out{ending}")
    lag = sound_packets(source)[0][0] - start
    assert times[0] == 0
    assert abs(sound_packets(tmp_path / f"out{ending}")[0][0] - times[0] - lag) < Fraction(2, 1000)
    assert any("time stamps began at" in notice for notice in notices)


needs_rotation = pytest.mark.skipif(
    not hasattr(av.video.stream.VideoStream, "set_display_rotation"),
    reason="this PyAV cannot write a display matrix",
)


@needs_rotation
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_output_is_upright_with_its_pixels_and_no_matrix_left(tmp_path, ending):
    source = write_video(
        tmp_path / "in.mov", scene(YUV420), YUV420, codec="libx264", options={"qp": "0"},
        rotation=(90, True, False), aspect=Fraction(4, 3),
    )  # fmt: skip

    copy(source, tmp_path / f"out{ending}")

    with VideoReader(source) as before, VideoReader(tmp_path / f"out{ending}") as after:
        assert (after.info.width, after.info.height) == (48, 64)
        assert after.info.pixel_aspect == before.info.pixel_aspect == Fraction(3, 4)
        a, b = next(iter(before)), next(iter(after))
        assert luma_psnr(b, a.planes[0]) > 42
    with av.open(str(tmp_path / f"out{ending}")) as container:
        assert next(container.decode(video=0)).rotation == 0


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (17, 64), (48, 19), (17, 19)])
def test_odd_sides_are_padded_in_mp4_and_it_says_so(tmp_path, size):
    height, width = size
    clip = scene(YUV420, 2, height, width)
    source = write_video(tmp_path / "in.mkv", clip, YUV420)

    notices = copy(source, tmp_path / "out.mp4")
    frame = read_all(tmp_path / "out.mp4")[0]

    assert (frame.height, frame.width) == (height + height % 2, width + width % 2)
    assert luma_psnr(frame, clip[0][0]) > 42
    assert [n for n in notices if "height" in n] == [
        f"odd height {height} padded to {height + 1} by repeating the last row"
    ] * (height % 2)
    assert [n for n in notices if "width" in n] == [
        f"odd width {width} padded to {width + 1} by repeating the last column"
    ] * (width % 2)
    if height % 2:
        np.testing.assert_allclose(frame.planes[0][-1].astype(int), frame.planes[0][-2], atol=12)


@pytest.mark.parametrize(
    ("layout", "lost"),
    [
        (Layout("yuv", 10, 1, 1), "10 bits became 8"),
        (Layout("yuv", 8), "colour became 4:2:0"),
        (Layout("yuv", 8, 2, 0), "colour became 4:2:0"),
        (Layout("rgb", 8), "RGB became 4:2:0"),
        (Layout("yuv", 8, 1, 1, has_alpha=True), "transparency was dropped"),
        (Layout("grey", 8), None),
        (Layout("grey", 12), "12 bits became 8"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_mp4_plays_everywhere_and_says_what_that_costs(tmp_path, layout, lost):
    clip = [[np.sort(plane, axis=0) for plane in planes] for planes in scene(layout, 3)]
    source = write_video(tmp_path / "in.mkv", clip, layout, pix_fmt=packed_name(layout))

    notices = copy(source, tmp_path / "out.mp4")

    if lost is None:
        assert notices == []
    else:
        assert notices == [f".mp4 is made to play everywhere: {lost}; .mkv keeps all"]
    with VideoReader(source) as before, VideoReader(tmp_path / "out.mp4") as after:
        assert after.info.pixel_format in ("yuv420p", "yuvj420p")
        for a, b in zip(before, after, strict=True):
            difference = b.rgb.astype(int) - a.rgb
            assert np.abs(difference).mean() < 30 if layout.family == "rgb" else 6
            assert abs(difference.mean()) < 1.0


def test_h264_keeps_luma_above_42_db(clips_dir, tmp_path):
    source = clips_dir / "schoolgirls" / "frames"
    copy(source, tmp_path / "out.mp4")

    with VideoReader(source) as before, VideoReader(tmp_path / "out.mp4") as after:
        values = [luma_psnr(b, a.planes[0]) for a, b in zip(before, after, strict=True)]

    assert min(values) > 42


def test_mp4_starts_with_its_index_and_is_seekable(tmp_path):
    source = write_video(tmp_path / "in.mkv", scene(YUV420, 120), YUV420)

    copy(source, tmp_path / "out.mp4")

    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(tmp_path / "out.mp4")) as container:
        keys = [p.pts for p in container.demux(video=0) if p.is_keyframe]
    assert len(keys) >= 3


def test_a_folder_keeps_pictures_and_times(tmp_path):
    pts = [5, 100, 700]
    layout = Layout("rgb", 8)
    clip = scene(layout, 3)
    source = write_video(tmp_path / "in.nut", clip, layout, pix_fmt="bgr0", pts=pts)

    copy(source, tmp_path / "out")

    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "00000.png", "00001.png", "00002.png", "frames.json",
    ]  # fmt: skip
    noted = json.loads((tmp_path / "out" / "frames.json").read_text())
    assert [Fraction(entry["time"]) for entry in noted] == [ticks * TICK for ticks in pts]
    for frame, planes, ticks in zip(read_all(tmp_path / "out"), clip, pts, strict=True):
        assert frame.time == ticks * TICK
        for plane, expected in zip(frame.planes, planes, strict=True):
            np.testing.assert_array_equal(plane, expected)


@pytest.mark.parametrize(
    "layout",
    [Layout("grey", 8), Layout("grey", 10), Layout("rgb", 12), Layout("rgb", 8, has_alpha=True)],
    ids=lambda layout: layout.name,
)
def test_png_pictures_hold_grey_depth_and_transparency(tmp_path, layout):
    clip = scene(layout, 2)
    source = write_video(tmp_path / "in.mkv", clip, layout, pix_fmt=packed_name(layout))

    assert copy(source, tmp_path / "out") == []

    frame = read_all(tmp_path / "out")[1]
    for plane, expected in zip(frame.planes, clip[1], strict=True):
        shift = frame.layout.depth - layout.depth
        np.testing.assert_array_equal(plane >> shift, expected)


def test_yuv_pictures_in_a_folder_are_their_rgb(tmp_path):
    source = write_video(tmp_path / "in.mkv", scene(YUV420), YUV420)

    copy(source, tmp_path / "out")

    with VideoReader(source) as before, VideoReader(tmp_path / "out") as after:
        for a, b in zip(before, after, strict=True):
            np.testing.assert_array_equal(a.rgb, b.rgb)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ""])
def test_rendered_videos_need_no_source(tmp_path, ending):
    path = tmp_path / f"out{ending}"
    pictures = [np.full((32, 48, 3), (10 * index, 200, 90), np.uint8) for index in range(8)]

    with VideoWriter.rendered(path, 48, 32, Fraction(10)) as writer:
        for index, picture in enumerate(pictures):
            writer.write_rgb(picture, Fraction(index, 10))
        writer.commit()

    with VideoReader(path) as reader:
        assert reader.info.rate == 10
        for index, frame in enumerate(reader):
            assert frame.time == Fraction(index, 10)
            tolerance = 3 if ending == ".mp4" else 0
            assert np.abs(frame.rgb.astype(int) - pictures[index]).max() <= tolerance


def test_overlays_have_the_colours_and_sound_of_the_source(tmp_path):
    source = write_video(
        tmp_path / "in.mp4", scene(YUV420, 30), YUV420, codec="libx264",
        sound=[("aac", 48000, 0)], tags=(6, 1, 6, 6),
    )  # fmt: skip
    with VideoReader(source) as reader, VideoWriter(tmp_path / "out.mp4", reader) as writer:
        for frame in reader:
            writer.write_rgb(np.full_like(frame.rgb, (200, 60, 30)), frame.time)
        writer.commit()

    with VideoReader(tmp_path / "out.mp4") as reader:
        frame = next(iter(reader))
    assert np.abs(frame.rgb.astype(int) - (200, 60, 30)).max() <= 3
    assert sound_packets(tmp_path / "out.mp4") == sound_packets(source)


def test_pictures_must_fit_the_video(tmp_path):
    with VideoWriter.rendered(tmp_path / "out.mp4", 48, 32, Fraction(10)) as writer:
        with pytest.raises(ValueError, match=r"picture is \(48, 32\) but the video is \(32, 48\)"):
            writer.write_rgb(np.zeros((48, 32, 3), np.uint8), Fraction(0))
        writer.write_rgb(np.zeros((32, 48, 3), np.uint8), Fraction(1))
        with pytest.raises(ValueError, match="time 1 does not come after 1"):
            writer.write_rgb(np.zeros((32, 48, 3), np.uint8), Fraction(1))


def test_a_full_disk_is_explained(tmp_path, monkeypatch):
    source = write_video(tmp_path / "in.mkv", scene(YUV420), YUV420)

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with VideoReader(source) as reader:
        frames = list(reader)
        with VideoWriter(tmp_path / "out.mkv", reader) as writer:
            writer.write(frames[0])
            monkeypatch.setattr(writer._target, "write", full)
            with pytest.raises(
                UserError, match=r"the disk is full: .* MB left and about 1 MB more"
            ):
                writer.write(frames[1])
