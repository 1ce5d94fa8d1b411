"""Compare Grounding DINO with what the official network computed.

The golden was made by the authors' code from pseudo-weights (the rule below) and rule-made
frames.  Weights go the way real ones do: under their official keys through our conversion.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sam.grounding_dino import load_network
from script.fill_rule import Floats, clip_frames, track_tensor, unit_noise
from script.parity_tools import (
    Arrays,
    Row,
    UnusableFileError,
    default_bound,
    largest_difference,
    listening,
    read_golden,
)

LOGIT_BOUND = 1e-3
BOX_BOUND = 1e-4
ENCODER_LOGIT_BOUND = 1e-3  # their root mean square is 10
KEYS = Path(__file__).resolve().parent.parent / "tests" / "goldens" / "gdino_keys.json"

_SHARED_HEAD = re.compile(r"^(transformer\.decoder\.)?bbox_embed\.\d+\.")
_CENTRED = re.compile(r"\.linear2\.weight$|bbox_embed\.(\d+\.)?layers\.[12]\.weight$")
_GAINS = (
    (r"bbox_embed\.(\d+\.)?layers\.[01]\.weight$", 1.4),
    (r"bbox_embed\.(\d+\.)?layers\.2\.weight$", 0.3),
    (r"^bert\..*\.attention\.self\.(query|key)\.weight$", 2.0),
    (r"^bert\..*\.attention\.output\.dense\.weight$", 0.3),
    (r"\.text_layers\.\d+\.self_attn\.out_proj\.weight$", 0.3),
    (r"\.decoder\.layers\.\d+\.(self_attn|ca_text)\.out_proj\.weight$", 0.3),
)
_SPREADS = (  # of what is neither a matrix nor set around one
    (r"\.gamma_[vl]$", 0.3),
    (r"^transformer\.decoder\.norm\.bias$", 0.01),
    (r"sampling_offsets\.bias$", 1.0),
    (r"bias$", 0.05),
    (r"relative_position_bias_table$|^transformer\.level_embed$", 0.5),
)


def fill_tensor(key: str, shape: tuple[int, ...]) -> Floats:
    """Return the pseudo-weights of the official entry `key`: noise of a spread that suits it.

    The twelve copies of the decoder's box head are one; query contents come in nine blocks
    of 100 equal rows, so that proposals that tie may swap ranks without changing results.
    """
    z = unit_noise(_SHARED_HEAD.sub("bbox_embed.0.", key), shape)
    spread = next((spread for pattern, spread in _SPREADS if re.search(pattern, key)), None)
    if key == "transformer.decoder.norm.weight":
        value = 0.15 * (1.0 + 0.1 * z)
    elif len(shape) == 1 and key.endswith("weight"):
        value = 1.0 + 0.1 * z
    elif spread is not None:
        value = spread * z
    elif key == "transformer.tgt_embed.weight":
        value = z[np.arange(shape[0]) // 100]
    else:
        if _CENTRED.search(key):
            z = z - z.mean(axis=1, keepdims=True)
        gain = next((gain for pattern, gain in _GAINS if re.search(pattern, key)), 1.0)
        value = gain * z / np.sqrt(int(np.prod(shape[1:])))
    return value.astype(np.float32)


def pseudo_weights() -> dict[str, Tensor]:
    """Return a whole official checkpoint of pseudo-weights, 0.7 GB."""
    weights = {}
    for key, shape in json.loads(KEYS.read_text(encoding="utf-8")).items():
        if key.endswith("relative_position_index"):
            weights[key] = torch.zeros(shape, dtype=torch.int64)
        else:
            weights[key] = torch.from_numpy(fill_tensor(key, tuple(shape)))
    return weights


def compare(path: Path) -> Iterator[Row]:
    """Yield one row per stage and case of the golden at `path`.

    Raises:
        UnusableFileError: it is no golden of Grounding DINO.
    """
    golden = read_golden(path)
    if "a_caption" not in golden:
        raise UnusableFileError(f"{path.name} has no case a; expected a golden of Grounding DINO")
    network = load_network(pseudo_weights())
    for case in ("a", "b"):
        own = {key[2:]: value for key, value in golden.items() if key.startswith(f"{case}_")}
        for row in _compare_case(network, own):
            yield Row(f"{case} {row.stage}", row.difference, row.bound)


def _compare_case(network: Any, golden: Arrays) -> Iterator[Row]:
    height, width = (int(size) for size in golden["frame_hw"])
    pixels = torch.from_numpy(track_tensor(clip_frames(1, height, width)[0]))
    ids = torch.from_numpy(golden["input_ids"].astype(np.int64))[None]
    stages: dict[str, Tensor] = {"pixel_values": pixels}
    with torch.inference_mode(), _recorded(network, stages):
        outputs = network(
            pixel_values=pixels,
            input_ids=ids,
            token_type_ids=torch.zeros_like(ids),
            attention_mask=torch.ones_like(ids),
        )
    # Two proposals that all but tie may have swapped ranks: queries are paired by proposal.
    proposals = outputs.enc_outputs_class.amax(-1)[0]
    places = {int(token): rank for rank, token in enumerate(proposals.topk(900)[1])}
    missing = [token for token in golden["topk"] if int(token) not in places]
    yield Row("proposals_missing", float(len(missing)), 0.0)
    if missing:
        return
    order = torch.tensor([places[int(token)] for token in golden["topk"]])
    stages |= {
        "memory": outputs.encoder_last_hidden_state_vision,
        "memory_text": outputs.encoder_last_hidden_state_text,
        "hs_last": outputs.intermediate_hidden_states[:, -1][:, order],
    }
    for name, stage in stages.items():
        if f"{name}_idx" in golden:
            ours = stage.flatten()[golden[f"{name}_idx"]]
            bound = default_bound(float(golden[f"{name}_stats"][1]))
            yield Row(name, largest_difference(ours, golden[f"{name}_val"]), bound)
    yield Row(
        "enc_max_logit", largest_difference(proposals, golden["enc_max_logit"]), ENCODER_LOGIT_BOUND
    )
    reference = outputs.init_reference_points[0, order]
    yield Row("init_reference", largest_difference(reference, golden["init_reference"]), BOX_BOUND)
    logits = outputs.logits[0, order, : ids.shape[1]]
    yield Row("logits", largest_difference(logits, golden["logits"]), LOGIT_BOUND)
    yield Row("boxes", largest_difference(outputs.pred_boxes[0, order], golden["boxes"]), BOX_BOUND)


@contextmanager
def _recorded(network: Any, stages: dict[str, Tensor]) -> Iterator[None]:
    """Collect what the golden knows of the stages before the encoder."""
    model = network.model
    modules = {"bert_last_hidden": model.text_backbone, "encoded_text": model.text_projection}
    modules |= {f"input_proj{level}": each for level, each in enumerate(model.input_proj_vision)}

    def hear(name: str, inputs: tuple[Tensor, ...], output: Any) -> None:
        stages[name] = output[0] if name == "bert_last_hidden" else output
        if name in ("input_proj0", "input_proj1", "input_proj2"):
            stages[name.replace("input_proj", "backbone")] = inputs[0]

    with listening(modules, hear):
        yield
