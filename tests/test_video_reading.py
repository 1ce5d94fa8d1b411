"""Reading: times, orientation, random access, folders, damage."""

import json
from fractions import Fraction
from itertools import islice, product

import av
import numpy as np
import pytest
from av import library_versions
from PIL import Image
from video_making import TICK, YUV420, frame_times, scene, write_video

from tracker.types import UserError
from tracker.video import VideoReader, probe
from tracker.video.colour import Colour, to_rgb
from tracker.video.layouts import Layout
from tracker.video.orientation import Orientation, turn


def planes_equal(frame, planes):
    return all(np.array_equal(a, b) for a, b in zip(frame.planes, planes, strict=True))


def test_probe_tells_what_a_video_is(tmp_path):
    path = write_video(
        tmp_path / "a.mp4",
        scene(YUV420),
        YUV420,
        codec="libx264",
        aspect=Fraction(4, 3),
        tags=(1, 1, 1, 1),
        sound=[("aac", 48000, 0)],
    )

    info = probe(path)

    assert (info.path, info.width, info.height) == (path, 64, 48)
    assert (info.num_frames, info.rate) == (6, 25)
    assert info.duration_seconds == pytest.approx(0.24)
    assert (info.pixel_aspect, info.bit_depth, info.pixel_format) == (Fraction(4, 3), 8, "yuv420p")
    assert info.has_audio
    assert not info.frames_are_exact
    assert (info.colour.matrix, info.colour.range) == (1, 1)


def test_frames_come_with_their_planes_and_times(tmp_path):
    clip = scene(YUV420)
    path = write_video(tmp_path / "a.mkv", clip, YUV420)

    with VideoReader(path) as reader:
        frames = list(reader)

    assert [frame.index for frame in frames] == list(range(6))
    assert [frame.time for frame in frames] == [Fraction(index, 25) for index in range(6)]
    assert all(planes_equal(frame, planes) for frame, planes in zip(frames, clip, strict=True))


def test_frames_are_read_only(tmp_path):
    with VideoReader(write_video(tmp_path / "a.mkv", scene(YUV420), YUV420)) as reader:
        frame = next(iter(reader))

    with pytest.raises(ValueError, match="read-only"):
        frame.planes[0][0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        frame.rgb[0, 0] = 1
    assert frame.rgb is frame.rgb


def test_every_iteration_starts_again_and_several_may_run_at_once(tmp_path):
    with VideoReader(write_video(tmp_path / "a.mkv", scene(YUV420), YUV420)) as reader:
        first = list(islice(reader, 3))
        pairs = list(zip(reader, reader, strict=True))

    assert [frame.index for frame in first] == [0, 1, 2]
    assert [(a.index, b.index) for a, b in pairs] == [(index, index) for index in range(6)]


def test_the_number_of_frames_is_exact_after_a_complete_reading(tmp_path):
    with VideoReader(write_video(tmp_path / "a.mkv", scene(YUV420), YUV420)) as reader:
        assert not reader.info.frames_are_exact
        for _ in reader:
            pass

        assert reader.info.frames_are_exact
        assert reader.info.num_frames == 6


VARIABLE = [0, 300, 1100, 1101, 4000, 9000]


@pytest.mark.parametrize("start", [0, 7, 1000, 128000])
def test_variable_rates_and_late_starts_are_read_exactly(tmp_path, start):
    pts = [start + ticks for ticks in VARIABLE]
    path = write_video(
        tmp_path / "a.mp4",
        scene(YUV420),
        YUV420,
        codec="libx264",
        pts=pts,
        container_options={"movie_timescale": "12800"},
    )

    with VideoReader(path) as reader:
        assert [frame.time for frame in reader] == [ticks * TICK for ticks in pts]
        assert reader.info.start_seconds == start * TICK


def long_clip(tmp_path, name="a.mp4", codec="libx264", num_frames=70, **options):
    clip = scene(YUV420, num_frames)
    options.setdefault("options", {"g": "12"})
    return write_video(tmp_path / name, clip, YUV420, codec=codec, **options)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("b_pictures.mp4", "libx264", {"options": {"g": "12", "bf": "3"}}),
        (
            "open_gop.mp4",
            "libx264",
            {"options": {"g": "12", "bf": "3", "x264-params": "open-gop=1"}},
        ),
        ("hevc.mkv", "libx265", {"options": {"x265-params": "keyint=12:log-level=none"}}),
        ("transport.ts", "libx264", {"options": {"g": "12", "bf": "2"}}),
        ("webm.webm", "libvpx-vp9", {"options": {"g": "12", "deadline": "realtime"}}),
        (
            "vp8.webm",
            "libvpx",
            {"options": {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "16"}},
        ),
        ("mpeg4.avi", "mpeg4", {"options": {"g": "12"}, "time_base": Fraction(1, 25)}),
        (
            "b_pictures.avi",
            "mpeg4",
            {"options": {"g": "12", "bf": "2"}, "time_base": Fraction(1, 25)},
        ),
        (
            "program.mpg",
            "mpeg2video",
            {"options": {"g": "12", "bf": "2"}, "time_base": Fraction(1, 25)},
        ),
        ("raw.h264", "libx264", {"options": {"g": "12", "bf": "2"}, "time_base": Fraction(1, 25)}),
        ("intra.mkv", "ffv1", {"options": {}}),
        ("late.mp4", "libx264", {"pts": [1000 + 512 * index for index in range(70)]}),
        ("trimmed.mp4", "libx264", {"pts": [-1300 + 512 * index for index in range(70)]}),
    ],
)
def test_any_frame_read_at_random_is_the_one_of_a_plain_reading(tmp_path, name, codec, options):
    path = long_clip(tmp_path, name, codec, **options)
    with VideoReader(path) as reader:
        plain = [(frame.time, frame.planes[0].copy()) for frame in reader]
    last = len(plain) - 1

    with VideoReader(path) as reader:
        for index in (40, 0, 41, 13, last, 12, 11, 69 - 24, 45, 46, 2):
            frame = reader.read(index)
            assert (frame.index, frame.time) == (index, plain[index][0])
            np.testing.assert_array_equal(frame.planes[0], plain[index][1])

    assert len(plain) >= 66


def test_frames_past_the_end_do_not_exist(tmp_path):
    path = long_clip(tmp_path, num_frames=20)
    with VideoReader(path) as reader:
        for index in (20, 250):
            with pytest.raises(UserError) as error:
                reader.read(index)
            assert str(error.value) == (
                f"frame {index} is past the end: the video has 20 frames (0-19)"
            )
        assert reader.read(19).index == 19
        with pytest.raises(UserError, match="frame -1 does not exist"):
            reader.read(-1)


@pytest.mark.parametrize("budget", [0, 10**5, 10**9])
@pytest.mark.parametrize("name", ["a.mp4", "b.avi"])
def test_backwards_is_forwards_reversed(tmp_path, monkeypatch, budget, name):
    codec = "libx264" if name == "a.mp4" else "mpeg4"
    path = long_clip(tmp_path, name, codec, time_base=Fraction(1, 25))
    monkeypatch.setattr("tracker.video.reader.BACKWARDS_BYTES", budget)

    with VideoReader(path) as reader:
        forwards = [(f.index, f.time, f.planes[0].copy()) for f in islice(reader, 50)]
        backwards = [(f.index, f.time, f.planes[0].copy()) for f in reader.backwards(50)]

    for ahead, back in zip(forwards, reversed(backwards), strict=True):
        assert ahead[:2] == back[:2]
        np.testing.assert_array_equal(ahead[2], back[2])


def test_backwards_cannot_start_past_the_end(tmp_path):
    with (
        VideoReader(long_clip(tmp_path, num_frames=20)) as reader,
        pytest.raises(UserError, match="frame 20 is past the end: the video has 20 frames"),
    ):
        next(reader.backwards(21))


needs_rotation = pytest.mark.skipif(
    not hasattr(av.video.stream.VideoStream, "set_display_rotation"),
    reason="this PyAV cannot write a display matrix",
)


@needs_rotation
@pytest.mark.parametrize("hflip", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_pictures_come_upright(tmp_path, degrees, hflip):
    clip = scene(YUV420)
    path = write_video(
        tmp_path / "a.mov",
        clip,
        YUV420,
        codec="libx264",
        options={"qp": "0"},
        rotation=(degrees, hflip, False),
        aspect=Fraction(2, 1),
    )
    # `degrees` turns counter-clockwise; what is mirrored is the turned picture.
    upright = [np.rot90(plane, degrees // 90) for plane in clip[0]]
    upright = [np.fliplr(plane) if hflip else plane for plane in upright]

    with VideoReader(path) as reader:
        frame, info = next(iter(reader)), reader.info

    assert planes_equal(frame, upright)
    assert frame.layout == YUV420
    assert (info.height, info.width) == upright[0].shape
    assert info.pixel_aspect == (Fraction(1, 2) if degrees in (90, 270) else 2)


ORIENTATIONS = [Orientation(*flags) for flags in product((False, True), repeat=3)]
SUBSAMPLINGS = [(1, 1), (1, 0), (0, 0), (0, 1), (2, 0), (2, 2)]


@pytest.mark.parametrize("size", [(12, 20), (15, 17), (1, 1)])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_turning_the_samples_turns_the_picture(orientation, subsampling, size):
    layout = Layout("yuv", 8, *subsampling, has_alpha=subsampling == (0, 0))
    planes = scene(layout, 1, *size)[0]
    colour = Colour(matrix=1, range=1)
    expected = to_rgb(layout, planes, colour)
    if orientation.transposed:
        expected = expected.swapaxes(0, 1)
    if orientation.flip_rows:
        expected = expected[::-1]
    if orientation.flip_columns:
        expected = expected[:, ::-1]

    turned, upright = turn(layout, planes, orientation)

    np.testing.assert_array_equal(to_rgb(turned, upright, colour), expected)
    assert turned.is_known
    assert sum(plane.size for plane in upright) >= sum(plane.size for plane in planes)


@pytest.mark.parametrize(
    ("subsampling", "expected"),
    [((1, 1), (1, 1)), ((1, 0), (0, 1)), ((0, 1), (1, 0)), ((0, 0), (0, 0)), ((2, 0), (0, 0))],
)
def test_chroma_stays_subsampled_where_a_format_exists(subsampling, expected):
    layout = Layout("yuv", 8, *subsampling)

    turned, _ = turn(layout, scene(layout, 1)[0], Orientation(transposed=True, flip_rows=True))

    assert (turned.shift_x, turned.shift_y) == expected


def test_photos_with_exif_orientation_come_upright(tmp_path):
    image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to view
    folder = tmp_path / "f"
    folder.mkdir()
    image.save(folder / "0.jpg", exif=exif, quality=100)

    with VideoReader(folder) as reader:
        frame = next(iter(reader))

    turned_by_decoder = int(library_versions["libavcodec"][0]) >= 62
    expected = np.rot90(np.asarray(image), -1) if turned_by_decoder else np.asarray(image)
    assert np.abs(frame.planes[0].astype(int) - expected).max() <= 2


def test_transparency_of_vp9_is_read(tmp_path):
    layout = Layout("yuv", 8, 1, 1, has_alpha=True)
    path = write_video(
        tmp_path / "a.webm",
        scene(layout),
        layout,
        codec="libvpx-vp9",
        options={"lossless": "1"},
        metadata={"alpha_mode": "1"},
    )

    with VideoReader(path) as reader:
        frames = list(reader)

    assert frames[0].layout.has_alpha
    np.testing.assert_array_equal(frames[3].planes[3], scene(layout)[3][3])


def save_images(folder, images, ending=".png"):
    folder.mkdir(exist_ok=True)
    for name, image in images.items():
        Image.fromarray(image).save(folder / f"{name}{ending}")
    return folder


def shade(value, size=(6, 8)):
    return np.full((*size, 3), value, np.uint8)


def test_a_folder_is_read_in_natural_order_at_the_given_rate(tmp_path):
    folder = save_images(tmp_path / "f", {f"frame{i}": shade(i) for i in (10, 9, 1, 2)})
    (folder / "notes.txt").write_text("not an image")
    (folder / ".hidden.png").write_bytes(b"")

    with VideoReader(folder, Fraction(10)) as reader:
        frames = list(reader)
        assert reader.info.frames_are_exact
        assert (reader.info.num_frames, reader.info.rate) == (4, 10)

    assert [int(frame.rgb[0, 0, 0]) for frame in frames] == [1, 2, 9, 10]
    assert [frame.time for frame in frames] == [Fraction(i, 10) for i in range(4)]


def test_a_folder_keeps_the_times_noted_in_it(tmp_path):
    folder = save_images(tmp_path / "f", {"0": shade(1), "1": shade(2)})
    noted = [{"file": "0.png", "time": "1/3"}, {"file": "1.png", "time": "5/3"}]
    (folder / "frames.json").write_text(json.dumps(noted))

    with VideoReader(folder) as reader:
        assert [frame.time for frame in reader] == [Fraction(1, 3), Fraction(5, 3)]


@pytest.mark.parametrize(
    "content",
    [
        "[",
        "[]",
        '{"a": 1}',
        '[{"file": "0.png", "time": "1/0"}]',
        "[" * 100000,
        "null",
        '[{"file": "0.png", "time": "1"}, {"file": "1.png", "time": "1"}]',
    ],
)
def test_times_that_do_not_fit_are_refused(tmp_path, content):
    folder = save_images(tmp_path / "f", {"0": shade(1), "1": shade(2)})
    (folder / "frames.json").write_text(content)

    with pytest.raises(UserError, match=r"frames.json does not fit the images beside it"):
        VideoReader(folder)


def test_images_of_another_size_are_named(tmp_path):
    folder = save_images(tmp_path / "f", {"0": shade(1), "1": shade(2, (6, 9))})

    with VideoReader(folder) as reader, pytest.raises(UserError) as error:
        list(reader)

    assert str(error.value) == "1.png is 9x6 but 0.png is 8x6; give images of one size"


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif", ".webp", ".ppm"])
def test_lossless_images_of_every_kind_are_read(tmp_path, ending):
    image = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    folder = tmp_path / "f"
    folder.mkdir()
    Image.fromarray(image).save(
        folder / f"0{ending}", **({"lossless": True} if ending == ".webp" else {})
    )

    with VideoReader(folder) as reader:
        np.testing.assert_array_equal(next(iter(reader)).rgb, image)


def test_images_of_another_format_take_that_of_the_first(tmp_path):
    folder = save_images(tmp_path / "f", {"0": shade(50), "1": shade(90)[..., 0]})

    with VideoReader(folder) as reader:
        frames = list(reader)
        notices = reader.notices

    assert frames[1].layout == frames[0].layout == Layout("rgb", 8)
    np.testing.assert_array_equal(frames[1].rgb, shade(90))
    assert "converted to the format of the first image" in notices[0]


def test_ten_and_twelve_bit_folders_keep_their_depth(tmp_path):
    folder = tmp_path / "f"
    folder.mkdir()
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(folder / "0.png")

    with VideoReader(folder) as reader:
        frame = next(iter(reader))

    assert frame.layout == Layout("grey", 16)
    assert (frame.planes[0] == 40_000).all()


def test_only_what_is_asked_for_is_decoded(tmp_path, monkeypatch):
    import tracker.video.movie_source as movie_source

    unpacked = []
    original = movie_source.unpack
    monkeypatch.setattr(
        movie_source, "unpack", lambda picture: unpacked.append(1) or original(picture)
    )
    with VideoReader(long_clip(tmp_path)) as reader:
        for _ in islice(reader, 2):
            pass

    assert len(unpacked) == 2


def test_plain_times_agree_with_pyav(tmp_path):
    path = long_clip(tmp_path, "a.ts")
    with VideoReader(path) as reader:
        assert [frame.time for frame in reader] == frame_times(path)
