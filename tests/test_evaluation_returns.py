"""`evaluate returns`: is a hidden object found again?  `cases occluded` hides some."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.rendered import wall
from tracker.__main__ import main
from tracker.evaluation.returns import evaluate_returns
from tracker.label_images import encode_labels
from tracker.types import UserError

HEIGHT, WIDTH = 50, 100
GONE = np.zeros((HEIGHT, WIDTH), np.uint8)


def thing(left=20, side=20):
    labels = GONE.copy()
    labels[10 : 10 + side, left : left + side] = 1
    return labels


def write(folder, label_maps):
    folder.mkdir(parents=True)
    for index, labels in enumerate(label_maps):
        (folder / f"{index:05d}.png").write_bytes(encode_labels(labels))


def measured(tmp_path, found, truth):
    write(tmp_path / "found/a", found)
    write(tmp_path / "truth/a", truth)
    (one,) = evaluate_returns(tmp_path / "found", tmp_path / "truth")
    return one


def test_an_object_is_found_again_if_its_mask_is_nearly_as_good_as_before(tmp_path):
    truth = [thing()] * 4 + [GONE] * 10 + [thing()] * 12
    # Before, all of it is found; after, nothing for nine frames, then half, then all.
    found = truth[:4] + [GONE] * 10 + [GONE] * 9 + [thing(30)] + [thing()] * 2

    one = measured(tmp_path, found, truth)

    assert (one.num_hidden, one.before) == (10, 1)
    assert one.best == pytest.approx(1 / 3)  # what is right from the eleventh frame on comes late
    assert one.mean == pytest.approx(1 / 30)
    assert not one.is_found
    assert one.is_quiet


def test_little_of_an_object_does_not_count_as_its_return(tmp_path):
    corner = thing(side=10)
    truth = [thing()] * 3 + [GONE] * 12 + [corner] * 10 + [thing()] * 2
    found = truth[:3] + [GONE] * 12 + [GONE] * 10 + [thing()] * 2

    assert measured(tmp_path, found, truth).is_found


def test_a_mask_while_the_object_is_hidden_is_false(tmp_path):
    truth = [thing()] * 3 + [GONE] * 12 + [thing()] * 3
    found = truth[:3] + [thing(side=3)] * 5 + [thing(side=4)] * 2 + [GONE] * 5 + truth[-3:]

    one = measured(tmp_path, found, truth)

    assert one.is_found
    assert one.num_false == 2  # nine of 5,000 pixels are below 0.2 %, sixteen are not
    assert one.false_share == 16 / 5000


def test_what_is_hidden_for_a_moment_is_not_measured(tmp_path):
    truth = [thing()] * 3 + [GONE] * 9 + [thing()] * 3
    write(tmp_path / "found/a", truth)
    write(tmp_path / "truth/a", truth)

    with pytest.raises(UserError, match="hidden for 10 frames and seen again"):
        evaluate_returns(tmp_path / "found", tmp_path / "truth")


def test_a_missing_prediction_is_named(tmp_path):
    truth = [thing()] * 3 + [GONE] * 12 + [thing()] * 3
    write(tmp_path / "found/a", truth[:-1])
    write(tmp_path / "truth/a", truth)

    with pytest.raises(UserError, match="a: no prediction for frame 00017"):
        evaluate_returns(tmp_path / "found", tmp_path / "truth")


def write_clips(folder):
    """Write three clips, 160 by 90: a disc of another size and colour moves over another wall."""
    rows, columns = np.ogrid[:90, :160]
    for number, radius in enumerate((12, 30, 20)):
        clip = folder / "abc"[number]
        (clip / "frames").mkdir(parents=True)
        (clip / "masks").mkdir()
        for index in range(4):
            mask = (rows - 45) ** 2 + (columns - 60 - 3 * index) ** 2 <= radius**2
            picture = wall(90, 160, seed=number)
            picture[mask] = (200, 40 * number, 60)
            Image.fromarray(picture).save(clip / f"frames/{index:05d}.png")
            (clip / f"masks/{index:05d}.png").write_bytes(encode_labels(mask.astype(np.uint8)))


def run(*arguments):
    assert main(["evaluate", *map(str, arguments)]) == 0


def read_masks(case):
    return [np.asarray(Image.open(file)) for file in sorted((case / "masks").iterdir())]


def test_made_scenes_hide_the_object_and_bring_it_back(tmp_path):
    write_clips(tmp_path / "clips")
    run("cases", "occluded", tmp_path / "clips", tmp_path / "cases", "--size", "source")

    cases = sorted((tmp_path / "cases").iterdir())
    assert {case.name.split("_")[1] for case in cases} == {"behind", "returns", "passed", "leaves"}
    assert {case.name[0] for case in cases} == {"a", "b", "c"}
    for case in cases:
        areas = [int((labels == 1).sum()) for labels in read_masks(case)]
        assert areas[0] == max(areas[:5]), f"{case.name} begins hidden"
        assert areas.count(0) >= 10, f"{case.name} hides too little"
        assert areas[-1] > 0, f"{case.name} does not come back"
    run("returns", tmp_path / "cases", tmp_path / "cases", "--json", tmp_path / "r.json")
    figures = json.loads((tmp_path / "r.json").read_text())
    assert (figures["passed"], figures["j_before"]) == (1, 1)
    assert len(figures["clips"]) == len(cases)


def test_scenes_are_the_same_for_the_same_seed(tmp_path):
    write_clips(tmp_path / "clips")
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        more = ("--seed", seed, "--size", "64x36")
        run("cases", "occluded", tmp_path / "clips", tmp_path / name, *more)

    case = "a_behind_b/frames/00000.png"
    one, again, other = ((tmp_path / n / case).read_bytes() for n in ("one", "again", "other"))
    assert one == again
    assert one != other


def test_too_few_clips_are_refused(tmp_path, capsys):
    write_clips(tmp_path / "clips")
    arguments = ["evaluate", "cases", "occluded", tmp_path / "clips", tmp_path / "cases"]

    assert main([*map(str, arguments), "--clips", "a,b"]) != 0

    assert "2 clips with frames and masks; 3 are needed" in capsys.readouterr().err
