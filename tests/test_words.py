"""Words and refined masks through the real loading code, with small random networks."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rendered import disc, write_scene

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("segment_anything_hq")

from tiny_words import write_tiny_grounding_dino  # noqa: E402

from tracker import engines  # noqa: E402
from tracker.__main__ import main  # noqa: E402
from tracker.desk import Desk, Discover, Find  # noqa: E402
from tracker.jobs import Search  # noqa: E402
from tracker.masks import MaskReader  # noqa: E402
from tracker.published import RECORDS  # noqa: E402
from tracker.refining import RefiningPropagator  # noqa: E402
from tracker.types import Point, Prompt, Segmentation, Tracked  # noqa: E402

NUM_FRAMES = 6


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    write_scene(path, num_frames=NUM_FRAMES, sound=False)
    return path


@pytest.fixture(scope="module")
def ckpt(tmp_path_factory):
    """Return a folder with a small Grounding DINO and nothing else."""
    folder = tmp_path_factory.mktemp("ckpt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_CKPT", str(folder))
        write_tiny_grounding_dino(folder / "grounding-dino-tiny")
        yield folder


@pytest.fixture
def mobile_sam(ckpt, monkeypatch):
    """Put random weights of MobileSAM beside it, for one test."""
    from sam.networks import build_network

    record = replace(RECORDS["mobile_sam"], sha256=None, bytes=None, least_bytes=1)
    monkeypatch.setitem(RECORDS, "mobile_sam", record)
    torch.manual_seed(0)
    torch.save(build_network("mobile_sam").state_dict(), ckpt / record.file)
    yield
    (ckpt / record.file).unlink()


def test_a_hugging_face_folder_serves_for_words_without_asking_any_server(ckpt, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", None)  # whoever connects fails

    choice = engines.choose("detector", device="cpu")
    found = engines.make_detector(choice).detect(
        np.zeros((96, 144, 3), np.uint8), "red disc . dog", box_threshold=0, text_threshold=0
    )

    assert choice.name == "groundingdino"
    assert {each.phrase for each in found} <= {"red disc", "dog"}
    assert found


def test_words_are_found_named_and_followed_from_the_command_line(ckpt, film, tmp_path, capsys):
    masks, report = tmp_path / "masks.zip", tmp_path / "report.json"
    thresholds = ["--box-threshold", "0", "--text-threshold", "0", "--redetect", "3"]

    words = ["--words", "remove the red disc and the dog"]
    code = main(["track", str(film), str(masks), *words, *thresholds, "--json", str(report)])

    assert code == 0
    told = json.loads(report.read_text())
    assert told["engines"]["detector"] == "groundingdino"
    assert told["licences"] == {"detector": "Apache-2.0", "segmenter": "MIT", "propagator": "MIT"}
    assert set(told["names"].values()) <= {"red disc", "dog"}
    with MaskReader(masks) as reader:
        seen = set(np.unique(reader[0])) - {0}
    assert {str(number) for number in seen} <= set(told["names"])
    said = dict(re.findall(r"object (\d+): ([a-z ]+) in frame 0", capsys.readouterr().err))
    assert said.items() <= told["names"].items()  # others came later, and were followed back
    assert seen & {int(number) for number in said}


def test_nothing_that_matches_is_said_with_what_to_try(ckpt, film, tmp_path, capsys):
    words = ["--words", "the dog", "--box-threshold", "1"]

    assert main(["track", str(film), str(tmp_path / "masks.zip"), *words]) == 2

    expected = "nothing in frame 0 looks like 'the dog'; use other words, lower the box threshold"
    assert expected in capsys.readouterr().err


def test_looking_again_may_find_nothing_at_all(ckpt, film, tmp_path):
    words = ["--words", "the dog", "--box-threshold", "1", "--redetect", "2"]
    masks = tmp_path / "masks.zip"

    assert main(["track", str(film), str(masks), *words, "--quiet"]) == 0

    with MaskReader(masks) as reader:
        assert not any(reader[index].any() for index in range(NUM_FRAMES))


def test_masks_are_refined_by_the_named_network(ckpt, mobile_sam, tmp_path):
    film, masks, report = (tmp_path / name for name in ("film.mkv", "masks.zip", "report.json"))
    write_scene(film, num_frames=2, sound=False)
    prompts = ["--point", "30,48", "--segmenter", "classical", "--refine", "mobile_sam"]

    code = main(["track", str(film), str(masks), *prompts, "--quiet", "--json", str(report)])

    assert code == 0
    assert json.loads(report.read_text())["engines"]["refiner"] == "mobile_sam"
    with MaskReader(masks) as reader:  # random weights are not believed
        last, truth = reader[1] == 1, disc(1)
    assert (last & truth).sum() / (last | truth).sum() > 0.7


def test_clicks_use_new_weights_without_a_restart(ckpt, film, mobile_sam):
    hidden = ckpt / "elsewhere"
    (ckpt / "mobile_sam.pt").rename(hidden)
    desk = Desk()
    click = Find("anna", film, 0, Prompt(points=(Point(30, 48),)))

    before = desk(click)
    hidden.rename(ckpt / "mobile_sam.pt")
    after = desk(click)

    assert len(before.masks) <= 3
    assert any((one != other).any() for one, other in zip(before.masks, after.masks, strict=False))
    assert desk._places["anna"].identity[0] == "mobile_sam"


def test_the_desk_finds_without_pointing(ckpt, film):
    everything = Desk()(Discover("anna", film, 2, Search()))
    named = Desk()(Discover("anna", film, 2, Search("disc", box_threshold=0, text_threshold=0)))

    truth = disc(2)
    assert max((e.mask & truth).sum() / (e.mask | truth).sum() for e in everything) > 0.7
    assert {each.name for each in named} == {"disc"}


class Fixed:
    """A propagator and a segmenter that answer as told."""

    def __init__(self, answer):
        self.answer, self.prompts = answer, []

    def step(self, frame, labels=None):
        return Tracked(self.answer if labels is None else labels, {1: 0.5})

    def segment(self, frame, prompt, neighbours=()):
        self.prompts.append(prompt)
        return Segmentation((self.answer,), (1.0,))


def block(left, right):
    mask = np.zeros((20, 40), bool)
    mask[5:15, left:right] = True
    return mask


FRAME = np.zeros((20, 40, 3), np.uint8)


def test_each_tracked_mask_is_offered_with_its_box_and_what_comes_back_counts():
    labels = block(10, 20).astype(np.uint8)
    segmenter = Fixed(block(10, 22))

    tracked = RefiningPropagator(Fixed(labels), segmenter).step(FRAME)

    np.testing.assert_array_equal(tracked.labels, block(10, 22))
    assert tracked.confidence == {1: 0.5}
    assert segmenter.prompts[0].box == (10, 5, 20, 15)
    np.testing.assert_array_equal(segmenter.prompts[0].mask, labels == 1)


def test_an_answer_that_is_another_thing_is_not_taken():
    labels = block(10, 20).astype(np.uint8)

    tracked = RefiningPropagator(Fixed(labels), Fixed(block(10, 40))).step(FRAME)

    np.testing.assert_array_equal(tracked.labels, labels)


def test_a_refined_mask_takes_nothing_from_other_objects():
    labels = block(10, 20).astype(np.uint8) + 2 * block(20, 30)

    tracked = RefiningPropagator(Fixed(labels), Fixed(block(10, 24))).step(FRAME)

    np.testing.assert_array_equal(tracked.labels == 1, block(10, 20))
    assert set(np.unique(tracked.labels)) == {0, 1, 2}


def test_labels_that_are_given_are_returned_as_they_are():
    given = block(3, 9).astype(np.uint8)

    tracked = RefiningPropagator(Fixed(None), Fixed(None)).step(FRAME, given)

    assert tracked.labels is given
