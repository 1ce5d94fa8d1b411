"""Processes that live and died, and files they left."""

import os
import subprocess
import sys
from pathlib import Path

from tracker.processes import is_running, this_machine
from tracker.video.naming import leftovers, own_files, temporary_name


def dead_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_process_runs_until_it_ends():
    assert is_running(os.getpid())
    assert not is_running(dead_process())


def test_a_number_that_no_process_can_have_counts_as_running():
    assert is_running(10**30)


def test_only_files_of_dead_writers_of_this_name_on_this_machine_are_leftovers(tmp_path):
    path = tmp_path / "out.mp4"
    mine = temporary_name(path)
    left = Path(str(mine).replace(f"-{os.getpid()}-", f"-{dead_process()}-"))
    elsewhere = Path(str(left).replace(this_machine(), "f" * 6))
    other = temporary_name(tmp_path / "other.mp4")
    for each in (mine, left, elsewhere, other):
        each.touch()

    assert leftovers(path) == [left]
    assert own_files(path) == [mine]
    assert leftovers(tmp_path / "nowhere" / "out.mp4") == []
