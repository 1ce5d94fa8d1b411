import pytest

from tracker.records import HEAD, MAGIC, Records
from tracker.types import UserError


def test_records_come_back_in_another_process_life(tmp_path):
    with Records(tmp_path / "run") as records:
        records.put(b"L", 3, b"three")
        records.put(b"L", 1, b"one")
        records.put(b"F", 3, b"")
        records.commit()

    with Records(tmp_path / "run") as records:
        assert records.indices(b"L") == [1, 3]
        assert records.get(b"L", 3) == b"three"
        assert records.get(b"F", 3) == b""
        assert records.get(b"F", 1) is None


def test_a_later_record_replaces_an_earlier_one(tmp_path):
    with Records(tmp_path / "run") as records:
        records.put(b"L", 0, b"old")
        records.put(b"L", 0, b"new")
        records.commit()
        assert records.get(b"L", 0) == b"new"

    with Records(tmp_path / "run") as records:
        assert records.get(b"L", 0) == b"new"


def test_what_was_not_committed_is_gone_as_a_whole(tmp_path):
    with Records(tmp_path / "run") as records:
        records.put(b"L", 0, b"old")
        records.commit()
        records.put(b"L", 0, b"new")
        records.put(b"L", 1, b"more")

    with Records(tmp_path / "run") as records:
        assert records.get(b"L", 0) == b"old"
        assert records.get(b"L", 1) is None
        records.put(b"L", 2, b"later")
        records.commit()

    with Records(tmp_path / "run") as records:
        assert records.indices(b"L") == [0, 2]


@pytest.mark.parametrize("num_bytes", range(0, 60, 7))
def test_a_file_cut_off_anywhere_opens_at_the_last_commit_before(tmp_path, num_bytes):
    path = tmp_path / "run"
    with Records(path) as records:
        for index in range(3):
            records.put(b"L", index, bytes([index]) * 10)
            records.commit()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - num_bytes])
    size = 2 * HEAD.size + 10  # of a record and its commit
    expected = 3 - -(-num_bytes // size)

    with Records(path) as records:
        assert records.indices(b"L") == list(range(expected))


def test_a_damaged_record_ends_the_file(tmp_path):
    path = tmp_path / "run"
    with Records(path) as records:
        for index in range(3):
            records.put(b"L", index, b"0123456789")
            records.commit()
    data = bytearray(path.read_bytes())
    data[len(MAGIC) + 3 * HEAD.size + 10 + 5] ^= 1  # in the second record
    path.write_bytes(bytes(data))

    with Records(path) as records:
        assert records.indices(b"L") == [0]


def test_only_the_kinds_asked_for_are_copied_and_only_the_newest(tmp_path):
    with Records(tmp_path / "old") as old, Records(tmp_path / "new") as new:
        old.put(b"L", 0, bytes(1000))
        old.put(b"L", 0, b"label")
        old.put(b"F", 0, b"fill")

        new.copy([b"L"], old)

        assert new.get(b"L", 0) == b"label"
        assert new.get(b"F", 0) is None
        assert new.num_bytes < 100


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "run").write_bytes(b"something else entirely")

    with pytest.raises(UserError, match="is not a run of this program; delete it or name another"):
        Records(tmp_path / "run")
