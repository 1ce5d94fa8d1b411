"""R11: several people at once get what each would have got alone, and leave nothing behind."""

import gc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import rendered

from tracker.desk import Desk, Find, Leave, Open
from tracker.folders import bring, discard, new_folder
from tracker.options import Options
from tracker.removal import run_job
from tracker.session import Session
from tracker.types import Point

POINTS = (Point(30, 48), Point(100, 20), Point(20, 80), Point(110, 70))
NUM_CYCLES = 100


@pytest.fixture(scope="module")
def uploads(tmp_path_factory):
    """Return four films of the same name."""
    folder = tmp_path_factory.mktemp("r11")
    paths = []
    for number in range(len(POINTS)):
        (folder / str(number)).mkdir()
        paths.append(folder / str(number) / "film.mp4")
        rendered.write_scene(paths[-1], 16, codec="libx264")
    return paths


def arrive(desk, root, upload, point):
    """Open the film and click, as one person does."""
    folder = new_folder(root)
    source = bring(upload, folder)
    info, view = desk(Open(folder.name, source))
    session = Session(folder, source, upload.name, None, info, view)
    return session.click(
        point, lambda index, prompt: desk(Find(session.owner, source, index, prompt))
    )


def remove(session, mode):
    """Run the removal of one person; return the paths of its files."""
    job = session.job(Options(mode))
    for _ in run_job(job):
        pass
    return job.output, job.masks_out, job.overlay_out


def contents(path):
    if path.suffix != ".zip":
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:  # which also notes when it was made
        return [(name, archive.read(name)) for name in archive.namelist()]


@pytest.mark.parametrize("mode", [pytest.param("offline", marks=pytest.mark.slow), "streaming"])
def test_r11_four_at_once_get_what_each_gets_alone(tmp_path, uploads, mode):
    desk = Desk()
    sessions = [
        arrive(desk, tmp_path, upload, point) for upload, point in zip(uploads, POINTS, strict=True)
    ]

    alone = [remove(session, mode) for session in sessions]
    with ThreadPoolExecutor(len(sessions)) as people:
        together = list(people.map(lambda session: remove(session, mode), sessions))

    for session, before, after in zip(sessions, alone, together, strict=True):
        assert [path.name for path in before] == [path.name for path in after]
        for first, second in zip(before, after, strict=True):
            assert session.folder in second.parents
            assert contents(first) == contents(second)
    assert len({contents(paths[0]) for paths in together}) == len(POINTS)


def test_r11_a_hundred_visits_leave_no_memory_files_or_folders(tmp_path, uploads):
    desk, process = Desk(), psutil.Process()

    def visit(number):
        if number % 10 == 0:
            folder = arrive(desk, tmp_path, uploads[0], POINTS[0]).folder
        else:
            folder = new_folder(tmp_path)
            desk(Open(folder.name, bring(uploads[0], folder)))
        desk(Leave(folder.name))
        discard(folder)

    for number in range(20):  # what is made once and kept
        visit(number)
    gc.collect()
    memory, num_files = process.memory_info().rss, process.num_fds()
    for number in range(NUM_CYCLES):
        visit(number)
    gc.collect()

    assert process.memory_info().rss - memory < 5 * 2**20
    assert process.num_fds() <= num_files
    assert list(Path(tmp_path).iterdir()) == []
