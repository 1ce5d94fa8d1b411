import os
import zlib

import numpy as np
import pytest

from tracker.blocks import BlockFile
from tracker.spool import LabelSpool, pack, unpack
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


@pytest.mark.parametrize("box", [(slice(3, 9), slice(5, 17)), (slice(0, 17), slice(18, 19))])
def test_labels_are_packed_with_their_place(box):
    labels = np.zeros((17, 19), np.uint8)
    labels[box] = np.random.default_rng(0).integers(1, 4, labels[box].shape)

    np.testing.assert_array_equal(unpack(pack(labels), labels.shape), labels)
    assert not unpack(pack(0 * labels), labels.shape).any()


def test_whole_maps_in_files_of_earlier_versions_are_understood():
    labels = np.arange(17 * 19, dtype=np.uint8).reshape(17, 19)

    np.testing.assert_array_equal(unpack(zlib.compress(labels.tobytes(), 1), (17, 19)), labels)


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


def test_labels_written_again_at_any_size_come_back_and_take_no_more_room_than_ever_needed():
    rng = np.random.default_rng(0)
    expected: dict[int, np.ndarray] = {}
    with LabelSpool(64, 64) as spool:
        for _ in range(400):
            index, side = int(rng.integers(12)), int(rng.integers(1, 65))
            labels = np.zeros((64, 64), np.uint8)
            labels[:side] = rng.integers(0, 256, (side, 64))
            spool[index] = expected[index] = labels
        for index, labels in expected.items():
            np.testing.assert_array_equal(spool[index], labels)

        assert spool.size <= 13 * 5 * 1024  # noise of 4,096 bytes does not pack


def test_what_a_full_disk_refused_is_gone_and_its_room_is_free_for_others(monkeypatch):
    with BlockFile() as file:
        file[0], file[1] = b"a" * 5000, b"b" * 3000
        monkeypatch.setattr(file, "_file", Full(file._file, after=2))
        with pytest.raises(OSError, match="No space"):
            file[0] = b"c" * 5000
        monkeypatch.setattr(file, "_file", file._file.whole)

        assert (0 in file, len(file)) == (False, 1)
        file[2] = b"d" * 5000
        assert (file[1], file[2], file.size) == (b"b" * 3000, b"d" * 5000, 8 * 1024)


class Full:
    """A file on a disk that has room for so many more writes."""

    def __init__(self, whole, after):
        self.whole, self._left = whole, after
        self.seek, self.read = whole.seek, whole.read

    def write(self, data):
        self._left -= 1
        if self._left < 0:
            raise OSError(28, "No space left on device")
        return self.whole.write(data)
