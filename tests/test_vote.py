"""What cells look like: remembered, or never seen before."""

import numpy as np
import pytest
from PIL import Image
from rendered import look
from test_classical_propagator import follow, similarity, textured

from tracker.classical.appearance import PatchMemory
from tracker.classical.softmaps import cell_places
from tracker.classical.vote import vote

SIZE = HEIGHT, WIDTH = 120, 160
LEFT = np.s_[:, : WIDTH // 2]
RIGHT = np.s_[:, WIDTH // 2 :]


def of(left, right):
    """Return a picture of two textures, each of a colour of its own."""
    frame = np.empty((*SIZE, 3))
    for side, (seed, colour) in ((LEFT, left), (RIGHT, right)):
        frame[side] = textured(HEIGHT, WIDTH // 2, seed) * 60 + colour
    return look(frame.astype(np.uint8))


GRASS, CAR, WALL = (2, (40, 120, 40)), (3, (160, 40, 50)), (4, (150, 110, 120))


@pytest.fixture
def memory():
    """Return what is remembered of a car on grass."""
    picture = of(GRASS, CAR)
    rows, columns = picture.features.shape[:2]
    layers = np.zeros((rows, columns), np.intp)
    layers[:, columns // 2 :] = 1
    result = PatchMemory()
    result.remember(
        picture.features.reshape(rows * columns, -1),
        cell_places(*SIZE).ravel(),
        layers.ravel(),
        2,
        given=True,
    )
    return result


def votes(memory, picture, unseen):
    """Return what the left and the right half look like: the object's mean log odds."""
    cells = picture.features.shape[:2]
    expected = np.full((2, *SIZE), 0.5, np.float32)
    region = slice(0, cells[0]), slice(0, cells[1])
    found = vote(memory, picture, np.ones(cells, bool), region, expected, None, unseen)
    odds = found[1] - found[0]
    return odds[LEFT].mean(), odds[RIGHT].mean()


def test_what_looks_like_nothing_known_is_background_where_none_was_seen(memory):
    picture = of(WALL, WALL)
    nowhere = np.zeros(picture.features.shape[:2], bool)

    _, known = votes(memory, picture, nowhere)
    _, unseen = votes(memory, picture, ~nowhere)

    assert known >= 0  # a wall is no more like grass than like a car
    assert unseen < -1


def test_what_looks_like_the_object_is_it_wherever_it_is(memory):
    picture = of(GRASS, CAR)
    everywhere = np.ones(picture.features.shape[:2], bool)

    grass, car = votes(memory, picture, everywhere)

    assert grass < -1
    assert car > 1


def test_a_camera_that_pans_brings_in_background_beside_what_the_border_cuts_off(clips_dir):
    clip = clips_dir / "davis_car-shadow"
    left, right = 348, 618  # as a telephone held upright would show it: the car fills the width
    frames, truths = [], []
    for file in sorted((clip / "frames").iterdir()):
        frames.append(np.asarray(Image.open(file).convert("RGB"))[:, left:right].copy())
        truth = np.asarray(Image.open(clip / "masks" / f"{file.stem}.png"))[:, left:right]
        truths.append((truth > 0).astype(np.uint8))

    tracked = follow(frames, truths[0])

    assert np.mean([similarity(*pair) for pair in zip(tracked, truths, strict=True)]) > 0.7
