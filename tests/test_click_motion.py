"""Motion against the camera, for clicks and, finer, for boxes."""

import numpy as np

from tracker.classical.click_motion import MotionCues


def test_a_thin_thing_stands_out_from_what_is_beside_it_in_fine_motion():
    ground = np.random.default_rng(0).integers(60, 120, (180, 240, 3)).astype(np.uint8)
    shots = []
    for column in (114, 117, 120, 123, 126):
        shot = ground.copy()
        shot[40:140, column : column + 4] = 200
        shots.append(shot)
    frame, others = shots[2], (shots[0], shots[1], shots[3], shots[4])
    pole, beside = (slice(50, 130), slice(120, 124)), (slice(50, 130), slice(132, 138))

    gaps = []
    for is_fine in (False, True):
        odds = MotionCues(frame, others, is_fine=is_fine).odds_in((115.0, 38.0, 142.0, 142.0))
        gaps.append(float(odds[pole].mean() - odds[beside].mean()))

    assert gaps[1] > gaps[0] + 0.2, gaps
