"""The benchmark measures what it says."""

import json
from dataclasses import asdict
from itertools import islice, pairwise

import av
import numpy as np
import pytest

from script import bench_compare, bench_tools, benchmark
from script.bench_tools import Row, point_at, scaled_sample, show


def test_scaled_sample_has_the_size_and_length_asked_for(tmp_path):
    path = scaled_sample(tmp_path, "216x120", 5)

    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert np.shape(frames) == (5, 120, 216, 3)


@pytest.mark.parametrize("size", benchmark.SIZES)
def test_the_point_stays_on_the_object_at_every_size(size):
    x, y = point_at(size)
    red, green, blue = bench_tools.first_frame(size)[y, x].astype(int)

    assert blue > red + 30  # the balloon is blue, the house behind it is not
    assert green > red


def test_a_size_must_be_two_numbers():
    with pytest.raises(SystemExit, match="size is '480p', expected WIDTHxHEIGHT"):
        bench_tools.parse_size("480p")


def test_a_failed_run_shows_what_it_said():
    with pytest.raises(SystemExit, match="out of cheese"):
        bench_tools.run("-c", "raise SystemExit('out of cheese')")


def test_the_table_has_a_line_for_each_row(capsys):
    show(
        [
            Row("remove", "432x240", "offline", 0.05, 20.0, 1.25, 300.4, "busy"),
            Row("start", "", "page ready", 2.0, None, 50.0, None),
        ]
    )

    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split() == ["stage", "size", "mode", "ms", "frames/s", "units", "peak", "MB"]
    assert first.split() == ["remove", "432x240", "offline", "50.0", "20.0", "1.25", "300", "busy"]
    assert second.split() == ["start", "page", "ready", "2000.0", "50.00"]


@pytest.mark.parametrize(("name", "module"), benchmark.DELEGATED.items())
def test_stages_of_learned_engines_have_benchmarks_of_their_own(name, module, monkeypatch):
    seen = []
    monkeypatch.setattr("subprocess.call", lambda command, cwd: seen.append((command, cwd)))

    with pytest.raises(SystemExit):
        benchmark.main([name, "--variant", "deaott"])

    ((command, cwd),) = seen
    assert command[1:] == ["-m", f"script.{module}", "--variant", "deaott"]
    assert (cwd / "script" / f"{module}.py").is_file()


@pytest.fixture
def quick_units(monkeypatch):
    """Let a calibration unit be a tenth of a second, without measuring it."""
    monkeypatch.setattr(benchmark, "units", lambda: {"pictures": 0.1, "convolution": None})
    monkeypatch.setattr(bench_tools, "units", lambda **_: {"pictures": 0.1})


def test_an_engine_is_timed_printed_saved_and_drawn(tmp_path, capsys, quick_units):
    file, page = tmp_path / "found.json", tmp_path / "found.html"
    words = ["click", "--sizes", "214x120", "--engines", "classical"]

    benchmark.main([*words, "--json", str(file), "--plots", str(page)])

    first, later = json.loads(file.read_text())["rows"]
    assert (first["mode"], later["mode"]) == ("classical first", "classical later")
    assert first["seconds"] == pytest.approx(first["units"] * 0.1)
    assert first["seconds"] > 0
    assert 20 < first["peak_rss_mb"] < 1000
    assert capsys.readouterr().out.count("click   214x120") == 2
    assert page.read_text().count("<svg") == 1


def test_e2fgvi_is_timed_in_each_of_its_ways_up_to_480p_on_a_processor(tmp_path, monkeypatch):
    asked = []

    def quick(job, name, size, mode, device):
        asked.append((name, size, mode))
        return Row(job, size, f"{name} {mode}", 1.0, 1.0, 1.0, None)

    monkeypatch.setattr(benchmark, "_engine", quick)
    monkeypatch.setattr(benchmark, "known_engines", lambda job: ["classical", "e2fgvi_hq"])
    monkeypatch.setattr(benchmark, "units", lambda: {"pictures": 0.1, "convolution": None})

    benchmark.main(["fill", "--json", str(tmp_path / "found.json")])

    ways = ["offline", "offline fast", "streaming", "streaming memory"]
    learned = [(size, mode) for name, size, mode in asked if name == "e2fgvi_hq"]
    assert learned == [(size, way) for size in ("432x240", "854x480") for way in ways]
    assert len(asked) - len(learned) == 2 * len(benchmark.SIZES)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["offline fast", "streaming memory"])
def test_every_way_of_e2fgvi_can_be_timed(mode):
    pytest.importorskip("torch")
    words = ("fill", "e2fgvi_hq", "108x60", mode, "cpu", "float32")

    found = json.loads(bench_tools.run("-m", "script.bench_engines", *words))

    assert found["seconds"] > 0
    assert found["peak_rss_mb"] > 100


def test_growth_is_told_by_length(tmp_path, quick_units):
    file = tmp_path / "found.json"
    words = ["growth", "--modes", "streaming", "--lengths", "3,6", "--json", str(file)]

    benchmark.main(words)

    rows = json.loads(file.read_text())["rows"]
    assert [row["mode"] for row in rows] == ["streaming 3 frames", "streaming 6 frames"]
    assert min(row["per_second"] for row in rows) > 0
    assert "growth: peak memory" in bench_compare.html(json.loads(file.read_text()))


@pytest.mark.slow
def test_the_chain_is_run_whole_with_its_delay():
    # The weight-free engines stand in for the learned ones; files, reader and loop are its own.
    found = json.loads(
        bench_tools.run(
            "-m", "script.bench_chain", "12", "cpu", "float32", "classical", "classical"
        )
    )

    assert found["frames"] == 12
    assert found["fps"] > 0
    assert found["arrival_fps"] == pytest.approx(min(30, 0.8 * found["fps"]))
    assert 0 < found["delay_p95"] < 20
    assert found["peak_device_mb"] is None


def test_the_sample_plays_there_and_back():
    length = bench_tools.sample_length()

    places = bench_tools._there_and_back(2 * length, length)

    assert places[:length] == list(range(length))
    assert max(abs(a - b) for a, b in pairwise(places)) == 1


def saved(file, *rows):
    content = {"machine": "a test", "unit_seconds": {}, "rows": [asdict(row) for row in rows]}
    file.write_text(json.dumps(content))
    return str(file)


def test_two_runs_are_compared_in_units(tmp_path, capsys):
    before = [
        Row("fill", "432x240", "a", 1.0, 1.0, 10.0, 100.0),
        Row("fill", "432x240", "b", 1.0, 1.0, 10.0, 100.0),
        Row("chain", "1280x720", "c", 1.0, 1.0, 10.0, 100.0, delay_p95=0.1),
        Row("start", "", "gone", 1.0, 1.0, 10.0, None),
    ]
    after = [
        Row("fill", "432x240", "a", 9.0, 0.1, 10.5, 100.0),  # another machine, the same units
        Row("fill", "432x240", "b", 1.0, 1.0, 15.0, 130.0),
        Row("chain", "1280x720", "c", 1.0, 1.0, 8.0, 100.0, delay_p95=0.2),
    ]
    files = saved(tmp_path / "a.json", *before), saved(tmp_path / "b.json", *after)

    benchmark.main(["--compare", *files])

    said = capsys.readouterr().out.splitlines()
    assert said[said.index("") + 1 :] == [
        "slower: fill 432x240 b, 1.50 times as long as before",
        "larger: fill 432x240 b, 1.30 times the memory",
        "later: chain 1280x720 c, 2.00 times the delay",
        "only in one run: start gone",
    ]
    benchmark.main(["--compare", files[0], files[0]])
    assert "nothing got slower by more than 10 %" in capsys.readouterr().out


def test_a_file_that_is_no_benchmark_is_named(tmp_path):
    (tmp_path / "a.json").write_text("{}")

    with pytest.raises(SystemExit, match=r"a\.json is no saved benchmark"):
        benchmark.main(["--compare", str(tmp_path / "a.json"), str(tmp_path / "a.json")])


def test_calibration_is_the_mean_of_before_and_after(monkeypatch):
    times = iter((0.1, 0.3))
    monkeypatch.setattr(bench_tools, "units", lambda **_: {"pictures": next(times)})

    assert bench_tools.calibrated(lambda: "result") == ("result", pytest.approx(0.2))


def test_the_benchmarks_windows_are_those_of_the_schedules():
    pytest.importorskip("torch")
    from script.bench_fill import FAST, PUBLISHED, STREAM
    from tracker import windows

    for case, schedule in ((PUBLISHED, windows.PUBLISHED), (FAST, windows.FAST)):
        window = list(windows.offline_windows(100, schedule))[4]
        assert len(window.local) == case.num_local
        assert schedule.stride == case.step
    last = list(islice(windows.causal_windows(), 50))[-1]
    assert (len(last.local), len(last.references)) == (STREAM.num_local, STREAM.num_references)


def test_agreement_counts_pixels_whose_worst_colour_is_near():
    pytest.importorskip("torch")
    from script.bench_precision import agreement

    one = np.zeros((2, 2, 3), np.uint8)
    two = np.array([[[2, 0, 1], [3, 0, 0]], [[0, 0, 0], [99, 99, 99]]], np.uint8)
    hole = np.array([[True, True], [True, False]])

    assert agreement([one], [two], [hole]) == pytest.approx(2 / 3)
