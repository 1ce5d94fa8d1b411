"""R13: masks of one's own, from none to all of the frame, with any ids, do what they say.

What is wrong with a mask or an archive, and how each is refused, is in test_masks.py.
"""

import numpy as np
import pytest
import rendered
from PIL import Image
from test_masks import zipped

from tracker.__main__ import main
from tracker.label_images import encode_labels

NUM_FRAMES = 8
SHAPE = (rendered.HEIGHT, rendered.WIDTH)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("r13") / "in.mkv"
    rendered.write_scene(path, NUM_FRAMES)
    return path


def fill(source, masks, output, *options):
    arguments = ["fill", source, masks, output, "--quiet", *options]
    return main([str(argument) for argument in arguments])


def archive(path, labels):
    return zipped(path, {f"{index:05d}.png": encode_labels(each) for index, each in labels})


@pytest.mark.parametrize("mode", ["offline", "streaming"])
def test_r13_empty_masks_give_the_source_back(source, tmp_path, mode):
    masks = archive(tmp_path / "m.zip", enumerate([np.zeros(SHAPE, np.uint8)] * NUM_FRAMES))

    assert fill(source, masks, tmp_path / "out.mkv", "--mode", mode) == 0

    np.testing.assert_array_equal(rendered.planes(tmp_path / "out.mkv"), rendered.planes(source))


@pytest.mark.parametrize("mode", ["offline", "streaming"])
def test_r13_a_mask_of_the_whole_frame_is_filled(source, tmp_path, mode):
    Image.fromarray(np.ones(SHAPE, np.uint8)).save(tmp_path / "all.png")

    assert fill(source, tmp_path / "all.png", tmp_path / "out.mkv", "--mode", mode) == 0

    assert len(rendered.planes(tmp_path / "out.mkv")) == NUM_FRAMES


def test_r13_every_id_from_1_to_255_can_be_chosen(source, tmp_path):
    labels = np.zeros(SHAPE, np.uint8)
    labels.flat[: 255 * 20] = np.repeat(np.arange(1, 256, dtype=np.uint8), 20)
    masks = archive(tmp_path / "m.zip", enumerate([labels] * NUM_FRAMES))
    out = tmp_path / "out.mkv"

    assert fill(source, masks, out, "--objects", "1,100,255", "--dilate", "0") == 0

    before, after = rendered.planes(source), rendered.planes(out)
    changed = (before != after).any(axis=0)[: SHAPE[0]]
    assert set(np.unique(labels[changed])) <= {1, 100, 255}
    assert changed.any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: archive(path, [(0, np.ones(SHAPE, np.uint8))]), "m.zip has 1 masks but the"),
        (
            lambda path: archive(path, enumerate([np.ones((5, 7), np.uint8)] * NUM_FRAMES)),
            "is 7x5 but the clip is 144x96",
        ),
        (lambda path: zipped(path, {"../../evil.png": b""}), "points outside the archive"),
        (lambda path: zipped(path, {"0.png": bytes(30_000_000)}), "would unpack to 30 MB"),
        (lambda path: path.write_text("no masks"), "m.zip is not a PNG"),
    ],
)
def test_r13_masks_that_do_not_fit_are_refused_before_anything_is_written(
    source, tmp_path, capsys, make, message
):
    make(tmp_path / "m.zip")

    assert fill(source, tmp_path / "m.zip", tmp_path / "out.mkv") == 2

    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["m.zip"]
