"""What is drawn of a run: few points, and the least sure of many."""

from tracker.evidence import Doubt, Trace
from tracker.ui.traces import MAX_POINTS, shown_traces


def test_a_short_run_is_drawn_frame_by_frame():
    shown = shown_traces({2: Trace(3, (10, 20), (1.0, 0.25), (Doubt(4, 4, "unsure"),))})

    assert shown == {2: {"points": [[3, 10, 1.0], [4, 20, 0.25]], "doubtful": [[4, 4, "unsure"]]}}


def test_a_long_run_is_drawn_by_its_least_sure_frames():
    confidence = [1.0] * 10_000
    confidence[4321] = 0.125

    (shown,) = shown_traces({1: Trace(0, (5,) * 10_000, tuple(confidence))}).values()

    assert len(shown["points"]) <= MAX_POINTS
    assert [4321, 5, 0.125] in shown["points"]


def test_frames_nothing_is_known_of_are_no_negative_size():
    (shown,) = shown_traces({1: Trace(0, (-1, 7), (-1.0, 0.5))}).values()

    assert shown["points"] == [[0, 0, 0.0], [1, 7, 0.5]]
