"""A clip filled in spans comes out as if it had been filled whole."""

from dataclasses import replace

import numpy as np
import pytest
import rendered

from tracker import engines, spans
from tracker.__main__ import main
from tracker.engine_table import INPAINTERS
from tracker.engines import Choice
from tracker.masks import MaskWriter
from tracker.spans import Span, parse_span

NUM_FRAMES = 27


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Return a lossless clip and its masks."""
    folder = tmp_path_factory.mktemp("scene")
    rendered.write_scene(folder / "scene.mkv", NUM_FRAMES)
    with MaskWriter(folder / "masks.zip") as masks:
        for index in range(NUM_FRAMES):
            masks.write(rendered.disc(index).astype(np.uint8))
        masks.commit()
    return folder / "scene.mkv", folder / "masks.zip"


class Blend:
    """Fills each frame with a colour that depends on all its window, and only on that."""

    def __init__(self):
        self.calls = []
        self.shapes = set()

    def fill(self, clip):
        self.calls.append(clip.indices)
        self.shapes.add(clip.frames[0].shape[:2])
        mean = np.mean([frame.mean(axis=(0, 1)) for frame in clip.frames], axis=0)
        weight = sum(index * (k + 1) for k, index in enumerate(clip.indices)) % 97
        colour = (mean + weight).astype(np.uint8)
        return [
            np.where(hole[..., None], colour, frame)
            for frame, hole in zip(clip.frames[: clip.num_local], clip.holes, strict=False)
        ]


@pytest.fixture
def blend(monkeypatch):
    """Let E2FGVI's place be taken by an engine that is quick."""
    engine = Blend()
    monkeypatch.setattr(
        engines, "choose", lambda job, *_, **__: Choice(job, "e2fgvi_hq", "cpu", "a test")
    )
    monkeypatch.setattr(engines, "make_inpainter", lambda *_: engine)
    return engine


def fill(scene, output, *words):
    return main([*map(str, ["fill", *scene, output, "--inpainter", "e2fgvi_hq", *words])])


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
@pytest.mark.parametrize("schedule", ["published", "fast"])
def test_spans_in_any_order_give_the_same_file(scene, tmp_path, blend, order, schedule):
    words = ["--schedule", schedule, "--quiet"]
    assert fill(scene, tmp_path / "whole.mkv", *words) == 0
    whole_calls, blend.calls = blend.calls, []

    for number in order:
        assert not (tmp_path / "split.mkv").exists()
        assert fill(scene, tmp_path / "split.mkv", *words, "--spans", f"{number}/3") == 0

    whole, split = (rendered.planes(tmp_path / f"{name}.mkv") for name in ("whole", "split"))
    for one, other in zip(whole, split, strict=True):
        np.testing.assert_array_equal(one, other)
    assert sorted(blend.calls) == sorted(whole_calls)  # each window was filled once
    assert sorted(p.name for p in tmp_path.iterdir()) == ["split.mkv", "whole.mkv"]


def test_boxes_around_the_hole_are_those_of_a_whole_run(scene, tmp_path, blend, monkeypatch):
    small = replace(INPAINTERS["e2fgvi_hq"], max_pixels=48 * 64, grain=(1, 1))
    monkeypatch.setitem(INPAINTERS, "e2fgvi_hq", small)
    words = ["--schedule", "published", "--quiet"]

    assert fill(scene, tmp_path / "whole.mkv", *words) == 0
    for number in (2, 1):
        assert fill(scene, tmp_path / "split.mkv", *words, "--spans", f"{number}/2") == 0

    whole, split = (rendered.rgb(tmp_path / f"{name}.mkv") for name in ("whole", "split"))
    np.testing.assert_array_equal(whole, split)
    assert blend.shapes == {(h, w) for h, w in blend.shapes if h * w <= 48 * 64}


def test_a_span_that_was_cut_short_goes_on(scene, tmp_path, blend):
    engine, fills = blend.fill, []

    def fails(clip):
        fills.append(clip)
        if len(fills) == 3:
            raise KeyboardInterrupt
        return engine(clip)

    blend.fill = fails
    words = ["--schedule", "published", "--spans", "1/1", "--quiet"]
    assert fill(scene, tmp_path / "out.mkv", *words) == 130
    assert len(blend.calls) == 2

    assert fill(scene, tmp_path / "out.mkv", *words) == 0

    assert len(blend.calls) == len(set(blend.calls)) == 6  # of 27 frames, one in every five
    assert [p.name for p in tmp_path.iterdir()] == ["out.mkv"]


def test_a_span_says_which_are_left(scene, tmp_path, blend, capsys):
    assert fill(scene, tmp_path / "out.mkv", "--spans", "2/3") == 0

    assert "span 2/3 is done; still to run: 1/3, 3/3" in capsys.readouterr().err


def test_spans_of_different_jobs_are_not_mixed(scene, tmp_path, blend, capsys):
    assert fill(scene, tmp_path / "out.mkv", "--quiet", "--spans", "1/2") == 0

    assert fill(scene, tmp_path / "out.mkv", "--quiet", "--dilate", "9", "--spans", "2/2") == 2

    assert "holds spans of another job" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--inpainter", "classical"], "choose --inpainter e2fgvi_hq"),
        (["--mode", "streaming"], "leave out --mode"),
        (["--in", "4"], "leave out --mode, --in"),
        (["--keep", "run.kept"], "leave out --keep, --earlier and --resume"),
        (["--resume"], "leave out --keep, --earlier and --resume"),
        (["--grow-shadow"], "leave out --grow-shadow"),
    ],
)
def test_what_cannot_be_split_is_refused(
    scene, tmp_path, words, message, capsys, monkeypatch, request
):
    if "classical" not in words:
        request.getfixturevalue("blend")

    assert fill(scene, tmp_path / "out.mkv", *words, "--quiet", "--spans", "1/2") == 2

    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["0/3", "4/3", "2", "a/b", "1/0"])
def test_a_span_is_written_with_a_number_and_a_count(text):
    with pytest.raises(spans.argparse.ArgumentTypeError, match="write the second of three as 2/3"):
        parse_span(text)
    assert parse_span("2/3") == Span(2, 3)


@pytest.mark.slow
def test_e2fgvi_gives_the_same_in_spans(scene, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from e2fgvi import build_network
    from e2fgvi.inpainter import E2FGVIInpainter
    from script.fill_rule import fill_state_dict

    network = build_network(hq=True)
    fill_state_dict(network.state_dict())
    monkeypatch.setattr(
        engines, "choose", lambda job, *_, **__: Choice(job, "e2fgvi_hq", "cpu", "a test")
    )
    monkeypatch.setattr(engines, "make_inpainter", lambda *_: E2FGVIInpainter(network))
    words = ["--schedule", "published", "--quiet"]
    assert fill(scene, tmp_path / "whole.mkv", *words) == 0
    for number in (2, 1):
        assert fill(scene, tmp_path / "split.mkv", *words, "--spans", f"{number}/2") == 0

    whole, split = (rendered.rgb(tmp_path / f"{name}.mkv") for name in ("whole", "split"))
    # What is kept of earlier windows is computed in other batches: sums in another order.
    difference = np.abs(whole.astype(int) - split)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3
