"""The weight-free propagator on clips drawn here, whose masks are known exactly."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tracker.classical.appearance import PatchMemory, nearest_rows
from tracker.classical.confidence import confidence, likely_around, trust_in, unlikeness
from tracker.classical.edges import GuidedFilter
from tracker.classical.layers import SPEAKS_FOR, Motion, fit_motion, motion_odds
from tracker.classical.propagator import ClassicalPropagator
from tracker.types import Frame, LabelMap

HEIGHT, WIDTH, RADIUS = 180, 320, 26
Path = Callable[[int], tuple[float, float]]
RED, BLUE = (190, 40, 50), (40, 60, 190)


def textured(height: int, width: int, seed: int) -> NDArray[np.float32]:
    """Return (height, width, 3) in [0, 1]: noise of several sizes, like leaves or gravel."""
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for size in (24, 6, 2):
        coarse = random.random((height // size + 2, width // size + 2, 3), np.float32)
        picture += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return picture / 3


def draw(
    num_frames: int,
    objects: dict[int, tuple[Path, tuple[int, int, int]]],
    *,
    pan: int = 0,
    curtain: tuple[int, int] | None = None,
) -> tuple[list[Frame], list[LabelMap]]:
    """Draw discs on a panning background; columns of `curtain` hide what is behind them."""
    random = np.random.default_rng(1)
    background = textured(HEIGHT, WIDTH + pan * num_frames, 2) * 255
    cloth = textured(HEIGHT, WIDTH, 3) * 255
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    frames, truths = [], []
    for index in range(num_frames):
        picture = background[:, pan * index : pan * index + WIDTH].copy()
        labels = np.zeros((HEIGHT, WIDTH), np.uint8)
        for identity, (path, colour) in objects.items():
            centre_x, centre_y = path(index)
            inside = (x - centre_x) ** 2 + (y - centre_y) ** 2 <= RADIUS**2
            skin = (textured(4 * RADIUS, 4 * RADIUS, 10 + identity) - 0.5) * 100 + colour
            rows, columns = y[inside] - round(centre_y), x[inside] - round(centre_x)
            picture[inside] = skin[rows + 2 * RADIUS, columns + 2 * RADIUS]
            labels[inside] = identity
        if curtain:
            hidden = slice(*curtain)
            picture[:, hidden], labels[:, hidden] = cloth[:, hidden], 0
        picture += random.normal(0, 2, picture.shape)
        frames.append(picture.clip(0, 255).astype(np.uint8))
        truths.append(labels)
    return frames, truths


def similarity(labels: LabelMap, truth: LabelMap, identity: int = 1) -> float:
    mask, true_mask = labels == identity, truth == identity
    return np.count_nonzero(mask & true_mask) / max(1, np.count_nonzero(mask | true_mask))


def follow(frames: list[Frame], first: LabelMap) -> list[LabelMap]:
    propagator = ClassicalPropagator()
    return [propagator.step(frames[0], first).labels] + [
        propagator.step(frame).labels for frame in frames[1:]
    ]


def test_an_object_is_followed_while_the_camera_pans():
    frames, truths = draw(25, {1: (lambda t: (80 + 5 * t, 90), RED)}, pan=2)

    tracked = follow(frames, truths[0])

    assert min(map(similarity, tracked, truths)) > 0.8


def test_an_object_that_leaves_the_frame_ends_with_an_empty_mask():
    frames, truths = draw(45, {1: (lambda t: (180 + 6 * t, 90), RED)}, pan=1)
    assert truths[10].any()
    assert not truths[29].any()

    tracked = follow(frames, truths[0])

    assert similarity(tracked[10], truths[10]) > 0.7
    assert not any(labels.any() for labels in tracked[30:])


def test_a_hidden_object_is_found_again_and_nothing_else_meanwhile():
    frames, truths = draw(70, {1: (lambda t: (50 + 4 * t, 90), RED)}, curtain=(120, 230))
    gone = [index for index, truth in enumerate(truths) if not truth.any()]
    back = gone[-1] + 10
    assert len(gone) >= 10

    tracked = follow(frames, truths[0])

    assert max(np.mean(tracked[index] > 0) for index in gone) < 0.002
    assert similarity(tracked[back], truths[back]) > 0.6 * similarity(tracked[5], truths[5])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("others", "settings"),
    [
        ({}, {"curtain": (120, 230), "pan": 2}),
        ({2: (lambda t: (60, 145), RED)}, {"curtain": (120, 230)}),  # a twin stays in sight
        ({2: (lambda t: (280, 150), (185, 60, 70))}, {"curtain": (120, 230)}),
    ],
    ids=["panning", "twin", "look-alike"],
)
def test_a_hidden_object_is_told_from_others_when_it_returns(others, settings):
    frames, both = draw(60, {**others, 1: (lambda t: (60 + 4 * t, 55), RED)}, **settings)
    truths = [(labels == 1).astype(np.uint8) for labels in both]
    gone = [index for index, truth in enumerate(truths) if not truth.any()]
    propagator = ClassicalPropagator()

    tracked = [propagator.step(frames[0], truths[0])] + [propagator.step(f) for f in frames[1:]]

    labels = [each.labels for each in tracked]
    back = gone[-1] + 10
    assert max(np.mean(labels[index] > 0) for index in gone) < 0.002
    assert max(tracked[index].confidence[1] for index in gone) < 0.3
    assert similarity(labels[back], truths[back]) > 0.6 * similarity(labels[5], truths[5])


def test_two_crossing_objects_keep_their_ids():
    objects: dict[int, tuple[Path, tuple[int, int, int]]] = {
        3: (lambda t: (60 + 6 * t, 80), RED),
        7: (lambda t: (260 - 6 * t, 105), BLUE),
    }
    frames, truths = draw(34, objects)

    tracked = follow(frames, truths[0])

    assert set(np.unique(tracked[-1])) == {0, 3, 7}
    assert similarity(tracked[-1], truths[-1], 3) > 0.7
    assert similarity(tracked[-1], truths[-1], 7) > 0.7


def test_given_labels_come_back_as_they_are_and_count_from_then_on():
    frames, truths = draw(14, {1: (lambda t: (80 + 3 * t, 90), RED)})
    propagator = ClassicalPropagator()
    wrong = np.zeros_like(truths[0])
    wrong[20:60, 220:280] = 1
    propagator.step(frames[0], wrong)
    for frame in frames[1:6]:
        propagator.step(frame)

    corrected = propagator.step(frames[6], truths[6])
    after = [propagator.step(frame).labels for frame in frames[7:]]

    np.testing.assert_array_equal(corrected.labels, truths[6])
    assert corrected.confidence == {1: 1.0}
    assert min(map(similarity, after, truths[7:])) > 0.7


def test_an_object_may_be_added_later():
    objects: dict[int, tuple[Path, tuple[int, int, int]]] = {
        1: (lambda t: (80 + 3 * t, 60), RED),
        2: (lambda t: (240 - 3 * t, 120), BLUE),
    }
    frames, truths = draw(12, objects)
    propagator = ClassicalPropagator()
    propagator.step(frames[0], np.where(truths[0] == 1, truths[0], 0).astype(np.uint8))
    assert set(np.unique(propagator.step(frames[1]).labels)) == {0, 1}

    propagator.step(frames[2], truths[2])
    last = [propagator.step(frame) for frame in frames[3:]][-1]

    assert similarity(last.labels, truths[-1], 1) > 0.7
    assert similarity(last.labels, truths[-1], 2) > 0.7
    assert set(last.confidence) == {1, 2}


def test_what_stands_still_does_not_wear_off():
    frames, truths = draw(1, {1: (lambda t: (150, 90), RED)})
    frame, truth = frames[0][50:130, 100:200], truths[0][50:130, 100:200]
    propagator = ClassicalPropagator()
    propagator.step(frame, truth)

    for _ in range(200):
        tracked = propagator.step(frame)

    assert similarity(tracked.labels, truth) > 0.97


def test_confidence_is_high_in_sight_and_zero_when_gone():
    frames, truths = draw(45, {1: (lambda t: (180 + 6 * t, 90), RED)})
    propagator = ClassicalPropagator()
    propagator.step(frames[0], truths[0])

    confidence = [propagator.step(frame).confidence[1] for frame in frames[1:]]

    assert min(confidence[:10]) > 0.7
    assert confidence[-1] == 0.0
    assert all(0 <= value <= 1 for value in confidence)


def test_trust_falls_with_indecision_and_with_unlikeness():
    random = np.random.default_rng(0)
    given = random.random((200, 31), np.float32)
    drifted = given + np.float32(0.5)

    assert trust_in(0.98, unlikeness(given, given)) > 0.9
    assert trust_in(0.85, unlikeness(given, given)) < trust_in(0.98, unlikeness(given, given))
    assert trust_in(0.93, unlikeness(drifted, given)) < 0.5
    assert trust_in(1.0, unlikeness(given[:0], given)) == 0.0
    assert 0 < trust_in(0.0, unlikeness(drifted, given)) < 0.01


def test_confidence_falls_with_what_is_likely_around_and_with_what_is_missing():
    given = np.random.default_rng(0).random((200, 31), np.float32)
    given[100:] += 2  # another part of it
    whole, half = unlikeness(given, given), unlikeness(given, given[:90])

    assert confidence(0.08, whole) > 0.9
    assert confidence(0.25, whole) < confidence(0.08, whole)
    assert confidence(0.08, half) < 0.1
    assert confidence(0.08, unlikeness(given, given[:0])) == 0.0


def test_what_is_likely_around_a_mask_is_the_mean_just_outside():
    mask = np.zeros((40, 40), bool)
    mask[10:20, 10:20] = True
    soft = np.full((40, 40), 0.9, np.float32)
    soft[6:24, 6:24] = 0.25
    soft[mask] = 1

    assert likely_around(soft, mask) == pytest.approx(0.25)
    assert likely_around(soft, np.zeros_like(mask)) == 0
    assert likely_around(soft, np.ones_like(mask)) == 0


def test_a_mask_of_something_else_is_not_trusted():
    frames, truths = draw(14, {1: (lambda t: (80 + 3 * t, 90), RED)})
    swapped = [
        frame if t < 7 else draw(1, {1: (lambda _: (150, 90), BLUE)})[0][0]
        for t, frame in enumerate(frames)
    ]
    propagator = ClassicalPropagator()
    propagator.step(swapped[0], truths[0])

    confidence_of_each = [propagator.step(frame).confidence[1] for frame in swapped[1:]]

    assert min(confidence_of_each[:6]) > 0.7
    assert confidence_of_each[6] < 0.5


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (17, 19), (40, 1), (1, 50)])
@pytest.mark.parametrize("value", [0, 1])
def test_frames_of_any_size_and_one_colour_are_followed(shape, value):
    frame = np.full((*shape, 3), 90, np.uint8)
    labels = np.full(shape, value, np.uint8)

    tracked = follow([frame] * 4, labels)

    for found in tracked:
        np.testing.assert_array_equal(found, labels)


def test_large_frames_come_back_at_their_size():
    frames, truths = draw(3, {1: (lambda t: (100 + 2 * t, 90), RED)})
    large = [cv2.resize(frame, (1921, 1081)) for frame in frames]
    truth = [
        cv2.resize(label, (1921, 1081), interpolation=cv2.INTER_NEAREST_EXACT) for label in truths
    ]

    tracked = follow(large, truth[0])

    assert tracked[-1].shape == (1081, 1921)
    assert tracked[-1].dtype == np.uint8
    assert similarity(tracked[-1], truth[-1]) > 0.85


def test_nothing_is_labelled_before_labels_are_given():
    frames, _ = draw(2, {1: (lambda t: (100, 90), RED)})
    propagator = ClassicalPropagator()

    assert not any(propagator.step(frame).labels.any() for frame in frames)


def test_labels_must_be_of_the_frames_size():
    with pytest.raises(ValueError, match=r"labels are \(4, 4\) but the frame is \(8, 9\)"):
        ClassicalPropagator().step(np.zeros((8, 9, 3), np.uint8), np.zeros((4, 4), np.uint8))


def test_memory_does_not_grow_with_the_video():
    memory = PatchMemory()
    features, layers = np.ones((6, 4), np.float32), np.array([0, 0, 0, 1, 1, 1])
    places = np.arange(6).astype(np.complex64)

    for index in range(60):
        memory.remember(features, places, layers, 2, given=index % 10 == 0)
        if index == 29:
            size = len(memory)

    assert len(memory) == size


def test_the_nearest_remembered_cell_of_each_layer_is_found():
    random = np.random.default_rng(0)
    features = random.random((80, 5), np.float32)
    places = (random.random(80) * 40 + 40j * random.random(80)).astype(np.complex64)
    layers = random.integers(0, 2, 80)
    memory = PatchMemory()
    memory.remember(features, places, layers, 2, given=True)
    locality = 200.0  # so wide that every cell is compared with every other

    found = memory.distances(features[:20] + np.float32(0.1), places[:20], 2, locality)

    where = np.stack((places.real, places.imag), axis=1) / locality
    known = np.concatenate((features, where), axis=1)
    asked = known[:20] + np.array([0.1] * 5 + [0, 0], np.float32)
    far = ((asked[:, None] - known[None]) ** 2).sum(axis=-1)
    expected = np.stack([far[:, layers == layer].min(axis=1) for layer in range(2)])
    np.testing.assert_allclose(found, expected, atol=1e-5)  # float32 sums in another order


def test_the_nearest_rows_are_those_of_the_definition():
    random = np.random.default_rng(0)
    left, right = random.random((70, 5), np.float32), random.random((9, 5), np.float32)

    which, far = nearest_rows(left, right)

    expected = ((left[:, None] - right[None]) ** 2).sum(axis=-1)
    np.testing.assert_array_equal(which, expected.argmin(axis=1))
    np.testing.assert_allclose(far, expected.min(axis=1), atol=1e-5)


def test_a_similarity_is_recovered_in_spite_of_outliers():
    random = np.random.default_rng(0)
    places = (random.random(400) * 100 + 100j * random.random(400)).astype(np.complex64)
    rotation, shift = 1.05 * np.exp(0.03j), 4 - 2j
    moved = places * rotation + shift
    moved[:100] += 30  # a quarter moves otherwise

    motion = fit_motion(places, (moved - places).astype(np.complex64))

    assert motion is not None
    # Cauchy weights never quite silence outliers.
    np.testing.assert_allclose(motion.apply(places)[100:], moved[100:], atol=0.5)


@pytest.mark.parametrize(("object_shift", "is_against"), [(0, False), (1, False), (8, True)])
def test_what_moves_with_the_background_is_not_an_object_that_moves_otherwise(
    object_shift, is_against
):
    y, x = np.mgrid[:20, :40]
    places = (x + 1j * y).astype(np.complex64)
    labels = (x < 20).astype(np.uint8)  # wrongly the object's where x >= 15
    motions = [Motion(shift=3 + 1j), Motion(shift=3 + 1j + object_shift)]
    shifts = np.where(x < 15, motions[1].shift, motions[0].shift)
    trust = np.where(y < 10, 1, 0).astype(np.float32)

    odds = motion_odds(places, (places - shifts).astype(np.complex64), trust, labels, motions)

    assert (odds[0] == 0).all()
    assert (odds[1, :, :15] >= 0).all()
    assert (odds[1] <= SPEAKS_FOR).all()
    assert (odds[1, :10, :15] == SPEAKS_FOR).all() == (object_shift != 0)
    assert (odds[1, 10:] == 0).all()
    assert (odds[1, :10, 15:] < -5).all() == is_against
    assert is_against or (odds[1] > -5).all()


def test_moving_along_speaks_only_where_the_object_is_expected():
    y, x = np.mgrid[:20, :40]
    places = (x + 1j * y).astype(np.complex64)
    labels = (x < 20).astype(np.uint8)
    motions = [Motion(), Motion(shift=8)]
    trust = np.ones(labels.shape, np.float32)

    odds = motion_odds(places, places - np.complex64(8), trust, labels, motions)  # all moves along

    assert (odds[1][labels == 0] == 0).all()
    assert (odds[1][labels == 1] >= 0).all()


def test_background_given_with_an_object_is_left_behind():
    frames, truths = draw(30, {1: (lambda t: (60 + 6 * t, 90), RED)}, pan=2)
    generous = cv2.dilate(truths[0], np.ones((11, 11), np.uint8))
    assert similarity(generous, truths[0]) < 0.7

    tracked = follow(frames, generous)

    assert similarity(tracked[-1], truths[-1]) > 0.9


def test_smoothing_follows_an_edge_of_the_guide():
    guide = np.zeros((3, 20, 20), np.float32)
    guide[:, :, 10:] = 1
    ragged = guide[0].copy()
    ragged[::2, 9] = 1

    smooth = GuidedFilter(guide, 4, 1e-4).smooth(ragged)

    np.testing.assert_array_equal(smooth > 0.5, guide[0] > 0.5)
