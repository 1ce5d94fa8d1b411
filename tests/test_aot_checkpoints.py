"""A checkpoint's way from the file to the network, and what is turned away on it."""

import os
import pickle

import pytest

torch = pytest.importorskip("torch")

from aot.network import build_network, load_network, load_weights  # noqa: E402
from script.fill_rule import fill_state_dict  # noqa: E402
from tracker import checkpoints  # noqa: E402
from tracker.types import UserError  # noqa: E402


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """A file laid out like the official ones: weights, optimizer, wrapper's prefix."""
    weights = build_network("deaott").state_dict()
    fill_state_dict(weights)
    moments = {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(4)}}
    optimizer = {"state": moments, "param_groups": [{"lr": 1e-4, "params": [0]}]}
    content = {
        "state_dict": {f"module.{key}": value for key, value in weights.items()},
        "optimizer": optimizer,
    }
    path = tmp_path_factory.mktemp("ckpt") / "DeAOTT_PRE_YTB_DAV.pth"
    torch.save(content, path)
    return path


class Attack:
    """Pickles into a call of `os.mkdir`."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_an_official_file_becomes_a_network(official):
    network = load_network("deaott", checkpoints.load(official))

    assert network.config.encoder == "mobilenetv2"
    expected = {key: value.clone() for key, value in build_network("deaott").state_dict().items()}
    fill_state_dict(expected)
    assert torch.equal(network.decoder.conv_out.weight, expected["decoder.conv_out.weight"])


def test_a_truncated_file_is_refused(official, tmp_path):
    path = tmp_path / "half.pth"
    path.write_bytes(official.read_bytes()[: official.stat().st_size // 2])

    with pytest.raises(UserError, match="cut short or damaged"):
        checkpoints.load(path)


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "page.pth"
    path.write_bytes(b"<!DOCTYPE html><html>quota exceeded</html>")

    with pytest.raises(UserError, match="is not a torch checkpoint"):
        checkpoints.load(path)


@pytest.mark.parametrize("is_old_format", [False, True])
def test_a_malicious_file_is_refused_before_it_can_do_anything(tmp_path, is_old_format):
    path, target = tmp_path / "bad.pth", tmp_path / "made_by_the_attack"
    content = {"state_dict": {"weight": torch.zeros(2)}, "optimizer": Attack(target)}
    if is_old_format:
        path.write_bytes(pickle.dumps(content["optimizer"], protocol=2))
    else:
        torch.save(content, path)

    with pytest.raises(UserError):
        checkpoints.load(path)
    assert not target.exists()


def test_another_networks_file_is_refused_by_the_network(official, tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"state_dict": {"conv.weight": torch.zeros(3)}}, path)

    with pytest.raises(ValueError, match="the weights are another network's") as error:
        load_weights(build_network("deaott"), checkpoints.load(path))

    assert "325 missing" in str(error.value)
    assert "1 unexpected (conv.weight)" in str(error.value)
