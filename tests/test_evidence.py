import json
from dataclasses import asdict

import numpy as np
import pytest
import rendered

from tracker.__main__ import main
from tracker.evidence import Doubt, Evidence, Trace, doubtful_spans, doubts_in_words
from tracker.types import Tracked


def labels_of(**areas):
    """Return a label map in which each object has as many pixels as asked for."""
    labels = np.zeros((6, 10), np.uint8)
    start = 0
    for name, area in areas.items():
        labels.ravel()[start : start + area] = int(name[1:])
        start += area
    return labels


def test_area_and_confidence_are_kept_by_object_and_frame():
    evidence = Evidence()
    evidence.note(4, Tracked(labels_of(_1=7, _3=2), {1: 0.9, 3: 0.25}))
    evidence.note(5, Tracked(labels_of(_1=5), {1: 0.75, 3: 0.5}))

    traces = evidence.traces()

    assert (traces[1].first, traces[1].area, traces[1].confidence) == (4, (7, 5), (0.9, 0.75))
    assert (traces[3].area, traces[3].confidence) == ((2, 0), (0.25, 0.0))  # gone: no confidence
    assert evidence.at(4) == {1: (7, 0.9), 3: (2, 0.25)}
    assert evidence.at(9) == {}


def test_frames_may_be_noted_in_any_order_and_again():
    evidence = Evidence()
    evidence.note(3, Tracked(labels_of(_1=3), {1: 1.0}))
    evidence.note(1, Tracked(labels_of(_1=9), {1: 0.5}))
    evidence.note(2, Tracked(labels_of(_1=6), {1: 0.5}))
    evidence.note(1, Tracked(labels_of(_1=8), {1: 0.75}))

    trace = evidence.traces()[1]

    assert (trace.first, trace.area, trace.confidence) == (1, (8, 6, 3), (0.75, 0.5, 1.0))


def test_only_the_objects_asked_for_are_noted():
    evidence = Evidence()
    evidence.note(0, Tracked(labels_of(_1=3, _2=4), {1: 1.0, 2: 1.0}), objects={2})

    assert set(evidence.traces()) == {2}


@pytest.mark.parametrize(
    ("areas", "confidences", "expected"),
    [
        ([5, 5, 5], [0.9, 0.5, 1.0], ()),
        ([5, 5, 5], [0.9, 0.4, 0.3], (Doubt(11, 12, "unsure"),)),
        ([5, 0, 0, 5], [0.9, 0, 0, 0.8], (Doubt(11, 12, "gone"),)),
        ([5, 5, 0], [0.2, 0.2, 0], (Doubt(10, 11, "unsure"), Doubt(12, 12, "gone"))),
        ([5] * 5, [0.2, 0.9, 0.9, 0.2, 0.9], (Doubt(10, 13, "unsure"),)),  # too short to be sure
        (
            [5] * 6,
            [0.2, 0.9, 0.9, 0.9, 0.2, 0.9],
            (Doubt(10, 10, "unsure"), Doubt(14, 14, "unsure")),
        ),
    ],
)
def test_spans_to_look_at_are_those_more_likely_wrong_than_right(areas, confidences, expected):
    assert doubtful_spans(10, areas, confidences) == expected


def test_doubts_are_told_in_words_and_not_without_end():
    few = Trace(0, (), (), (Doubt(3, 9, "unsure"), Doubt(10, 12, "gone"), Doubt(40, 41, "unsure")))
    many = Trace(0, (), (), tuple(Doubt(10 * k, 10 * k + 1, "unsure") for k in range(9)))
    gone = Trace(0, (), (), (Doubt(5, 6, "gone"),))

    first, second = doubts_in_words({1: few, 2: gone, 3: many})

    assert first.startswith("the mask of object 1 is likely wrong in frames 3-9, 40-41; look there")
    assert "object 3 is likely wrong in frames 0-1, 10-11, 20-21, 30-31 and 5 more;" in second


def test_the_report_tells_how_each_object_went(tmp_path):
    rendered.write_scene(tmp_path / "scene.mkv", num_frames=12, sound=False)
    report_file = tmp_path / "report.json"
    arguments = ["track", tmp_path / "scene.mkv", tmp_path / "masks.zip", "--point", "48,48@6"]

    assert main([*map(str, arguments), "--json", str(report_file), "--quiet"]) == 0

    found = json.loads(report_file.read_text())["objects"]["1"]
    truth = [rendered.disc(index).sum() for index in range(12)]
    assert found["first"] == 0  # tracked backwards from where it was clicked, too
    assert found["area"] == pytest.approx(truth, rel=0.25)
    assert len(found["confidence"]) == 12
    assert found["confidence"][6] == 1.0
    expected = doubtful_spans(0, found["area"], found["confidence"])
    assert found["doubtful"] == [asdict(doubt) for doubt in expected]
