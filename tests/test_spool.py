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

    with LabelSpool(4, 4) as spool, pytest.raises(UserError, match=r"No space left.*free some"):
        spool[0] = np.ones((4, 4), np.uint8)
