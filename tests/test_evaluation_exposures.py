"""`cases exposed`: clips as they are, whose camera changes its exposure."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.rendered import wall
from tracker.__main__ import main
from tracker.label_images import encode_labels

HEIGHT, WIDTH, NUM_FRAMES = 48, 80, 41  # frame 8 is a fifth of the clip, frame 20 half of it
KINDS = ("darker", "lighter", "jump", "dip", "balance")
PLAIN = (1, 1, 1)


def labels_at(index):
    """Return two things, one of which moves, and a strip that is undecided."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[5:20, index : index + 15] = 1
    labels[25:40, 50:70] = 3
    labels[-1] = 255
    return labels


def write_clip(folder, label_maps):
    (folder / "frames").mkdir(parents=True)
    (folder / "masks").mkdir()
    for index, labels in enumerate(label_maps):
        picture = wall(HEIGHT, WIDTH, seed=1)
        picture[labels == 1] = (200, 240, 250)
        Image.fromarray(picture).save(folder / f"frames/{index:05d}.png")
        (folder / f"masks/{index:05d}.png").write_bytes(encode_labels(labels))


def run(*arguments):
    return main(["evaluate", *map(str, arguments)])


def make(clips, cases, *more):
    assert run("cases", "exposed", clips, cases, "--size", "source", *more) == 0
    return sorted(cases.iterdir())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder of a clip, `clips/a`, and of the cases made of it, `cases`."""
    folder = tmp_path_factory.mktemp("made")
    write_clip(folder / "clips/a", map(labels_at, range(NUM_FRAMES)))
    make(folder / "clips", folder / "cases")
    return folder


def read(clip, part):
    return np.stack([np.asarray(Image.open(file)) for file in sorted((clip / part).iterdir())])


def test_there_is_a_case_of_every_kind_that_says_how_it_was_made(made):
    cases = made / "cases"

    assert {case.name for case in cases.iterdir()} == {f"a_{kind}" for kind in KINDS}
    for kind in KINDS:
        meta = json.loads((cases / f"a_{kind}/meta.json").read_text())
        assert meta["kind"] == kind
        assert meta["source"].endswith(": a")


@pytest.mark.parametrize(
    ("kind", "factors"),  # of red, green and blue, by the number of the frame
    [
        ("darker", {8: PLAIN, 16: (0.75,) * 3, 24: (0.5,) * 3, 40: (0.5,) * 3}),
        ("lighter", {8: PLAIN, 16: (1.25,) * 3, 24: (1.5,) * 3, 40: (1.5,) * 3}),
        ("jump", {13: PLAIN, 14: (0.6,) * 3, 40: (0.6,) * 3}),
        ("dip", {10: PLAIN, 15: (0.675,) * 3, 20: (0.35,) * 3, 25: (0.675,) * 3, 30: PLAIN}),
        ("balance", {0: PLAIN, 20: (0.875, 1, 1.125), 40: (0.75, 1, 1.25)}),
    ],
)
def test_frames_are_as_many_times_as_light_as_was_said(made, kind, factors):
    frames, clip = read(made / f"cases/a_{kind}", "frames"), read(made / "clips/a", "frames")

    assert len(frames) == NUM_FRAMES
    for index, factor in factors.items():
        wanted = np.minimum(clip[index] * np.array(factor), 255)
        off = np.abs(frames[index] - wanted).max()
        assert off <= 0.5, f"frame {index} is {off} grey levels off"


@pytest.mark.parametrize(
    ("kind", "num"), [("darker", 9), ("lighter", 9), ("jump", 14), ("dip", 11)]
)
def test_nothing_changes_before_the_exposure_does(made, kind, num):
    frames, clip = read(made / f"cases/a_{kind}", "frames"), read(made / "clips/a", "frames")

    np.testing.assert_array_equal(frames[:num], clip[:num])
    assert (frames[num] != clip[num]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_labels_of_all_objects_stay_as_they_are(made, kind):
    np.testing.assert_array_equal(
        read(made / f"cases/a_{kind}", "masks"), read(made / "clips/a", "masks")
    )


def test_labels_keep_their_ids_at_another_size(made, tmp_path):
    make(made / "clips", tmp_path / "cases", "--size", f"{WIDTH // 2}x{HEIGHT // 2}")

    labels = read(tmp_path / "cases/a_dip", "masks")

    assert read(tmp_path / "cases/a_dip", "frames").shape[1:3] == (HEIGHT // 2, WIDTH // 2)
    assert labels.shape[1:] == (HEIGHT // 2, WIDTH // 2)
    assert set(np.unique(labels[0])) == {0, 1, 3, 255}


def test_the_seed_does_nothing(made, tmp_path):
    for case in make(made / "clips", tmp_path / "cases", "--seed", 7):
        np.testing.assert_array_equal(
            read(case, "frames"), read(made / f"cases/{case.name}", "frames")
        )


def test_masks_are_measured_in_every_case(tmp_path):
    clips, cases = tmp_path / "clips", tmp_path / "cases"
    write_clip(clips / "a", [np.where(labels_at(i) == 1, 1, 0).astype(np.uint8) for i in range(6)])
    make(clips, cases)

    assert run("masks", cases, cases, "--json", tmp_path / "m.json") == 0

    figures = json.loads((tmp_path / "m.json").read_text())
    assert set(figures["clips"]) == {f"a_{kind}" for kind in KINDS}


def test_at_most_120_frames_are_taken(tmp_path):
    write_clip(tmp_path / "clips/a", [labels_at(0)] * 122)

    (case, *_) = make(tmp_path / "clips", tmp_path / "cases")

    assert len(read(case, "frames")) == len(read(case, "masks")) == 120


def test_clips_without_an_object_to_follow_are_left_out_with_the_reason(made, tmp_path, capsys):
    write_clip(tmp_path / "clips/a", [labels_at(0)] * 3)
    write_clip(tmp_path / "clips/b", [np.zeros((HEIGHT, WIDTH), np.uint8), labels_at(0)])

    cases = make(tmp_path / "clips", tmp_path / "cases")

    assert "b: left out, nothing is marked in its first frame\n" in capsys.readouterr().out
    assert {case.name[0] for case in cases} == {"a"}


def test_a_folder_without_clips_with_masks_is_refused(tmp_path, capsys):
    write_clip(tmp_path / "clips/a", [labels_at(0)] * 3)
    (tmp_path / "clips/a/meta.json").write_text('{"has_bg": true}')

    assert run("cases", "exposed", tmp_path / "clips", tmp_path / "cases") != 0
    assert "0 clips with frames and masks; 1 are needed" in capsys.readouterr().err

    (tmp_path / "empty").mkdir()
    assert run("cases", "exposed", tmp_path / "empty", tmp_path / "cases") != 0
    assert "holds no clips with frames" in capsys.readouterr().err


def test_cases_that_exist_are_not_overwritten(made, capsys):
    assert run("cases", "exposed", made / "clips", made / "cases", "--size", "source") != 0

    assert "exists; choose another output folder" in capsys.readouterr().err


def test_an_unknown_kind_is_refused(made, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("cases", "exposures", made / "clips", tmp_path / "cases")

    assert "invalid choice: 'exposures'" in capsys.readouterr().err
