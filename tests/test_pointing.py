"""What to remove, said in Python or JSON."""

from pathlib import Path

import numpy as np
import pytest

from tracker.pointing import Click, Marked, Rectangle, from_json, gather
from tracker.prompts import add_box, add_point
from tracker.types import Point, UserError


def test_python_and_the_command_line_say_the_same():
    texts = {}
    add_point(texts, "2:12,7@5", positive=True)
    add_point(texts, "2:1,2@5", positive=False)
    add_box(texts, "1,2,30,40")

    said = gather(
        [
            Click(12, 7, object=2, frame=5),
            Click(1, 2, False, object=2, frame=5),
            Rectangle(1, 2, 30, 40),
        ]
    )

    assert {place: (p.points, p.box) for place, p in said.items()} == {
        place: (p.points, p.box) for place, p in texts.items()
    }


def test_json_and_python_say_the_same():
    entries = [
        {"x": 12, "y": 7, "object": 2, "frame": 5},
        {"x": 1, "y": 2, "positive": False},
        {"box": [1, 2, 30, 40.5], "frame": 1},
    ]

    assert from_json(entries) == [
        Click(12, 7, True, 2, 5),
        Click(1, 2, False),
        Rectangle(1, 2, 30, 40.5, frame=1),
    ]
    assert from_json({"x": 3, "y": 4}) == [Click(3, 4)]


def test_every_object_of_a_label_map_is_marked():
    labels = np.zeros((4, 6), np.uint8)
    labels[1], labels[2] = 1, 7

    said = gather([Marked(labels, frame=3), Click(0, 0, object=7, frame=3)])

    assert set(said) == {(3, 1), (3, 7)}
    np.testing.assert_array_equal(said[3, 7].mask, labels == 7)
    assert said[3, 7].points == (Point(0.0, 0.0),)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("here", "prompt 0 is 'here'"),
        ({"x": 1}, "prompt 0: y is None"),
        ({"x": float("nan"), "y": 1}, "prompt 0: x is nan"),
        ({"x": 1, "y": True}, "prompt 0: y is True"),
        ({"x": 1, "y": 2, "object": "car"}, "object is 'car'; give a whole number"),
        ({"x": 1, "y": 2, "positive": 1}, "positive is 1; give true or false"),
        ({"box": [1, 2, 3]}, r"box is \[1, 2, 3\]; give left, top, right and bottom"),
        ({"x": 1, "y": 2, "colour": 3}, "unknown key 'colour'"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(entry, message):
    with pytest.raises(UserError, match=message):
        from_json([entry])


@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_no_prompts_at_all_are_refused(value):
    with pytest.raises(UserError, match="prompts are a list of clicks and boxes"):
        from_json(value)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (Click(1, 2, object=0), "object 0 is not an id"),
        (Click(1, 2, frame=-1), "frame -1 does not exist"),
        (Rectangle(5, 5, 5, 9), "the box 5,5,5,9 is empty"),
        (Marked(Path("missing.png")), "missing.png cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused(said, message):
    with pytest.raises(UserError, match=message):
        gather([said])
