"""A batch does every clip once, side by side, and says what became of each."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rendered

from tracker.__main__ import main
from tracker.batch import local
from tracker.batch.ledger import Ledger, Result
from tracker.batch.manifest import read_items
from tracker.batch.work import do_item
from tracker.types import UserError
from tracker.video import probe

ROOT = Path(__file__).resolve().parent.parent
POINT = ["--mode", "streaming", "--point", "30,48"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Return a short rendered clip."""
    path = tmp_path_factory.mktemp("clip") / "scene.mkv"
    rendered.write_scene(path, 6, sound=False)
    return path


def folder_of(tmp_path, clip, names):
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in names:
        os.link(clip, folder / f"{name}.mkv")
    return folder


def run(*words):
    return main([*map(str, ["batch", *words])])


def test_a_folder_is_done_once_and_told_in_a_table(tmp_path, clip, capsys):
    folder = folder_of(tmp_path, clip, ("a", "b"))
    (folder / "broken.mp4").write_bytes(b"no video")
    out, table = tmp_path / "out", tmp_path / "table.json"

    code = run(folder, out, "--format", "mkv", "--json", table, "--jobs", "2", "--with", *POINT)

    printed = capsys.readouterr()
    assert code == 2
    assert "1 of 3 clips failed (broken: broken.mp4" in printed.err
    states = {row["name"]: row["state"] for row in json.loads(table.read_text())}
    assert states == {"a": "done", "b": "done", "broken": "failed"}
    assert printed.out.splitlines()[1].split()[:3] == ["a", "done", "6"]
    assert probe(out / "a.mkv").num_frames == 6
    before = (out / "a.mkv").stat().st_mtime_ns

    (folder / "broken.mp4").unlink()
    assert run(folder, out, "--format", "mkv", "--json", table, "--with", *POINT) == 0
    assert {row["state"] for row in json.loads(table.read_text())} == {"done before"}
    assert (out / "a.mkv").stat().st_mtime_ns == before
    assert sorted(path.name for path in out.iterdir() if path.name[0] != ".") == ["a.mkv", "b.mkv"]


def test_a_manifest_says_what_goes_in_each_clip(tmp_path, clip):
    lines = [
        {"clip": str(clip), "name": "one", "point": ["30,48", "2:60,48@3"], "options": ["--quiet"]},
        {"clip": "sub/two.mkv", "masks": "two.zip"},
        {"clip": "three.mp4", "mask": "three.png@4", "box": "1,2,3,4"},
    ]
    manifest = tmp_path / "list.jsonl"
    manifest.write_text("\n".join(map(json.dumps, lines)) + "\n\n")

    one, two, three = read_items(manifest, ["--mode", "streaming"])

    assert one.prompts == ("--point=30,48", "--point=2:60,48@3")
    assert one.options == ("--mode", "streaming", "--quiet")
    assert two.words(Path("o.mp4"), Path("r.json"))[:4] == [
        "fill",
        str(tmp_path / "sub/two.mkv"),
        str(tmp_path / "two.zip"),
        "o.mp4",
    ]
    assert three.prompts == ("--box=1,2,3,4", f"--mask={tmp_path}/three.png@4")


def test_what_lies_beside_a_clip_says_what_goes(tmp_path, clip):
    folder = folder_of(tmp_path, clip, ("a", "b", "c", "d"))
    (folder / "a.json").write_text('{"point": "3,4"}')
    (folder / "b.zip").touch()
    (folder / "c.png").touch()

    a, b, c, d = read_items(folder)

    assert a.prompts == ("--point=3,4",)
    assert b.masks == folder / "b.zip"
    assert c.prompts == (f"--mask={folder / 'c.png'}",)
    assert (d.prompts, d.masks) == ((), None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"list.jsonl, line 2 is not JSON"),
        ('{"point": "1,2"}', r"list.jsonl, line 2: no `clip`"),
        ('{"clip": "a.mp4", "prompt": 1}', r"line 2: unknown key 'prompt'; known: box, clip"),
        ('{"clip": "a.mp4", "point": 3}', r"line 2: `point` is 3; expected a text"),
        ('{"clip": "a.mp4", "name": "../a"}', r"line 2: '../a' is no name for a file"),
        ('{"clip": "b/first.mp4"}', r"would both become first"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused_with_its_line(tmp_path, text, message):
    manifest = tmp_path / "list.jsonl"
    manifest.write_text('{"clip": "first.mp4"}\n' + text)

    with pytest.raises(UserError, match=message):
        read_items(manifest)


def test_unknown_options_are_refused_before_anything_begins(tmp_path, clip, capsys):
    folder = folder_of(tmp_path, clip, ("a",))

    with pytest.raises(SystemExit):
        run(folder, tmp_path / "out", "--with", "--mode", "sideways")

    assert "invalid choice: 'sideways'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_claimed_clip_is_left_alone_and_let_go_when_its_owner_dies(tmp_path, clip):
    (item,) = read_items(folder_of(tmp_path, clip, ("a",)), POINT)
    ledger = Ledger(tmp_path / "out", ".mkv")
    ledger.prepare()
    claim = "import sys, pathlib\nfrom tracker.batch.ledger import Ledger\n"
    claim += "with Ledger(pathlib.Path(sys.argv[1])).claim('a') as mine:\n"
    claim += "    print(mine, flush=True); sys.stdin.read()"
    owner = subprocess.Popen(
        [sys.executable, "-c", claim, tmp_path / "out"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout.readline() == "True\n"

    assert do_item(item, ledger).state == "elsewhere"
    owner.kill()
    owner.communicate()
    assert do_item(item, ledger).state == "done"
    assert do_item(item, ledger).state == "done before"


def test_a_result_that_only_lacks_its_name_is_not_made_again(tmp_path, clip):
    (item,) = read_items(folder_of(tmp_path, clip, ("a",)), ["--no-such-option"])  # cannot run
    ledger = Ledger(tmp_path / "out", ".mkv")
    ledger.prepare()
    ledger.begin("a")
    ledger.staged("a").write_bytes(b"whole")
    report = {"frames": 6, "seconds": 1.0, "fps": 6.0, "peak_rss_mb": 99.0}
    ledger.report("a").write_text(json.dumps(report))

    result = do_item(item, ledger)

    assert (result.state, result.frames) == ("done", 6)
    assert ledger.final("a").read_bytes() == b"whole"
    assert not ledger.staged("a").exists()


def test_a_killed_batch_is_taken_up_again(tmp_path, clip):
    folder = folder_of(tmp_path, clip, [f"clip{index}" for index in range(4)])
    out = tmp_path / "out"
    words = ["batch", folder, out, "--format", "mkv", "--jobs", "1", "--with", *POINT]
    command = [sys.executable, "-m", "tracker", *map(str, words)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(out.glob(".batch/*.done")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = {path.name: path.stat().st_mtime_ns for path in out.glob("*.mkv")}
    assert 1 <= len(done) < 4

    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert again.stdout.count("done before") == len(done)
    assert len(list(out.glob("*.mkv"))) == 4
    assert done == {name: (out / name).stat().st_mtime_ns for name in done}
    assert not [path for path in (out / ".batch").iterdir() if path.is_dir()]


def test_memory_decides_how_many_run_at_once(tmp_path, monkeypatch):
    running, most = 0, {}

    def pretend(item, ledger, should_stop):
        nonlocal running
        running += 1
        most[budget] = max(most.get(budget, 0), running)
        time.sleep(0.05)
        running -= 1
        return Result(item.name, "done")

    class Named:
        def __init__(self, name):
            self.name = name

    monkeypatch.setattr(local, "do_item", pretend)
    monkeypatch.setattr(local, "memory_needed_mb", lambda item: 300.0)
    items = [Named(str(index)) for index in range(6)]
    for budget in (100, 700, 5000):
        assert len(list(local.run_here(items, None, 4, budget))) == 6

    assert most == {100: 1, 700: 2, 5000: 4}


def test_without_ray_the_option_says_what_to_install(tmp_path, clip, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    folder = folder_of(tmp_path, clip, ("a",))

    assert run(folder, tmp_path / "out", "--ray", "auto", "--with", *POINT) == 2

    assert "pip install -r requirements-cluster.txt" in capsys.readouterr().err


@pytest.mark.slow
def test_a_cluster_that_loses_a_machine_does_every_clip_once(tmp_path, clip):
    pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    folder = folder_of(tmp_path, clip, [f"clip{index}" for index in range(6)])
    out = tmp_path / "out"
    size = {"object_store_memory": 80 * 2**20, "num_cpus": 1}
    cluster = Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
    try:
        second = cluster.add_node(**size)
        words = ["batch", folder, out, "--format", "mkv", "--json", tmp_path / "table.json"]
        words += ["--ray", cluster.address, "--with", *POINT]
        process = subprocess.Popen(
            [sys.executable, "-m", "tracker", *map(str, words)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 120
        while not list(out.glob(".batch/*.done")) and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        cluster.remove_node(second, allow_graceful=False)
        _, complaints = process.communicate(timeout=240)
    finally:
        cluster.shutdown()

    assert process.returncode == 0, complaints
    rows = json.loads((tmp_path / "table.json").read_text())
    assert [row["name"] for row in rows] == [f"clip{index}" for index in range(6)]
    # "done before": the task was lost just after its clip was done, and ran again.
    assert {row["state"] for row in rows} <= {"done", "done before"}
    assert sorted(path.name for path in out.glob("*.mkv")) == [f"clip{i}.mkv" for i in range(6)]
    for path in out.glob("*.mkv"):
        assert probe(path).num_frames == 6
    assert not [path for path in (out / ".batch").iterdir() if path.is_dir()]
