"""What a box holds: random walkers that leave it or do not."""

import numpy as np
import pytest

from tracker.classical.click_proposals import in_box
from tracker.classical.click_walk import belief_in_box, kept_inside
from tracker.classical.click_window import Sight, Window


def _random_case():
    random = np.random.default_rng(0)
    box = np.zeros((7, 9), bool)
    box[2:6, 3:8] = True
    values = random.random((7, 9, 3)).astype(np.float32)
    return box, values, random.integers(0, 4, (7, 9))


def test_walkers_are_kept_as_often_as_a_dense_solution_says():
    box, values, kinds = _random_case()
    across = np.linalg.norm(values[:, 1:] - values[:, :-1], axis=-1).astype(float)
    down = np.linalg.norm(values[1:] - values[:-1], axis=-1).astype(float)
    across = np.exp(-2 * across / np.sqrt((across**2).mean())) + 1e-4
    down = np.exp(-2 * down / np.sqrt((down**2).mean())) + 1e-4
    gives_up = 4 * np.concatenate((across.ravel(), down.ravel())).mean() / box.sum()
    index = np.arange(box.size).reshape(box.shape)
    steps = np.zeros((box.size, box.size))
    steps[index[:, :-1], index[:, 1:]] = across
    steps[index[:-1], index[1:]] = down
    steps += steps.T
    same = kinds.ravel()[:, None] == kinds.ravel()[None]
    steps += 4 * gives_up * same / same.sum(axis=1, keepdims=True)  # a leap, perhaps to itself
    equations = np.diag(steps.sum(axis=1) + gives_up) - steps
    within = box.ravel()
    expected = np.zeros(box.size)
    expected[within] = np.linalg.solve(
        equations[np.ix_(within, within)], np.full(within.sum(), gives_up)
    )

    kept = kept_inside(box, [(values, 2.0)], [kinds])

    # Conjugate gradients stop at a hundredth of the first residual.
    np.testing.assert_allclose(kept.ravel(), expected, atol=0.01)
    assert kept[box].std() > 0.03


@pytest.mark.parametrize("shape", [(1, 12), (12, 1), (2, 2)])
def test_the_thinnest_boxes_are_walked_too(shape):
    box = np.zeros(shape, bool)
    box[:1, :1] = True

    kept = kept_inside(box, [(np.zeros((*shape, 3), np.float32), 1.0)], [np.zeros(shape, int)])

    assert kept[box] > 0
    assert not kept[~box].any()


def test_two_parts_of_one_colour_are_kept_and_ground_between_them_is_not():
    frame = np.full((90, 120, 3), (90, 120, 60), np.uint8)
    frame += np.random.default_rng(0).integers(0, 9, frame.shape, np.uint8)
    frame[30:60, 40:52] = frame[30:60, 68:80] = (200, 40, 40)
    window = Window(Sight(frame), (0, 0, 120, 90), 10_800)
    box = np.zeros((90, 120), bool)
    box[30:60, 40:80] = True
    wider = np.zeros_like(box)
    wider[28:62, 38:82] = True

    belief = belief_in_box(window, box, wider, None)

    object_ = (frame[..., 0] == 200) & box
    assert ((belief > 0) == object_)[box].mean() > 0.97
    assert (belief[~box] < 0).all()


@pytest.mark.parametrize(("more", "strength"), [(-2, 10), (8, 25)])
def test_a_box_may_be_drawn_a_little_too_narrow_or_too_wide(more, strength):
    rows, columns = np.mgrid[:90, :120]
    thing = (columns - 60) ** 2 / 30**2 + (rows - 45) ** 2 / 20**2 < 1
    noise = np.random.default_rng(0).normal(0, strength, (90, 120, 3))
    ground, colour = np.array((90, 120, 60)), np.array((150, 100, 70))
    frame = np.clip(np.where(thing[..., None], colour, ground) + noise, 0, 255).astype(np.uint8)
    box = (30.0 - more, 25.0 - more, 90.0 + more, 65.0 + more)

    proposal = in_box(Sight(frame), box, None)

    mask = proposal.place(Sight(frame))
    assert (mask & thing).sum() / (mask | thing).sum() > 0.95
