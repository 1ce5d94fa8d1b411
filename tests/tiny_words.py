"""Grounding DINO at a thousandth of its size, as the library itself writes it to a folder."""

from pathlib import Path
from typing import Any

WHOLE_VOCABULARY = 30522  # words and pieces of words


def tiny_config(vocabulary: int = WHOLE_VOCABULARY) -> Any:
    """Return the architecture, reading so many words."""
    from transformers import BertConfig, GroundingDinoConfig, SwinConfig

    return GroundingDinoConfig(
        backbone_config=SwinConfig(
            embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 2, 2, 4], out_indices=[2, 3, 4]
        ),
        text_config=BertConfig(
            vocab_size=vocabulary,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
        ),
        d_model=32,
        num_queries=20,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
    )


def write_tiny_grounding_dino(folder: Path, vocabulary: int = WHOLE_VOCABULARY) -> None:
    """Write random weights that read so many words."""
    import torch
    from transformers import GroundingDinoForObjectDetection

    torch.manual_seed(0)
    network = GroundingDinoForObjectDetection(tiny_config(vocabulary))
    with torch.no_grad():
        for parameter in network.parameters():  # what starts as zero or one would hide mistakes
            parameter.add_(0.1 * torch.randn_like(parameter))
    network.save_pretrained(folder)
