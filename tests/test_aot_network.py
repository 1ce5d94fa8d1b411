"""Networks have the published layout and load it strictly."""

import json
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

import aot  # noqa: E402
from aot.config import VARIANTS, config_of  # noqa: E402
from aot.encoder import FrozenBatchNorm, fold_batch_norm  # noqa: E402
from aot.network import build_network, load_network, load_weights, optimise  # noqa: E402
from script.fill_rule import fill_state_dict  # noqa: E402


@pytest.fixture(scope="module")
def weights():
    weights = build_network("deaott").state_dict()
    fill_state_dict(weights)
    return weights


@pytest.mark.parametrize("variant", VARIANTS)
def test_keys_shapes_and_types_are_those_of_the_official_checkpoint(models_dir, variant):
    manifest = json.loads((models_dir / "manifests" / f"{variant}.json").read_text())
    expected = {key: (tuple(shape), kind) for key, shape, kind in manifest["state_dict"]}

    with torch.device("meta"):
        state = build_network(variant).state_dict()

    ours = {k: (tuple(t.shape), str(t.dtype).removeprefix("torch.")) for k, t in state.items()}
    assert ours == expected
    assert config_of(variant).memory_gap == manifest["config"]["test_long_term_mem_gap"]
    assert config_of(variant).align_corners == manifest["config"]["align_corners"]


@pytest.mark.parametrize("layout", ["state_dict", "model", "bare", "prefixed"])
def test_all_published_layouts_load(weights, layout):
    content = {
        "state_dict": {"state_dict": weights, "optimizer": {"state": {}}, "scaler": {}},
        "model": {"model": weights},
        "bare": weights,
        "prefixed": {"state_dict": {f"module.{key}": value for key, value in weights.items()}},
    }[layout]
    network = build_network("deaott")

    load_weights(network, content)

    loaded = network.state_dict()
    assert all(torch.equal(loaded[key], weights[key]) for key in weights)


def test_weights_of_another_network_are_refused_by_name(weights):
    wrong = dict(weights)
    del wrong["id_norm.weight"]
    wrong["head.weight"] = torch.zeros(3)
    wrong["decoder.conv_out.bias"] = torch.zeros(7)
    network = build_network("deaott")
    before = {key: value.clone() for key, value in network.state_dict().items()}

    with pytest.raises(ValueError, match="the weights are another network's") as error:
        load_weights(network, {"state_dict": wrong})

    assert "1 missing (id_norm.weight)" in str(error.value)
    assert "1 unexpected (head.weight)" in str(error.value)
    assert "1 of another shape (decoder.conv_out.bias)" in str(error.value)
    after = network.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)


def test_another_variant_is_refused(weights):
    with pytest.raises(ValueError, match=r"the weights are another network's: \d+ missing"):
        load_network("deaots", weights)


@pytest.mark.parametrize("content", [{}, {"state_dict": {}}, {"state_dict": [1, 2]}])
def test_a_file_without_weights_is_refused(content):
    with pytest.raises(ValueError, match="no weights under 'state_dict' or 'model'"):
        load_weights(build_network("deaott"), content)


def test_entries_that_are_no_tensors_are_refused(weights):
    with pytest.raises(ValueError, match="these entries are none: epoch"):
        load_weights(build_network("deaott"), {**weights, "epoch": 3})


def test_an_unknown_variant_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="no variant 'deaotx'; there are deaott, deaots"):
        build_network("deaotx")


@pytest.mark.parametrize("variant", ["deaott", "r50_deaotl"])
def test_folding_batch_norms_changes_nothing_but_rounding(variant):
    encoder = build_network(variant).encoder
    fill_state_dict(encoder.state_dict())
    image = torch.randn(1, 3, 65, 49)
    expected = encoder(image)

    fold_batch_norm(encoder)

    assert not [module for module in encoder.modules() if isinstance(module, FrozenBatchNorm)]
    for ours, original in zip(encoder(image), expected, strict=True):
        torch.testing.assert_close(ours, original, atol=1e-4, rtol=1e-4)


def test_an_optimised_network_gives_a_loadable_state_no_more_but_runs(weights):
    network = load_network("deaott", weights)

    assert not any("running_mean" in key for key in network.state_dict())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not network.training
    assert network.encode(torch.randn(1, 3, 49, 65)).size == (4, 5)


def test_every_label_has_its_own_embedding_also_the_background():
    network = optimise(build_network("deaott"))

    embeddings = [network.embed_labels(torch.full((33, 33), value))[0] for value in range(11)]

    distances = torch.pdist(torch.stack(embeddings))
    assert float(distances.min()) > 1e-3


def test_importing_the_package_does_not_import_torch():
    code = "import sys, aot, aot.config; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert set(aot.VARIANTS) == set(VARIANTS)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = aot.nonsense
