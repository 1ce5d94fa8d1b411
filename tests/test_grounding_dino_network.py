"""Official Grounding DINO weights, through our names, compute what they should."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_words import tiny_config, write_tiny_grounding_dino  # noqa: E402
from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection  # noqa: E402

from sam import grounding_dino  # noqa: E402
from sam.detector import GroundingDinoDetector  # noqa: E402
from script import parity_gdino  # noqa: E402

GOLDENS = Path(__file__).parent / "goldens"
KEYS = json.loads((GOLDENS / "gdino_keys.json").read_text())
VOCABULARY = 1100  # enough for what is read here
TIED = re.compile(r"^(model\.decoder\.)?bbox_embed\.\d\.")


@pytest.fixture(scope="module")
def config():
    """Return the architecture at a thousandth of its size."""
    return tiny_config(VOCABULARY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a Hugging Face folder of random weights, written by the library itself."""
    path = tmp_path_factory.mktemp("folder")
    write_tiny_grounding_dino(path, VOCABULARY)
    return path


@pytest.fixture(scope="module")
def official(config, folder):
    """Return the same weights under official names."""
    from safetensors.torch import load_file

    state = load_file(folder / "model.safetensors")

    weights = {"label_enc.weight": torch.zeros(3, 32)}  # in the released file, and unused
    for key in KEYS:
        copy = re.match(r"(transformer\.decoder\.)?bbox_embed\.(\d)\.", key)
        if copy and int(copy.group(2)) >= config.decoder_layers:
            continue
        # The library writes tied box heads once.
        names = [TIED.sub("bbox_embed.0.", name) for name in grounding_dino.our_names(key)]
        if names and all(name in state for name in names):  # else a layer the small one lacks
            weights[key] = torch.cat([state[name] for name in names])
    return weights


def test_every_official_key_has_a_place_of_its_own():
    names = [
        name
        for key in KEYS
        if not grounding_dino.UNUSED.search(key)
        for name in grounding_dino.our_names(key)
    ]

    assert len(KEYS) == 938
    assert len(names) == len(set(names)) == 1044


@pytest.mark.parametrize(
    ("key", "names"),
    [
        (
            "backbone.0.layers.2.blocks.5.attn.qkv.bias",
            [
                f"model.backbone.conv_encoder.model.encoder.layers.2.blocks.5.attention.self.{part}"
                for part in ("query.bias", "key.bias", "value.bias")
            ],
        ),
        (
            "backbone.0.norm3.weight",
            ["model.backbone.conv_encoder.model.hidden_states_norms.stage4.weight"],
        ),
        (
            "transformer.encoder.text_layers.4.self_attn.in_proj_weight",
            [
                f"model.encoder.layers.4.text_enhancer_layer.self_attn.{part}.weight"
                for part in ("query", "key", "value")
            ],
        ),
        (
            "transformer.encoder.layers.1.norm1.bias",
            ["model.encoder.layers.1.deformable_layer.self_attn_layer_norm.bias"],
        ),
        (
            "transformer.encoder.fusion_layers.0.gamma_v",
            ["model.encoder.layers.0.fusion_layer.vision_param"],
        ),
        (
            "transformer.encoder.fusion_layers.0.attn.values_l_proj.bias",
            ["model.encoder.layers.0.fusion_layer.attn.values_text_proj.bias"],
        ),
        (
            "transformer.decoder.layers.3.norm1.weight",
            ["model.decoder.layers.3.encoder_attn_layer_norm.weight"],
        ),
        (
            "transformer.decoder.layers.3.norm2.weight",
            ["model.decoder.layers.3.self_attn_layer_norm.weight"],
        ),
        (
            "transformer.decoder.layers.3.norm3.weight",
            ["model.decoder.layers.3.final_layer_norm.weight"],
        ),
        ("transformer.decoder.norm.bias", ["model.decoder.layer_norm.bias"]),
        ("transformer.enc_output_norm.bias", ["model.enc_output_norm.bias"]),
        ("transformer.tgt_embed.weight", ["model.query_position_embeddings.weight"]),
        ("lstt.weight", []),
    ],
)
def test_entries_go_to_the_place_that_does_their_work(key, names):
    assert list(grounding_dino.our_names(key)) == names


def test_matrices_of_query_key_and_value_are_cut_in_that_order():
    matrix = torch.arange(12.0).view(6, 2)
    key = "transformer.decoder.layers.0.self_attn.in_proj_weight"

    parts = grounding_dino.convert({key: matrix})

    for part, rows in {"query": matrix[:2], "key": matrix[2:4], "value": matrix[4:]}.items():
        torch.testing.assert_close(parts[f"model.decoder.layers.0.self_attn.{part}.weight"], rows)


def test_the_places_are_those_of_the_library():
    with torch.device("meta"):
        network = GroundingDinoForObjectDetection(grounding_dino.configuration())
    zeros = {key: torch.empty(shape, device="meta") for key, shape in KEYS.items()}

    ours = {key: tuple(value.shape) for key, value in grounding_dino.convert(zeros).items()}

    # Inside the image backbone the newest library has other names; it translates them.
    outside = {
        key: tuple(value.shape)
        for key, value in network.state_dict().items()
        if ".conv_encoder." not in key
    }
    assert outside == {key: shape for key, shape in ours.items() if ".conv_encoder." not in key}
    assert sum(np.prod(shape) for shape in ours.values()) > 172e6


def test_the_configuration_is_the_librarys_own_default():
    assert grounding_dino.configuration().to_dict() == GroundingDinoConfig().to_dict()


def look(network):
    torch.manual_seed(1)
    ids = torch.tensor([[101, 1030, 1031, 1012, 1032, 1012, 102]])
    with torch.inference_mode():
        outputs = network(
            pixel_values=torch.randn(1, 3, 96, 128),
            input_ids=ids,
            token_type_ids=torch.zeros_like(ids),
            attention_mask=torch.ones_like(ids),
        )
    return outputs.logits[..., : ids.shape[1]], outputs.pred_boxes


def test_an_official_file_and_a_folder_of_the_same_weights_see_the_same(config, folder, official):
    from_file = look(grounding_dino.load_network(official, config=config))
    from_folder = look(grounding_dino.load_folder(folder))

    for ours, theirs in zip(from_file, from_folder, strict=True):
        torch.testing.assert_close(ours, theirs, atol=0, rtol=0)
    assert from_file[0].std() > 0.01


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"feat_map.weight": None}, r"1 missing \(such as model.text_projection.weight\)"),
        ({"feat_map.weight": torch.zeros(3, 3)}, r"1 mismatched \(such as .*text_projection"),
        ({"feat_map.extra": torch.zeros(3)}, r"1 unexpected \(such as model.text_proj.*extra\)"),
        ({"lstt.weight": torch.zeros(3)}, r"unexpected lstt\.weight"),
    ],
    ids=["missing", "size", "unexpected", "foreign"],
)
def test_weights_of_another_network_are_refused(config, official, change, message):
    weights = {key: value for key, value in {**official, **change}.items() if value is not None}

    with pytest.raises(ValueError, match=f"another network's: {message}"):
        grounding_dino.load_network(weights, config=config)


def test_loading_says_nothing_and_leaves_the_librarys_talk_as_it_was(
    config, official, capfd, recwarn
):
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    grounding_dino.load_network(official, config=config)

    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_a_folder_of_pickles_is_refused(config, folder, tmp_path):
    torch.save({}, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())

    with pytest.raises(OSError, match="safetensors"):
        grounding_dino.load_folder(tmp_path)


def test_a_small_network_detects_the_same_twice(config, official, tmp_path):
    lines = [f"[unused{index}]" for index in range(1100)]
    special = {100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 1012: ".", 1029: "?", 1040: "dog"}
    for place, token in special.items():
        lines[place] = token
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join(lines) + "\n")
    network = grounding_dino.load_network(official, config=config)
    detector = GroundingDinoDetector(network, vocabulary, box_threshold=0, text_threshold=0)
    frame = np.random.default_rng(0).integers(0, 255, (90, 160, 3), dtype=np.uint8)

    first, second = (detector.detect(frame, "remove the dog") for _ in range(2))

    assert first == second
    assert {each.phrase for each in first} == {"dog"}
    for x0, y0, x1, y1 in (each.box for each in first):
        assert 0 <= x0 < x1 <= 160
        assert 0 <= y0 < y1 <= 90


def test_pseudo_weights_are_the_published_rule():
    digests = {
        "backbone.0.patch_embed.proj.weight": "e5b758133ac6ea18",
        "transformer.level_embed": "e3cb1b68526cffb6",
        "transformer.tgt_embed.weight": "8bd5240565294563",
        "transformer.encoder.fusion_layers.2.gamma_l": "24a53b2722f32728",
        "transformer.decoder.layers.5.ca_text.in_proj_weight": "3f562a2cacbb79c9",
    }
    for key, digest in digests.items():
        value = parity_gdino.fill_tensor(key, tuple(KEYS[key]))
        assert hashlib.sha256(value.tobytes()).hexdigest().startswith(digest), key


@pytest.mark.slow
def test_r16_every_stage_equals_the_official_one():
    rows = list(parity_gdino.compare(GOLDENS / "gdino_swint.npz"))

    assert len(rows) == 36
    assert [row for row in rows if not row.is_within_bound] == []
