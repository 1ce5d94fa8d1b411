"""Compare AOT and DeAOT with what the official networks computed.

After each frame the memories are updated with the rule-made labels (teacher forcing), so a
difference cannot feed back; `closed_loop` is the tracker on its own predictions.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aot.config import VARIANTS
from aot.group import ObjectGroup, merge
from aot.network import Features, PropagationNetwork, build_network, load_weights, optimise
from script.fill_rule import (
    Bytes,
    clip_frames,
    clip_labels,
    fill_state_dict,
    input_hash,
    track_tensor,
)
from script.parity_tools import (
    Arrays,
    Row,
    UnusableFileError,
    default_bound,
    largest_difference,
    listening,
    read_golden,
)

LOGIT_BOUND = 2e-4
MAX_WRONG_PIXELS = 20  # per frame of 129,600, forced labels: where two objects all but tie
MAX_CLOSED_LOOP_ERROR = 1e-3  # share of pixels, in the first frames only:
NUM_CLOSED_LOOP_FRAMES = 2  # with random weights the loop is chaotic
SAMTRACK_MAX_FRAMES = 3


@dataclass(frozen=True)
class Case:
    """How a golden was made."""

    name: str
    variant: str
    network_size: tuple[int, int]
    output_size: tuple[int, int]
    num_frames: int
    num_objects: int
    gap: int

    @classmethod
    def read(cls, meta: dict[str, Any]) -> "Case":
        """Read the two forms `meta` comes in."""
        name = meta["case"]
        frames, objects = {
            "deaott_12_objects": (4, 12),
            "deaott_new_object": (6, 4),
            "deaott_samtrack_maxlen3": (8, 3),
        }.get(name) or (meta["frames"], meta["objects"])
        network = meta.get("net") or (meta["net_height"], meta["net_width"])
        output = meta.get("out") or (meta["out_height"], meta["out_width"])
        gap = meta["gap"] if "gap" in meta else meta["long_term_mem_gap"]
        return cls(name, meta["model"], tuple(network), tuple(output), frames, objects, gap)


def compare(path: Path) -> Iterator[Row]:
    """Yield one row per stage of the golden at `path`.

    Raises:
        UnusableFileError: it is no golden of AOT or DeAOT.
    """
    golden = read_golden(path)
    if "meta" not in golden:
        raise UnusableFileError(f"{path.name} has no meta entry; expected a golden of AOT or DeAOT")
    meta = json.loads(str(golden["meta"]))
    if "uint8_path" in golden:
        yield from _compare_preprocessing(golden, meta)
        return
    if meta.get("model") not in VARIANTS:
        raise UnusableFileError(f"{path.name} is about {meta.get('model')!r}, not AOT or DeAOT")
    case = Case.read(meta)
    frames = clip_frames(case.num_frames, *case.network_size, case.num_objects)
    labels = clip_labels(case.num_frames, *case.network_size, case.num_objects)
    if input_hash(frames, labels) != meta["input_sha256"]:
        raise UnusableFileError(f"{path.name} was made from other inputs than fill_rule.py makes")
    if case.name == "deaott_new_object":  # blanked after the hash was taken
        labels[:3][labels[:3] == 4] = 0
    with torch.inference_mode():
        network = pseudo_network(case.variant)
        yield from _Check(network, case, golden, frames, labels).rows()


def pseudo_network(variant: str) -> PropagationNetwork:
    """Build `variant` with pseudo-weights, loaded and optimised the way real ones are."""
    network = build_network(variant)
    weights = network.state_dict()
    fill_state_dict(weights)
    load_weights(network, {"state_dict": weights})
    return optimise(network)


class _Check:
    """One run of the frame loop over a golden's clip."""

    def __init__(
        self,
        network: PropagationNetwork,
        case: Case,
        golden: Arrays,
        frames: Bytes,
        labels: Bytes,
    ) -> None:
        self.network = network
        self.case = case
        self.golden = golden
        self.images = [torch.from_numpy(track_tensor(frame)) for frame in frames]
        self.labels = torch.from_numpy(labels)

    def rows(self) -> Iterator[Row]:
        """Yield every comparison the golden allows."""
        yield from self._forced()
        if "closed_loop_labels" in self.golden:
            yield from self._closed_loop()

    def _forced(self) -> Iterator[Row]:
        is_samtrack = self.case.name == "deaott_samtrack_maxlen3"
        max_frames = SAMTRACK_MAX_FRAMES if is_samtrack else None
        is_new_object = self.case.name == "deaott_new_object"
        num_objects = 3 if is_new_object else self.case.num_objects
        groups = [ObjectGroup(self.network, max_frames) for _ in range(-(-num_objects // 10))]
        details, features = self._encode(0)
        with _stages(self.network, details):
            for index, group in enumerate(groups):
                own = _labels_of_group(self.labels[0], index)
                # SAM-Track bounds the memory without keeping the prompted frame.
                propagated = group.introduce(features, own, is_prompted=not is_samtrack)
                self.network.decode(features, propagated)
        details["id_embedding"] = _as_map(
            self.network.embed_labels(_labels_of_group(self.labels[0], 0)), features
        )
        yield from self._details(0, details)
        last_write = 0
        for t in range(1, 1 + len(self.golden["labels"])):
            details, features = self._encode(t)
            with _stages(self.network, details):
                logits = [
                    group.match(features, min(10, num_objects - 10 * index))
                    for index, group in enumerate(groups)
                ]
            details["decoder_logits"] = logits[0]
            yield from self._details(t, details)
            yield from self._raw_logits(t, logits)
            yield from self._result(t, logits)
            is_reference = is_new_object and t == 3
            is_due = t - last_write >= self.case.gap
            for index, group in enumerate(groups):
                own = _labels_of_group(self.labels[t], index)
                if is_reference:
                    group.introduce(features, own)
                else:
                    group.memorise(own, is_long_term=is_due)
            if is_reference:
                num_objects = 4
            if is_reference or is_due:
                last_write = t

    def _closed_loop(self) -> Iterator[Row]:
        group = ObjectGroup(self.network, None)
        group.introduce(self.network.encode(self.images[0]), self.labels[0])
        for t in range(1, 1 + NUM_CLOSED_LOOP_FRAMES):
            features = self.network.encode(self.images[t])
            predicted = self._enlarge([group.match(features, self.case.num_objects)]).argmax(dim=1)
            wrong = predicted[0].numpy() != self.golden["closed_loop_labels"][t - 1]
            yield Row(f"frame{t}_closed_loop_labels", float(wrong.mean()), MAX_CLOSED_LOOP_ERROR)
            labels = F.interpolate(predicted[None].float(), self.case.network_size, mode="nearest")
            group.memorise(labels[0, 0].long(), is_long_term=t >= self.case.gap)

    def _encode(self, t: int) -> tuple[dict[str, Tensor], Features]:
        details: dict[str, Tensor] = {}
        with _stages(self.network, details):
            features = self.network.encode(self.images[t])
        details |= {f"encoder{index}": features.maps[index].clone() for index in range(3)}
        return details, features

    def _details(self, t: int, details: dict[str, Tensor]) -> Iterator[Row]:
        prefix = f"frame{t}_"
        for key, expected in self.golden.items():
            if not key.startswith(prefix):
                continue
            name = key.removeprefix(prefix)
            bound = default_bound(float(self.golden[f"stats_{key}"][1]))
            if name == "decoder_logits":
                bound = LOGIT_BOUND
                expected = expected[:, : details[name].shape[1]]  # the rest is unused
            yield Row(key, largest_difference(_thinned(name, details[name]), expected), bound)

    def _raw_logits(self, t: int, logits: list[Tensor]) -> Iterator[Row]:
        for index, group in enumerate(logits):
            if (key := f"engine{index}_raw") in self.golden:
                ours = group[0, :4, ::3, ::3]
                expected = self.golden[key][t - 1, : len(ours)]
                yield Row(f"frame{t}_{key}", largest_difference(ours, expected), LOGIT_BOUND)

    def _result(self, t: int, logits: list[Tensor]) -> Iterator[Row]:
        merged = self._enlarge(logits)
        ours = merged[0, :, ::6, ::6]
        expected = self.golden["logits_sub6"][t - 1, : len(ours)]
        yield Row(f"frame{t}_logits", largest_difference(ours, expected), LOGIT_BOUND)
        wrong = merged.argmax(dim=1)[0].numpy() != self.golden["labels"][t - 1]
        yield Row(f"frame{t}_wrong_pixels", float(wrong.sum()), MAX_WRONG_PIXELS)

    def _enlarge(self, logits: list[Tensor]) -> Tensor:
        align_corners = self.network.config.align_corners
        size = self.case.output_size
        return merge(
            [
                F.interpolate(group, size, mode="bilinear", align_corners=align_corners)
                for group in logits
            ]
        )


@contextmanager
def _stages(network: PropagationNetwork, details: dict[str, Tensor]) -> Iterator[None]:
    """Collect the outputs of the modules that goldens know, under the goldens' names."""
    width = network.config.width
    modules: dict[str, nn.Module] = {"encoder_projector": network.encoder_projector}
    for index, layer in enumerate(network.LSTT.layers):
        modules[f"layer{index}_out"] = layer
        for name in ("long_term_attn", "short_term_attn", "self_attn"):
            modules[f"layer{index}_{name}"] = getattr(layer, name)
    modules["lstt_norm"] = network.LSTT.decoder_norms[0]
    for name in ("conv_in", "conv_16x", "conv_8x", "conv_4x"):
        modules[f"decoder_{name}"] = getattr(network.decoder, name).gn

    def keep(name: str, output: Tensor) -> None:
        details[name] = output.clone()
        if name.endswith("_out") and output.shape[1] > width:  # DeAOT's two streams
            details[name] = output[:, :width].clone()
            details[name.replace("_out", "_id_out")] = output[:, width:].clone()

    with listening(modules, lambda name, _, output: keep(name, output)):
        yield


def _compare_preprocessing(golden: Arrays, meta: dict[str, Any]) -> Iterator[Row]:
    from aot.propagator import network_size, normalised

    frame = clip_frames(1, 270, 480)[0]
    if input_hash(frame) != meta["input_sha256"]:
        raise UnusableFileError("the golden was made from another input than fill_rule.py makes")
    size = network_size(frame.shape[0], frame.shape[1], align_corners=True)
    yield Row("network_size", float(size != tuple(meta["network"])), 0.0)
    ours = {"uint8_path": frame, "float_path": frame.astype(np.float32)}
    for key, pixels in ours.items():
        image = torch.from_numpy(normalised(pixels, size)[:, ::5, ::5])
        yield Row(key, largest_difference(image, golden[key]), default_bound(0.0))


def _labels_of_group(labels: Tensor, index: int) -> Tensor:
    """Renumber the labels of group `index` to 1 to 10; all others are background."""
    own = labels.long() - 10 * index
    return own * ((own >= 1) & (own <= 10))


def _as_map(tokens: Tensor, features: Features) -> Tensor:
    return tokens.t().reshape(1, -1, *features.size)


def _thinned(name: str, tensor: Tensor) -> Tensor:
    """Take the entries of a stage that goldens store."""
    if name in ("encoder_projector", "id_embedding"):
        return tensor[:, ::4, ::2, ::2]
    if name.startswith("encoder"):
        return tensor[:, ::8, ::4, ::4]
    if name == "decoder_logits":
        return tensor[:, :, ::3, ::3]
    if name.startswith("decoder"):
        return tensor[:, ::8, ::3, ::3]
    return tensor[::3, None, ::8]  # tokens, with the batch dimension of the official code
