import numpy as np
import pytest

from tracker.routes import Route, backwards_from_all, outwards, switch_over, to_be_followed


def given(*objects, shift=0):
    """Return labels in which each object has a column of its own."""
    labels = np.zeros((4, 8), np.uint8)
    for number in objects:
        labels[shift:, number] = number
    return labels


def test_every_prompt_leads_back_to_the_one_before():
    routes = backwards_from_all({0: given(1), 10: given(1, 2), 20: given(2)})

    assert routes == [
        Route(0, False, {1: None}),
        Route(10, False, {1: 0, 2: None}),
        Route(20, False, {2: 10}),
    ]


def test_a_changed_prompt_leads_both_ways_to_its_neighbours():
    places = {1: [0, 10, 20], 2: [10]}

    assert outwards(places, {1: {10}}) == [Route(10, True, {1: 20}), Route(10, False, {1: 0})]


def test_a_route_knows_how_long_it_may_be():
    assert Route(10, True, {1: 20, 2: 15}).frames_to(0, 100) == 9
    assert Route(10, True, {1: None}).frames_to(0, 100) == 89
    assert Route(10, True, {1: None}).frames_to(0, None) == 0
    assert Route(10, False, {1: None}).frames_to(4, 100) == 6


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({0: given(1, 2)}, {}),
        ({0: given(1, 2), 9: given(1)}, {1: {9}}),  # a correction
        ({0: given(1, 2, 3)}, {3: {0}}),  # a new object
        ({0: given(1, 2, shift=1)}, {1: {0}, 2: {0}}),  # both drawn otherwise
        ({0: given(1), 5: given(2)}, {2: {5}}),  # the second given elsewhere instead
        ({0: given(1)}, {}),  # the second taken away
    ],
)
def test_only_what_was_changed_is_followed_again(new, expected):
    assert to_be_followed({0: given(1, 2)}, new) == expected


def test_where_a_prompt_was_taken_away_its_neighbours_are_followed():
    old = {0: given(1), 10: given(1), 20: given(1), 30: given(1)}
    new = {0: given(1), 20: given(1), 30: given(1)}

    assert to_be_followed(old, new) == {1: {0, 20}}


def test_an_object_can_be_followed_anew_without_another_prompt():
    assert to_be_followed({0: given(1, 2)}, {0: given(1, 2)}, renewed={2}) == {2: {0}}


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ([1.0] * 8, [1.0] * 8, 4),  # equally sure: the middle
        ([1.0] * 8, [0.0] * 8, 8),
        ([0.0] * 8, [1.0] * 8, 0),
        ([1, 1, 1, 1, 1, 1, 0.1, 0.1], [0.2] * 6 + [1, 1], 6),  # each while it is sure
        ([], [], 0),
    ],
)
def test_two_tracks_change_over_once_where_that_gives_most(new, old, expected):
    assert switch_over(new, old) == expected
