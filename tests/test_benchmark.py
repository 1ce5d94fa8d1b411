"""The benchmark measures what it says."""

import json

import av
import numpy as np
import pytest

from script import bench_tools, benchmark
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


@pytest.mark.parametrize("name", benchmark.DELEGATED)
def test_learned_engines_have_benchmarks_of_their_own(name, monkeypatch):
    seen = []
    monkeypatch.setattr("subprocess.call", lambda command, cwd: seen.append((command, cwd)))

    with pytest.raises(SystemExit):
        benchmark.main([name, "--variant", "deaott"])

    ((command, cwd),) = seen
    assert command[1:] == ["-m", f"script.bench_{name}", "--variant", "deaott"]
    assert (cwd / "script" / f"bench_{name}.py").is_file()


def test_clicks_are_timed_and_written_down(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "units", lambda: {"pictures": 0.1, "convolution": None})
    monkeypatch.setattr(bench_tools, "units", lambda: {"pictures": 0.1})
    file = tmp_path / "found.json"

    benchmark.main(["click", "--sizes", "214x120", "--json", str(file)])

    first, later = json.loads(file.read_text())["rows"]
    assert (first["mode"], later["mode"]) == ("first", "later")
    assert first["seconds"] == pytest.approx(first["units"] * 0.1)
    assert first["seconds"] > 0
    assert 20 < first["peak_rss_mb"] < 1000
    assert capsys.readouterr().out.count("click   214x120") == 2


def test_calibration_is_the_mean_of_before_and_after(monkeypatch):
    times = iter((0.1, 0.3))
    monkeypatch.setattr(bench_tools, "units", lambda: {"pictures": next(times)})

    assert bench_tools.calibrated(lambda: "result") == ("result", pytest.approx(0.2))
