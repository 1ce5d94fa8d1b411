import threading
import time
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import pytest

from tracker.ahead import ahead
from tracker.behind import behind
from tracker.pipeline import FrameBuffer, HolePlan, inpaint, propagate, remove
from tracker.types import Tracked
from tracker.windows import PUBLISHED, Schedule, causal_windows, offline_windows

FILL = 7  # the colour FlatInpainter paints; no numbered frame has it in its hole
HOLE = np.zeros((4, 6), bool)
HOLE[1:3, 2:4] = True


@dataclass(frozen=True)
class Picture:
    """A source in its simplest form: RGB in, RGB out."""

    rgb: np.ndarray

    def composite(self, filled, alpha, corner):
        mixed = self.rgb.astype(float)
        top, left = corner
        part = mixed[top : top + len(alpha), left : left + alpha.shape[1]]
        part += (filled - part) * alpha[..., None]
        return Picture(mixed.astype(np.uint8))

    def detached(self):
        return self


class FlatInpainter:
    """Paints every local frame one colour."""

    def fill(self, clip):
        return [np.full_like(frame, FILL) for frame in clip.frames[: clip.num_local]]


class HoldLabels:
    """Repeats the labels given last."""

    def step(self, frame, labels=None):
        if labels is not None:
            self.labels = labels
        return Tracked(self.labels)


def numbered_pairs(num_frames, read=None):
    """Yield frames that are their own index everywhere; note each index pulled in `read`."""
    for index in range(num_frames):
        if read is not None:
            read.append(index)
        yield np.full((4, 6, 3), index % 256, np.uint8), HOLE


def windows_for(mode, num_frames):
    return offline_windows(num_frames) if mode == "offline" else causal_windows()


def fetch(index):
    return np.full((4, 6, 3), index % 256, np.uint8), HOLE


@pytest.mark.parametrize("num_frames", [1, 2, 5, 6, 11, 37])
@pytest.mark.parametrize("mode", ["offline", "streaming"])
def test_only_the_hole_changes(mode, num_frames):
    pictures = [Picture(frame) for frame, _ in numbered_pairs(num_frames)]
    labelled = [(picture, HOLE.astype(np.uint8)) for picture in pictures]
    plan = HolePlan(objects=None, dilation=0, working_size=(4, 6))

    results = list(remove(labelled, windows_for(mode, num_frames), FlatInpainter(), plan, fetch))

    for picture, result in zip(pictures, results, strict=True):
        assert (result.rgb[HOLE] == FILL).all()
        np.testing.assert_array_equal(result.rgb[~HOLE], picture.rgb[~HOLE])


def test_it_hurries_no_further_than_a_few_pictures_and_the_results_are_the_same():
    num_read = 0

    def labelled():
        nonlocal num_read
        for frame, _ in numbered_pairs(20):
            num_read += 1
            yield Picture(frame), HOLE.astype(np.uint8)

    plan = HolePlan(objects=None, dilation=0, working_size=(4, 6))
    expected = list(remove(labelled(), causal_windows(), FlatInpainter(), plan))
    num_read = 0
    with closing(
        remove(labelled(), causal_windows(), FlatInpainter(), plan, hurries=True)
    ) as found:
        first = next(found)
        time.sleep(0.2)
        assert 1 < num_read <= 5  # one is out, two are ready, one waits to be put there
        results = [first, *found]
    assert len(results) == len(expected) == 20
    assert all(np.array_equal(a.rgb, b.rgb) for a, b in zip(results, expected, strict=True))


def test_a_smaller_working_size_still_changes_only_the_hole():
    rng = np.random.default_rng(0)
    picture = Picture(rng.integers(0, 255, (40, 60, 3), np.uint8))
    labels = np.zeros((40, 60), np.uint8)
    labels[10:21, 17:33] = 1
    plan = HolePlan(objects=None, dilation=0, working_size=(10, 15))

    (result,) = remove([(picture, labels)], causal_windows(), FlatInpainter(), plan)

    assert (result.rgb[labels > 0] == FILL).all()
    np.testing.assert_array_equal(result.rgb[labels == 0], picture.rgb[labels == 0])


@pytest.mark.parametrize(("feather", "softened"), [(0, 0), (3, 3), (None, 2)])
def test_the_seam_is_as_soft_as_asked(feather, softened):
    picture = Picture(np.zeros((40, 40, 3), np.uint8))
    labels = np.zeros((40, 40), np.uint8)
    labels[16:24, 16:24] = 1
    plan = HolePlan(objects=None, dilation=4, working_size=(40, 40), feather=feather)

    (result,) = remove([(picture, labels)], causal_windows(), FlatInpainter(), plan)

    across = result.rgb[20, 12:20, 0]  # from the left edge of the hole to its middle
    assert np.count_nonzero((across > 0) & (across < FILL)) == softened
    assert across[softened] == FILL


def test_only_the_chosen_objects_are_removed():
    picture = Picture(np.zeros((4, 6, 3), np.uint8))
    labels = np.array([[1, 1, 2, 2, 3, 3]] * 4, np.uint8)
    plan = HolePlan(objects=(1, 3), dilation=0, working_size=(4, 6))

    (result,) = remove([(picture, labels)], causal_windows(), FlatInpainter(), plan)

    np.testing.assert_array_equal(result.rgb[..., 0] == FILL, np.isin(labels, (1, 3)))


def test_streaming_returns_each_frame_before_reading_the_next():
    read = []
    results = inpaint(numbered_pairs(50, read), causal_windows(), FlatInpainter())

    for index in range(50):
        next(results)
        assert read[-1] == index


@pytest.mark.parametrize("mode", ["offline", "streaming"])
def test_memory_does_not_grow(mode, monkeypatch):
    sizes = []
    forget = FrameBuffer.forget

    def forget_and_measure(buffer, before):
        forget(buffer, before)
        sizes.append(len(buffer) + len(buffer._references))

    monkeypatch.setattr(FrameBuffer, "forget", forget_and_measure)
    reach_back = fetch if mode == "offline" else None
    for _ in inpaint(numbered_pairs(2_000), windows_for(mode, 2_000), FlatInpainter(), reach_back):
        pass

    assert max(sizes) <= 34


def test_frames_before_the_prompted_one_have_no_labels():
    frames = [frame for frame, _ in numbered_pairs(5)]
    ones = np.ones((4, 6), np.uint8)

    labels = [tracked.labels.max() for tracked in propagate(frames, {2: ones}, HoldLabels())]

    assert labels == [0, 0, 1, 1, 1]


def test_a_prompt_for_one_object_keeps_the_others():
    frames = [frame for frame, _ in numbered_pairs(3)]
    left, right = np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.uint8)
    left[:, :3], right[:, 2:] = 1, 2

    *_, last = propagate(frames, {0: left, 1: right}, HoldLabels())

    np.testing.assert_array_equal(last.labels, [[1, 1, 2, 2, 2, 2]] * 4)


class CountingInpainter:
    """Paints the number of the call."""

    def __init__(self):
        self.num_calls = 0

    def fill(self, clip):
        self.num_calls += 1
        return [np.full_like(frame, 40 * self.num_calls) for frame in clip.frames[: clip.num_local]]


def test_overlapping_windows_give_a_running_average():
    # Windows centred on 0, 5, 10, 15 paint 40, 80, 120, 160.
    results = list(inpaint(numbered_pairs(16), offline_windows(16), CountingInpainter(), fetch))

    painted = [int(result[HOLE].mean()) for result in results]
    assert painted[0] == (40 + 80) / 2
    assert painted[5] == ((40 + 80) / 2 + 120) / 2
    assert painted[7] == (80 + 120) / 2


def test_without_overlap_nothing_is_averaged():
    schedule = Schedule(overlap=False)

    results = inpaint(numbered_pairs(12), offline_windows(12, schedule), CountingInpainter(), fetch)

    assert [int(result[0, 0, 0]) for result in results] == [40] * 5 + [80] * 5 + [120] * 2


class WatchingInpainter(FlatInpainter):
    """Notes what it is shown."""

    def __init__(self):
        self.clips = []

    def fill(self, clip):
        self.clips.append(clip)
        return super().fill(clip)


def test_a_clip_names_the_frames_it_holds_and_those_that_count():
    inpainter = WatchingInpainter()

    list(
        inpaint(numbered_pairs(30), offline_windows(30, Schedule(overlap=False)), inpainter, fetch)
    )

    for clip in inpainter.clips:
        assert [int(frame[0, 0, 0]) for frame in clip.frames] == list(clip.indices)
    assert [clip.indices[p] for clip in inpainter.clips for p in clip.wanted] == list(range(30))


@pytest.mark.parametrize("lookahead", [0, 2])
def test_an_inpainter_is_told_whether_frames_are_coming_in(lookahead):
    offline, streaming = WatchingInpainter(), WatchingInpainter()

    list(inpaint(numbered_pairs(9), offline_windows(9), offline, fetch))
    list(inpaint(numbered_pairs(9), causal_windows(lookahead=lookahead), streaming))

    assert {clip.is_streaming for clip in offline.clips} == {False}
    assert {clip.is_streaming for clip in streaming.clips} == {True}


@pytest.mark.parametrize("num_frames", [1, 2, 3, 9])
def test_looking_ahead_waits_for_that_many_frames_and_loses_none(num_frames):
    read, inpainter = [], WatchingInpainter()
    results = inpaint(numbered_pairs(num_frames, read), causal_windows(lookahead=2), inpainter)

    reads = [len(read) for _ in results]

    assert reads == [min(index + 3, num_frames) for index in range(num_frames)]
    assert [clip.indices[p] for clip in inpainter.clips for p in clip.wanted] == list(
        range(num_frames)
    )


def test_references_are_fetched_once():
    fetched = []

    def fetch_and_note(index):
        fetched.append(index)
        return fetch(index)

    list(
        inpaint(numbered_pairs(90), offline_windows(90, PUBLISHED), FlatInpainter(), fetch_and_note)
    )

    assert len(fetched) == len(set(fetched))


def test_ahead_yields_everything_in_order():
    assert list(ahead(iter(range(100)))) == list(range(100))


def test_ahead_passes_an_error_on_after_what_came_before_it():
    def failing():
        yield 1
        raise OSError("disk gone")

    items = ahead(failing())

    assert next(items) == 1
    with pytest.raises(OSError, match="disk gone"):
        next(items)


def test_closing_ahead_stops_its_thread_and_closes_its_source():
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    items = ahead(endless())
    next(items)
    items.close()

    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]


def test_ahead_works_no_further_ahead_than_its_depth():
    made = []

    def noting():
        for index in range(50):
            made.append(index)
            yield index

    items = ahead(noting(), depth=3)
    next(items)
    time.sleep(0.3)

    assert len(made) <= 6
    items.close()


def test_behind_yields_everything_in_order_once_it_is_worked_on():
    worked_on = []

    for number, item in enumerate(behind(iter(range(100)), worked_on.append)):
        assert item == number
        assert item in worked_on

    assert worked_on == list(range(100))
    assert number == 99


def test_behind_lets_no_more_than_its_depth_wait():
    made, may_go_on = [], threading.Event()

    def noting():
        for index in range(50):
            made.append(index)
            if len(made) > 5:
                may_go_on.set()  # the sixth is only made because the first was worked on
            yield index

    def work(index):
        if not index:
            assert not may_go_on.wait(0.3)

    assert len(list(behind(noting(), work, depth=4))) == 50
    assert may_go_on.is_set()


def test_behind_passes_an_error_on_and_works_on_nothing_after_it():
    worked_on = []

    def work(item):
        if item == 3:
            raise OSError("disk gone")
        worked_on.append(item)

    with pytest.raises(OSError, match="disk gone"):
        for _ in behind(iter(range(100)), work):
            pass

    assert worked_on == [0, 1, 2]
    assert not [each for each in threading.enumerate() if each.name.startswith("behind")]


def test_closing_behind_waits_for_what_is_being_worked_on():
    worked_on = []

    def work(item):
        time.sleep(0.02)
        worked_on.append(item)

    items = behind(iter(range(100)), work)
    for _ in range(3):
        last = next(items)
    items.close()
    count = len(worked_on)
    time.sleep(0.1)

    assert last < count == len(worked_on) < 10
    assert not [each for each in threading.enumerate() if each.name.startswith("behind")]
