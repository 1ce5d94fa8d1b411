"""The plate of a still camera: a mean without what passes by, and what the fill makes of it."""

from collections.abc import Iterator

import numpy as np

from tracker.classical.inpainter import ClassicalInpainter
from tracker.classical.still import StillPlate
from tracker.classical.views import View
from tracker.types import Clip, Frame, Mask

HEIGHT, WIDTH = 64, 96
NOISE = 6.0  # grey levels


def ground() -> Frame:
    """Return a picture with corners everywhere, so that standing still can be seen."""
    cells = np.random.default_rng(1).integers(60, 200, (HEIGHT // 8, WIDTH // 8, 3))
    return np.kron(cells, np.ones((8, 8, 1))).astype(np.uint8)


def noisy(picture: Frame, index: int) -> Frame:
    noise = np.random.default_rng(100 + index).normal(0, NOISE, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def hole_at(column: int) -> Mask:
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[20:44, column : column + 16] = True
    return hole


def seen(index: int, frame: Frame, hole: Mask) -> View:
    return View(index, frame, hole, WIDTH)


def shown(plate: StillPlate, hole: Mask) -> Frame:
    view = plate.under(seen(1000, np.zeros((HEIGHT, WIDTH, 3), np.uint8), hole))
    assert view is not None
    return view.frame


def test_the_mean_has_less_noise_than_a_frame():
    plate, nothing = StillPlate(WIDTH), np.zeros((HEIGHT, WIDTH), bool)
    for index in range(64):
        plate.learn(seen(index, noisy(ground(), index), nothing))

    error = shown(plate, hole_at(40)).astype(float) - ground()

    assert np.sqrt(np.mean(error**2)) < NOISE / 3  # of 16 frames: a quarter, and rounding


def test_who_passes_by_leaves_nothing_and_who_stays_is_believed():
    plate, nothing = StillPlate(WIDTH), np.zeros((HEIGHT, WIDTH), bool)
    place = hole_at(40)
    other = np.where(place[..., None], np.uint8(255), ground())
    for index in range(40):
        passes = 20 <= index < 28
        plate.learn(seen(index, other if passes else ground(), nothing))

    np.testing.assert_array_equal(shown(plate, place), ground())

    for index in range(40, 140):
        plate.learn(seen(index, other, nothing))
    np.testing.assert_array_equal(shown(plate, place), other)


def test_what_was_never_seen_is_not_shown():
    plate, hole = StillPlate(WIDTH), hole_at(40)
    for index in range(20):
        plate.learn(seen(index, np.where(hole[..., None], 0, ground()).astype(np.uint8), hole))

    assert plate.under(seen(20, ground(), hole)) is None
    assert plate.under(seen(20, ground(), hole_at(0))) is not None


def test_nothing_is_shown_after_the_camera_moved():
    plate, nothing = StillPlate(WIDTH), np.zeros((HEIGHT, WIDTH), bool)
    for index in range(20):
        plate.learn(seen(index, ground(), nothing))

    plate.forget()

    assert plate.under(seen(20, ground(), hole_at(40))) is None


def windows(frames: list[Frame], holes: list[Mask]) -> Iterator[Clip]:
    for last in range(len(frames)):
        first = max(0, last - 3)
        part = slice(first, last + 1)
        yield Clip(
            tuple(range(first, last + 1)),
            tuple(frames[part]),
            tuple(holes[part]),
            last + 1 - first,
            range(last - first, last - first + 1),
            is_streaming=True,
        )


def test_streaming_fills_with_less_noise_than_any_frame_has():
    frames = [noisy(ground(), index) for index in range(60)]
    holes = [np.zeros((HEIGHT, WIDTH), bool)] * 50 + [hole_at(30 + i) for i in range(10)]
    inpainter = ClassicalInpainter()

    *_, filled = (inpainter.fill(clip)[-1] for clip in windows(frames, holes))

    error = (filled.astype(float) - ground())[holes[-1]]
    assert np.sqrt(np.mean(error**2)) < 0.75 * NOISE
