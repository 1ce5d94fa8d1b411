"""R1: what is no video is refused at once, in one sentence, and leaves nothing behind."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from corpus import BAD
from promises import soonest

from tracker.__main__ import main

ROOT = Path(__file__).resolve().parent.parent


def refusal(capsys, source, folder):
    """Return the one line with which the command line refuses `source`."""
    code = main(["remove", str(source), str(folder / "out.mp4"), "--point", "1,1"])
    lines = capsys.readouterr().err.splitlines()
    assert code == 2
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize("name", BAD)
def test_r01_bad_input_is_refused_at_once_and_leaves_nothing(tmp_path, monkeypatch, capsys, name):
    bad, out, temporary = (tmp_path / part for part in ("in", "out", "temporary"))
    for folder in (bad, out, temporary):
        folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    BAD[name].make(bad / name)
    before = sorted(path.name for path in bad.iterdir())

    def seconds_to_refuse() -> float:
        nonlocal line
        began = time.monotonic()
        line = refusal(capsys, bad / name, out)
        return time.monotonic() - began

    line = ""
    assert soonest(seconds_to_refuse, within=2.0) < 2.0
    assert line.startswith("error: ")
    assert re.search(BAD[name].refused, line), line
    assert sorted(path.name for path in bad.iterdir()) == before
    assert list(out.iterdir()) == list(temporary.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this file system")
def test_r01_pipes_and_devices_are_not_waited_for_in_vain(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tracker.video.live_source.WRITER_SECONDS", 0.2)
    os.mkfifo(tmp_path / "pipe.mp4")

    def seconds_to_refuse() -> float:
        began = time.monotonic()
        unwritten = refusal(capsys, tmp_path / "pipe.mp4", tmp_path)
        no_camera = refusal(capsys, Path("/dev/zero"), tmp_path)
        assert "nobody wrote to the pipe" in unwritten
        assert "/dev/zero cannot be opened" in no_camera
        return time.monotonic() - began

    assert soonest(seconds_to_refuse, within=2.0) < 2.0


def test_r01_the_exit_code_is_2_and_there_is_no_traceback(tmp_path):
    BAD["text.mp4"].make(tmp_path / "text.mp4")
    arguments = ["remove", tmp_path / "text.mp4", tmp_path / "out.mp4", "--point", "1,1"]

    done = subprocess.run(
        [sys.executable, "-m", "tracker", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
