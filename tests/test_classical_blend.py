import numpy as np

from tracker.classical.blend import Reading, merge
from tracker.classical.hands import Hands
from tracker.classical.invention import Found
from tracker.classical.spots import spots_of
from tracker.classical.views import View, box_around

HANDS = Hands()
COUNT = 4000
RNG = np.random.default_rng(4)
TRUTH = RNG.uniform(60, 200, (3, COUNT)).astype(np.float32)


def reading(error, expected=None, weight=1.0):
    """Return what errs from the truth by `error` (squared), and expects `expected` of itself."""
    wrong = RNG.normal(0, np.sqrt(error), TRUTH.shape).astype(np.float32)
    said = np.full(COUNT, error if expected is None else expected, np.float32)
    return Reading(TRUTH + wrong, said, np.full(COUNT, weight, np.float32))


def filled(readings, nearby):
    return merge(readings, nearby.colours, nearby.error, HANDS, 3.0)[0]


def share(readings, nearby):
    return merge(readings, nearby.colours, nearby.error, HANDS, 3.0)[1]


def squared_error(colours):
    return float(np.square(colours - TRUTH).mean())


def test_a_source_and_the_surroundings_together_err_less_than_either():
    # Sources promise a third of the error they turn out to have.
    source, nearby = reading(900, expected=300), reading(1000)

    together = squared_error(filled([source], nearby))

    assert together < 0.65 * squared_error(source.colours)


def test_a_source_far_better_than_the_surroundings_stays_as_it_is():
    source, nearby = reading(20), reading(1000)

    np.testing.assert_allclose(filled([source], nearby), source.colours, atol=1e-3)


def test_a_source_that_promises_nothing_good_gives_way_to_the_surroundings():
    source, nearby = reading(5000), reading(50)

    assert squared_error(filled([source], nearby)) < 1.1 * squared_error(nearby.colours)


def test_sources_that_agree_are_believed_more_than_one_alone():
    nearby = reading(600)
    alone, other = reading(40, expected=200), reading(40, expected=200)

    one, two = (share(each, nearby).mean() for each in ([alone], [alone, other]))

    assert two > 1.05 * one


def test_sources_that_contradict_each_other_are_believed_less_than_one_alone():
    nearby = reading(600)
    alone, other = reading(40), reading(6000, expected=40, weight=0.9)

    one, two = (share(each, nearby).mean() for each in ([alone], [alone, other]))

    assert two < 0.8 * one


def test_what_no_source_shows_counts_nothing():
    source = reading(20, weight=0.0)

    assert not share([source], reading(1000)).any()


def test_what_sources_show_a_little_of_only_gains_detail():
    frame = RNG.integers(40, 200, (48, 64, 3)).astype(np.uint8)
    hole = np.zeros((48, 64), bool)
    hole[16:32, 20:44] = True
    target = View(0, frame, hole, 64)
    spots = spots_of(target, box_around(~target.known, margin=8))
    left_half = spots.x[: spots.count] < 32
    found = Found(
        np.full((3, spots.count), 120, np.float32),
        np.where(left_half, np.float32(0.25), np.float32(0)),
        np.ones(spots.count, np.float32),
        np.ones(spots.count, bool),
    )
    found.remember(np.arange(spots.count), np.full((3, spots.count), 8, np.float32))
    patch = frame[target.box].copy()

    found.lay(target, patch, spots)

    laid = patch.reshape(-1, 3)[spots.places]
    assert (laid[left_half] == 126).all()  # 120 and three quarters of 8
    assert laid[~left_half].std() > 1  # what nothing shows depends on what is around
    np.testing.assert_array_equal(patch[~hole[target.box]], frame[target.box][~hole[target.box]])
