from itertools import islice, pairwise

import pytest

from tracker.windows import (
    FAST,
    PUBLISHED,
    Schedule,
    causal_windows,
    offline_windows,
    reference_indices,
)

SCHEDULES = [PUBLISHED, FAST, Schedule(overlap=False), Schedule(stride=10, reach=12, overlap=False)]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("num_frames", [1, 4, 5, 6, 10, 11, 23, 200])
def test_every_frame_becomes_final_once_and_in_order(num_frames, schedule):
    final = [index for window in offline_windows(num_frames, schedule) for index in window.final]

    assert final == list(range(num_frames))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_offline_windows_read_no_local_frame_older_than_they_said(schedule):
    windows = list(offline_windows(103, schedule))

    for window, later in pairwise(windows):
        assert later.local.start >= window.oldest_needed


def test_the_published_schedule_is_followed_to_the_letter():
    windows = list(offline_windows(23))

    assert [window.local for window in windows] == [
        range(0, 6), range(0, 11), range(5, 16), range(10, 21), range(15, 23)
    ]  # fmt: skip
    assert windows[0].references == (10, 20)
    assert windows[2].references == (0, 20)


def test_without_overlap_each_frame_is_filled_by_one_window():
    schedule = Schedule(stride=10, reach=12, overlap=False)

    updated = [i for window in offline_windows(57, schedule) for i in window.update]

    assert updated == list(range(57))


def test_the_fast_schedule_computes_each_frame_hardly_more_than_once():
    windows = list(offline_windows(200, FAST))
    published = list(offline_windows(200, PUBLISHED))

    assert sum(len(window.local) for window in windows) <= 1.2 * 200
    assert sum(len(window.local) for window in published) >= 2.1 * 200


def test_references_are_capped_and_spread_over_the_whole_clip():
    indices = reference_indices(1000, PUBLISHED)

    assert len(indices) == 20
    assert (indices[0], indices[-1]) == (0, 999)
    assert max(b - a for a, b in pairwise(indices)) <= 53


def test_below_the_cap_references_are_every_tenth_frame():
    assert reference_indices(200, PUBLISHED) == tuple(range(0, 200, 10))


def test_without_a_cap_references_grow_with_the_clip_as_published():
    assert len(reference_indices(1000, Schedule(max_references=None))) == 100


def test_causal_windows_never_look_ahead():
    for current, window in enumerate(islice(causal_windows(), 200)):
        assert max((*window.local, *window.references)) == current


def test_oldest_needed_holds_for_all_later_causal_windows():
    windows = list(islice(causal_windows(), 200))

    for window, later in pairwise(windows):
        assert min((*later.local, *later.references)) >= window.oldest_needed


def test_causal_references_are_the_newest_three_tenths_before_the_local_frames():
    for window in islice(causal_windows(), 200):
        tenths = [index for index in range(window.local.start) if index % 10 == 0]
        assert list(window.references) == tenths[-3:]


def test_causal_windows_may_do_without_references():
    assert all(not window.references for window in islice(causal_windows(num_references=0), 50))
