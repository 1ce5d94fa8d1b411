"""E2FGVI computes what the official network computes."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from e2fgvi import build_network  # noqa: E402
from script import parity_e2fgvi  # noqa: E402

GOLDEN = Path(__file__).parent / "goldens" / "e2fgvi_hq_120x216.npz"
NUM_STAGES = 17


def test_r16_every_stage_of_hq_equals_the_official_one():
    rows = list(parity_e2fgvi.compare(GOLDEN))

    assert len(rows) == NUM_STAGES
    assert [row for row in rows if not row.is_within_bound] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["e2fgvi_240x432", "e2fgvi_hq_120x216", "pipeline_hq_112x200", "pipeline_base_112x200"],
)
def test_whole_goldens_are_within_their_bounds(models_dir, name):
    rows = list(parity_e2fgvi.compare(models_dir / "goldens" / f"{name}.npz"))

    assert rows
    assert [row for row in rows if not row.is_within_bound] == []


@pytest.mark.parametrize(
    ("hq", "num_entries", "num_parameters"), [(False, 243, 41_799_743), (True, 244, 41_117_887)]
)
def test_keys_and_parameters_are_as_many_as_published(hq, num_entries, num_parameters):
    network = build_network(hq)

    assert len(network.state_dict()) == num_entries
    assert sum(parameter.numel() for parameter in network.parameters()) == num_parameters


@pytest.mark.parametrize(("hq", "name"), [(False, "e2fgvi"), (True, "e2fgvi_hq")])
def test_every_key_has_the_published_shape(models_dir, hq, name):
    manifest = json.loads((models_dir / "manifests" / f"{name}.json").read_text())

    shapes = {key: list(tensor.shape) for key, tensor in build_network(hq).state_dict().items()}

    assert shapes == {key: shape for key, shape, _ in manifest["state_dict"]}


def test_rolled_positions_are_the_120_outside_the_window():
    positions = build_network(True).transformer[0].attn.valid_ind_rolled

    assert positions.dtype == torch.int64
    assert positions.shape == (120,)
    # Rolled up and left, what came from the window itself lies top left: rows 0 to 2 and
    # columns 0 to 4 are left out, and column 5 of row 0 is the first to stay.
    assert positions[:4].tolist() == [5, 6, 7, 8]
    assert positions.max() < 4 * 45


@pytest.mark.parametrize(
    ("hq", "size", "message"),
    [
        (True, (120, 200), r"frames are \(120, 200\) \(H, W\); E2FGVI-HQ needs multiples of"),
        (False, (120, 216), r"frames are \(120, 216\) \(H, W\); E2FGVI needs \(240, 432\)"),
    ],
)
def test_sizes_the_network_cannot_take_are_named(hq, size, message):
    with pytest.raises(ValueError, match=message):
        build_network(hq)(torch.zeros(1, 1, 3, *size), 1)
