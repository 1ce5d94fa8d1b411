"""Clicks, boxes and masks to masks, with small SAMs of random weights."""

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("segment_anything")
pytest.importorskip("segment_anything_hq")

import segment_anything.modeling as plain  # noqa: E402
import segment_anything_hq.modeling as hq  # noqa: E402

from sam.embedding import Sam  # noqa: E402
from sam.networks import load_weights  # noqa: E402
from sam.promises import keep_promises  # noqa: E402
from sam.segmenter import SamSegmenter  # noqa: E402
from tracker.types import Point, Prompt  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
HEIGHT, WIDTH = 45, 80
SEEDS = {plain: 61, hq: 67}  # with which masks are neither empty nor full
SIDE, CHANNELS, WIDTH_OF_VIT = 64, 32, 24


def small_sam(package):
    """Return the package's own classes at a hundredth of their size."""
    seed = SEEDS[package]
    torch.manual_seed(seed)
    encoder = package.ImageEncoderViT(
        img_size=SIDE,
        embed_dim=WIDTH_OF_VIT,
        depth=2,
        num_heads=2,
        out_chans=CHANNELS,
        use_rel_pos=True,
        window_size=2,
        global_attn_indexes=(1,),
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
    )
    prompts = package.PromptEncoder(
        embed_dim=CHANNELS,
        image_embedding_size=(SIDE // 16, SIDE // 16),
        input_image_size=(SIDE, SIDE),
        mask_in_chans=16,
    )
    transformer = package.TwoWayTransformer(
        depth=2, embedding_dim=CHANNELS, mlp_dim=32, num_heads=2
    )
    shape = {"transformer_dim": CHANNELS, "transformer": transformer, "iou_head_hidden_dim": 16}
    if package is hq:
        decoder = hq.MaskDecoderHQ(**shape, vit_dim=WIDTH_OF_VIT)
    else:
        decoder = plain.MaskDecoder(**shape)
    network = package.Sam(encoder, prompts, decoder)
    random = torch.Generator().manual_seed(seed)
    state = {
        key: torch.randn(value.shape, generator=random) * (0.3 if value.ndim > 1 else 1.0)
        for key, value in network.state_dict().items()
    }
    load_weights(network, state)
    return network


@pytest.fixture(params=[plain, hq], ids=["sam", "hq"])
def network(request):
    return small_sam(request.param)


@pytest.fixture
def segmenter(network):
    return SamSegmenter(network)


def frame(seed=0):
    pixels = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    pixels.flags.writeable = False
    return pixels


def count_calls(module):
    calls = []
    module.register_forward_hook(lambda *_: calls.append(1))
    return calls


def same(first, second):
    assert first.scores == second.scores
    for one, other in zip(first.masks, second.masks, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_single_click_gets_three_masks_best_first(segmenter):
    answer = segmenter.segment(frame(), Prompt(points=(Point(30, 20),)))

    assert len(answer.masks) == len(answer.scores) == 3
    assert list(answer.scores) == sorted(answer.scores, reverse=True)
    assert all(0 <= score <= 1 for score in answer.scores)
    assert {(mask.shape, mask.dtype) for mask in answer.masks} == {
        ((HEIGHT, WIDTH), np.dtype(bool))
    }


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(points=(Point(30, 20), Point(50, 30, positive=False))),
        Prompt(box=(10, 10, 40, 30)),
        Prompt(points=(Point(30, 20),), box=(10, 10, 40, 30)),
        Prompt(points=(Point(30, 20),), mask=np.eye(HEIGHT, WIDTH, dtype=bool)),
        Prompt(mask=np.eye(HEIGHT, WIDTH, dtype=bool)),
    ],
    ids=["points", "box", "point and box", "point and mask", "mask"],
)
def test_a_prompt_that_says_more_gets_one_mask(segmenter, prompt):
    answer = segmenter.segment(frame(), prompt)

    assert len(answer.masks) == len(answer.scores) == 1


def test_every_click_is_obeyed(segmenter):
    random = np.random.default_rng(3)
    places = [(random.integers(WIDTH), random.integers(HEIGHT)) for _ in range(12)]
    points = tuple(
        Point(float(x), float(y), positive=index % 2 == 0) for index, (x, y) in enumerate(places)
    )

    for count in range(1, len(points) + 1):
        for mask in segmenter.segment(frame(), Prompt(points=points[:count])).masks:
            assert [mask[round(p.y), round(p.x)] for p in points[:count]] == [
                p.positive for p in points[:count]
            ]


def test_the_same_question_gets_the_same_answer_whatever_was_asked_before(network):
    points = (Point(30, 20), Point(50, 30, positive=False), Point(20, 40), Point(70, 5))
    asked_often, asked_once = SamSegmenter(network), SamSegmenter(network)

    for count in (1, 3, 2, 4):
        asked_often.segment(frame(), Prompt(points=points[:count]))
    asked_often.segment(frame(), Prompt(box=(1, 1, 9, 9)))

    whole = Prompt(points=points)
    same(asked_often.segment(frame(), whole), asked_once.segment(frame(), whole))
    same(asked_often.segment(frame(), whole), asked_often.segment(frame(), whole))


def test_a_frame_is_encoded_once_however_often_it_is_clicked(network):
    encodings = count_calls(network.image_encoder)
    segmenter = SamSegmenter(network)
    first, second = frame(1), frame(2)

    for x in range(10, 40, 10):
        segmenter.segment(first, Prompt(points=(Point(x, 20),)))
        segmenter.segment(second, Prompt(points=(Point(x, 20),)))
    segmenter.segment(first.copy(), Prompt(box=(1, 1, 9, 9)))  # the same pixels, decoded again

    assert len(encodings) == 2


def test_a_frame_that_was_written_into_is_encoded_again(network):
    encodings = count_calls(network.image_encoder)
    segmenter = SamSegmenter(network)
    pixels = frame().copy()

    segmenter.segment(pixels, Prompt(points=(Point(3, 3),)))
    pixels[:20] = 0
    segmenter.segment(pixels, Prompt(points=(Point(3, 3),)))

    assert len(encodings) == 2


@pytest.mark.parametrize("is_same_object", [True, False])
def test_only_the_last_frames_are_kept(network, is_same_object):
    encodings = count_calls(network.image_encoder)
    segmenter = SamSegmenter(network, num_frames=2)
    frames = [frame(seed) for seed in range(4)]

    for seed in (1, 2, 1, 3, 1, 2):  # 1 was used last when 3 came, so 2 had to go
        shown = frames[seed] if is_same_object else frame(seed)
        segmenter.segment(shown, Prompt(points=(Point(3, 3),)))

    assert len(encodings) == 4


def test_a_further_click_costs_one_decoding(network):
    decodings = count_calls(network.mask_decoder.transformer)
    segmenter = SamSegmenter(network)
    points = tuple(Point(10.0 + 10 * k, 20.0) for k in range(4))

    for count in range(1, 5):
        segmenter.segment(frame(), Prompt(points=points[:count]))

    assert len(decodings) == 4


def test_clicks_given_at_once_are_answered_one_after_the_other(network):
    decodings = count_calls(network.mask_decoder.transformer)
    points = tuple(Point(10.0 + 10 * k, 20.0) for k in range(4))

    SamSegmenter(network).segment(frame(), Prompt(points=points, box=(5, 5, 70, 40)))

    assert len(decodings) == 1 + 4  # the box comes first


def official(package, network, points, **how):
    """Ask the package's own predictor; return its masks, scores and low-resolution logits."""
    predictor = package.SamPredictor(network)
    predictor.set_image(frame())
    coordinates = np.array([(point.x, point.y) for point in points])
    signs = np.array([int(point.positive) for point in points])
    return predictor.predict(coordinates, signs, **how)


@pytest.mark.parametrize("package", ["segment_anything", "segment_anything_hq"])
def test_answers_are_those_of_the_packages_own_predictor(package):
    package = pytest.importorskip(package)
    network = small_sam(plain if package.__name__ == "segment_anything" else hq)
    first, second = Point(30, 20), Point(50, 30, positive=False)
    segmenter = SamSegmenter(network)

    masks, scores, logits = official(package, network, [first], multimask_output=True)
    best = int(scores.argmax())  # HQ-SAM returns one only
    answer = segmenter.segment(frame(), Prompt(points=(first,)))
    np.testing.assert_array_equal(answer.masks[0], promised(masks[best], first))
    assert answer.scores[0] == pytest.approx(np.clip(scores[best], 0, 1), abs=1e-6)

    masks, scores, _ = official(
        package, network, [first, second], multimask_output=False, mask_input=logits[best][None]
    )
    answer = segmenter.segment(frame(), Prompt(points=(first, second)))
    assert 0.1 < masks[0].mean() < 0.9  # or any mistake would agree
    np.testing.assert_array_equal(answer.masks[0], promised(masks[0], first, second))
    assert answer.scores[0] == pytest.approx(np.clip(scores[0], 0, 1), abs=1e-6)


def promised(mask, *points):
    return keep_promises(mask, points)


def test_a_box_is_answered_as_by_the_packages_own_predictor(network):
    package = pytest.importorskip(type(network).__module__.split(".")[0])
    predictor = package.SamPredictor(network)
    predictor.set_image(frame())

    masks, _, _ = predictor.predict(box=np.array([10, 10, 40, 30]), multimask_output=False)

    answer = SamSegmenter(network).segment(frame(), Prompt(box=(10, 10, 40, 30)))
    np.testing.assert_array_equal(answer.masks[0], masks[0])
    assert 0.1 < masks[0].mean() < 0.9  # or any mistake would agree


def test_a_given_mask_changes_the_answer(segmenter):
    left, right = np.zeros((2, HEIGHT, WIDTH), bool)
    left[:, :30], right[:, 50:] = True, True
    point = Point(40, 20)

    answers = [
        segmenter.segment(frame(), Prompt(points=(point,), mask=mask)).masks[0]
        for mask in (left, right)
    ]

    assert (answers[0] != answers[1]).any()


def test_a_given_mask_becomes_logits_of_the_frames_part_of_the_square(network):
    sam = Sam(network, "cpu", num_frames=1)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[:, : WIDTH // 2] = True

    logits = sam.logits_of(sam.embed(frame()), mask)

    assert logits.shape == (16, 16)
    rows = round(16 * HEIGHT / WIDTH)  # the rest of the square is padding
    assert (logits[:rows, :7] > 9).all()
    assert (logits[:rows, 9:] < -9).all()
    assert (logits[rows:] == -10).all()


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (Prompt(), "empty prompt: expected a point, a box or a mask"),
        (Prompt(mask=np.zeros((HEIGHT, WIDTH), bool)), "empty prompt"),
        (Prompt(points=(Point(80, 3),)), r"point \(80, 3\) is outside the frame of 80x45"),
        (Prompt(points=(Point(3, -1),)), r"point \(3, -1\) is outside the frame of 80x45"),
        (Prompt(box=(90, 3, 95, 9)), r"box \(90, 3, 95, 9\) does not overlap the frame of 80x45"),
        (Prompt(box=(9, 3, 5, 9)), r"box \(9, 3, 5, 9\) does not overlap"),
        (
            Prompt(points=(Point(3, 3),), mask=np.ones((80, 45), bool)),
            r"mask is \(80, 45\) but frame is \(45, 80\) \(H, W\)",
        ),
    ],
)
def test_a_prompt_that_makes_no_sense_is_refused(segmenter, prompt, message):
    with pytest.raises(ValueError, match=message):
        segmenter.segment(frame(), prompt)


def test_points_on_the_rim_of_the_frame_are_points_of_its_outermost_pixels(segmenter):
    corners = (Point(-0.5, -0.5), Point(WIDTH - 0.51, HEIGHT - 0.51))

    mask = segmenter.segment(frame(), Prompt(points=corners)).masks[0]

    assert mask[0, 0]
    assert mask[-1, -1]


def test_a_disobeyed_click_gets_a_disc_that_leaves_its_opponents_alone():
    mask = np.zeros((300, 400), bool)
    points = (Point(100, 100), Point(103, 100, positive=False))

    kept = keep_promises(mask, points)

    rows, columns = np.nonzero(kept)
    distance = np.hypot(rows - 100, columns - 100)
    assert distance.max() <= 1.5
    assert kept[100, 101]
    assert not kept[100, 102:].any()
    assert not mask.any()


def test_a_mask_that_keeps_its_promises_stays_as_it_is():
    mask = np.random.default_rng(0).random((30, 40)) > 0.5
    y, x = np.argwhere(mask)[7]

    np.testing.assert_array_equal(keep_promises(mask, (Point(x, y),)), mask)
