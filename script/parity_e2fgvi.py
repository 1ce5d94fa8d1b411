"""Compare E2FGVI and E2FGVI-HQ with what the official networks computed.

`e2fgvi_*` files hold one window, stage by stage; `pipeline_*` files the whole published
test procedure: masks dilated, windows slid, overlaps averaged, pixels truncated.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from e2fgvi import E2FGVI, build_network
from e2fgvi.fitting import Fit
from e2fgvi.inpainter import E2FGVIInpainter
from script.fill_rule import Bytes, clip_frames, fill_state_dict, hole_masks, input_hash
from script.parity_tools import (
    Arrays,
    Row,
    UnusableFileError,
    default_bound,
    largest_difference,
    listening,
    read_golden,
)
from tracker.types import Clip
from tracker.windows import Schedule, offline_windows

OUTPUT_BOUND = 1e-4  # also of the flows
TOKEN_BOUND = 3e-4
OFFSET_BOUND = 1e-3
MAX_LEVELS = 1.0  # grey levels a pixel of the whole procedure may be off: it truncates
MAX_SHARE = 0.01  # of its pixels that may be
DILATION = 4  # pixels, published
BASE_SIZE = (432, 240)  # width, height


def compare(path: Path) -> Iterator[Row]:
    """Yield one row per stage of the golden at `path`.

    Raises:
        UnusableFileError: it is no golden of E2FGVI.
    """
    golden = read_golden(path)
    if "meta" not in golden:
        raise UnusableFileError(f"{path.name} has no meta entry; expected a golden of E2FGVI")
    meta = json.loads(str(golden["meta"]))
    if meta.get("model") not in ("e2fgvi", "e2fgvi_hq"):
        raise UnusableFileError(f"{path.name} is about {meta.get('model')!r}, not E2FGVI")
    size = meta["frames"], meta["height"], meta["width"]
    frames, holes = clip_frames(*size), hole_masks(*size)
    if input_hash(frames, holes) != meta["input_sha256"]:
        raise UnusableFileError(f"{path.name} was made from other inputs than fill_rule.py makes")
    network = pseudo_network(hq=meta["model"] == "e2fgvi_hq")
    if "hole_pixels" in golden:
        yield from _compare_procedure(golden, network, frames, holes)
    else:
        yield from _compare_window(golden, meta, network, frames, holes)


def pseudo_network(*, hq: bool) -> E2FGVI:
    """Build the network with pseudo-weights."""
    network = build_network(hq)
    fill_state_dict(network.state_dict())
    return network


def _compare_window(
    golden: Arrays, meta: dict[str, Any], network: E2FGVI, frames: Bytes, holes: Bytes
) -> Iterator[Row]:
    height, width = meta["height"], meta["width"]
    fit = Fit.choose(height, width, hq=network.hq)
    inputs = [
        fit.prepare(torch.from_numpy(frame), torch.from_numpy(hole > 0))
        for frame, hole in zip(frames, holes, strict=True)
    ]
    stages: dict[str, Tensor] = {}
    with torch.inference_mode(), _recorded(network, stages):
        output, flows = network(torch.cat(inputs)[None], meta["local"])
        stages["block0_pooled"] = network.blocks[0].pool(stages["block0_norm1"])
    output = output[:, :, :height, :width]
    top, left = meta["crop48"]
    stages["flow_forward"], stages["flow_backward"] = flows
    stages["out_sub4"] = output[:, :, ::4, ::4]
    stages["out_crop48"] = output[:, :, top : top + 48, left : left + 48]
    flat = output.flatten(1).double()
    stages["out_stats"] = torch.stack((flat.mean(1), flat.std(1), flat.amin(1), flat.amax(1)), 1)
    for key, expected in golden.items():
        if key in stages:
            spread = golden.get(f"stats_{key}")
            bound = _bound(key, 0.0 if spread is None else float(spread[1]))
            ours = _thinned(key, stages[key], meta["token_frames"])
            yield Row(key, _difference(ours, expected), bound)


@contextmanager
def _recorded(network: E2FGVI, stages: dict[str, Tensor]) -> Iterator[None]:
    """Collect the outputs of the modules that goldens know, under the goldens' names."""
    block = network.blocks[0]
    modules: dict[str, nn.Module] = {
        "encoder": network.encoder,
        "feat_prop": network.feat_prop_module,
        "tokens_in": network.ss,
        "block0_norm1": block.norm1,
        "block0_attn": block.attn,
        "block0_mlp": block.mlp,
        "soft_comp": network.sc,
    }
    modules |= {f"encoder_layer{i}_frame0": network.encoder.layers[i] for i in (1, 7, 9, 11)}
    modules |= {f"block{i}_out": block for i, block in enumerate(network.blocks)}
    modules |= {f"decoder{i}_frame0": network.decoder[i] for i in (1, 3, 5)}
    for direction in ("backward", "forward"):
        alignment = network.feat_prop_module.deform_align[f"{direction}_"]
        modules[f"prop_{direction}_align"] = alignment
        modules[f"prop_{direction}_residual"] = network.feat_prop_module.backbone[f"{direction}_"]
    modules["prop_backward_offset_raw"] = network.feat_prop_module.deform_align[
        "backward_"
    ].get_submodule("conv_offset")

    def keep(name: str, output: Tensor) -> None:
        calls = sum(key == name or key.startswith(f"{name}_") for key in stages)
        is_repeated = name.startswith("prop_") and calls
        stages[f"{name}_{calls}" if is_repeated else name] = output.clone()

    with listening(modules, lambda name, _, output: keep(name, output)):
        yield


def _bound(key: str, standard_deviation: float) -> float:
    if key.startswith(("out", "flow")):
        return OUTPUT_BOUND
    if key.startswith(("block", "tokens")):
        return TOKEN_BOUND
    return OFFSET_BOUND if key.endswith("offset_raw") else default_bound(standard_deviation)


def _thinned(key: str, stage: Tensor, token_frames: list[int]) -> Tensor:
    """Take the entries of a stage that goldens store."""
    if key.endswith("_frame0"):
        return stage[:1, ::16, ::8, ::8]
    if key == "block0_pooled":  # (T, windows, C) -> (1, rows, columns, T, C)
        windows = stage[token_frames, :, ::8].transpose(0, 1)
        return windows[None]
    if key == "tokens_in":
        return stage[None, token_frames, ::2, ::2, ::8]
    if key.startswith("block"):
        return stage[None, token_frames, ::2, ::2, ::16]
    if key == "feat_prop":
        return stage[None, :, ::8, ::4, ::4]
    if key.startswith(("prop", "encoder", "soft")):
        return stage[:, ::8, ::4, ::4]
    return stage


def _difference(ours: Tensor, expected: NDArray[Any]) -> float:
    """Return the largest absolute difference; shapes must agree but for dimensions of one."""
    if ours.numel() != expected.size:
        raise ValueError(f"our stage is {tuple(ours.shape)}, the golden's {expected.shape}")
    return largest_difference(ours.reshape(expected.shape), expected)


def _compare_procedure(
    golden: Arrays, network: E2FGVI, frames: Bytes, holes: Bytes
) -> Iterator[Row]:
    if not network.hq:
        frames = np.stack([np.asarray(Image.fromarray(f).resize(BASE_SIZE)) for f in frames])
        nearest = Image.Resampling.NEAREST
        holes = np.stack([np.asarray(Image.fromarray(h).resize(BASE_SIZE, nearest)) for h in holes])
    dilated = np.stack([dilate(hole > 0) for hole in holes])
    stored = np.unpackbits(golden["dilated"])[: dilated.size].reshape(golden["dilated_shape"]) > 0
    if network.hq:
        yield Row("dilated_wrong_pixels", float((dilated != stored).sum()), 0.0)
    # For base, the golden tells which pixels it holds by masks resized with other rounding
    # than those the procedure used; a few of its pixels lie outside, a few inside are not held.
    results = run_procedure(E2FGVIInpainter(network), frames, dilated)
    ours = {
        "hole_pixels": np.concatenate([r[s] for r, s in zip(results, stored, strict=True)]),
        "frame0": results[0],
        "frame_last": results[-1],
    }
    for key, pixels in ours.items():
        off = np.abs(pixels.astype(int) - golden[key])
        yield Row(f"{key}_levels", float(off.max()), MAX_LEVELS)
        yield Row(f"{key}_share_off", float(off.any(axis=-1).mean()), MAX_SHARE)


def dilate(hole: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Widen a mask (H, W) by four steps of a 3x3 cross, as published."""
    for _ in range(DILATION):
        padded = np.pad(hole, 1)
        across = padded[1:-1, :-2] | padded[1:-1, 2:]
        hole = hole | across | padded[:-2, 1:-1] | padded[2:, 1:-1]
    return hole


def run_procedure(
    inpainter: E2FGVIInpainter, frames: Bytes, holes: NDArray[np.bool_]
) -> list[Bytes]:
    """Fill a clip as the published test does: frames (T, H, W, 3) -> T frames (H, W, 3)."""
    filled: dict[int, NDArray[np.float32]] = {}
    for window in offline_windows(len(frames), Schedule(max_references=None)):
        indices = (*window.local, *window.references)
        clip = Clip(
            indices,
            tuple(frames[i] for i in indices),
            tuple(holes[i] for i in indices),
            len(window.local),
        )
        for i, prediction in zip(window.local, inpainter.fill(clip), strict=True):
            composed = np.where(holes[i][..., None], prediction, frames[i]).astype(np.float32)
            filled[i] = composed if i not in filled else 0.5 * filled[i] + 0.5 * composed
    return [filled[i].astype(np.uint8) for i in range(len(frames))]
