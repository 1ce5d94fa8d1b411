"""Objects nobody pointed at, found by their motion."""

import numpy as np
import pytest
from PIL import Image
from rendered import disc, wall

from tracker.classical.proposer import ClassicalProposer
from tracker.proposals import new_objects

HEIGHT, WIDTH = 180, 240


def picture(index, *, pan=0):
    """Return the disc over a wall; the camera pans `pan` pixels a frame."""
    shift = pan * index
    frame = wall(HEIGHT, WIDTH + 80)[:, 20 + shift : 20 + shift + WIDTH].copy()
    mask = disc(index, HEIGHT, WIDTH)
    frame[mask] = (215, 50, 45)
    return frame, mask


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


@pytest.mark.parametrize("pan", [0, 2])
@pytest.mark.parametrize("steps", [(-4, -2), (-4, -2, 2, 4)], ids=["past only", "both sides"])
def test_what_moves_against_the_camera_is_found(pan, steps):
    frame, mask = picture(10, pan=pan)
    neighbours = [picture(10 + step, pan=pan)[0] for step in steps]

    found = ClassicalProposer().propose(frame, neighbours)

    assert len(found) == 1
    assert iou(found[0].mask, mask) > 0.8
    assert 0 <= found[0].score <= 1


def test_nothing_is_found_where_nothing_moves():
    frame, _ = picture(10)

    assert ClassicalProposer().propose(frame, [frame, frame]) == []
    assert ClassicalProposer().propose(frame) == []


def test_frames_and_neighbours_are_left_as_they_were():
    frame, neighbour = picture(10)[0], picture(8)[0]
    frame.flags.writeable = neighbour.flags.writeable = False

    assert ClassicalProposer().propose(frame, [neighbour])


@pytest.mark.parametrize(
    ("clip", "least_iou"), [("davis_car-roundabout", 0.7), ("davis_dog", 0.7), ("omni_camel", 0.7)]
)
def test_what_moves_in_real_clips_is_found(clips_dir, clip, least_iou):
    def read(folder, index):
        file = sorted((clips_dir / clip / folder).iterdir())[index]
        return np.asarray(Image.open(file).convert("RGB" if folder == "frames" else "P"))

    neighbours = [read("frames", 10 + step) for step in (-4, -2, 2, 4)]

    found = ClassicalProposer().propose(read("frames", 10), neighbours)

    objects = new_objects(found, np.zeros(found[0].mask.shape, np.uint8))
    assert max(iou(each.mask, read("masks", 10) == 1) for each in objects) > least_iou
