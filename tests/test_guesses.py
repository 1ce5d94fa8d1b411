"""Other meanings of a click, and objects that were found, in a session."""

import numpy as np
import pytest
from test_session import HEIGHT, WIDTH, find, look, session  # noqa: F401  a fixture

from tracker.finding import NAMED
from tracker.guesses import add_found, is_ambiguous, next_guess
from tracker.types import Point, Proposal, Segmentation, UserError
from tracker.ui.texts import marks_of


def square(side, top=0, left=0):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def three(index, prompt):
    """Answer any prompt with three squares, the chosen one first."""
    masks = [square(side) for side in (10, 20, 30)]
    k = prompt.choice % 3
    return Segmentation((masks[k], *masks[:k], *masks[k + 1 :]), (0.9, 0.8, 0.7))


def test_the_guesses_of_a_click_come_around_and_undo_takes_one_back(session):  # noqa: F811
    clicked = session.click(Point(5, 5), three)
    sizes = []

    guessed = clicked
    for _ in range(3):
        guessed = next_guess(guessed, three)
        sizes.append(np.count_nonzero(guessed.labels(0)))

    assert sizes == [400, 900, 100]
    assert np.count_nonzero(guessed.undo(look).labels(0)) == 900


def test_the_next_click_starts_from_the_guess_that_was_taken(session):  # noqa: F811
    asked = []

    def note(index, prompt):
        asked.append(prompt)
        return three(index, prompt)

    guessed = next_guess(session.click(Point(5, 5), three), three)
    guessed.click(Point(8, 8), note)

    assert asked[0].choice == 1
    assert len(asked[0].points) == 2


def test_more_than_a_click_has_no_other_guess(session):  # noqa: F811
    twice = session.click(Point(5, 5), three).click(Point(8, 8), three)

    assert not is_ambiguous(session)
    assert not is_ambiguous(twice)
    with pytest.raises(UserError, match="only a single click may mean several things"):
        next_guess(twice, three)


def test_a_click_with_one_meaning_says_so(session):  # noqa: F811
    with pytest.raises(UserError, match="no other guess for this click"):
        next_guess(session.click(Point(5, 5), find), find)


def test_the_list_says_how_each_object_was_marked(session):  # noqa: F811
    named = add_found(session, [Proposal(square(16), 0.9, "red car")], NAMED, "words")
    both = add_found(named, [Proposal(square(16, 20, 30), 0.8)])

    assert [marks_of(both.edit, each.id) for each in both.edit.objects] == [
        "found by words",
        "found, stands out",
    ]


def test_what_was_found_becomes_objects_with_names_in_one_edit(session):  # noqa: F811
    found = [Proposal(square(16), 0.9, "red car"), Proposal(square(16, 20, 30), 0.8, "dog")]

    marked = add_found(session, found, NAMED)

    assert [each.name for each in marked.edit.objects] == ["red car", "dog"]
    assert set(np.unique(marked.labels(0))) == {0, 1, 2}
    assert set(marked.edit.thumbnails) == {1, 2}
    assert not marked.undo(look).labels(0).any()


def test_marked_objects_stay_and_what_repeats_them_is_left_out(session):  # noqa: F811
    marked = add_found(session, [Proposal(square(16), 0.9, "red car")])

    both = add_found(marked, [Proposal(square(16), 0.9), Proposal(square(16, 20, 30), 0.8)])

    assert [each.name for each in both.edit.objects] == ["red car", "Object 2"]
    with pytest.raises(UserError, match="marked already, or too small or too large"):
        add_found(both, [Proposal(square(16), 0.9), Proposal(square(3), 0.9)])
