"""Regions that stick to a plane or to the screen, on clips rendered with known truth."""

import cv2
import numpy as np
import pytest
import rendered

from tracker import engines
from tracker.__main__ import main
from tracker.classical.surface import SurfaceTrack
from tracker.jobs import Job
from tracker.masks import MaskReader
from tracker.motions import MotionPropagator, parse_motions
from tracker.removal import run_job
from tracker.types import Tracked, UserError

HEIGHT, WIDTH = 180, 320
NUM_FRAMES = 101


def large_wall():
    wall = cv2.GaussianBlur(rendered.wall(600, 900, seed=3), (0, 0), 0.8)
    region = np.zeros(wall.shape[:2], np.float32)
    cv2.ellipse(region, (458, 296), (30, 18), 20, 0, 360, 1, -1)
    cv2.line(region, (410, 310), (490, 280), 1, 6)  # not convex
    return wall, region


WALL, REGION = large_wall()


def camera(index, kind):
    """Return the homography from the wall to frame `index`."""
    angle = 0.006 * index if kind == "rotation" else 0.0
    scale = 1 + 0.008 * index if kind == "zoom" else 1.0
    shift = (450 - (1.0 if kind == "pan" else 0.3) * index, 300 + 0.2 * index)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    tilt = np.eye(3)
    if kind == "perspective":
        tilt[2, :2] = 2.5e-5 * index, -1.4e-5 * index
    to_centre = np.array([[1, 0, -shift[0]], [0, 1, -shift[1]], [0, 0, 1]])
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    to_frame = np.array([[1, 0, WIDTH / 2], [0, 1, HEIGHT / 2], [0, 0, 1]])
    return to_frame @ tilt @ turn @ to_centre


def picture(index, kind, *, is_crossed):
    """Return a noisy frame of changing brightness, with something passing before the wall."""
    frame = cv2.warpPerspective(WALL, camera(index, kind), (WIDTH, HEIGHT))
    frame = frame + np.random.default_rng(index).normal(0, 3, frame.shape)
    frame = np.clip(frame * (1 + 0.1 * np.sin(index / 15)), 0, 255).astype(np.uint8)
    left = 4 * index - 60
    if is_crossed and -60 < left < WIDTH:
        passer = rendered.wall(70, 60, seed=9)
        columns = slice(max(0, left), min(WIDTH, left + 60))
        frame[60:130, columns] = passer[:, columns.start - left : columns.stop - left]
    return frame


def truth(index, kind):
    return cv2.warpPerspective(REGION, camera(index, kind), (WIDTH, HEIGHT)) > 0.5


def overlap(left, right):
    return (left & right).sum() / max(1, (left | right).sum())


def every_way():
    """Yield camera, direction and whether something passes before the wall; most are slow."""
    quick = {("zoom", 1, True), ("perspective", -1, True), ("rotation", 1, False)}
    for kind in ("pan", "rotation", "zoom", "perspective"):
        for step in (1, -1):
            for is_crossed in (False, True):
                way = (kind, step, is_crossed)
                yield pytest.param(*way, marks=() if way in quick else pytest.mark.slow)


@pytest.mark.parametrize(("kind", "step", "is_crossed"), list(every_way()))
def test_a_region_sticks_to_its_plane_for_100_frames(kind, step, is_crossed):
    order = range(NUM_FRAMES)[::step]
    first = order[0]
    track = SurfaceTrack(picture(first, kind, is_crossed=False), truth(first, kind))

    for index in order[1:]:
        region, _ = track.step(picture(index, kind, is_crossed=is_crossed))
        assert overlap(region, truth(index, kind)) > 0.9


def test_a_region_is_found_again_after_the_plane_was_out_of_sight():
    track = SurfaceTrack(picture(0, "pan", is_crossed=False), truth(0, "pan"))
    for index in range(1, 10):
        track.step(picture(index, "pan", is_crossed=False))
    blank = np.random.default_rng(0).integers(90, 110, (HEIGHT, WIDTH, 3), np.uint8)
    unsure = [track.step(blank)[1] for _ in range(20)]
    for index in range(30, 42):
        region, sure = track.step(picture(index, "pan", is_crossed=False))

    assert max(unsure[5:]) < 0.5
    assert overlap(region, truth(41, "pan")) > 0.9
    assert sure > 0.9


def test_a_plane_without_any_structure_stays_where_it_is_and_is_doubted():
    grey = np.full((60, 80, 3), 120, np.uint8)
    region = np.zeros((60, 80), bool)
    region[20:30, 30:50] = True
    track = SurfaceTrack(grey, region)

    for _ in range(3):
        found, sure = track.step(grey)

    np.testing.assert_array_equal(found, region)
    assert sure == 0.0


class Shifting:
    """Moves its labels one pixel to the right every frame."""

    def step(self, frame, labels=None):
        self.labels = np.roll(self.labels, 1, axis=1) if labels is None else labels
        return Tracked(self.labels, {int(k): 0.7 for k in np.unique(self.labels) if k})


def test_every_object_moves_as_it_is_said_to():
    motions = {2: "surface", 3: "screen"}
    propagator = MotionPropagator(motions, Shifting)
    given = np.zeros((HEIGHT, WIDTH), np.uint8)
    given[truth(0, "pan")] = 2
    given[:10, :10], given[-10:, -10:] = 1, 3
    propagator.step(picture(0, "pan", is_crossed=False), given)

    for index in range(1, 21):
        tracked = propagator.step(picture(index, "pan", is_crossed=False))

    assert (tracked.labels[:10, 20:30] == 1).all()
    assert overlap(tracked.labels == 2, truth(20, "pan")) > 0.9
    np.testing.assert_array_equal(tracked.labels == 3, given == 3)
    assert tracked.confidence == {1: 0.7, 2: pytest.approx(1, abs=0.1), 3: 1.0}


def test_a_motion_can_be_asked_for_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "make_propagator", lambda *_, **how: Shifting())
    rendered.write_scene(tmp_path / "scene.mkv", 6, sound=False)
    mask = np.zeros((rendered.HEIGHT, rendered.WIDTH), np.uint8)
    mask[5:15, 100:120], mask[70:80, 20:40] = 1, 2
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    arguments = ["track", tmp_path / "scene.mkv", tmp_path / "masks.zip", "--quiet"]
    arguments += ["--mask", f"{tmp_path / 'mask.png'}@3", "--motion", "2:screen"]

    assert main([str(argument) for argument in arguments]) == 0

    with MaskReader(tmp_path / "masks.zip") as masks:
        for index in range(6):
            np.testing.assert_array_equal(masks[index] == 2, mask == 2)
            shift = abs(index - 3)
            np.testing.assert_array_equal(masks[index] == 1, np.roll(mask == 1, shift, axis=1))


def test_another_motion_tracks_that_object_again_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "make_propagator", lambda *_, **how: Shifting())
    source = tmp_path / "scene.mkv"
    rendered.write_scene(source, 6, sound=False)
    given = np.zeros((rendered.HEIGHT, rendered.WIDTH), np.uint8)
    given[5:15, 100:120], given[70:80, 20:40] = 1, 2
    kept, out = tmp_path / "kept", tmp_path / "masks.zip"
    list(run_job(Job(source, None, {0: given}, masks_out=tmp_path / "first.zip", keep=kept)))

    list(run_job(Job(source, None, {0: given}, masks_out=out, earlier=kept, motion={2: "screen"})))

    with MaskReader(out) as masks:
        np.testing.assert_array_equal(masks[5] == 2, given == 2)
        np.testing.assert_array_equal(masks[5] == 1, np.roll(given == 1, 5, axis=1))


def test_motions_are_read_and_strange_ones_refused():
    assert parse_motions(["1:surface", "12:screen", "3:object"]) == {
        1: "surface",
        12: "screen",
        3: "object",
    }
    for text in ("surface", "0:screen", "256:screen", "1:wall", "x:object"):
        with pytest.raises(UserError, match=f"cannot read the motion '{text}'; write it as"):
            parse_motions([text])
