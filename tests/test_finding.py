"""Objects found without pointing, and those that come in later, from the command line."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
from rendered import wall

from tracker.__main__ import main
from tracker.finding import NAMED, WordFinder, add_found
from tracker.jobs import Search
from tracker.masks import MaskReader
from tracker.newcomers import Newcomers
from tracker.types import Detection, Proposal, Segmentation

HEIGHT, WIDTH = 144, 216
NUM_FRAMES, ENTERS = 36, 14  # the second disc is wholly in view from about frame 18 on
COLOURS = {1: (215, 50, 45), 2: (40, 60, 220)}


def disc(x, y, radius=15):
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def truth(index):
    """Return where the two discs are: one from the start, one that comes in from the right."""
    return {1: disc(40 + 3 * index, 45), 2: disc(WIDTH + 15 - 5 * (index - ENTERS), 105)}


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    background = wall(HEIGHT, WIDTH)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(NUM_FRAMES):
            picture = background.copy()
            for number, mask in truth(index).items():
                picture[mask] = COLOURS[number]
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def iou(one, other):
    return (one & other).sum() / max(1, (one | other).sum())


def masks_of(path):
    with MaskReader(path) as masks:
        return [masks[index] for index in range(NUM_FRAMES)]


def shows(path, number):
    """Return how many pixels of each frame have the colour of a disc."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [(np.abs(f.astype(int) - COLOURS[number]).max(axis=2) < 30).sum() for f in frames]


@pytest.mark.parametrize("mode", ["offline", "streaming"])
def test_who_walks_in_later_is_found_and_removed_too(film, tmp_path, mode):
    out, report = tmp_path / "masks.zip", tmp_path / "report.json"

    arguments = ["--everything", "--redetect", "6", "--mode", mode, "--quiet"]
    code = main(["track", str(film), str(out), *arguments, "--json", str(report)])

    assert code == 0
    labels = masks_of(out)
    assert set(np.unique(labels)) == {0, 1, 2}
    assert all(iou(labels[i] == 1, truth(i)[1]) > 0.7 for i in range(NUM_FRAMES))
    first = 18 if mode == "offline" else 24  # streaming cannot go back from where it looked
    assert all(iou(labels[i] == 2, truth(i)[2]) > 0.7 for i in range(first, NUM_FRAMES))
    assert not any((labels[i] == 2).any() for i in range(ENTERS))
    told = json.loads(report.read_text())
    assert told["engines"] == {"proposer": "classical", "propagator": "classical"}
    assert told["licences"] == {"proposer": "MIT", "propagator": "MIT"}


def test_without_looking_again_only_what_is_there_is_removed(film, tmp_path, capsys):
    out = tmp_path / "masks.zip"

    assert main(["track", str(film), str(out), "--everything"]) == 0

    assert set(np.unique(masks_of(out))) == {0, 1}
    assert "object 1: found in frame 0 (score 0." in capsys.readouterr().err


def test_what_is_found_beside_a_clicked_object_can_be_left_out(film, tmp_path):
    out = tmp_path / "clean.mkv"
    arguments = ["--point", "130,45@30", "--everything", "--find-in", "30", "--objects", "1"]

    code = main(["remove", str(film), str(out), *arguments, "--quiet"])

    assert code == 0
    assert shows(out, 2)[28] > 0.8 * truth(28)[2].sum()
    assert max(shows(out, 1)) < 0.1 * truth(0)[1].sum()


def test_those_who_choose_have_not_spoken_against_newcomers(film, tmp_path):
    out = tmp_path / "clean.mkv"
    arguments = ["--everything", "--redetect", "6", "--objects", "1", "--quiet"]

    assert main(["remove", str(film), str(out), *arguments]) == 0

    assert max(shows(out, 2)) < 0.1 * truth(30)[2].sum()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "point at an object with --point X,Y, --box or --mask, name it with --words"),
        (["--redetect", "5"], "--redetect needs --words TEXT or --everything beside it"),
        (["--box-threshold", "0.3"], "--box-threshold needs --words TEXT or --everything"),
        (["--everything", "--text-threshold", "0.3"], "thresholds are for --words"),
        (
            ["--words", "the car"],
            "groundingdino needs ckpt/groundingdino_swint_ogc.pth; "
            "run: python -m tracker download groundingdino",
        ),
        (["--point", "40,45", "--refine", "classical"], "classical returns a mask as it is given"),
        (["--point", "40,45", "--refine", "sam_hq_tiny"], "sam_hq_tiny needs ckpt/sam_hq_vit_tiny"),
    ],
)
def test_what_cannot_be_looked_for_is_refused(
    film, tmp_path, capsys, monkeypatch, arguments, message
):
    monkeypatch.setenv("CLEANPLATE_CKPT", str(tmp_path / "ckpt"))

    code = main(["track", str(film), str(tmp_path / "masks.zip"), *arguments])

    assert code == 2
    assert message in capsys.readouterr().err


def test_where_nothing_stands_out_that_is_said(tmp_path, capsys):
    folder = tmp_path / "still"
    folder.mkdir()
    from PIL import Image

    for index in range(3):
        Image.fromarray(wall(HEIGHT, WIDTH)).save(folder / f"{index}.png")

    code = main(["track", str(folder), str(tmp_path / "masks.zip"), "--everything"])

    assert code == 2
    assert "nothing stands out in frame 0; look in another frame" in capsys.readouterr().err


class Boxes:
    """A detector that finds the same boxes whatever is asked."""

    def __init__(self, *detections):
        self.detections, self.asked = list(detections), []

    def detect(self, frame, caption, **thresholds):
        self.asked.append((caption, thresholds))
        return self.detections


class FillBox:
    """A segmenter that takes a box for what is in it."""

    def segment(self, frame, prompt, neighbours=()):
        mask = np.zeros(frame.shape[:2], bool)
        x0, y0, x1, y1 = (int(edge) for edge in prompt.box)
        mask[y0:y1, x0:x1] = True
        return Segmentation((mask,), (1.0,))


def test_words_become_masks_with_their_phrases_as_names():
    detector = Boxes(
        Detection((5, 5, 25, 30), 0.9, "red car"), Detection((40, 5, 60, 30), 0.5, "dog")
    )
    search = Search("remove the red car and the dog", box_threshold=0.3)
    frame = np.zeros((50, 80, 3), np.uint8)

    found = WordFinder(detector, FillBox(), search).find(frame)

    assert [(each.name, each.score) for each in found] == [("red car", 0.9), ("dog", 0.5)]
    assert found[0].mask[5:30, 5:25].all()
    assert found[0].mask.sum() == 25 * 20
    assert detector.asked == [
        ("remove the red car and the dog", {"box_threshold": 0.3, "text_threshold": None})
    ]


def block(left, width, name="", score=0.9):
    mask = np.zeros((100, 150), bool)
    mask[20:60, left : left + width] = True
    return Proposal(mask, score, name)


def test_what_was_asked_for_by_name_may_be_small_or_large_but_not_twice():
    everywhere = Proposal(np.ones((100, 150), bool), 0.5, "wall")
    small = Proposal(np.pad(np.ones((3, 3), bool), ((0, 97), (0, 147))), 0.8, "ball")
    twice = [block(10, 30, "car", 0.9), block(12, 30, "vehicle", 0.6)]
    labels = np.zeros((100, 150), np.uint8)

    found = add_found(labels, [everywhere, small, *twice], first_id=4, rule=NAMED)

    assert found.names == {4: "car", 5: "ball", 6: "wall"}
    assert not labels.any()
    np.testing.assert_array_equal(found.labels == 4, twice[0].mask)


def newcomers_of(*proposals, every=5, first_id=3, looked=()):
    class Fixed:
        def find(self, frame, neighbours=()):
            return list(proposals)

    return Newcomers(Fixed(), every, first_id, looked)


def test_newcomers_are_looked_for_every_few_frames_and_known_afterwards():
    newcomers = newcomers_of(block(10, 30, "person"))
    labels, frame = np.zeros((100, 150), np.uint8), np.zeros((100, 150, 3), np.uint8)

    answers = []
    for index in range(12):
        more = newcomers(index, frame, labels)
        labels = labels if more is None else more
        answers.append(more is not None)

    assert answers == [True] + 11 * [False]
    assert set(np.unique(labels)) == {0, 3}
    assert newcomers.names == {3: "person"}
    assert newcomers.entries == {0: {3}}


def test_frames_somebody_marked_are_not_looked_into():
    newcomers = newcomers_of(block(10, 30), every=1, looked={0, 1})
    labels, frame = np.zeros((100, 150), np.uint8), np.zeros((100, 150, 3), np.uint8)

    assert [newcomers(index, frame, labels) is None for index in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("proposal", "is_new"),
    [
        (block(10, 5), True),  # 200 pixels
        (block(10, 4), False),
        (Proposal(np.ones((100, 150), bool), 1.0), False),  # most of the frame
        (block(36, 20), True),  # 4 of 20 columns are known: 80 % are background
        (block(35, 20), False),
    ],
)
def test_newcomers_obey_the_published_guards(proposal, is_new):
    labels = np.zeros((100, 150), np.uint8)
    labels[20:60, 30:40] = 1

    more = newcomers_of(proposal)(0, np.zeros((100, 150, 3), np.uint8), labels)

    assert (more is not None) == is_new


def test_when_ids_run_out_that_is_said():
    newcomers = newcomers_of(block(10, 30), every=1, first_id=256)

    assert newcomers(0, np.zeros((100, 150, 3), np.uint8), np.zeros((100, 150), np.uint8)) is None
    assert newcomers.notice == "more than 255 objects: later ones stay"
