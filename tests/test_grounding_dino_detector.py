"""Words to boxes: tokens, preprocessing, thresholds, phrases, and a small real network."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from sam.detector import GroundingDinoDetector, overlap, prepare  # noqa: E402
from sam.words import Words  # noqa: E402
from script.fill_rule import clip_frames  # noqa: E402
from tracker.types import UserError  # noqa: E402

GOLDEN = json.loads(
    (Path(__file__).parent / "goldens" / "gdino_text_and_preprocessing.json").read_text()
)
VOCABULARY_SIZE = 1100
WORDS = ("red", "car", "dog", "person", "skate", "##board", "'", "s")


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    """Write a small vocabulary with the special tokens where the network looks for them."""
    lines = [f"[unused{index}]" for index in range(VOCABULARY_SIZE)]
    special = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 1012: ".", 1029: "?"}
    for place, token in special.items():
        lines[place] = token
    lines[1030 : 1030 + len(WORDS)] = WORDS
    path = tmp_path_factory.mktemp("words") / "vocab.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


class FixedNetwork:
    """Answers every question with the same boxes and the given probabilities by token."""

    config = SimpleNamespace(text_config=SimpleNamespace(vocab_size=VOCABULARY_SIZE))

    def __init__(self, boxes, probabilities):
        self.boxes = torch.tensor([boxes], dtype=torch.float32)
        self.logits = torch.tensor([probabilities], dtype=torch.float32).logit()

    def __call__(self, **inputs):
        self.inputs = inputs
        padded = torch.full((*self.logits.shape[:2], 256), -torch.inf)
        padded[..., : self.logits.shape[2]] = self.logits
        return SimpleNamespace(logits=padded, pred_boxes=self.boxes)


LEFT, RIGHT, NONE = (0.25, 0.5, 0.2, 0.4), (0.75, 0.5, 0.2, 0.4), (0.5, 0.5, 0.1, 0.1)
FRAME = np.zeros((100, 200, 3), np.uint8)
FRAME.flags.writeable = False
#                     [CLS] red  car  .    dog  .    [SEP]
RED_CAR = [0.10, 0.50, 0.60, 0.10, 0.20, 0.10, 0.10]
RED_BUS = [0.10, 0.45, 0.02, 0.10, 0.02, 0.10, 0.10]
DOG = [0.10, 0.02, 0.02, 0.10, 0.80, 0.10, 0.10]
NOTHING = [0.90, 0.30, 0.30, 0.90, 0.30, 0.90, 0.90]  # only what is no word stands out


def detect(vocabulary, boxes, probabilities, **thresholds):
    network = FixedNetwork(boxes, probabilities)
    return GroundingDinoDetector(network, vocabulary).detect(FRAME, "red car . dog", **thresholds)


def test_boxes_come_in_pixels_with_the_phrase_that_was_typed_best_first(vocabulary):
    found = detect(vocabulary, [LEFT, RIGHT, NONE], [RED_CAR, DOG, NOTHING])

    assert [(each.phrase, round(each.score, 3)) for each in found] == [
        ("dog", 0.8),
        ("red car", 0.6),
    ]
    assert found[0].box == pytest.approx((130, 30, 170, 70), abs=1e-4)
    assert found[1].box == pytest.approx((30, 30, 70, 70), abs=1e-4)


def test_the_published_thresholds_hold_unless_others_are_given(vocabulary):
    boxes, queries = [LEFT, RIGHT], [RED_BUS, NOTHING]

    assert detect(vocabulary, boxes, queries) == []
    assert len(detect(vocabulary, boxes, queries, text_threshold=0.2)) == 1
    assert len(detect(vocabulary, boxes, queries, box_threshold=0.25)) == 1
    lenient = GroundingDinoDetector(FixedNetwork(boxes, queries), vocabulary, text_threshold=0.2)
    assert len(lenient.detect(FRAME, "red car . dog")) == 1


def test_of_boxes_that_all_but_coincide_the_best_is_kept(vocabulary):
    nudged = (0.255, 0.5, 0.2, 0.4)

    found = detect(vocabulary, [LEFT, nudged, RIGHT], [RED_CAR, DOG, DOG])

    assert len(found) == 2
    assert {each.phrase for each in found} == {"dog"}


def test_boxes_are_cut_at_the_frame_and_dropped_outside(vocabulary):
    boxes = [(0.0, 0.0, 0.2, 0.2), (1.5, 0.5, 0.2, 0.2)]

    (found,) = detect(vocabulary, boxes, [DOG, RED_CAR])

    assert found.box == pytest.approx((0, 0, 20, 10), abs=1e-4)


def test_plain_english_asks_for_the_things_it_names(vocabulary):
    network = FixedNetwork([LEFT], [RED_CAR])

    GroundingDinoDetector(network, vocabulary).detect(FRAME, "Remove the red car and the dog!")

    assert network.inputs["input_ids"].tolist() == [[101, 1030, 1031, 1012, 1032, 1012, 102]]
    assert not network.inputs["token_type_ids"].any()
    assert network.inputs["attention_mask"].all()


def test_the_tokens_of_each_phrase_are_known(vocabulary):
    caption = Words(vocabulary).caption(["skateboard", "dog"])

    assert caption.ids == (101, 1034, 1035, 1012, 1032, 1012, 102)
    assert caption.spans == (range(1, 3), range(4, 5))


def test_words_the_vocabulary_does_not_know_are_refused(vocabulary):
    with pytest.raises(UserError, match="'zebra' cannot be read; describe the object in English"):
        Words(vocabulary).caption(["dog", "zebra"])


def test_a_description_that_is_too_long_is_refused(vocabulary):
    words = Words(vocabulary)

    assert len(words.caption(["dog"] * 127).ids) == 256
    with pytest.raises(UserError, match="is 258 word pieces long, at most 256 can be read"):
        words.caption(["dog"] * 128)


def test_another_vocabulary_is_refused(vocabulary, tmp_path):
    lines = vocabulary.read_text().splitlines()
    other = tmp_path / "other.txt"

    other.write_text("\n".join([*lines[:1029], "!", *lines[1030:], "?"]) + "\n")
    with pytest.raises(ValueError, match=r"other.txt has \? in line 1100, expected 1029"):
        Words(other)
    other.write_text("\n".join([*lines, "more"]) + "\n")
    with pytest.raises(ValueError, match=r"other.txt has 1101 tokens, the network 1100"):
        GroundingDinoDetector(FixedNetwork([LEFT], [DOG]), other)


def test_captions_become_the_official_numbers(models_dir):
    words = Words(models_dir / "vocab.txt")

    for caption, ids in GOLDEN["captions_to_ids"].items():
        assert [101, *words.ids_of(caption), 102] == ids


@pytest.mark.parametrize("size", sorted(GOLDEN["preprocessing"]["cases"]))
def test_frames_are_prepared_as_officially(size):
    height, width = map(int, size.split("x"))
    expected = GOLDEN["preprocessing"]["cases"][size]

    image = prepare(clip_frames(1, height, width)[0])

    assert list(image.shape) == [1, 3, *expected["resized_hw"]]
    np.testing.assert_allclose(
        image.flatten()[expected["flat_index"]], expected["value"], atol=1e-6, rtol=0
    )


def test_a_smaller_side_asks_less_of_the_network(vocabulary):
    network = FixedNetwork([LEFT], [DOG])

    GroundingDinoDetector(network, vocabulary, shorter_side=48).detect(FRAME, "dog")

    assert network.inputs["pixel_values"].shape == (1, 3, 48, 96)


def test_overlap_of_boxes():
    assert overlap((0, 0, 2, 2), (0, 0, 2, 2)) == 1
    assert overlap((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 2, 2), (5, 5, 6, 6)) == 0
