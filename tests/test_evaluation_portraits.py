"""`cases portrait`: the part of a clip that an upright telephone would show."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.rendered import wall
from tracker.__main__ import main
from tracker.label_images import encode_labels

HEIGHT, WIDTH, NUM_FRAMES = 64, 120, 4  # 9/16 of the height are 36 columns


def write_clip(folder, label_maps, width=WIDTH):
    (folder / "frames").mkdir(parents=True)
    (folder / "masks").mkdir()
    for index, labels in enumerate(label_maps):
        Image.fromarray(wall(HEIGHT, width, seed=index)).save(folder / f"frames/{index:05d}.png")
        (folder / f"masks/{index:05d}.png").write_bytes(encode_labels(labels))


def labels_at(index, left=60, width=WIDTH):
    labels = np.zeros((HEIGHT, width), np.uint8)
    labels[20:40, left + 10 * index : left + 10 * index + 20] = 1
    return labels


def run(*arguments):
    return main(["evaluate", *map(str, arguments)])


def make(clips, cases):
    return run("cases", "portrait", clips, cases, "--size", "source")


def read(clip, part):
    return np.stack([np.asarray(Image.open(file)) for file in sorted((clip / part).iterdir())])


@pytest.mark.parametrize(
    ("left", "first"), [(60, 52), (0, 0), (100, WIDTH - 36)], ids=["amid", "left", "right"]
)
def test_the_part_lies_around_the_object_and_stays_where_it_is(tmp_path, left, first):
    write_clip(tmp_path / "clips/a", [labels_at(k, left) for k in range(NUM_FRAMES)])

    assert make(tmp_path / "clips", tmp_path / "cases") == 0

    part = slice(first, first + 36)
    for kind in ("frames", "masks"):
        whole, cut = read(tmp_path / "clips/a", kind), read(tmp_path / "cases/a", kind)
        np.testing.assert_array_equal(cut, whole[:, :, part])
    meta = json.loads((tmp_path / "cases/a/meta.json").read_text())
    assert meta["columns"] == [first, first + 36]


def test_what_is_undecided_is_no_object(tmp_path):
    maps = [labels_at(k) for k in range(NUM_FRAMES)]
    maps[0][:, :5] = 255
    write_clip(tmp_path / "clips/a", maps)

    make(tmp_path / "clips", tmp_path / "cases")

    assert read(tmp_path / "cases/a", "frames").shape == (NUM_FRAMES, HEIGHT, 36, 3)
    assert json.loads((tmp_path / "cases/a/meta.json").read_text())["columns"] == [52, 88]


def test_clips_that_are_upright_or_show_nothing_are_left_out(tmp_path, capsys):
    write_clip(tmp_path / "clips/a", [labels_at(0)])
    write_clip(tmp_path / "clips/b", [labels_at(0, left=5, width=36)], width=36)
    write_clip(tmp_path / "clips/c", [np.zeros((HEIGHT, WIDTH), np.uint8)])

    assert make(tmp_path / "clips", tmp_path / "cases") == 0

    assert [case.name for case in (tmp_path / "cases").iterdir()] == ["a"]
    assert capsys.readouterr().out.count("left out") == 2
