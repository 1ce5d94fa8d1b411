"""Boxes around holes: more detail for the same work, stable, causal, nothing else changed."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from test_classical_inpainter import blank, psnr, texture

from tracker import images
from tracker.boxes import Box, Room, choose_boxes, holes_in, move_box
from tracker.classical.inpainter import ClassicalInpainter
from tracker.crop import Cropped
from tracker.engine_table import INPAINTERS
from tracker.jobs import Settings
from tracker.masks import read_label_image
from tracker.own import OWN_INPAINTER
from tracker.pipeline import inpaint
from tracker.sizing import MOST_BYTES, MOST_OF_HOLE, STEP, choose_sizing
from tracker.types import Clip
from tracker.video import VideoReader
from tracker.windows import causal_windows, offline_windows

ROW = INPAINTERS["classical"]

HD = (1080, 1920)
HQ = Room(432 * 240, (60, 108))
GIGABYTE = 1 << 30


class Showing:
    """Fills nothing: what comes out is what can be seen at the size it is given."""

    def __init__(self, made=None):
        self.clips = []
        if made is not None:
            made.append(self)

    def fill(self, clip):
        self.clips.append(clip)
        return list(clip.frames[: clip.num_local])


def hole_at(top, left, height=40, width=60, size=HD):
    hole = np.zeros(size, bool)
    hole[top : top + height, left : left + width] = True
    return hole


def boxes_for(*holes, room=HQ):
    return choose_boxes(holes_in(holes), holes[0].shape, room)


def test_a_box_holds_the_hole_and_a_margin_at_the_sources_size_where_that_fits():
    ((box, size),) = boxes_for(hole_at(500, 700))

    assert box.holds(Box(500 - 48, 540 + 48, 700 - 48, 760 + 48))
    assert size == (box.height, box.width)
    assert size[0] * size[1] <= HQ.max_pixels


def test_a_larger_hole_is_shrunk_less_than_the_frame_would_be():
    ((box, size),) = boxes_for(hole_at(300, 700, 400, 240))

    assert box.holds(Box(100, 900, 500, 1140))
    assert size[0] / box.height > 1.5 * 240 / 1080
    assert -(-size[0] // 60) * 60 * -(-size[1] // 108) * 108 <= HQ.max_pixels


def test_a_hole_over_most_of_the_frame_is_seen_with_the_whole_frame():
    ((box, size),) = boxes_for(hole_at(100, 100, 900, 1700))

    assert box == Box(0, 1080, 0, 1920)
    assert size == (240, 427)


def test_holes_far_apart_get_boxes_of_their_own_in_the_room_of_one():
    chosen = boxes_for(hole_at(100, 100) | hole_at(800, 1700))

    assert len(chosen) == 2
    assert sum(size[0] * size[1] for _, size in chosen) <= HQ.max_pixels
    assert chosen[0][0].holds(Box(100, 140, 100, 160))
    assert chosen[1][0].holds(Box(800, 840, 1700, 1760))


def test_holes_near_each_other_share_a_box():
    ((box, _),) = boxes_for(hole_at(500, 700) | hole_at(500, 800))

    assert box.holds(Box(500, 540, 700, 860))


def test_many_holes_share_few_boxes():
    hole = np.logical_or.reduce([hole_at(y, x) for y in (50, 500, 950) for x in (50, 900, 1700)])

    assert len(boxes_for(hole)) <= 3


@pytest.mark.parametrize("place", [(0, 0), (1040, 1860), (0, 1860), (520, 0)])
def test_boxes_stay_inside_the_frame(place):
    for box, _ in boxes_for(hole_at(*place)):
        assert Box(0, 1080, 0, 1920).holds(box)
        assert box.holds(Box(place[0], place[0] + 40, place[1], place[1] + 60))


def test_a_moved_box_keeps_its_size_and_stays_inside():
    moved = move_box(Box(0, 240, 0, 432), Box(1000, 1080, 1800, 1920), HD)

    assert moved == Box(840, 1080, 1488, 1920)


def clip_of(frames, holes, indices=None, wanted=None):
    return Clip(
        tuple(indices or range(len(frames))), tuple(frames), tuple(holes), len(frames), wanted
    )


def test_the_box_stays_while_the_hole_stays_near_and_then_moves_without_changing_size():
    made = []
    cropped = Cropped(lambda: Showing(made), HQ)
    boxes = []
    for step in range(40):
        frame = np.zeros((*HD, 3), np.uint8)
        jitter = 3 * (step % 2)
        cropped.fill(clip_of([frame], [hole_at(500 + jitter, 300 + 8 * step)], [step]))
        boxes.append(cropped._lanes[0].box)

    assert len(made) == len(set(boxes)) <= 5
    assert len({(box.height, box.width) for box in boxes}) == 1


def test_what_a_box_shows_of_a_frame_is_the_same_object_in_the_next_window():
    made = []
    cropped = Cropped(lambda: Showing(made), HQ)
    frames = [np.zeros((*HD, 3), np.uint8) for _ in range(3)]
    holes = [hole_at(500, 300)] * 3

    cropped.fill(clip_of(frames[:2], holes[:2], (0, 1)))
    cropped.fill(clip_of(frames[1:], holes[1:], (1, 2)))

    first, second = made[0].clips
    assert first.frames[1] is second.frames[0]
    assert first.holes[1] is second.holes[0]
    assert set(cropped._lanes[0].seen) == {1, 2}  # and no frame is kept longer


def test_nothing_but_the_hole_changes_and_all_of_it_does():
    class Painter:
        def fill(self, clip):
            return [np.full_like(frame, 9) for frame in clip.frames[: clip.num_local]]

    frame = np.full((*HD, 3), 200, np.uint8)
    hole = hole_at(100, 100) | hole_at(800, 1700) | hole_at(0, 1900, 30, 20)

    (result,) = Cropped(Painter, HQ).fill(clip_of([frame], [hole]))

    assert (result[hole] == 9).all()
    near = images.dilate(hole, 100)
    assert (result[~near] == 200).all()


def test_frames_without_a_hole_come_back_as_they_are():
    frames = [np.full((*HD, 3), 200, np.uint8)] * 2

    results = Cropped(Showing, HQ).fill(clip_of(frames, [np.zeros(HD, bool)] * 2))

    np.testing.assert_array_equal(results, frames)


def high_frequencies(pictures, holes):
    """Return the energy of what is finer than a few pixels, inside the holes."""
    total = 0.0
    for picture, hole in zip(pictures, holes, strict=True):
        region = images.bounding_box(hole)
        part = picture[region].astype(np.float32)
        fine = part - cv2.GaussianBlur(part, (0, 0), 1.5)
        total += float(np.square(fine)[hole[region]].sum())
    return total


def sharp_pan(num_frames, height, width, step=3):
    rng = np.random.default_rng(0)
    wide = texture(height, width + step * num_frames).astype(np.float32)
    wide += cv2.GaussianBlur(rng.normal(0, 30, wide.shape).astype(np.float32), (0, 0), 0.7)
    scene = np.clip(wide, 0, 255).astype(np.uint8)
    return [scene[:, step * i : step * i + width].copy() for i in range(num_frames)]


def fill_all(frames, holes, inpainter, size, mode):
    """Fill as the pipeline does at a working size; return whole frames."""
    pairs = [
        (images.shrink(frame, *size), images.shrink_hole(hole, *size))
        for frame, hole in zip(blank(frames, holes), holes, strict=True)
    ]
    if mode == "streaming":
        filled = list(
            inpaint(
                pairs,
                causal_windows(history=ROW.history, num_references=ROW.num_references),
                inpainter,
            )
        )
    else:
        windows = offline_windows(len(frames), ROW.schedule)
        filled = list(inpaint(pairs, windows, inpainter, pairs.__getitem__))
    results = []
    for frame, hole, picture in zip(frames, holes, filled, strict=True):
        result = frame.copy()
        result[hole] = images.enlarge(picture, *hole.shape, images.bounding_box(hole))[hole]
        results.append(result)
    return results


def test_a_crop_keeps_the_detail_that_shrinking_the_frame_loses():
    frames = sharp_pan(14, 360, 640)
    holes = [hole_at(150, 100 + 7 * i, 40, 40, (360, 640)) for i in range(14)]
    pixels = 320 * 180

    whole = fill_all(frames, holes, ClassicalInpainter(), (180, 320), "offline")
    cropped = fill_all(
        frames, holes, Cropped(ClassicalInpainter, Room(pixels)), (360, 640), "offline"
    )

    assert psnr(cropped, frames, holes) >= psnr(whole, frames, holes) + 6
    assert high_frequencies(whole, holes) < 0.6 * high_frequencies(frames, holes)
    assert high_frequencies(cropped, holes) > 0.9 * high_frequencies(frames, holes)


@pytest.mark.slow
def test_a_crop_of_the_sample_keeps_detail_too(tmp_path):
    make = [sys.executable, "script/make_sample.py", "--no-film", "--truth", str(tmp_path)]
    subprocess.run(make, check=True, timeout=600)  # the masks, and what no camera could see
    indices = range(30, 54)
    masks = [read_label_image(tmp_path / "masks" / f"{i:05d}.png") > 0 for i in indices]
    holes = [images.dilate(mask, 4) for mask in masks]
    with VideoReader(Path("assets/sample.mp4")) as reader:
        frames = [frame.rgb for frame in reader][indices.start : indices.stop]
    truth = [np.asarray(Image.open(tmp_path / "clean" / f"{i:05d}.png")) for i in indices]
    pixels = 432 * 243

    whole = fill_all(frames, holes, ClassicalInpainter(), (243, 432), "offline")
    cropped = fill_all(
        frames, holes, Cropped(ClassicalInpainter, Room(pixels)), (480, 854), "offline"
    )

    # 23.1 and 23.9 dB
    assert psnr(cropped, truth, holes) >= psnr(whole, truth, holes) + 0.5
    assert high_frequencies(cropped, holes) > 1.5 * high_frequencies(whole, holes)


@pytest.mark.parametrize("mode", ["offline", "streaming"])
def test_the_weight_free_engine_keeps_detail_at_the_sources_size(mode):
    frames = sharp_pan(16, 360, 640)
    holes = [hole_at(150, 100 + 7 * i, 40, 40, (360, 640)) for i in range(16)]

    whole = fill_all(frames, holes, ClassicalInpainter(), (180, 320), mode)
    full = fill_all(frames, holes, ClassicalInpainter(), (360, 640), mode)

    settled = slice(8, None)
    before, after = (psnr(r[settled], frames[settled], holes[settled]) for r in (whole, full))
    assert after >= before + 5
    assert high_frequencies(full[settled], holes[settled]) > 0.9 * high_frequencies(
        frames[settled], holes[settled]
    )


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("recall", ["recompute", "memory"])
def test_no_future_frame_moves_a_box_or_changes_an_output_bit(recall):
    pytest.importorskip("torch")
    from test_e2fgvi_inpainter import tiny_network

    from e2fgvi.inpainter import E2FGVIInpainter

    network = tiny_network()
    frames = sharp_pan(8, 200, 400)
    holes = [hole_at(60, 40 + 30 * i, 20, 20, (200, 400)) for i in range(8)]
    others = frames[:5] + [255 - frame for frame in frames[5:]], holes[:5] + [~h for h in holes[5:]]

    results = []
    for some_frames, some_holes in ((frames, holes), others):
        room = Room(120 * 216, (60, 108))
        inpainter = Cropped(lambda: E2FGVIInpainter(network, recall=recall), room)
        windows = causal_windows(history=2, num_references=1, reference_stride=4)
        results.append(list(inpaint(zip(some_frames, some_holes, strict=True), windows, inpainter)))

    np.testing.assert_array_equal(results[0][:5], results[1][:5])
    assert (results[0][5] != results[1][5]).any()


def test_ordinary_clips_are_given_whole_and_as_ever():
    for name, size in (
        ("classical", (480, 854)),
        ("e2fgvi_hq", (240, 432)),
        ("e2fgvi", (240, 432)),
    ):
        sizing = choose_sizing(*size, INPAINTERS[name], Settings())

        assert (sizing.working_size, sizing.room) == (size, None)


@pytest.mark.parametrize(
    "size", [(480, 854), (720, 1280), (1080, 1920), (1920, 1080), (1000, 1000)]
)
def test_without_a_crop_a_large_frame_is_padded_as_little_as_can_be(size):
    sizing = choose_sizing(*size, INPAINTERS["e2fgvi_hq"], Settings(crop="off"))

    assert sizing.room is None
    height, width = sizing.working_size
    padded = -(-height // 60) * 60 * -(-width // 108) * 108
    assert padded <= 432 * 240
    assert abs(height * size[1] - width * size[0]) <= max(size)  # the same shape


@pytest.mark.parametrize("streaming", [False, True])
def test_large_frames_reach_an_engine_of_windows_whole_and_its_boxes_share_its_room(streaming):
    sizing = choose_sizing(
        *HD, INPAINTERS["e2fgvi_hq"], Settings(), streaming=streaming, free_bytes=8 * GIGABYTE
    )

    assert sizing.working_size == HD
    assert sizing.room == HQ


@pytest.mark.parametrize(
    ("free", "expected"),
    [(8 * GIGABYTE, HD), (GIGABYTE, (586, 1041)), (GIGABYTE // 8, (540, 960))],
)
def test_the_weight_free_engine_gets_as_many_pixels_as_memory_allows(free, expected):
    sizing = choose_sizing(*HD, INPAINTERS["classical"], Settings(), free_bytes=free)

    assert sizing.room is None
    assert sizing.working_size == expected


def test_the_weight_free_engine_leaves_memory_that_4k_does_not_need_unless_asked_for_all():
    spec, free = INPAINTERS["classical"], 24 * GIGABYTE

    height, width = choose_sizing(2160, 3840, spec, Settings(), free_bytes=free).working_size
    assert 0.9 * MOST_BYTES < height * width * spec.bytes_per_pixel <= 1.01 * MOST_BYTES
    whole = choose_sizing(2160, 3840, spec, Settings(size="full"), free_bytes=free)
    assert whole.working_size == (2160, 3840)


def test_while_streaming_the_weight_free_engine_keeps_its_pace_unless_asked_for_all():
    spec = INPAINTERS["classical"]

    assert choose_sizing(*HD, spec, Settings(), streaming=True).working_size == (540, 960)
    assert choose_sizing(*HD, spec, Settings(size="full"), streaming=True).working_size == HD


def test_a_crop_can_be_switched_off():
    sizing = choose_sizing(
        *HD, INPAINTERS["classical"], Settings(crop="off"), free_bytes=8 * GIGABYTE
    )

    assert sizing.working_size == (540, 960)


def test_full_size_needs_no_shrinking_of_boxes():
    sizing = choose_sizing(*HD, INPAINTERS["e2fgvi_hq"], Settings(size="full"))
    ((box, size),) = choose_boxes([Box(300, 700, 700, 940)], HD, sizing.room)

    assert sizing.working_size == HD
    assert size == (box.height, box.width)
    assert box.height < 1080


def hd_sizing(name="classical", settings=None, **how):
    spec = INPAINTERS[name]
    return choose_sizing(*HD, spec, settings or Settings(), free_bytes=8 * GIGABYTE, **how)


def test_small_holes_are_filled_as_large_as_they_are():
    sizing = hd_sizing()

    for share in (0.0, 0.01, MOST_OF_HOLE / (1080 * 1920)):
        assert sizing.for_holes(share) == sizing


def test_a_large_hole_is_filled_at_a_size_at_which_it_is_not():
    for share in (0.15, 0.2, 0.25, 0.4, 0.5):
        height, width = hd_sizing().for_holes(share).working_size

        assert height * width * share <= 1.01 * MOST_OF_HOLE
        assert height * width * share > STEP**2 * 0.99 * MOST_OF_HOLE  # nor smaller than need be
        assert abs(height * 1920 - width * 1080) <= 1920  # the same shape


def test_a_hole_that_grows_takes_few_sizes_down_to_the_engines_own():
    heights = [hd_sizing().for_holes(share).working_size[0] for share in np.linspace(0, 1, 101)]

    assert heights == sorted(heights, reverse=True)
    assert sorted(set(heights)) == [540, 642, 764, 908, 1080]


def test_even_a_hole_of_the_whole_frame_leaves_the_engine_its_own_pixels():
    for size in (HD, (1920, 1080), (2160, 3840), (1001, 1357)):
        spec = INPAINTERS["classical"]
        sizing = choose_sizing(*size, spec, Settings(), free_bytes=24 * GIGABYTE)

        shrunk = sizing.for_holes(1.0).working_size
        assert shrunk == images.fit_within(*sizing.working_size, spec.max_pixels)


@pytest.mark.parametrize(
    "sizing",
    [
        hd_sizing(settings=Settings(size="full")),
        hd_sizing(settings=Settings(size="fast")),
        hd_sizing(settings=Settings(crop="off")),
        hd_sizing(streaming=True),
        hd_sizing(settings=Settings(size="full"), streaming=True),
        hd_sizing("e2fgvi_hq"),
        choose_sizing(480, 854, INPAINTERS["classical"], Settings()),
        choose_sizing(*HD, OWN_INPAINTER, Settings()),
    ],
    ids=["full", "fast", "uncropped", "stream", "full stream", "windows", "small frame", "own"],
)
def test_where_the_size_is_asked_for_or_small_already_no_hole_changes_it(sizing):
    assert sizing.for_holes(1.0) == sizing
