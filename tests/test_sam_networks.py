"""The networks carry the keys of the official files, and load nothing but them."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("segment_anything")
pytest.importorskip("segment_anything_hq")

from sam.networks import NETWORKS, build_network, load_network, load_weights  # noqa: E402
from tracker.published import RECORDS  # noqa: E402


@pytest.fixture(scope="module", params=["mobile_sam", "sam_hq_tiny"])
def tiny(request):
    torch.manual_seed(0)
    return request.param, build_network(request.param)


@pytest.mark.parametrize(
    ("name", "num_entries"),
    [
        ("mobile_sam", 439),
        ("sam_hq_tiny", 464),
        ("sam_vit_b", 314),
        pytest.param("sam_vit_l", 482, marks=pytest.mark.slow),
        pytest.param("sam_vit_h", 594, marks=pytest.mark.slow),
    ],
)
def test_the_parameters_fill_the_published_file(name, num_entries):
    state = build_network(name).state_dict()

    num_bytes = sum(value.numel() * value.element_size() for value in state.values())
    assert len(state) == num_entries
    # What a file holds besides: names, sizes and strides, at most 400 bytes an entry.
    published = RECORDS[name].bytes
    if published is not None:
        assert num_bytes < published < num_bytes + 400 * num_entries
    assert num_bytes > 0.98 * RECORDS[name].least_bytes


def test_every_network_has_a_checkpoint_of_its_name():
    assert set(NETWORKS) <= set(RECORDS)


def test_networks_are_ready_for_use_and_never_learn(tiny):
    _, network = tiny

    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_loaded_attention_biases_are_the_ones_used(tiny):
    name, network = tiny
    state = {key: value.clone() for key, value in network.state_dict().items()}
    tables = [key for key in state if key.endswith("attention_biases")]
    for key in tables:
        state[key] = torch.rand_like(state[key])

    loaded = load_network(name, state)

    assert len(tables) == 10
    for key in tables:
        attention = loaded.get_submodule(key.rpartition(".")[0])
        expected = state[key][:, attention.attention_bias_idxs]
        torch.testing.assert_close(attention.ab, expected, atol=0, rtol=0)


@pytest.mark.parametrize("change", ["missing", "unexpected", "of another shape"])
def test_weights_of_another_network_are_refused(tiny, change):
    _, network = tiny
    state = dict(network.state_dict())
    key = "mask_decoder.iou_token.weight"
    if change == "missing":
        del state[key]
    elif change == "unexpected":
        key = "mask_decoder.extra"
        state[key] = torch.zeros(1)
    else:
        state[key] = torch.zeros(2, 256)

    with pytest.raises(ValueError, match=rf"another network's: 1 {change} \(such as {key}\)"):
        load_weights(network, state)


def test_an_unknown_network_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="network is 'sam3', expected one of: sam_vit_b, "):
        build_network("sam3")


def test_building_says_nothing(recwarn):
    build_network("mobile_sam")

    assert not recwarn.list
