"""R10: a file has its final name only when it is whole, whatever happens; a re-run succeeds."""

import multiprocessing
import os
import random
import resource
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rendered
from PIL import Image

from tracker.__main__ import main
from tracker.masks import MaskReader
from tracker.types import UserError
from tracker.video import VideoReader
from tracker.video.naming import temporary_name
from tracker.whole import write_whole

NUM_FRAMES = 40
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")


def act(arguments, errors, temporary, largest_file):
    """Run one command in a process of its own: what the tests kill and starve."""
    sys.stderr = Path(errors).open("w", buffering=1)  # noqa: SIM115 - ends with the process
    if temporary is not None:
        import tempfile

        tempfile.tempdir = temporary
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    sys.exit(main(arguments))


@pytest.fixture(scope="module")
def start():
    """Return what starts the command line in a fresh process within milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tracker.__main__", "cv2", Path(__file__).stem])

    def start(arguments, errors, temporary=None, largest_file=None):
        texts = [str(argument) for argument in arguments]
        process = context.Process(target=act, args=(texts, str(errors), temporary, largest_file))
        process.start()
        return process

    return start


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("r10") / "in.mkv"
    rendered.write_scene(path, NUM_FRAMES)
    return path


def removal(source, folder, output, mode):
    return [
        "remove", source, folder / output, "--point", "30,48", "--mode", mode, "--overwrite",
        "--masks-out", folder / "masks.zip", "--overlay-out", folder / "overlay.mp4",
    ]  # fmt: skip


def assert_whole(folder, output):
    """Refuse any file under a final name that is not complete and playable."""
    for name in (output, "overlay.mp4"):
        if (folder / name).exists():
            with VideoReader(folder / name) as reader:
                assert sum(1 for _ in reader) == NUM_FRAMES
    if (folder / "masks.zip").exists():
        with MaskReader(folder / "masks.zip") as masks:
            assert len(masks) == NUM_FRAMES
            assert zipfile.ZipFile(folder / "masks.zip").testzip() is None


def kill_at(moments, source, folder, output, mode, start):
    """Kill a removal at each (lines of progress shown, seconds after); look; then finish it."""
    arguments, errors = removal(source, folder, output, mode), folder / "errors"
    finals = {output, "masks.zip", "overlay.mp4"}
    num_killed = 0
    for lines, seconds in moments:
        for name in finals:
            remove(folder / name)
        errors.write_text("")
        process = start(arguments, errors)
        wait_for_lines(errors, lines, process)
        time.sleep(seconds)
        process.kill()
        process.join()
        num_killed += process.exitcode == -9
        assert_whole(folder, output)
        shown = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
        assert shown <= finals | {"errors"} | {partial(name) for name in finals}
    again = start(arguments, errors)
    again.join()
    assert again.exitcode == 0, errors.read_text()
    assert {path.name for path in folder.iterdir()} >= finals
    assert_whole(folder, output)
    assert [path for path in folder.iterdir() if path.name.startswith(".")] == []
    return num_killed


def wait_for_lines(file, lines, process):
    end = time.monotonic() + 60
    while not file.exists() or file.read_text().count("\n") < lines:
        assert time.monotonic() < end
        if not process.is_alive():
            return
        time.sleep(0.01)


def partial(name):
    path = Path(name)
    return f"{path.stem}.partial{path.suffix}"


def remove(path):
    if path.is_dir():
        for inner in path.iterdir():
            inner.unlink()
        path.rmdir()
    path.unlink(missing_ok=True)


def test_r10_kill_at_any_moment_leaves_whole_files_or_none(source, tmp_path, start):
    moments = ((0, 0.1), (5, 0), (15, 0))  # opening; following; filling

    assert kill_at(moments, source, tmp_path, "out.mp4", "offline", start) == 3


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["offline", "streaming"])
@pytest.mark.parametrize("output", ["out.mp4", "out.mkv", "out"])
def test_r10_kill_at_many_moments(source, tmp_path, start, output, mode):
    chance = random.Random(output + mode)
    last = 20 if mode == "offline" else 10
    moments = [(chance.randrange(last), chance.uniform(0, 0.05)) for _ in range(12)]
    moments += [(last, chance.uniform(0, 0.2)) for _ in range(8)]  # while names are given

    assert kill_at(moments, source, tmp_path, output, mode, start) >= 10


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder with room for `kilobytes`, and the largest file where it is no disk."""
    mounted = []

    def make(kilobytes):
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:
            mounted.append(folder)
            return folder, None
        return folder, kilobytes << 10  # without the right to mount: a limit on each file

    yield make
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(
    ("output", "kilobytes"), [("out.mp4", 24), ("out.mp4", 60), ("out.mkv", 300)]
)
def test_r10_a_full_disk_is_said_with_what_is_missing(
    source, tmp_path, small_disk, start, output, kilobytes
):
    folder, limit = small_disk(kilobytes)
    mask, errors = tmp_path / "hole.png", tmp_path / "errors"
    Image.fromarray(rendered.disc(10).astype(np.uint8)).save(mask)
    arguments = ["fill", source, mask, folder / output, "--mode", "streaming", "--quiet"]

    process = start(arguments, errors, largest_file=limit)
    process.join()

    line = errors.read_text().strip()
    assert process.exitcode == 2, line
    assert "\n" not in line
    assert f"the disk is full: {folder} has " in line
    assert "MB more are needed; make room or choose another folder" in line
    assert {path.name for path in folder.iterdir()} <= {partial(output)}
    for path in folder.iterdir():
        with VideoReader(path) as reader:
            assert 1 <= sum(1 for _ in reader) <= NUM_FRAMES
    again = start([*arguments[:3], tmp_path / output, *arguments[4:]], errors)
    again.join()
    assert again.exitcode == 0
    with VideoReader(tmp_path / output) as reader:
        assert sum(1 for _ in reader) == NUM_FRAMES


def test_r10_masks_on_a_full_disk_are_said_with_what_is_missing(
    source, tmp_path, small_disk, start
):
    folder, limit = small_disk(8)
    arguments = ["track", source, folder / "masks.zip", "--point", "30,48", "--quiet"]

    process = start(arguments, tmp_path / "errors", largest_file=limit)
    process.join()

    line = (tmp_path / "errors").read_text()
    assert process.exitcode == 2, line
    assert f"the disk is full: {folder} has " in line
    assert "MB more are needed" in line
    assert not (folder / "masks.zip").exists()


def test_r10_a_full_temporary_folder_is_said_and_nothing_stays_there(
    source, tmp_path, small_disk, start
):
    folder, limit = small_disk(16)
    arguments = ["remove", source, tmp_path / "out.mp4", "--point", "30,48", "--quiet"]

    process = start(arguments, tmp_path / "errors", str(folder), limit)
    process.join()

    line = (tmp_path / "errors").read_text()
    assert process.exitcode == 2, line
    assert f"bytes of masks in {folder}, where " in line
    assert "free some space or set TMPDIR to another folder" in line
    assert list(folder.iterdir()) == []
    assert not (tmp_path / "out.mp4").exists()


def test_r10_a_killed_run_leaves_nothing_in_the_temporary_folder(source, tmp_path, start):
    folder = tmp_path / "temporary"
    folder.mkdir()
    errors = tmp_path / "errors"
    arguments = ["remove", source, tmp_path / "out.mp4", "--point", "30,48"]
    process = start(arguments, errors, str(folder))
    wait_for_lines(errors, 3, process)
    process.kill()
    process.join()

    assert process.exitcode == -9
    assert list(folder.iterdir()) == []


def test_r10_what_killed_runs_left_of_a_report_goes_with_the_next(tmp_path):
    report = tmp_path / "report.json"
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    left = temporary_name(report)
    left = left.with_name(left.name.replace(f"-{os.getpid()}-", f"-{killed.pid}-"))
    left.write_text("half a rep")
    alive = temporary_name(report)
    alive.write_text("being written")

    write_whole(report, "{}\n")

    assert {path.name for path in tmp_path.iterdir()} == {"report.json", alive.name}
    assert report.read_text() == "{}\n"


def test_r10_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path):
    report = tmp_path / "report.json"
    report.mkdir()

    with pytest.raises(UserError, match="cannot write"):
        write_whole(report, "{}\n")

    assert list(tmp_path.iterdir()) == [report]
