import numpy as np
import pytest

from tests.rendered import shadow_scene
from tracker.classical.shadow import LOOKAHEAD, cast_shadows

SCENES = {"touching": {}, "apart": {"gap": 14}, "panned": {"pan": 2}}
HARDER_SCENES = {
    "soft": {"softness": 4},
    "pale": {"strength": 0.72},
    "dimming": {"dimming": 0.01},
    "noisy": {"noise": 3},
}


def added(scene, lookahead):
    """Return where labels were added in each frame."""
    pairs = zip(scene.frames, scene.labels, strict=True)
    grown = list(cast_shadows(pairs, lookahead))
    for before, after in zip(scene.labels, grown, strict=True):
        np.testing.assert_array_equal(after[before > 0], before[before > 0])
    return [after != before for before, after in zip(scene.labels, grown, strict=True)]


def covered(shadows, found):
    """Return the share of shadow pixels found, and of all pixels found beside them."""
    inside = sum(np.count_nonzero(s & f) for s, f in zip(shadows, found, strict=True))
    beside = sum(np.count_nonzero(f & ~s) for s, f in zip(shadows, found, strict=True))
    return inside / sum(map(np.count_nonzero, shadows)), beside / sum(s.size for s in shadows)


@pytest.mark.parametrize(
    "name", [*SCENES, *(pytest.param(name, marks=pytest.mark.slow) for name in HARDER_SCENES)]
)
def test_a_cast_shadow_is_covered_and_little_else(name):
    scene = shadow_scene(24, **(SCENES | HARDER_SCENES)[name])

    share, beside = covered(scene.shadows, added(scene, LOOKAHEAD))

    assert share >= 0.8
    assert beside <= 0.02


def test_looking_only_back_the_shadow_is_found_once_the_ground_was_seen():
    scene = shadow_scene(24)

    found = added(scene, lookahead=0)

    share, beside = covered(scene.shadows[12:], found[12:])
    assert share >= 0.8
    assert beside <= 0.02


def test_without_a_shadow_next_to_nothing_is_added():
    scene = shadow_scene(24, strength=1.0)

    found = added(scene, LOOKAHEAD)

    assert np.mean(found) < 0.003


def test_the_shadow_of_another_thing_stays():
    scene = shadow_scene(24, passer_by=True)

    found = added(scene, LOOKAHEAD)

    assert not any((one & other).any() for one, other in zip(found, scene.others, strict=True))


def test_each_shadow_gets_the_label_of_its_object():
    scene = shadow_scene(24)
    labels = [label * np.uint8(7) for label in scene.labels]

    grown = list(cast_shadows(zip(scene.frames, labels, strict=True), LOOKAHEAD))

    assert set(np.unique(grown[15])) == {0, 7}


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 40)])
def test_frames_of_any_size_are_taken(size):
    frames = [np.full((*size, 3), 90, np.uint8)] * 3
    labels = [np.ones(size, np.uint8)] * 3

    grown = list(cast_shadows(zip(frames, labels, strict=True), lookahead=1))

    assert [one.shape for one in grown] == [size] * 3
