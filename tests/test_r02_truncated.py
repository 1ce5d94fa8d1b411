"""R2: of a video that was cut off, every whole frame is used and counted, or it is refused."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from corpus import CUT, CUT_KINDS, NUM_CUT, shorten, video
from faithful import fill, hole_in, outside

from tracker.__main__ import main
from tracker.video import VideoReader


def cut_names(*, refused):
    return [name for name, case in CUT.items() if (case.refused is not None) == refused]


@pytest.mark.parametrize("name", cut_names(refused=False))
def test_r02_every_whole_frame_of_a_cut_video_is_used_and_counted(tmp_path, name):
    case = CUT[name]
    kind = max((kind for kind in CUT_KINDS if name.endswith(kind)), key=len)
    # Encoded once: x264's macroblock tree does not make the same file of it every time.
    whole = video(tmp_path / f"whole.{kind}", NUM_CUT, **CUT_KINDS[kind])
    shorten(Path(shutil.copy(whole, tmp_path / name)), int(re.findall(r"\d+", name)[0]))
    hole = hole_in(48, 64)

    report = fill(tmp_path / name, tmp_path / "out.mkv", hole)

    assert report["frames"] in case.num_frames
    assert re.search(f"is cut off: {report['frames']} frames were read", report["notices"][0])
    with VideoReader(whole) as before, VideoReader(tmp_path / "out.mkv") as after:
        found = list(after)
        for a, b in zip(before, found, strict=False):
            for plane in range(3):
                same = outside(a, plane, hole)
                np.testing.assert_array_equal(a.planes[plane][same], b.planes[plane][same])
    assert len(found) == report["frames"]


@pytest.mark.parametrize("name", cut_names(refused=True))
def test_r02_an_mp4_that_lost_its_index_is_refused(tmp_path, capsys, name):
    CUT[name].make(tmp_path / name)

    code = main(["remove", str(tmp_path / name), str(tmp_path / "out.mp4"), "--point", "1,1"])

    assert code == 2
    assert re.search(CUT[name].refused, capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == [name]
