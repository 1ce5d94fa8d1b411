"""Grounding DINO's network: official weights under the names `transformers` knows.

The released file (Liu et al., ECCV 2024; Swin-T, "OGC") was written by the authors' own
code.  Nothing in it is transposed; the only matrices that are cut are those that hold
query, key and value below one another.  Everything else is a matter of names, and a name
no rule knows is an error.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection

_LIBRARY: Any = transformers  # its classes take more than their types say

# Dropped: recomputed by the library, used in training only, or never read by the detector.
UNUSED = re.compile(
    r"^label_enc\.weight$|\.relative_position_index$|^bert\.pooler\.|^bert\.embeddings\.position_ids$"
)
_PARTS = ("query.", "key.", "value.")


@dataclass(frozen=True)
class Family:
    """Entries that begin alike: `*` stands for a layer's number, wherever it stands.

    `parts` says how what follows begins, there and here; several names take the rows of a
    matrix in as many blocks.  Without `parts` it stays as it is.
    """

    official: str
    ours: str
    parts: Mapping[str, str | tuple[str, ...]] = field(default_factory=lambda: {"": ""})


# The image backbone has the names of the published Hugging Face checkpoint, which every
# version of the library understands, though the newest calls its own modules otherwise.
_BACKBONE = "model.backbone.conv_encoder.model."
FAMILIES = (
    Family(
        "backbone.0.patch_embed.",
        _BACKBONE + "embeddings.",
        {"proj.": "patch_embeddings.projection.", "norm.": "norm."},
    ),
    Family(
        "backbone.0.layers.*.blocks.*.",
        _BACKBONE + "encoder.layers.*.blocks.*.",
        {
            "norm1.": "layernorm_before.",
            "norm2.": "layernorm_after.",
            "attn.qkv.": tuple(f"attention.self.{part}" for part in _PARTS),
            "attn.relative_position_bias_table": "attention.self.relative_position_bias_table",
            "attn.proj.": "attention.output.dense.",
            "mlp.fc1.": "intermediate.dense.",
            "mlp.fc2.": "output.dense.",
        },
    ),
    Family("backbone.0.layers.*.downsample.", _BACKBONE + "encoder.layers.*.downsample."),
    Family("backbone.0.norm1.", _BACKBONE + "hidden_states_norms.stage2."),
    Family("backbone.0.norm2.", _BACKBONE + "hidden_states_norms.stage3."),
    Family("backbone.0.norm3.", _BACKBONE + "hidden_states_norms.stage4."),
    Family("input_proj.", "model.input_proj_vision."),
    Family("bert.", "model.text_backbone."),
    Family("feat_map.", "model.text_projection."),
    Family("transformer.level_embed", "model.level_embed"),
    Family("transformer.tgt_embed.", "model.query_position_embeddings."),
    Family("transformer.enc_output.", "model.enc_output."),
    Family("transformer.enc_output_norm.", "model.enc_output_norm."),
    Family("transformer.enc_out_bbox_embed.", "model.encoder_output_bbox_embed."),
    Family("transformer.decoder.norm.", "model.decoder.layer_norm."),
    Family("transformer.decoder.ref_point_head.", "model.decoder.reference_points_head."),
    Family("transformer.decoder.bbox_embed.", "model.decoder.bbox_embed."),
    Family("bbox_embed.", "bbox_embed."),
    Family(
        "transformer.encoder.layers.*.",
        "model.encoder.layers.*.deformable_layer.",
        {
            "self_attn.": "self_attn.",
            "norm1.": "self_attn_layer_norm.",
            "norm2.": "final_layer_norm.",
            "linear1.": "fc1.",
            "linear2.": "fc2.",
        },
    ),
    Family(
        "transformer.encoder.text_layers.*.",
        "model.encoder.layers.*.text_enhancer_layer.",
        {
            "self_attn.in_proj_": tuple(f"self_attn.{part}" for part in _PARTS),
            "self_attn.out_proj.": "self_attn.out_proj.",
            "norm1.": "layer_norm_before.",
            "norm2.": "layer_norm_after.",
            "linear1.": "fc1.",
            "linear2.": "fc2.",
        },
    ),
    Family(
        "transformer.encoder.fusion_layers.*.",
        "model.encoder.layers.*.fusion_layer.",
        {
            "gamma_v": "vision_param",
            "gamma_l": "text_param",
            "layer_norm_v.": "layer_norm_vision.",
            "layer_norm_l.": "layer_norm_text.",
            "attn.v_proj.": "attn.vision_proj.",
            "attn.l_proj.": "attn.text_proj.",
            "attn.values_v_proj.": "attn.values_vision_proj.",
            "attn.values_l_proj.": "attn.values_text_proj.",
            "attn.out_v_proj.": "attn.out_vision_proj.",
            "attn.out_l_proj.": "attn.out_text_proj.",
        },
    ),
    Family(
        "transformer.decoder.layers.*.",
        "model.decoder.layers.*.",
        {
            "self_attn.in_proj_": tuple(f"self_attn.{part}" for part in _PARTS),
            "self_attn.out_proj.": "self_attn.out_proj.",
            "norm2.": "self_attn_layer_norm.",  # not numbered in the order they are used in
            "ca_text.in_proj_": tuple(f"encoder_attn_text.{part}" for part in _PARTS),
            "ca_text.out_proj.": "encoder_attn_text.out_proj.",
            "catext_norm.": "encoder_attn_text_layer_norm.",
            "cross_attn.": "encoder_attn.",
            "norm1.": "encoder_attn_layer_norm.",
            "linear1.": "fc1.",
            "linear2.": "fc2.",
            "norm3.": "final_layer_norm.",
        },
    ),
)


def convert(official: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return official weights under the library's names; tensors are views, not copies.

    Raises:
        ValueError: an entry is none of Grounding DINO's.
    """
    converted: dict[str, Tensor] = {}
    for key, tensor in official.items():
        if UNUSED.search(key):
            continue
        names = our_names(key)
        if not names:
            raise ValueError(f"the weights are another network's: unexpected {key}")
        converted.update(zip(names, tensor.chunk(len(names)), strict=True))
    return converted


def our_names(official: str) -> tuple[str, ...]:
    """Return what an entry is called here: three names if it is cut, none if it is unknown."""
    for family in FAMILIES:
        pattern = re.escape(family.official).replace(r"\*", r"(\d+)")
        match = re.match(pattern, official)
        if match is None:
            continue
        tail = official[match.end() :]
        start = family.ours.replace("*", "{}").format(*match.groups())
        for there, here in family.parts.items():
            if tail.startswith(there):
                ours = (here,) if isinstance(here, str) else here
                return tuple(start + part + tail[len(there) :] for part in ours)
    return ()


def configuration() -> GroundingDinoConfig:
    """Return the architecture of the released checkpoint, every value spelt out."""
    swin = _LIBRARY.SwinConfig(
        embed_dim=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=7,
        patch_size=4,
        mlp_ratio=4.0,
        qkv_bias=True,
        use_absolute_embeddings=False,
        layer_norm_eps=1e-5,
        out_indices=[2, 3, 4],
    )
    bert = _LIBRARY.BertConfig(
        vocab_size=30522,
        hidden_size=768,
        num_hidden_layers=12,
        num_attention_heads=12,
        intermediate_size=3072,
        layer_norm_eps=1e-12,
    )
    config: GroundingDinoConfig = _LIBRARY.GroundingDinoConfig(
        backbone_config=swin,
        text_config=bert,
        d_model=256,
        num_queries=900,
        num_feature_levels=4,
        encoder_layers=6,
        encoder_attention_heads=8,
        encoder_ffn_dim=2048,
        encoder_n_points=4,
        decoder_layers=6,
        decoder_attention_heads=8,
        decoder_ffn_dim=2048,
        decoder_n_points=4,
        activation_function="relu",
        two_stage=True,
        embedding_init_target=True,
        decoder_bbox_embed_share=True,
        two_stage_bbox_embed_share=False,
        query_dim=4,
        max_text_len=256,
        position_embedding_type="sine",
        positional_embedding_temperature=20,
        layer_norm_eps=1e-5,
    )
    return config


def load_network(
    official: Mapping[str, Tensor],
    device: torch.device | str = "cpu",
    config: GroundingDinoConfig | None = None,
) -> GroundingDinoForObjectDetection:
    """Build the network ready for use from the content of the official file.

    Args:
        official: entries by their published names; adopted where possible, not copied.
        device: where it is to compute.
        config: of another size; None: that of the released checkpoint.

    Raises:
        ValueError: the weights are another network's; says which entries differ.
    """
    return _load(None, device, config=config or configuration(), state_dict=convert(official))


def load_folder(
    folder: Path, device: torch.device | str = "cpu"
) -> GroundingDinoForObjectDetection:
    """Build the network from a Hugging Face folder on disk (config.json, model.safetensors).

    Raises:
        ValueError: the weights are another network's; says which entries differ.
    """
    # The other format than safetensors runs code when opened.
    return _load(folder, device, local_files_only=True, use_safetensors=True)


def _load(
    folder: Path | None, device: torch.device | str, **source: object
) -> GroundingDinoForObjectDetection:
    with _quiet():
        network, told = _LIBRARY.GroundingDinoForObjectDetection.from_pretrained(
            folder,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # so that they are told, and refused below
            **source,
        )
    differences: dict[str, Collection[object]] = {
        what: told[f"{what}_keys"] for what in ("missing", "unexpected", "mismatched")
    }
    if any(differences.values()):
        listed = "; ".join(
            f"{len(keys)} {what} (such as {min(map(str, keys))})"
            for what, keys in differences.items()
            if keys
        )
        raise ValueError(f"the weights are another network's: {listed}")
    ready: GroundingDinoForObjectDetection = network.requires_grad_(False).eval().to(device)
    return ready


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library from drawing a progress bar and a report; what differs is an error here."""
    log = _LIBRARY.utils.logging
    verbosity, has_bar = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(verbosity)
        if has_bar:
            log.enable_progress_bar()
