"""Every pixel format FFmpeg decodes, rearranged into planes without changing a value."""

import av
import numpy as np
import pytest
from av.video.format import names as all_names

from tracker.types import UserError
from tracker.video.formats import pack, unpack
from tracker.video.layouts import Layout, layout_of, needs_conversion

HEIGHT, WIDTH = 18, 34  # even: a converter is the oracle, and it invents nothing then


def random_planes(layout, seed=0, size=(HEIGHT, WIDTH)):
    random = np.random.default_rng(seed)
    return [
        random.integers(0, layout.maximum + 1, layout.shape(plane, *size)).astype(layout.dtype)
        for plane in range(layout.num_planes)
    ]


def software_formats():
    for name in sorted(all_names):
        try:
            av.VideoFrame(WIDTH, HEIGHT, name)
        except av.FFmpegError:
            continue  # lives on a graphics card
        yield name


def is_beyond_ffmpeg(frame):
    """Return whether a picture can be neither rearranged nor converted."""
    if frame.format.name.startswith("yaf32"):
        return True  # asked to convert it, FFmpeg aborts
    if not needs_conversion(frame.format.name):
        return False
    try:
        frame.reformat(format=layout_of(frame.format.name).name)
    except av.FFmpegError:
        return True
    return False


@pytest.mark.parametrize("name", list(software_formats()))
def test_every_format_has_planes_of_the_promised_shapes(name):
    frame = av.VideoFrame(WIDTH, HEIGHT, name)
    for plane in frame.planes:
        np.frombuffer(plane, np.uint8)[:] = 0

    if is_beyond_ffmpeg(frame):
        with pytest.raises(UserError, match=f"pictures of the format {name} cannot be read here"):
            unpack(frame)
        return
    layout, planes = unpack(frame)

    assert layout == layout_of(name)
    assert len(planes) == layout.num_planes
    assert all(plane.dtype == layout.dtype for plane in planes)
    shapes = [layout.shape(index, HEIGHT, WIDTH) for index in range(layout.num_planes)]
    assert [plane.shape for plane in planes] == shapes


REARRANGED = [
    name
    for name in software_formats()
    if not needs_conversion(name)
    and not name.startswith(("pal", "ya", "mono"))
    and layout_of(name).name not in (name, name.replace("yuvj", "yuv"))
    # FFmpeg has no exact way from planes into these.
    and name not in {"nv20be", "nv20le", "vuyx", "ayuv", "uyva", "y210be", "y212be", "y216be"}
]


@pytest.mark.parametrize("name", REARRANGED)
def test_packed_and_swapped_formats_keep_every_value(name):
    layout = layout_of(name)
    planes = random_planes(layout)

    # In one thread: making 16-bit semi-planar pictures, threads of FFmpeg's converter write
    # eight samples past the end of their part, into the first row of the next thread's.
    _, found = unpack(pack(layout, planes).reformat(format=name, threads=1))

    for index, plane in enumerate(planes):
        np.testing.assert_array_equal(found[index], plane, err_msg=f"plane {index} of {name}")


@pytest.mark.parametrize(
    ("name", "order"), [("ayuv", (3, 0, 1, 2)), ("uyva", (1, 0, 2, 3)), ("vuyx", (2, 1, 0, 0))]
)
def test_packed_yuv_keeps_every_value(name, order):
    layout = layout_of(name)
    planes = random_planes(layout)
    frame = av.VideoFrame(WIDTH, HEIGHT, name)
    pitch = frame.planes[0].line_size
    rows = np.frombuffer(frame.planes[0], np.uint8).reshape(HEIGHT, pitch)
    rows[:, : 4 * WIDTH] = np.stack([planes[i] for i in order], axis=-1).reshape(HEIGHT, -1)

    _, found = unpack(frame)

    for plane, expected in zip(found, planes, strict=True):
        np.testing.assert_array_equal(plane, expected)


def test_a_palette_is_looked_up():
    frame = av.VideoFrame(4, 1, "pal8")
    np.frombuffer(frame.planes[0], np.uint8)[:4] = [0, 1, 2, 255]
    colours = np.frombuffer(frame.planes[1], np.uint32)
    colours[[0, 1, 2, 255]] = [0xFF000000, 0xFF102030, 0x80FFFFFF, 0x00010203]

    layout, (green, blue, red, alpha) = unpack(frame)

    assert layout == Layout("rgb", 8, has_alpha=True)
    assert red.tolist() == [[0, 0x10, 0xFF, 1]]
    assert green.tolist() == [[0, 0x20, 0xFF, 2]]
    assert blue.tolist() == [[0, 0x30, 0xFF, 3]]
    assert alpha.tolist() == [[255, 255, 128, 0]]


@pytest.mark.parametrize(("name", "ink"), [("monob", 255), ("monow", 0)])
def test_one_bit_pictures_become_black_and_white(name, ink):
    frame = av.VideoFrame(10, 1, name)
    np.frombuffer(frame.planes[0], np.uint8)[:2] = [0b10000001, 0b01000000]

    layout, (grey,) = unpack(frame)

    assert layout == Layout("grey", 8)
    assert np.flatnonzero(grey[0] == ink).tolist() == [0, 7, 9]


def test_grey_with_alpha_becomes_rgb_with_alpha():
    frame = av.VideoFrame(2, 1, "ya8")
    np.frombuffer(frame.planes[0], np.uint8)[:4] = [10, 200, 20, 100]

    layout, planes = unpack(frame)

    assert layout == Layout("rgb", 8, has_alpha=True)
    assert [plane.tolist() for plane in planes] == [[[10, 20]]] * 3 + [[[200, 100]]]


PLANAR = sorted({layout_of(name) for name in software_formats()}, key=lambda layout: layout.name)


@pytest.mark.parametrize("layout", PLANAR, ids=lambda layout: layout.name)
@pytest.mark.parametrize("size", [(1, 1), (17, 19), (2, 3)])
def test_planes_survive_packing_whatever_the_size(layout, size):
    planes = random_planes(layout, size=size)

    found_layout, found = unpack(pack(layout, planes))

    assert found_layout == layout
    for plane, expected in zip(found, planes, strict=True):
        np.testing.assert_array_equal(plane, expected)


def test_planar_pictures_are_not_copied():
    frame = pack(Layout("yuv", 8, 1, 1), random_planes(Layout("yuv", 8, 1, 1)))

    _, planes = unpack(frame)

    np.frombuffer(frame.planes[0], np.uint8)[0] ^= 255
    assert planes[0][0, 0] == np.frombuffer(frame.planes[0], np.uint8)[0]
