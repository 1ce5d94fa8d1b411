"""Lanes: work in other processes, queued, cancelled and surviving crashes."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rendered
from promises import soonest

from tracker.jobs import Job
from tracker.serving import resolve
from tracker.types import UserError
from tracker.video import probe, salvage
from tracker.worker import Lane, StoppedError

ROOT = Path(__file__).resolve().parent.parent

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of Unix")

# What lanes run must be importable in a fresh process, whatever runs the tests.
FUNCTIONS = """
import os, time, faulthandler
from tracker.types import UserError

def double(x):
    return 2 * x

def act(what):
    if what == "refuse":
        raise UserError("frame 9 is past the end; choose 0-4")
    if what == "bug":
        raise KeyError("inner detail")
    if what == "memory":
        raise MemoryError
    if what == "segfault":
        import ctypes
        ctypes.string_at(0)
    if what == "abort":
        os.abort()
    if what == "killed for memory":
        os.kill(os.getpid(), 9)  # what the system does to who takes too much
    if what == "too much":
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        return bytearray(2 << 30)
    if what == "hang":
        time.sleep(60)
    return os.getpid()

def count_up(job):
    folder, total, pause = job
    try:
        for k in range(total):
            yield k
            time.sleep(pause)
    except GeneratorExit:
        (folder / "closed").write_text("tidy")
        raise

def deaf(_):
    yield 0
    time.sleep(60)
    yield 1

class Counter:
    def __init__(self):
        self.calls = 0
    def __call__(self, step):
        self.calls += step
        return self.calls
"""


@pytest.fixture(scope="module", autouse=True)
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("lanes")
    (folder / "lane_functions.py").write_text(FUNCTIONS)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture
def lane() -> Iterator[Lane]:
    lane = Lane("test", "lane_functions:act")
    yield lane
    lane.close()


def _wait_for(condition, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_the_function_runs_in_another_process_that_stays(lane):
    first, second = lane.submit("pid").result(20), lane.submit("pid").result(20)

    assert first == second != os.getpid()


def test_a_class_is_made_once_and_keeps_its_state():
    lane = Lane("counter", "lane_functions:Counter")

    answers = [lane.submit(1).result(20) for _ in range(3)]
    lane.close()

    assert answers == [1, 2, 3]


def test_a_user_error_travels_as_itself(lane):
    with pytest.raises(UserError, match=r"^frame 9 is past the end; choose 0-4$"):
        lane.submit("refuse").result(20)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("bug", "something went wrong .* details are in the log"),
        ("memory", "memory ran out.*shorter or smaller video"),
        ("segfault", "crashed .* started again"),
        pytest.param("abort", "crashed .* started again", marks=posix),
        pytest.param("killed for memory", "memory ran out.*close other programs", marks=posix),
        pytest.param("too much", "memory ran out.*shorter or smaller video", marks=posix),
    ],
)
def test_a_dying_process_fails_one_request_only(lane, what, message):
    with pytest.raises(UserError, match=message) as caught:
        lane.submit(what).result(20)

    assert "inner detail" not in str(caught.value)
    assert isinstance(lane.submit("pid").result(20), int)


DYING = """
import os
from dataclasses import replace
from tracker import engine_table
from tracker.removal import run_job

class Dying:
    def fill(self, clip):
        if clip.indices[0] > 6:
            os.abort()
        return list(clip.frames[: clip.num_local])

def remove(job):
    classical = engine_table.INPAINTERS["classical"]
    engine_table.INPAINTERS["dying"] = replace(classical, load=lambda _: lambda _: Dying())
    yield from run_job(job)
"""


@posix
def test_an_engine_that_dies_takes_its_own_removal_only(tmp_path, monkeypatch):
    (tmp_path / "dying_engine.py").write_text(DYING)
    monkeypatch.syspath_prepend(tmp_path)
    source, folder = tmp_path / "in.mkv", tmp_path / "out"
    rendered.write_scene(source, 20)
    folder.mkdir()
    labels = {0: rendered.disc(0).astype(np.uint8)}
    lane = Lane("dying", "dying_engine:remove")

    dying = lane.submit(Job(source, folder / "a.mkv", labels, mode="streaming", inpainter="dying"))
    next_one = lane.submit(Job(source, folder / "b.mkv", labels, mode="streaming"))
    with pytest.raises(UserError, match=r"crashed .* started again; nothing else was lost"):
        dying.result(60)
    next_one.result(60)
    kept = salvage(folder / "a.mkv", probe(source))
    lane.close()

    assert sorted(path.name for path in folder.iterdir()) == ["a.partial.mkv", "b.mkv"]
    assert 1 <= len(rendered.planes(kept)) < 20
    assert len(rendered.planes(folder / "b.mkv")) == 20


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_process_killed_while_idle_is_replaced(lane):
    os.kill(lane.submit("pid").result(20), signal.SIGKILL)
    time.sleep(0.2)

    assert isinstance(lane.submit("pid").result(20), int)


def test_a_request_that_takes_too_long_is_stopped(lane):
    lane.submit("pid").result(20)

    with pytest.raises(UserError, match=r"no answer within 0\.3 s"):
        lane.submit("hang").result(0.3)

    assert isinstance(lane.submit("pid").result(10), int)


def test_what_is_yielded_comes_back_in_order(tmp_path):
    lane = Lane("count", "lane_functions:count_up")

    ticket = lane.submit((tmp_path, 20, 0.0))
    ticket.result(20)
    lane.close()

    assert ticket.take() == list(range(20))
    assert ticket.take() == []


def test_cancel_closes_the_generator(tmp_path):
    lane = Lane("count", "lane_functions:count_up")
    ticket = lane.submit((tmp_path, 1000, 0.01))
    _wait_for(lambda: ticket.take())

    ticket.cancel()
    with pytest.raises(StoppedError):
        ticket.result(10)
    lane.close()

    assert (tmp_path / "closed").read_text() == "tidy"


def test_who_does_not_listen_is_killed_within_two_seconds():
    lane = Lane("deaf", "lane_functions:deaf")

    def seconds_to_stop() -> float:
        ticket = lane.submit(None)
        _wait_for(lambda: ticket.take())
        began = time.monotonic()
        ticket.cancel()
        with pytest.raises(StoppedError):
            ticket.result(30)
        return time.monotonic() - began

    assert soonest(seconds_to_stop, within=2.0) < 2.0
    lane.close()


def test_waiting_requests_know_their_place_and_can_leave(lane):
    running, second, third = (lane.submit("hang", owner=name) for name in "abc")
    _wait_for(lambda: second.place == 1)

    assert (running.place, third.place) == (0, 2)
    lane.cancel_owner("b")
    assert second.done
    assert third.place == 1
    lane.cancel_owner("c")
    lane.cancel_owner("a")
    with pytest.raises(StoppedError):
        running.result(5)


def test_a_closed_lane_takes_nothing_more(lane):
    lane.close()

    with pytest.raises(UserError, match="shutting down"):
        lane.submit("pid")


def test_resolve_names_a_function():
    assert resolve("lane_functions:double")(21) == 42


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_orphan_is_left_when_the_parent_is_killed():
    script = textwrap.dedent(
        """
        import sys, time
        from tracker.worker import Lane
        if __name__ == "__main__":
            lane = Lane("test", "lane_functions:act")
            print(lane.submit("pid").result(20), flush=True)
            lane.submit("hang")
            time.sleep(60)
        """
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), sys.path[0]])}
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment, text=True
    )
    assert parent.stdout is not None
    child = Path("/proc", parent.stdout.readline().strip())
    assert child.exists()

    parent.kill()
    parent.wait()

    _wait_for(lambda: not child.exists(), seconds=5)
