import os

import numpy as np
import pytest

from tracker.spool import LabelSpool
from tracker.types import UserError


def test_labels_come_back_as_they_were_in_any_order():
    rng = np.random.default_rng(0)
    maps = [rng.integers(0, 256, (17, 19), np.uint8) for _ in range(20)]

    with LabelSpool(17, 19) as spool:
        for index, labels in enumerate(maps):
            spool[index] = labels
        for index in reversed(range(20)):
            np.testing.assert_array_equal(spool[index], maps[index])
        assert len(spool) == 20


def test_writing_an_index_again_replaces_it():
    with LabelSpool(2, 2) as spool:
        spool[0] = np.zeros((2, 2), np.uint8)
        spool[0] = np.ones((2, 2), np.uint8)

        assert (spool[0] == 1).all()
        assert len(spool) == 1


def test_labels_of_another_size_are_refused():
    with LabelSpool(4, 6) as spool, pytest.raises(ValueError, match=r"\(6, 4\) but the clip is"):
        spool[0] = np.zeros((6, 4), np.uint8)


@pytest.mark.skipif(os.name == "nt", reason="Windows shows temporary files until they are closed")
def test_the_spool_leaves_nothing_in_the_temporary_folder_even_while_open(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with LabelSpool(4, 4) as spool:
        spool[0] = np.ones((4, 4), np.uint8)

        assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_in_a_sentence(monkeypatch):
    class FullFile:
        def seek(self, offset):
            pass

        def write(self, data):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: FullFile())

    message = r"no room for \d+ bytes of masks in .*, where 0\.0 MB .*No space left.*free some"
    with LabelSpool(4, 4) as spool, pytest.raises(UserError, match=message):
        spool[0] = np.ones((4, 4), np.uint8)


def test_labels_written_again_and_again_take_no_more_room():
    rng = np.random.default_rng(0)
    with LabelSpool(64, 64) as spool:
        sizes = []
        for _ in range(10):  # of ten sizes, none of which fits the room of another
            for index in range(5):
                noise = rng.integers(0, 2, (rng.integers(1, 64), 64), np.uint8)
                spool[index] = np.pad(noise, ((0, 64 - len(noise)), (0, 0)))
            sizes.append(spool.size)

    # Five records of at most 64 x 64 bytes and a little for zlib's head, in whole kilobytes.
    assert max(sizes) <= 5 * 5 * 1024


def test_a_frame_that_was_never_written_has_no_labels():
    with LabelSpool(2, 3) as spool:
        assert not spool[7].any()
        assert spool[7].shape == (2, 3)
