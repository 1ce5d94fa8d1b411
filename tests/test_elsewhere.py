"""Objects in a process of their own: a wire, a process, a propagator there."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import rendered
from rendered import given, labels_of

from tracker import crew, elsewhere, engines
from tracker.apart import PropagatorApart
from tracker.classical.propagator import ClassicalPropagator
from tracker.elsewhere import Elsewhere
from tracker.engine_table import PROPAGATORS
from tracker.engines import choose, make_propagator
from tracker.exports.masks import open_masks
from tracker.jobs import Job, Settings
from tracker.removal import run_job
from tracker.types import Tracked, UserError
from tracker.wire import Wire

ROOT = Path(__file__).resolve().parent.parent
MAKER = PROPAGATORS["classical"].maker
pytestmark = pytest.mark.usefixtures("no_process_left")
NUM_FRAMES = 10


class Counter:
    """What the tests talk to."""

    def __init__(self, start):
        self.count = start

    def add(self, number):
        sys.stdout.write("said into the wire, if it could be\n")
        self.count += number
        return self.count

    def process(self):
        return os.getpid()

    def await_file(self, path):
        end = time.monotonic() + 20
        while not path.exists() and time.monotonic() < end:
            time.sleep(0.01)
        self.count += path.exists()

    def take(self, array):
        self.count += len(array)

    def refuse(self):
        raise UserError("no more than this")

    def die(self):
        os._exit(7)


def counter(start=0):
    return Elsewhere("test_elsewhere:Counter", start)


@pytest.fixture
def wire():
    one, two = os.pipe(), os.pipe()
    ends = (
        Wire(os.fdopen(one[0], "rb", 0), os.fdopen(two[1], "wb", 0)),
        Wire(os.fdopen(two[0], "rb", 0), os.fdopen(one[1], "wb", 0)),
    )
    yield ends
    for end in ends:
        end.close()


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "in.mkv"
    rendered.write_scene(path, NUM_FRAMES)
    return rendered.read_only(path)


def test_arrays_of_any_kind_arrive_as_they_were(wire):
    here, there = wire
    fixed = np.arange(300_000, dtype=np.float32)
    fixed.flags.writeable = False
    sent = {"fixed": fixed, "turned": np.eye(4, dtype=np.uint8)[:, ::-1], "none": np.empty((0, 3))}
    thread = threading.Thread(target=here.send, args=(sent,))
    thread.start()
    found = there.receive()
    thread.join()
    assert all(np.array_equal(sent[key], found[key]) for key in sent)
    assert not found["fixed"].flags.writeable
    assert found["turned"].flags.writeable


def test_who_receives_is_told_that_the_other_end_is_closed(wire):
    here, there = wire
    here.close()
    with pytest.raises(EOFError):
        there.receive()


def test_an_object_elsewhere_keeps_its_state():
    one = counter(10)
    one.begin("add", 1)
    assert one.call("add", 2) == 13
    assert one.call("process") != os.getpid()


def test_who_sends_does_not_wait_for_what_is_being_done_there(tmp_path):
    one, file = counter(), tmp_path / "sent"
    one.begin("await_file", file)
    one.begin("take", np.zeros(8 << 20, np.uint8))  # more than a pipe holds
    file.touch()
    assert one.call("add", 0) == 1 + (8 << 20)


def test_what_a_method_raises_is_raised_here_once():
    one = counter()
    with pytest.raises(UserError, match="no more than this"):
        one.call("refuse")
    one.begin("refuse")
    with pytest.raises(UserError, match="no more than this"):
        one.call("add", 1)
    assert one.call("add", 1) == 1


def test_what_cannot_be_made_says_so_at_the_first_call():
    with pytest.raises(AttributeError):
        Elsewhere("test_elsewhere:Nothing").call("add", 1)


def test_a_process_that_dies_is_an_error_a_user_can_read():
    one = counter()
    with pytest.raises(UserError, match=r"process died \(exit code 7\)"):
        one.call("die")
    assert counter(5).call("add", 1) == 6  # in another process


def test_who_has_died_is_not_asked_for_its_memory_nor_given_the_next_object():
    one, two = counter(), counter()
    process = two.call("process")
    one.begin("die")
    del two
    gc.collect()
    os.kill(process, signal.SIGKILL)
    assert elsewhere.peak_rss_mb_there() < 500
    assert counter(3).call("add", 1) == 4


def test_a_process_nobody_uses_any_more_is_used_again_with_nothing_left_in_it():
    gc.collect()  # what the tests before have left in tracebacks
    elsewhere.end_all()
    one = counter(100)
    process = one.call("process")
    del one
    gc.collect()
    other = counter()
    assert other.call("process") == process
    assert other.call("add", 1) == 1


def test_garbage_may_be_collected_while_a_process_is_started(monkeypatch):
    def leave_garbage():
        circle = [counter()]
        circle.append(circle)
        return circle[0].call("process")

    def collect_and_start():
        gc.collect()
        return start()

    def count():
        found.append((other := counter(5)).call("process"))
        found.append(other.call("add", 1))

    elsewhere.end_all()
    gc.collect()
    gc.disable()
    try:
        found, start = [], elsewhere._start
        process = leave_garbage()
        monkeypatch.setattr(elsewhere, "_start", collect_and_start)
        thread = threading.Thread(target=count, daemon=True)
        thread.start()
        thread.join(30)
    finally:
        gc.enable()
    assert found[1:] == [6]
    assert found[0] != process
    one, two = counter(), counter()
    assert {one.call("process"), two.call("process")} == {process, found[0]}  # both were kept


def test_two_objects_have_a_process_each():
    one, two = counter(), counter()
    assert one.call("process") != two.call("process")


def test_its_memory_is_counted():
    one = counter()
    one.call("process")
    assert 10 < elsewhere.peak_rss_mb_there() < 500


def test_a_process_ends_with_the_one_that_started_it():
    program = (
        "from tracker.elsewhere import Elsewhere\n"  # no main guard: it must not run again
        "one = Elsewhere('test_elsewhere:Counter', 0)\n"
        "print(one.call('process'), flush=True)\n"
        "input()\n"
    )
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    starter = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    process = int(starter.stdout.readline())
    assert _lives(process)
    starter.kill()
    starter.communicate()
    deadline = time.monotonic() + 10
    while _lives(process):
        assert time.monotonic() < deadline, "it goes on alone"
        time.sleep(0.05)


@pytest.mark.skipif(not hasattr(os, "getsid"), reason="Windows has no sessions")
def test_keys_pressed_in_our_terminal_do_not_reach_it():
    assert os.getsid(counter().call("process")) != os.getsid(0)


@pytest.mark.parametrize(
    "start",
    [
        ["-c", "exec(open(0).read())"],
        ["-"],  # no main module
        ["-c", "import os; os.close(2); exec(open(0).read())"],  # nobody to complain to
        ["-c", "import os; os.close(1); exec(open(0).read())"],
    ],
)
def test_it_works_whatever_the_main_module_is(tmp_path, start):
    told = tmp_path / "told"
    program = (
        "from pathlib import Path\nfrom tracker.elsewhere import Elsewhere\n"
        "one = Elsewhere('test_elsewhere:Counter', 4)\n"
        f"Path({str(told)!r}).write_text(str(one.call('add', 1)))\n"
    )
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests"), "odd: \udcff"))
    subprocess.run(
        [sys.executable, *start],
        input=program,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=True,
    )
    assert told.read_text() == "5"


def _lives(process):
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_propagator_elsewhere_labels_as_one_here(frames):
    here = labels_of(ClassicalPropagator(), frames)
    there = PropagatorApart(MAKER, Settings())
    for frame in frames[:4]:
        there.prepare(frame)
    skipped = frames[:2] + frames[3:]
    expected = labels_of(ClassicalPropagator(), skipped)
    assert here[-1].any()
    assert np.array_equal(labels_of(PropagatorApart(MAKER, Settings()), frames), here)
    assert np.array_equal(labels_of(there, skipped), expected)
    assert there.busy_seconds > 0


class Echo:
    """A propagator that answers with the frame itself."""

    def step(self, frame, labels=None):
        return Tracked(frame[..., 0], {})


def test_frames_may_be_prepared_while_others_are_stepped_to():
    frames = [np.full((1, 1, 3), k % 256, np.uint8) for k in range(2000)]
    prepared = threading.Semaphore(0)
    there = PropagatorApart("test_elsewhere:Echo")

    def prepare():
        for frame in frames:
            there.prepare(frame)
            prepared.release()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        thread = threading.Thread(target=prepare, daemon=True)
        thread.start()
        for frame in frames:
            prepared.acquire()
            assert there.step(frame).labels == frame[..., 0]
    finally:
        sys.setswitchinterval(interval)
    thread.join(10)
    assert not there._ready


def test_of_frames_never_stepped_to_only_the_newest_are_kept():
    there = PropagatorApart("test_elsewhere:Echo")
    frames = [np.full((1, 1, 3), k, np.uint8) for k in range(20)]
    for frame in frames:
        there.prepare(frame)
    assert 1 < len(there._ready) < 10
    assert there.step(frames[0]).labels == 0
    assert there.step(frames[17]).labels == 17
    assert [frame[0, 0, 0] for frame in there._ready.values()] == [18, 19]


def test_a_frame_may_be_stepped_to_again_with_labels(frames):
    def twice(propagator):
        propagator.step(frames[0], given())
        propagator.step(frames[1])
        corrected = np.roll(given(), 9, axis=1)
        assert np.array_equal(propagator.step(frames[1], corrected).labels, corrected)
        return propagator.step(frames[2]).labels

    assert np.array_equal(twice(PropagatorApart(MAKER, Settings())), twice(ClassicalPropagator()))


def test_bad_labels_are_refused_as_here(frames):
    with pytest.raises(ValueError, match="labels are"):
        PropagatorApart(MAKER, Settings()).step(frames[0], np.zeros((3, 3), np.uint8))


def test_with_one_core_it_works_here(monkeypatch):
    choice = choose("propagator", "classical")
    assert isinstance(make_propagator(choice, apart=True), PropagatorApart)
    assert isinstance(make_propagator(choice), ClassicalPropagator)
    monkeypatch.setattr("tracker.engines.num_cores", lambda: 1)
    assert isinstance(make_propagator(choice, apart=True), ClassicalPropagator)


def test_a_process_that_was_warmed_up_is_the_one_that_is_used():
    elsewhere.end_all()
    crew.warm_up("classical", "cpu")
    (waiting,) = elsewhere._idle
    made = make_propagator(choose("propagator", "classical"), apart=True)
    assert made._there._process is waiting
    crew.warm_up("nonsense", "cpu")  # which is not the place to say so
    assert not elsewhere._idle


def refuse(*_, **__):
    raise BlockingIOError("as many as may be")


@pytest.mark.parametrize(
    ("what", "value", "why"),
    [
        ("sys.executable", "/nowhere/python", "No such file"),
        ("sys.executable", None, "is no Python"),
        ("sys.executable", "/bin/ls", "is no Python"),
        ("sys.frozen", True, "is no Python"),
        ("subprocess.Popen", refuse, "as many as may be"),
        ("os.getcwd", refuse, "as many as may be"),  # the folder is gone
    ],
)
def test_where_no_process_is_to_be_had_it_works_here_and_says_so_once(
    monkeypatch, caplog, what, value, why
):
    elsewhere.end_all()
    engines._note_once.cache_clear()
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.setattr(what, value, raising=False)
    for _ in range(2):
        made = make_propagator(choose("propagator", "classical"), apart=True)
        assert isinstance(made, ClassicalPropagator)
    (said,) = caplog.records
    assert "objects are followed in this process" in said.getMessage()
    assert why in said.getMessage()


DIES_AT_ITS_FIRST_TASK = "import sys; sys.stdin.buffer.read(1); raise SystemExit(9)"


def test_where_a_process_dies_before_it_has_begun_no_other_is_started(monkeypatch, frames):
    elsewhere.end_all()
    monkeypatch.setattr(elsewhere, "_PROGRAM", DIES_AT_ITS_FIRST_TASK)
    monkeypatch.setattr(elsewhere._Process, "starts", True)
    choice = choose("propagator", "classical")
    broken = make_propagator(choice, apart=True)
    with pytest.raises(UserError, match=r"exit code 9"):
        broken.step(frames[0], given())
    assert isinstance(make_propagator(choice, apart=True), ClassicalPropagator)


def test_where_a_process_is_dead_before_it_is_told_anything_no_other_is_started(monkeypatch):
    elsewhere.end_all()
    start = elsewhere._start

    def start_and_see_it_die():
        process = start()
        process.wait()
        return process

    monkeypatch.setattr(elsewhere, "_PROGRAM", "raise SystemExit(9)")
    monkeypatch.setattr(elsewhere, "_start", start_and_see_it_die)
    monkeypatch.setattr(elsewhere._Process, "starts", True)
    choice = choose("propagator", "classical")
    assert isinstance(make_propagator(choice, apart=True), ClassicalPropagator)
    monkeypatch.setattr(elsewhere, "_start", refuse)
    engines._note_once.cache_clear()
    assert isinstance(make_propagator(choice, apart=True), ClassicalPropagator)
    assert not elsewhere._Process.starts


@pytest.mark.parametrize("mode", ["offline", "streaming"])
def test_a_removal_is_the_same_wherever_it_tracks(tmp_path, monkeypatch, mode):
    film = tmp_path / "in.mkv"
    rendered.write_scene(film, NUM_FRAMES)
    masks = {}
    for fewest in (1, 1000):
        monkeypatch.setattr(crew, "FEWEST_APART", fewest)
        job = Job(
            film,
            tmp_path / f"{fewest}.mkv",
            {0: given()},
            masks_out=tmp_path / f"{fewest}.zip",
            mode=mode,
        )
        report = list(run_job(job))[-1].report
        assert report.stages["propagate"] > 0
        if mode == "offline":  # it was given up before the filling began
            assert elsewhere.peak_rss_mb_there() == 0
        with open_masks(job.masks_out) as found:
            masks[fewest] = np.stack([found[index] for index in range(NUM_FRAMES)])
    assert masks[1][-1].any()
    assert np.array_equal(masks[1], masks[1000])
    same = [list(rendered.rgb(tmp_path / f"{fewest}.mkv")) for fewest in (1, 1000)]
    assert all(np.array_equal(*pair) for pair in zip(*same, strict=True))
