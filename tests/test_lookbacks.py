"""Objects that were out of sight are followed back to where they came into it again."""

from dataclasses import replace

import numpy as np
import pytest
import rendered
from PIL import Image

from tracker import engines
from tracker.api import Marked, track_frames
from tracker.evaluation import runs
from tracker.evidence import Trace
from tracker.exports.masks import open_masks
from tracker.jobs import Job
from tracker.journal import State
from tracker.label_images import read_label_image
from tracker.lookbacks import REACH, Sightings, lookbacks
from tracker.own import OwnEngines
from tracker.removal import run_job
from tracker.routes import Route
from tracker.types import Tracked


def trace(shown, first=0, **surest):
    """Return the trace of an object that is to be seen where `shown` has no dot."""
    areas = tuple(0 if letter == "." else 5 for letter in shown)
    confidences = [0.5 if area else 0.0 for area in areas]
    for name, sure in surest.items():
        confidences[int(name[1:]) - first] = sure
    return Trace(first, areas, tuple(confidences))


def test_from_where_an_object_is_surest_soon_after_it_is_seen_again_one_looks_back():
    shown = "xxx....xxxxxxxxxxxxxxxxxxxxx"
    (route,) = lookbacks({1: trace(shown, _12=0.8, _27=0.9)}, {1: [0]})

    assert route == Route(12, False, {1: 2})
    assert 27 not in range(7, 7 + REACH)


def test_what_was_never_out_of_sight_is_not_looked_back_for():
    assert lookbacks({1: trace("xxxxxxx"), 2: trace("xxx....")}, {1: [0], 2: [0]}) == []


def test_a_glimpse_is_no_return_but_part_of_the_time_out_of_sight():
    (route,) = lookbacks({1: trace("xxxx...xx...xxxx", _13=0.7)}, {1: [0]})

    assert route == Route(13, False, {1: 3})


def test_a_glimpse_in_the_frame_it_was_given_in_counts():
    (route,) = lookbacks({1: trace("x...xxxx", _5=0.7)}, {1: [0]})

    assert route == Route(5, False, {1: 0})


def test_before_its_first_prompt_it_was_followed_backwards_so_one_looks_forwards():
    (route,) = lookbacks({1: trace("xxxx....xxxx", _1=0.8)}, {1: [10]})

    assert route == Route(1, True, {1: 8})


def test_what_is_known_only_from_after_its_prompt_on_is_looked_at_from_there():
    (route,) = lookbacks({1: trace("xxx....xxx", first=5, _13=0.9)}, {1: [2]})

    assert route == Route(13, False, {1: 7})


def test_where_it_was_given_again_nobody_looks_back():
    shown = "xxxx....xxxxxxxx"

    assert lookbacks({1: trace(shown)}, {1: [0, 8]}) == []
    (route,) = lookbacks({1: trace(shown, _9=0.6, _12=0.9)}, {1: [0, 10]})
    assert route == Route(9, False, {1: 3})


def test_objects_seen_again_together_are_followed_together():
    first, second = trace("xxxx....xxxxxxxx", _10=0.9), trace("xxx.......xxxxxx", _11=0.9)
    later = trace("xxxx" + "." * 30 + "xxxx", _35=0.9)
    routes = lookbacks({1: first, 2: second, 3: later}, {1: [0], 2: [0], 3: [0]})

    assert routes == [Route(10, False, {1: 3, 2: 2}), Route(35, False, {3: 3})]


def test_after_a_correction_only_what_was_labelled_anew_is_looked_back_from():
    traces = {1: trace("xxxx....xxxx....xxxx")}

    assert len(lookbacks(traces, {1: [0]})) == 2
    assert lookbacks(traces, {1: [0]}, {}) == []
    assert lookbacks(traces, {1: [0]}, {1: range(4)}) == []
    assert [route.stops for route in lookbacks(traces, {1: [0]}, {1: [14]})] == [{1: 11}]


def seen_back(*confidences, sure=1.0):
    """Return what was seen of object 1 in frames 9, 8, 7, ..., and who was followed."""
    sightings = Sightings({1: (16, sure)})
    labels = np.ones((4, 4), np.uint8)
    followed = [
        sightings.note(index, Tracked(labels, {1: confidence}), [1])
        for index, confidence in zip(range(9, 0, -1), confidences, strict=False)
    ]
    return sightings, followed


def test_what_is_lost_on_the_way_back_is_not_taken_up_again():
    sightings, followed = seen_back(0.9, 0.8, 0.4, 0.9)

    assert followed == [[1], [1], [], []]
    assert set(sightings.better(lambda index, number: 0.0)) == {9, 8}


def test_an_object_without_pixels_is_lost_however_sure():
    sightings = Sightings({1: (16, 1.0)})

    assert sightings.note(3, Tracked(np.zeros((4, 4), np.uint8), {1: 0.9}), [1]) == []


def test_what_doubles_from_one_frame_to_the_next_is_another_thing():
    sightings = Sightings({1: (6, 1.0)})
    for index, rows, expected in ((9, 2, [1]), (8, 3, [1]), (7, 6, [])):
        labels = np.zeros((6, 4), np.uint8)
        labels[:rows] = 1
        assert sightings.note(index, Tracked(labels, {1: 0.9}), [1]) == expected


def test_near_where_the_way_begins_what_is_known_stays_with_one_change():
    sightings, _ = seen_back(0.6, 0.5, 0.8, 0.6, 0.5)
    known = {9: 0.9, 8: 0.9, 7: 0.1, 6: 0.7, 5: 0.0}

    better = sightings.better(lambda index, number: known[index])

    assert better == {7: {1: 0.8}, 6: {1: 0.6}, 5: {1: 0.5}}


def test_no_mask_is_surer_than_the_one_it_was_followed_from():
    sightings, _ = seen_back(0.9, sure=0.5)

    assert sightings.better(lambda index, number: 0.0) == {9: {1: 0.45}}


NUM_FRAMES, HIDDEN, HESITATES = 40, range(14, 22), 6
RED = (215, 50, 45)


class Late:
    """Sees the red disc; once that was out of sight, only after it has been there for a while."""

    def __init__(self):
        self.num_shown = 0

    def step(self, frame, labels=None):
        if labels is not None:
            self.num_shown = HESITATES
            return Tracked(labels, {1: 1.0})
        found = (frame == RED).all(axis=-1).astype(np.uint8)
        self.num_shown = self.num_shown + 1 if found.any() else 0
        return Tracked(found * (self.num_shown > HESITATES), {1: 0.8})


class Stumbling(Late):
    """As above, but cannot go on after so many frames, once."""

    left = 0

    def step(self, frame, labels=None):
        Stumbling.left -= 1
        if not Stumbling.left:
            raise RuntimeError("stumbled")
        return super().step(frame, labels)


class Plain:
    """Paints holes grey."""

    def fill(self, clip):
        return [np.full_like(frame, 77) for frame in clip.frames[: clip.num_local]]


@pytest.fixture
def clip():
    """Return frames in which a disc is hidden for a while."""
    frames = []
    for index in range(NUM_FRAMES):
        frame = rendered.wall()
        if index not in HIDDEN:
            frame[rendered.disc(index)] = RED
        frames.append(frame)
    return frames


def expected(index):
    return rendered.disc(index).astype(np.uint8) * (index not in HIDDEN)


def test_it_is_marked_from_the_frame_in_which_it_comes_out(clip):
    labels = track_frames(clip, [Marked(rendered.given())], propagator=Late)

    for index, found in enumerate(labels):
        np.testing.assert_array_equal(found, expected(index), err_msg=f"frame {index}")


def test_it_is_marked_up_to_the_frame_in_which_it_goes_when_given_after_that(clip):
    labels = track_frames(
        clip, [Marked(expected(NUM_FRAMES - 1), frame=NUM_FRAMES - 1)], propagator=Late
    )

    for index, found in enumerate(labels):
        np.testing.assert_array_equal(found, expected(index), err_msg=f"frame {index}")


@pytest.fixture
def job(clip, tmp_path):
    """Return a job for the clip, as a folder of pictures."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for index, frame in enumerate(clip):
        Image.fromarray(frame).save(folder / f"{index:03d}.png")
    output = tmp_path / "out.mkv"
    return Job(folder, output, {0: rendered.given()}, masks_out=tmp_path / "masks.zip")


def run(job, propagator):
    *_, done = run_job(job, OwnEngines(propagator, Plain()))
    return done.report


def masks_of(job):
    masks = open_masks(job.masks_out)
    found = np.stack([masks[index] for index in range(NUM_FRAMES)])
    masks.close()
    return found


def test_offline_a_removal_looks_back_and_says_how_sure_it_is(job):
    report = run(job, Late)

    np.testing.assert_array_equal(masks_of(job), np.stack([*map(expected, range(NUM_FRAMES))]))
    assert report.frames_tracked == NUM_FRAMES + HESITATES + 1  # one in which it is hidden
    sure = report.objects[1].confidence
    assert sure[HIDDEN.stop] == pytest.approx(0.64)
    assert [(doubt.first, doubt.last) for doubt in report.objects[1].doubtful] == [(14, 21)]


def test_streaming_never_looks_back(job):
    run(replace(job, mode="streaming"), Late)

    late = range(HIDDEN.start, HIDDEN.stop + HESITATES)
    assert [k for k, mask in enumerate(masks_of(job)) if not mask.any()] == list(late)


@pytest.mark.parametrize(("mode", "late"), [("offline", 0), ("streaming", HESITATES)])
def test_tracking_is_measured_as_a_removal_of_that_mode_does_it(
    mode, late, clip, tmp_path, monkeypatch
):
    for part, pictures in (("frames", clip), ("masks", [rendered.given()])):
        folder = tmp_path / "clips" / "disc" / part
        folder.mkdir(parents=True)
        for index, picture in enumerate(pictures):
            Image.fromarray(picture).save(folder / f"{index:03d}.png")
    monkeypatch.setattr(engines, "make_propagator", lambda *_: Late())
    choice = engines.choose("propagator", "classical", "cpu")

    (done,) = runs.track(tmp_path / "clips", tmp_path / "found", None, choice, None, mode)

    found = [read_label_image(done.folder / f"{k:03d}.png").any() for k in range(NUM_FRAMES)]
    hidden = range(HIDDEN.start, HIDDEN.stop + late)
    assert [k for k, is_found in enumerate(found) if not is_found] == list(hidden)


def test_without_a_change_nobody_looks_back_again(job, tmp_path):
    kept = tmp_path / "kept"
    run(replace(job, keep=kept), Late)
    again = replace(job, output=tmp_path / "b.mkv", masks_out=tmp_path / "b.zip", earlier=kept)
    report = run(again, Late)

    assert report.frames_tracked == 0
    np.testing.assert_array_equal(masks_of(again), masks_of(job))


@pytest.mark.parametrize("step", [20, NUM_FRAMES + 4, NUM_FRAMES + 7])
def test_a_run_that_breaks_off_while_looking_back_goes_on_there(job, step):
    resumed = replace(job, resume=True)
    Stumbling.left = step
    with pytest.raises(RuntimeError, match="stumbled"):
        run(resumed, Stumbling)
    report = run(resumed, Stumbling)

    assert report.frames_tracked < NUM_FRAMES + HESITATES + 1 or step < NUM_FRAMES
    np.testing.assert_array_equal(masks_of(job), np.stack([*map(expected, range(NUM_FRAMES))]))


def test_the_ways_back_of_a_run_that_goes_on_are_those_it_had():
    route = Route(12, False, {1: 3, 2: None})
    state = State(lookbacks=[route.as_record()])

    assert [Route.from_record(record) for record in state.lookbacks] == [route]
