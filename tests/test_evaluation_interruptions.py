"""`cases interrupted`: clips as they are, whose own object is hidden for a while."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.rendered import wall
from tracker.__main__ import main
from tracker.label_images import encode_labels

HEIGHT, WIDTH, NUM_FRAMES = 48, 80, 46
COLOURS = {"a": (200, 40, 60), "b": (210, 200, 30)}  # brighter than any wall
KINDS = ("card", "noise", "pillar", "cut", "black")


def disc(index, row=24):
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    return (rows - row) ** 2 + (columns - 20 - index * 0.8) ** 2 <= 8**2


def write_clip(folder, masks, colour):
    (folder / "frames").mkdir(parents=True)
    (folder / "masks").mkdir()
    for index, mask in enumerate(masks):
        picture = wall(HEIGHT, WIDTH, seed=colour[1])
        picture[mask] = colour
        Image.fromarray(picture).save(folder / f"frames/{index:05d}.png")
        (folder / f"masks/{index:05d}.png").write_bytes(encode_labels(mask.astype(np.uint8)))


def write_clips(folder):
    """Write two clips in which a disc moves over a wall, `a` and `b`."""
    for name, colour in COLOURS.items():
        write_clip(folder / name, map(disc, range(NUM_FRAMES)), colour)
    return folder


def run(*arguments):
    return main(["evaluate", *map(str, arguments)])


def make(clips, cases, *more):
    assert run("cases", "interrupted", clips, cases, "--size", "source", *more) == 0
    return sorted(cases.iterdir())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder of two clips, `clips`, and of the scenes made of them, `cases`."""
    folder = tmp_path_factory.mktemp("made")
    make(write_clips(folder / "clips"), folder / "cases")
    return folder


def read(clip, part):
    return np.stack([np.asarray(Image.open(file)) for file in sorted((clip / part).iterdir())])


def hidden_in(case):
    """Return the frames in which nothing of the object is to be seen."""
    return np.flatnonzero(~read(case, "masks").any(axis=(1, 2)))


def test_every_kind_hides_the_object_once_and_shows_it_again(made):
    cases = sorted((made / "cases").iterdir())

    assert {case.name for case in cases} == {f"{n}_{kind}" for n in COLOURS for kind in KINDS}
    for case in cases:
        hidden = hidden_in(case)
        assert 12 <= len(hidden) <= 18, f"{case.name} hides it in {len(hidden)} frames"
        assert np.ptp(hidden) == len(hidden) - 1, f"{case.name} hides it more than once"
        assert hidden[0] >= 16, f"{case.name} hides it too early"
        assert hidden[-1] < NUM_FRAMES - 12, f"{case.name} hides it too late"
        colours = COLOURS[case.name[0]]
        is_left = (read(case, "frames")[hidden] == colours).all(axis=-1)
        assert not is_left.any(), f"{case.name} leaves some of it to be seen"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_covered_stays_as_it_is_in_the_clip(made, kind):
    case, clip = made / f"cases/a_{kind}", made / "clips/a"
    hidden = hidden_in(case)

    is_changed = (read(case, "frames") != read(clip, "frames")).any(axis=-1)

    if kind == "pillar":  # it comes and goes through the whole picture
        covered = np.broadcast_to(is_changed.any(axis=1, keepdims=True), is_changed.shape)
    else:
        covered = np.zeros_like(is_changed)
        covered[hidden] = True
    assert not is_changed[~covered].any()
    np.testing.assert_array_equal(read(case, "masks"), np.where(covered, 0, read(clip, "masks")))
    if kind in ("card", "noise"):
        reach = 8 + 2  # of the disc, and a twentieth of 48 pixels
        rows, columns = is_changed[hidden].any(axis=2), is_changed[hidden].any(axis=1)
        assert (rows.sum(axis=1) <= 2 * reach + 1).all()
        assert (columns.sum(axis=1) <= 2 * reach + 1).all()


def test_a_pillar_passes_at_constant_speed(made):
    frames, clip = read(made / "cases/a_pillar", "frames"), read(made / "clips/a", "frames")

    changed = (frames != clip).any(axis=(1, 3))

    inside = [np.flatnonzero(columns) for columns in changed if columns.any()]
    assert len(inside) < NUM_FRAMES, "it never leaves the picture"
    edges = [c[0] for c in inside if c[0] > 0], [c[-1] for c in inside if c[-1] < WIDTH - 1]
    for steps in map(np.diff, edges):
        assert len(steps) > 3
        assert np.ptp(steps) <= 1  # whole pixels
        assert abs(steps.mean()) >= 1


def test_another_clip_or_nothing_is_shown_meanwhile(made):
    cut, black = made / "cases/a_cut", made / "cases/a_black"

    shown = read(cut, "frames")[hidden_in(cut)]

    np.testing.assert_array_equal(shown, read(made / "clips/b", "frames")[: len(shown)])
    assert read(black, "frames")[hidden_in(black)].max() < 16


def test_returns_are_measured_in_every_scene(made, tmp_path):
    cases = made / "cases"

    assert run("returns", cases, cases, "--json", tmp_path / "r.json") == 0

    figures = json.loads((tmp_path / "r.json").read_text())
    assert set(figures["clips"]) == {case.name for case in cases.iterdir()}
    assert (figures["passed"], figures["j_before"]) == (1, 1)


def test_scenes_are_the_same_for_the_same_seed(made, tmp_path):
    one = sorted((made / "cases").iterdir())
    again = make(made / "clips", tmp_path / "again", "--seed", 0)
    other = make(made / "clips", tmp_path / "other", "--seed", 1)

    for case, same in zip(one, again, strict=True):
        for part in ("frames", "masks"):
            np.testing.assert_array_equal(read(case, part), read(same, part))
    assert any(
        (read(c, "masks") != read(o, "masks")).any() for c, o in zip(one, other, strict=True)
    )


NOTHING = np.zeros((HEIGHT, WIDTH), np.bool_)


@pytest.mark.parametrize(
    ("masks", "reason"),
    [
        ([disc(index) for index in range(39)], "it has 39 frames; 40 are needed"),
        (
            [disc(index) for index in range(30)] + [NOTHING] * 20,
            "its object is seen in its first 30 frames alone; 40 are needed",
        ),
        (
            [disc(0)] * 16 + [disc(0) & disc(0, row=35)] * 34,
            "its object soon shrinks to less than 0.5 of its area",
        ),
        (
            [disc(0) | disc(50) for _ in range(50)],
            "nothing is marked, or several things as one",
        ),
        ([NOTHING] * 50, "nothing is marked, or several things as one"),
    ],
)
def test_clips_that_cannot_be_interrupted_are_left_out_with_the_reason(
    tmp_path, capsys, masks, reason
):
    clips = write_clips(tmp_path / "clips")
    write_clip(clips / "c", masks, (190, 190, 190))

    cases = make(clips, tmp_path / "cases")

    assert f"c: left out, {reason}\n" in capsys.readouterr().out
    assert {case.name[0] for case in cases} == {"a", "b"}


def test_one_clip_alone_is_refused(made, tmp_path, capsys):
    clips = made / "clips"

    assert run("cases", "interrupted", clips, tmp_path / "cases", "--clips", "a") != 0

    assert "1 clips with frames and masks; 2 are needed" in capsys.readouterr().err
