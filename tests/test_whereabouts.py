"""Lost objects are found again, and what was taken for one by mistake is given up."""

import numpy as np
import pytest

from tests.test_classical_propagator import RED, draw, follow, similarity
from tests.test_templates import scene
from tracker.classical import whereabouts
from tracker.classical.appearance import PatchMemory
from tracker.classical.backdrop import Backdrop
from tracker.classical.lost import Background, Found, Scene
from tracker.classical.softmaps import cell_means, cell_places, cells_inside
from tracker.classical.usual import Usual
from tracker.classical.whereabouts import COMING, DOUBTFUL, Whereabouts


def behind_a_curtain(num_frames=50):
    path = lambda t: (60 + 5 * t, 90)  # noqa: E731
    return draw(num_frames, {1: (path, RED)}, curtain=(120, 250))


def test_an_object_no_cell_of_which_is_found_is_found_as_a_whole(monkeypatch):
    frames, truths = behind_a_curtain()
    monkeypatch.setattr(Scene, "find", lambda *_: None)

    found = follow(frames, truths[0])

    last = max(t for t, truth in enumerate(truths) if np.count_nonzero(truth) > 2000)
    assert similarity(found[last], truths[last]) > 0.6


def test_while_it_is_hidden_nothing_is_found():
    frames, truths = behind_a_curtain()

    found = follow(frames, truths[0])

    hidden = [t for t, truth in enumerate(truths) if not truth.any()]
    assert len(hidden) > 10
    assert max(np.count_nonzero(found[t]) for t in hidden) < 0.002 * truths[0].size


@pytest.mark.parametrize(("area", "is_marked"), [(2000.0, True), (500.0, False)])
def test_a_find_much_larger_than_the_object_was_is_not_it(monkeypatch, area, is_marked):
    frames, truths = draw(4, {1: (lambda _: (160, 90), RED)})

    def look(self, picture, covered, backdrop):
        where = cell_places(*picture.small.shape[:2])
        scale = picture.small.shape[1] / frames[0].shape[1]
        centre = scale * (160 + 90j)
        away = where - centre
        mask = np.maximum(abs(away.real), abs(away.imag)) < 30 * scale
        self._usual.hold(1, area * scale**2)
        self.found = {1: Found(centre, 40 * scale, 0j, 1, mask)}
        return np.zeros(mask.shape, bool)

    monkeypatch.setattr(whereabouts.Whereabouts, "look", look)

    assert follow(frames, truths[0])[1].any() == is_marked


@pytest.fixture
def known():
    """What is known of a square that has just been lost, and where it was."""
    picture, place = scene(left=40)
    soft = np.stack([~place, place]).astype(np.float32)
    memory, usual, background = PatchMemory(), Usual(), Background()
    share = cell_means(soft[1])
    places = cell_places(*picture.small.shape[:2])
    memory.remember(
        picture.features[share > 0.75],
        places[share > 0.75],
        np.ones(np.count_nonzero(share > 0.75), np.intp),
        2,
        given=True,
    )
    background.remember(picture.features[share < 0.25])
    usual.note_areas(soft, given=True)
    found = Whereabouts(memory, usual, background)
    found.know_background()
    found.begin(picture, soft, [1])
    backdrop = Backdrop()
    backdrop.show(picture, soft[0])
    return found, usual, backdrop


@pytest.mark.parametrize(
    ("trust", "was_lost", "is_found"),
    [(DOUBTFUL / 2, True, True), (DOUBTFUL / 2, False, False), (0.45, True, False)],
)
def test_a_doubtful_mask_of_what_was_lost_is_given_up_for_the_whole_object_elsewhere(
    known, trust, was_lost, is_found
):
    found, usual, backdrop = known
    picture, place = scene(left=220)
    wrong = np.roll(place, -150, axis=1)
    if was_lost:
        usual.hold(1, usual.area(1))
    for _ in range(2):
        found.look(picture, np.array([1, np.count_nonzero(wrong)]), backdrop)
        found.note(1, picture, wrong.astype(np.float32), wrong, trust)

    found.look_elsewhere(picture, wrong.astype(np.uint8))

    assert (1 in found.found) == is_found
    if is_found:
        assert np.count_nonzero(found.found[1].mask & cells_inside(place)) > 200


def test_a_mask_where_the_whole_object_is_seen_is_borne_out(known):
    found, _, _ = known
    picture, place = scene(left=220)

    assert found.bears_out(1, picture, cells_inside(place))
    assert not found.bears_out(1, picture, cells_inside(np.roll(place, -150, axis=1)))


def test_in_another_scene_objects_are_not_found_as_wholes(known):
    found, _, _ = known
    picture, place = scene(left=220)

    found.forget()

    assert not found.bears_out(1, picture, cells_inside(place))


def test_what_an_object_usually_covers_is_held_while_it_is_out_of_sight():
    usual, soft = Usual(), np.zeros((2, 20, 20), np.float32)
    soft[1, :10, :10] = 1
    usual.note_areas(soft, given=True)
    usual.hold(1, 100.0)
    soft[1] = 1

    usual.note_areas(soft, given=False)
    assert usual.area(1) == 100

    usual.release(1)
    usual.note_areas(soft, given=False)
    assert usual.area(1) > 100


@pytest.mark.parametrize(
    ("covered", "trust", "is_held"), [(0.7, 0.3, True), (0.3, 0.3, False), (0.7, 0.8, False)]
)
def test_an_object_that_is_being_covered_keeps_its_usual_size(known, covered, trust, is_held):
    found, usual, _ = known
    picture, place = scene(left=40)
    rest = place.copy()
    rest[:, 40 : 40 + round(64 * covered)] = False

    found.note(1, picture, rest.astype(np.float32), rest, trust)

    assert usual.is_held(1) == is_held
    if is_held:
        assert usual.area(1) == pytest.approx(64**2, rel=0.15)


def cells_of(picture, place):
    """Return features of cells of the square at `place` (h, w), and of as many of the ground."""
    inside, outside = cells_inside(place), cells_inside(~place)
    return picture.features[inside], picture.features[outside][: np.count_nonzero(inside)]


@pytest.mark.parametrize(("trust", "share"), [(0.45, 1.0), (DOUBTFUL / 2, 0.0)])
def test_what_looks_like_an_object_just_found_may_be_more_of_it_unless_the_find_is_doubtful(
    known, trust, share
):
    found, usual, backdrop = known
    picture, place = scene(left=220)
    usual.hold(1, usual.area(1))

    found.look(picture, np.array([1, 0]), backdrop)
    found.note(1, picture, place.astype(np.float32), place, trust)

    square, ground = cells_of(picture, place)
    assert found.may_be_more(square).mean() == pytest.approx(share, abs=0.1)
    assert not found.may_be_more(ground).any()


def test_soon_after_it_has_been_seen_well_no_more_of_an_object_comes(known):
    found, usual, backdrop = known
    picture, place = scene(left=220)
    square, _ = cells_of(picture, place)
    assert not found.may_be_more(square).any()
    usual.hold(1, usual.area(1))
    found.look(picture, np.array([1, 0]), backdrop)

    for frame in range(COMING + 2):
        found.note(1, picture, place.astype(np.float32), place, 0.9)
        assert found.may_be_more(square).any() == (frame <= COMING)
        found.look(picture, np.array([1, np.count_nonzero(place)]), backdrop)


def test_of_a_part_that_is_found_the_rest_is_known_within_two_frames(monkeypatch):
    back = 24
    path = lambda t: (160 + 2 * t, 90) if t < 10 or t >= back else (-400, 90)  # noqa: E731
    frames, truths = draw(back + 3, {1: (path, RED)})
    left = path(back)[0] - 15  # of the middle, in a square of 60

    def look(self, picture, covered, backdrop):
        scale = picture.small.shape[1] / frames[0].shape[1]
        away = cell_places(*picture.small.shape[:2]) / scale - (left + 90j)
        part = np.maximum(abs(away.real), abs(away.imag)) < 12
        self._count += 1
        self.found = {}
        if self._count == back:
            self._put(1, Found(scale * (left + 90j), 16 * scale, 0j, 1, part))
        return np.zeros(part.shape, bool)

    monkeypatch.setattr(whereabouts.Whereabouts, "look", look)

    found = follow(frames, truths[0])

    assert 0 < similarity(found[back], truths[back]) < 0.5
    assert similarity(found[back + 2], truths[back + 2]) > 0.95
