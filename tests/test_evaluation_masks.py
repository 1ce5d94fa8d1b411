"""`evaluate masks` measures J and F as the public definition has them."""

import json

import numpy as np
import pytest
from PIL import Image

from tracker.__main__ import main
from tracker.evaluation.davis import evaluate_masks, read_labels
from tracker.evaluation.layout import find_clips
from tracker.evaluation.sheet import mask_sheet
from tracker.label_images import encode_labels, palette
from tracker.masks import MaskWriter
from tracker.types import UserError

HEIGHT, WIDTH = 60, 80  # a diagonal of 100: a boundary may lie off by one pixel


def square(left, top=20, side=20, number=1):
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[top : top + side, left : left + side] = number
    return labels


def write(folder, label_maps, first=0):
    folder.mkdir(parents=True)
    for index, labels in enumerate(label_maps, first):
        (folder / f"{index:05d}.png").write_bytes(encode_labels(labels))


def figures(predictions, truth, **options):
    return mask_sheet(evaluate_masks(predictions, truth, **options))


def test_j_is_worked_out_by_hand(tmp_path):
    write(tmp_path / "truth/a", [square(20)] * 4)
    # Only the two frames in the middle count: a third and a half.
    shifted, half = square(30), square(20) * (np.arange(WIDTH) < 30).astype(np.uint8)
    write(tmp_path / "found/a", [square(20), shifted, half, square(0)])

    sheet = figures(tmp_path / "found", tmp_path / "truth")

    assert sheet.overall["j_mean"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert sheet.overall["j_recall"] == 0  # 0.5 itself is not above 0.5
    assert sheet.frames["a"] == ("00001", "00002")
    assert sheet.series["a"]["j"] == pytest.approx([1 / 3, 1 / 2])


def test_means_are_over_objects_not_over_clips(tmp_path):
    two = square(2, side=10) + square(50, number=2)
    write(tmp_path / "truth/one", [square(20)] * 5)
    write(tmp_path / "truth/two", [two] * 5)
    write(tmp_path / "found/one", [square(20)] + [square(40)] * 4)
    write(tmp_path / "found/two", [two] * 5)

    sheet = figures(tmp_path / "found", tmp_path / "truth")

    assert sheet.clips["one"]["j_mean"] == 0
    assert sheet.clips["two"]["jf_mean"] == 1
    assert sheet.overall["j_mean"] == pytest.approx(2 / 3)
    assert sheet.details["two"].keys() == {"1", "2"}


def test_j_and_f_agree_with_scikit_image(tmp_path):
    morphology = pytest.importorskip("skimage.morphology")
    rng = np.random.default_rng(3)
    blobs = [
        morphology.dilation(rng.random((HEIGHT, WIDTH)) > 0.997, morphology.disk(6))
        for _ in range(8)
    ]
    blobs[0][30, 40] = blobs[4][30, 40] = True
    true, found = [b.astype(np.uint8) for b in blobs[:4]], [b.astype(np.uint8) for b in blobs[4:]]
    write(tmp_path / "truth/a", true)
    write(tmp_path / "found/a", found)

    (score,) = evaluate_masks(tmp_path / "found", tmp_path / "truth")

    def edge(mask):  # right, below and diagonal neighbour, edge repeated
        padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
        others = (padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:])
        return np.any([mask != other for other in others], axis=0)

    for index in (1, 2):
        a, b = found[index], true[index]
        near = morphology.disk(1)  # 0.008 of the diagonal of 100, rounded up
        precision = morphology.dilation(edge(b), near)[edge(a)].mean()
        recall = morphology.dilation(edge(a), near)[edge(b)].mean()
        assert score.f[index - 1] == pytest.approx(2 * precision * recall / (precision + recall))
        assert score.j[index - 1] == pytest.approx((a & b).sum() / (a | b).sum())


def test_undecided_pixels_do_not_count(tmp_path):
    undecided = square(20)
    undecided[:, 30:50] = 255
    write(tmp_path / "truth/a", [square(20), undecided, square(20)])
    write(tmp_path / "found/a", [square(20), square(20), square(20)])

    (score,) = evaluate_masks(tmp_path / "found", tmp_path / "truth")

    assert score.j == (1,)


def test_the_folders_of_davis_are_understood(tmp_path):
    write(tmp_path / "DAVIS/Annotations/480p/dog", [square(20)] * 3)
    write(tmp_path / "DAVIS/Annotations/Full-Resolution/dog", [square(0)] * 3)
    with MaskWriter(tmp_path / "dog.zip") as archive:  # what `track` writes
        for _ in range(3):
            archive.write(square(20))
        archive.commit()

    sheet = figures(tmp_path, tmp_path / "DAVIS")

    assert sheet.overall["jf_mean"] == 1


def test_clips_with_their_masks_in_a_folder_of_their_own_are_understood(tmp_path):
    write(tmp_path / "clips/dog/masks", [square(20)] * 3)

    assert figures(tmp_path / "clips", tmp_path / "clips").overall["j_mean"] == 1


def test_a_folder_of_pictures_beside_such_clips_is_no_clip(tmp_path):
    write(tmp_path / "a" / "masks", [square(20)] * 2)
    write(tmp_path / "other pictures", [square(20)])

    assert list(find_clips(tmp_path, "masks")) == ["a"]


def test_a_lost_object_scores_zero_but_must_be_in_the_given_frame(tmp_path):
    write(tmp_path / "truth/a", [square(20)] * 3)
    write(tmp_path / "found/a", [square(20)] + [square(20) * 0] * 2)
    write(tmp_path / "later/a", [square(20) * 0] * 2, first=1)
    write(tmp_path / "never/a", [square(20) * 0] * 3)

    assert figures(tmp_path / "found", tmp_path / "truth").overall["j_mean"] == 0
    assert figures(tmp_path / "later", tmp_path / "truth").overall["j_mean"] == 0
    with pytest.raises(UserError, match="a: object 1 is in no prediction"):
        figures(tmp_path / "never", tmp_path / "truth")


@pytest.mark.parametrize(
    ("label_maps", "first", "message"),
    [
        ([square(20)] * 3, 0, r"a: no prediction for frame 00003"),
        ([square(20), square(20) * 3] + [square(20)] * 3, 0, r"frame 00001 has object 3 but"),
        (
            [square(20)[:50]] * 5,
            0,
            r"a: the prediction of frame 00001 is 80x50 but the truth 80x60",
        ),
        ([square(20)] * 5, 2, r"a: no prediction for frame 00001"),
    ],
)
def test_predictions_that_do_not_fit_are_refused_by_name(tmp_path, label_maps, first, message):
    write(tmp_path / "truth/a", [square(20)] * 5)
    write(tmp_path / "found/a", label_maps, first)

    with pytest.raises(UserError, match=message):
        evaluate_masks(tmp_path / "found", tmp_path / "truth")


def test_a_missing_clip_is_named(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / "truth" / name, [square(20)] * 3)
    write(tmp_path / "found/a", [square(20)] * 3)

    with pytest.raises(UserError, match="has no clip b; it has: a"):
        evaluate_masks(tmp_path / "found", tmp_path / "truth")
    assert figures(tmp_path / "found", tmp_path / "truth", clips=["a"]).overall["j_mean"] == 1
    with pytest.raises(UserError, match="holds no clips with label PNGs"):
        evaluate_masks(tmp_path / "found", tmp_path / "found" / "a")


def test_the_command_writes_json_csv_and_a_report(tmp_path, capsys):
    write(tmp_path / "truth/a", [square(20)] * 9)
    write(tmp_path / "found/a", [square(20 + index) for index in range(9)])
    files = {kind: tmp_path / f"out.{kind}" for kind in ("json", "csv", "html")}

    arguments = ["evaluate", "masks", tmp_path / "found", tmp_path / "truth"]
    arguments += ["--json", files["json"], "--csv", files["csv"], "--report", files["html"]]
    assert main([*map(str, arguments)]) == 0

    found = json.loads(files["json"].read_text())
    assert 0 < found["j_mean"] < 1
    assert found["jf_mean"] == pytest.approx((found["j_mean"] + found["f_mean"]) / 2)
    assert found["clips"]["a"]["j_mean"] == found["j_mean"]
    assert found["clips"]["a"]["objects"]["1"]["f_mean"] == found["f_mean"]
    assert files["csv"].read_text().splitlines()[-1].startswith("all,,7,")
    report = files["html"].read_text()
    assert report.count("<svg") == 2
    assert report.count("data:image/jpeg") == 6  # two frames, three pictures each
    assert "frame 00007" in report  # the worst one that counts
    assert "http" not in report.replace("http://www.w3.org/2000/svg", "")
    assert "jf_mean" in capsys.readouterr().out


def test_tracked_clips_are_written_in_davis_folders_and_palette(tmp_path, capsys):
    clip = tmp_path / "clips/walk"
    write(clip / "masks", [square(10 + 2 * index) for index in range(5)])
    (clip / "frames").mkdir()
    rng = np.random.default_rng(0)
    wall, coat = (rng.integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8) for _ in range(2))
    for index in range(5):
        inside = square(10 + 2 * index)[..., None] > 0
        frame = np.where(inside, np.roll(coat, 2 * index, axis=1), wall)
        Image.fromarray(frame.astype(np.uint8)).save(clip / "frames" / f"{index:05d}.png")

    arguments = ["evaluate", "track", tmp_path / "clips", tmp_path / "out"]
    assert main([*map(str, arguments), "--propagator", "classical", "--quiet"]) == 0

    with Image.open(tmp_path / "out/walk/00003.png") as image:
        assert image.mode == "P"
        assert bytes(image.getpalette()[:6]) == palette()[:6]
    assert list(read_labels(tmp_path / "out/walk")) == [f"{index:05d}" for index in range(5)]
    assert figures(tmp_path / "out", tmp_path / "clips").overall["j_mean"] > 0.6
    assert main([*map(str, arguments), "--quiet"]) == 2
    assert "exists" in capsys.readouterr().err
