"""A propagator that looks at frames before their labels are asked for."""

import threading

import numpy as np
import pytest
import rendered
from rendered import given, labels_of

from tracker import engines
from tracker.apart import PropagatorApart, Receiver
from tracker.classical import sight
from tracker.classical.propagator import ClassicalPropagator
from tracker.costs import Stopwatch, timed
from tracker.interfaces import Preparing, lookahead_of
from tracker.jobs import Job
from tracker.own import OwnEngines
from tracker.removal import run_job
from tracker.types import Tracked, UserError

NUM_FRAMES = 12


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("preparing") / "in.mkv"
    rendered.write_scene(path, NUM_FRAMES)
    return path


@pytest.fixture(scope="module")
def frames(film):
    return rendered.read_only(film)


def test_labels_are_the_same_however_much_is_done_beforehand(frames):
    plain, prepared, partly = (ClassicalPropagator(hurries=True) for _ in range(3))
    for frame in frames[: sight.MOST_READY]:
        prepared.prepare(frame)
    partly.prepare(frames[3])
    partly.prepare(frames[2])  # out of turn
    partly.prepare(frames[9])

    expected = labels_of(plain, frames)

    assert expected[-1].any()
    np.testing.assert_array_equal(labels_of(prepared, frames), expected)
    np.testing.assert_array_equal(labels_of(partly, frames), expected)


def followed(propagator, frames, ahead):
    """Return the labels of all frames, so many of which are prepared `ahead` of each."""
    found = []
    for index, frame in enumerate(frames):
        for other in frames[0 if index == 0 else index + ahead : index + ahead + 1]:
            propagator.prepare(other)
        found.append(propagator.step(frame, None if index else given()).labels)
    return np.stack(found)


@pytest.fixture(scope="module")
def long_film(tmp_path_factory):
    path = tmp_path_factory.mktemp("preparing") / "long.mkv"
    rendered.write_scene(path, 30)
    return rendered.read_only(path)


def test_so_many_frames_are_looked_ahead_at_and_no_more(long_film):
    expected = followed(ClassicalPropagator(), long_film, sight.LOOKAHEAD)

    more = followed(ClassicalPropagator(), long_film, sight.LOOKAHEAD + 4)
    fewer = followed(ClassicalPropagator(), long_film, 2)

    np.testing.assert_array_equal(more, expected)
    assert (fewer != expected).any()


def test_who_hurries_looks_at_no_frame_to_come(long_film):
    found = [followed(ClassicalPropagator(hurries=True), long_film, ahead) for ahead in (0, 7)]

    np.testing.assert_array_equal(*found)


def test_it_makes_no_difference_whether_following_works_in_another_process(long_film):
    here = engines.make_propagator(engines.choose("propagator", "classical"))
    there = engines.make_propagator(engines.choose("propagator", "classical"), apart=True)

    assert isinstance(there, PropagatorApart)
    assert lookahead_of(there) == lookahead_of(here) == sight.LOOKAHEAD
    np.testing.assert_array_equal(
        followed(there, long_film, sight.LOOKAHEAD), followed(here, long_film, sight.LOOKAHEAD)
    )


def test_frames_to_come_are_those_of_the_same_scene(frames):
    seen = sight.Sight(lookahead=sight.LOOKAHEAD)
    other = np.ascontiguousarray(255 - frames[0][::-1, ::-1])
    for frame in (*frames[:8], other, other):
        seen.prepare(frame)

    seen.look(frames[0])
    ages = [len(seen.coming())]
    seen.look(frames[3])
    ages.append(len(seen.coming()))
    seen.look(frames[6])
    ages.append(len(seen.coming()))

    assert ages == [2, 1, 0]  # 3 and 6 frames on; 3; a cut before that


def test_a_frame_asked_for_twice_is_looked_at_once(frames, monkeypatch):
    looks = []
    look = sight.look_closely

    def note(frame, gray):
        looks.append(frame)
        return look(frame, gray)

    monkeypatch.setattr(sight, "look_closely", note)
    propagator = ClassicalPropagator(hurries=True)
    for frame in frames[:3]:
        propagator.prepare(frame)

    propagator.step(frames[0], given())
    propagator.step(frames[1])
    propagator.step(frames[1], given())
    propagator.step(frames[2])

    assert len(looks) == 3


def test_a_picture_that_was_painted_over_is_looked_at_again(frames):
    painted = np.array(frames[1])
    propagator, other = ClassicalPropagator(), ClassicalPropagator()
    for each in (propagator, other):
        each.step(frames[0], given())
    propagator.step(painted)
    other.step(frames[1])
    painted[:] = frames[2]

    again, expected = propagator.step(painted), other.step(frames[2])

    np.testing.assert_array_equal(again.labels, expected.labels)


def test_frames_nobody_asks_for_are_let_go(frames):
    seen = sight.Sight()

    for _ in range(5):
        for frame in frames:
            seen.prepare(frame)

    assert len(seen._ready) == sight.MOST_READY


def test_frames_of_another_size_are_refused_when_asked_for(frames):
    propagator = ClassicalPropagator()
    small = np.ascontiguousarray(frames[1][::2, ::2])
    propagator.prepare(frames[0])
    propagator.prepare(small)
    propagator.step(frames[0], given())

    with pytest.raises(ValueError, match="but the last was"):
        propagator.step(small)


class Waiting:
    """Labels nothing; notes in which order and thread it is asked."""

    def __init__(self, notes):
        self._notes = notes

    def prepare(self, frame):
        self._notes.append(("prepare", frame, threading.current_thread()))

    def step(self, frame, labels=None):
        self._notes.append(("step", frame, threading.current_thread()))
        blank = np.zeros(frame.shape[:2], np.uint8)
        return Tracked(blank if labels is None else labels.copy(), {1: 1.0})


@pytest.mark.parametrize("mode", ["streaming", "offline"])
def test_a_job_has_every_frame_prepared_elsewhere_and_beforehand(film, tmp_path, mode):
    notes = []
    job = Job(film, tmp_path / "out.mkv", {4: given()}, mode=mode)

    list(run_job(job, OwnEngines(make_propagator=lambda: Waiting(notes))))

    places = {"prepare": {}, "step": {}}
    for place, (what, frame, thread) in enumerate(notes):
        places[what][id(frame)] = place, thread
    assert len(places["step"]) >= NUM_FRAMES - 4
    for frame, (place, thread) in places["step"].items():
        if mode == "streaming" or frame in places["prepare"]:
            before, elsewhere = places["prepare"][frame]
            assert before < place
            assert thread is not elsewhere
    assert len(places["prepare"]) >= NUM_FRAMES - 5  # given frames may be stepped without
    assert not [each for each in threading.enumerate() if each.name == "ahead"]


class Patient:
    """Steps only while another frame is being looked at, which takes until it steps."""

    def __init__(self):
        self._looks, self._steps = threading.Event(), threading.Event()

    def prepare(self, frame):
        if frame.any():
            self._looks.set()
            assert self._steps.wait(20), "nothing was stepped to while this was looked at"

    def step(self, frame, labels=None):
        self._steps.set()
        assert self._looks.wait(20), "nothing was looked at while this was stepped to"
        return Tracked(np.zeros(frame.shape[:2], np.uint8))


class Impatient(Waiting):
    """Refuses to look at what is white."""

    def __init__(self):
        super().__init__([])

    def prepare(self, frame):
        if frame.all():
            raise UserError("too white")


def test_the_next_frame_is_looked_at_while_one_is_followed():
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    receiver = Receiver("test_preparing:Patient", ())
    receiver.prepare(0, black)
    receiver.prepare(1, white)

    receiver.step_ready(0, None)
    tracked, seconds = receiver.step_ready(1, None)

    assert tracked.labels.shape == (4, 4)
    assert seconds > 0


def test_what_goes_wrong_while_a_frame_is_looked_at_is_said_by_its_step():
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    receiver = Receiver("test_preparing:Impatient", ())
    for number, frame in enumerate((black, white, black)):
        receiver.prepare(number, frame)

    receiver.step_ready(0, None)
    with pytest.raises(UserError, match="too white"):
        receiver.step_ready(1, None)
    receiver.step_ready(2, None)


class Far(Waiting):
    """Looks two frames ahead."""

    lookahead = 2


@pytest.mark.parametrize("mode", ["streaming", "offline"])
def test_as_many_frames_are_prepared_before_each_as_are_looked_ahead_at(film, tmp_path, mode):
    notes = []
    job = Job(film, tmp_path / "out.mkv", {0: given()}, mode=mode)

    list(run_job(job, OwnEngines(make_propagator=lambda: Far(notes))))

    order = [what for what, *_ in notes]
    steps = [place for place, what in enumerate(order) if what == "step"]
    assert len(steps) >= NUM_FRAMES  # offline, what is out of sight is looked back for
    for count, place in enumerate(steps[:NUM_FRAMES], start=1):
        assert order[:place].count("prepare") >= min(count + 2, NUM_FRAMES)


def test_counting_seconds_hides_not_that_a_propagator_prepares():
    class Plain:
        def step(self, frame, labels=None):
            return Tracked(np.zeros(frame.shape[:2], np.uint8))

    watch, notes = Stopwatch(), []
    counted = timed(Waiting(notes), watch)
    counted.prepare(np.zeros((4, 4, 3), np.uint8))

    assert isinstance(counted, Preparing)
    assert [what for what, *_ in notes] == ["prepare"]
    assert "propagate" in watch.busy
    assert not isinstance(timed(Plain(), watch), Preparing)
    assert lookahead_of(timed(Far(notes), watch)) == 2
    assert lookahead_of(counted) == lookahead_of(Plain()) == 0
