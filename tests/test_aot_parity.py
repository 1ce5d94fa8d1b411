"""Our networks compute what the official ones do, stage by stage."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from script import fill_rule, parity, parity_aot  # noqa: E402
from script.parity_tools import Row, UnusableFileError, default_bound  # noqa: E402

GOLDENS = Path(__file__).parent / "goldens"
WHOLE_GOLDENS = (
    "deaott",
    "deaots",
    "deaotb",
    "r50_deaotl",
    "swinb_deaotl",
    "aott",
    "r50_aotl",
    "deaott_12_objects",
    "deaott_new_object",
    "deaott_samtrack_maxlen3",
)


def over_bound(path: Path) -> list[Row]:
    rows = list(parity_aot.compare(path))
    assert rows
    return [row for row in rows if not row.is_within_bound]


@pytest.mark.parametrize("name", ["deaott", "r50_deaotl"])
def test_r16_stages_equal_the_official_networks(name):
    assert over_bound(GOLDENS / f"{name}.npz") == []


def test_pixels_are_resized_and_normalised_as_published(models_dir):
    assert over_bound(models_dir / "goldens" / "deaot_preprocess.npz") == []


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE_GOLDENS)
def test_whole_goldens_equal_the_official_networks(models_dir, name):
    path = models_dir / "goldens" / f"{name}.npz"
    if not path.exists():
        pytest.skip(f"{path} is kept aside")

    assert over_bound(path) == []


def test_a_wrong_weight_is_noticed(monkeypatch):
    right = parity_aot.pseudo_network("deaott")
    right.LSTT.layers[0].short_term_attn.relative_emb_k.weight.mul_(1.05)
    monkeypatch.setattr(parity_aot, "pseudo_network", lambda variant: right)

    stages = [row.stage for row in over_bound(GOLDENS / "deaott.npz")]

    assert stages[0] == "frame0_layer0_short_term_attn"
    assert "frame1_logits" in stages


def test_pseudo_weights_are_the_published_rule():
    assert fill_rule.self_test() == {
        "encoder.layers.0.weight": "f8e52f335738467a",
        "LSTT.layers.0.norm1.weight": "2604815556188598",
        "encoder.bn1.running_var": "603dafdb248a2677",
        "transformer.3.pool_layers.0.weight": "7647f7b9cb1a5bb9",
        "decoder.conv_out.weight": "10a63445d13b9907",
        "clip_frames(3,120,216)": "9b7c6c1286aa2ded",
        "clip_labels(3,241,433)": "b233dc812a8beba6",
        "clip_labels(2,241,433,12)": "d27b12ad6b698e89",
        "hole_masks(3,120,216)": "9e70e9de37e00ab4",
        "inpaint_tensor": "42420024f29a8fdf",
        "track_tensor": "5370684f10b7b7c0",
    }


def test_each_golden_goes_to_the_check_of_its_network(tmp_path):
    def module_for(**entries):
        path = tmp_path / "golden.npz"
        np.savez(path, **entries)
        return parity.comparison_of(path)

    def meta(**values):
        return np.array(json.dumps(values))

    assert module_for(meta=meta(case="aott", model="aott")) == "script.parity_aot"
    assert module_for(meta=meta(input="x"), uint8_path=0) == "script.parity_aot"
    assert module_for(meta=meta(case="e", model="e2fgvi_hq")) == "script.parity_e2fgvi"
    assert module_for(a_logits=0, b_logits=0) == "script.parity_gdino"
    with pytest.raises(UnusableFileError, match="it is about 'cutie', a network we do not have"):
        module_for(meta=meta(model="cutie"))
    with pytest.raises(UnusableFileError, match="no meta entry"):
        module_for(frames=0)


def test_a_file_that_is_no_golden_is_refused_in_one_line(tmp_path, capsys):
    path = tmp_path / "notes.npz"
    path.write_text("not an archive")

    assert parity.main([str(path)]) == 2
    assert capsys.readouterr().err == f"{path}: not a golden file (.npz)\n"
    assert parity.main([str(tmp_path / "absent.npz")]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_the_exit_status_says_whether_all_are_within_bounds(tmp_path, monkeypatch, capsys):
    path = tmp_path / "golden.npz"
    np.savez(path, meta=np.array(json.dumps({"model": "aott"})))

    def compare_with(difference):
        monkeypatch.setattr(parity_aot, "compare", lambda _: iter([Row("x", difference, 1e-4)]))
        return parity.main([str(path)])

    assert compare_with(1e-4) == 0
    assert compare_with(1.1e-4) == 1
    assert compare_with(float("nan")) == 1
    assert "OVER" in capsys.readouterr().out


def test_stages_without_a_bound_of_their_own_get_one_from_their_spread():
    assert default_bound(0.1) == 1e-4
    assert default_bound(30.0) == pytest.approx(3e-3)
