"""R4: pictures come out upright, and a click lands on the pixel that was seen."""

import numpy as np
import pytest
from corpus import TURNED
from faithful import assert_same_outside, display_matrix, fill, hole_in
from video_making import YUV420, write_video

from tracker.__main__ import main
from tracker.masks import MaskReader
from tracker.video import VideoReader, probe


@pytest.mark.parametrize("name", TURNED)
def test_r04_output_is_upright_and_no_matrix_is_left(tmp_path, name):
    case, out = TURNED[name], tmp_path / "out.mkv"
    case.make(tmp_path / name)
    width, height = case.size

    fill(tmp_path / name, out, hole_in(height, width))
    fill(tmp_path / name, tmp_path / "out.mp4", hole_in(height, width))

    assert assert_same_outside(tmp_path / name, out, hole_in(height, width)) == 6
    for path in (out, tmp_path / "out.mp4"):
        info = probe(path)
        assert (info.width, info.height) == (width, height)
        assert info.pixel_aspect == probe(tmp_path / name).pixel_aspect
        assert not display_matrix(path)


SIDE = 20


def square_film(path, **options):
    """Write a bright square, its corner at (10, 24) as stored, on a dark wall; 3 frames."""
    planes = [np.full((96, 128), 40, np.uint8), *(np.full((48, 64), 128, np.uint8),) * 2]
    planes[0][24 : 24 + SIDE, 10 : 10 + SIDE] = 220
    return write_video(path, [planes] * 3, YUV420, codec="libx264", options={"qp": "0"}, **options)


@pytest.mark.parametrize(
    "rotation", [(0, False, False), (90, False, False), (180, False, False), (270, True, False)]
)
def test_r04_a_click_lands_on_the_right_pixel(tmp_path, rotation):
    source = square_film(tmp_path / "in.mov", rotation=rotation)
    with VideoReader(source) as reader:
        truth = next(iter(reader)).planes[0] > 128
    rows, columns = np.nonzero(truth)
    x, y = int(columns.min()) + 2, int(rows.min()) + 2  # near its corner, as a person sees it

    arguments = ["track", str(source), str(tmp_path / "m.zip"), "--point", f"{x},{y}", "--quiet"]
    assert main(arguments) == 0

    with MaskReader(tmp_path / "m.zip") as masks:
        found_rows, found_columns = np.nonzero(masks[0])
    assert truth.sum() == SIDE * SIDE
    for found, true in ((found_rows, rows), (found_columns, columns)):
        assert abs(int(found.min()) - int(true.min())) <= 1
        assert abs(int(found.max()) - int(true.max())) <= 1
