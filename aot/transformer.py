"""The long short-term transformer layer of AOT.

Follows Yang, Wei and Yang, "Associating Objects with Transformers for Video Object
Segmentation" (NeurIPS 2021): one stream of tokens (N, 256), eight heads, no gates.  Its
methods are those of `aot.gated.GatedLayer`.  Attribute names are the published
checkpoints' keys.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aot.attention import (
    WINDOW_SIDE,
    Memory,
    Size,
    apply_window_weights,
    attend,
    weights_by_offset,
    window_weights,
)

NUM_HEADS = 8


@dataclass(frozen=True, eq=False)
class Projected:
    """A frame as one layer sees it, before any mask of the frame is known."""

    query: Tensor  # (N, 256), its keys as well
    normalised: Tensor  # (N, 256), what values are made from
    residual: Tensor  # (N, 256), the tokens after self-attention


class Attention(nn.Module):
    """What all three attentions share: heads, and a projection at the end."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.projection = nn.Linear(width, width)

    @staticmethod
    def split_heads(tokens: Tensor) -> Tensor:
        """Map (N, C) to (heads, N, C / heads)."""
        return tokens.view(len(tokens), NUM_HEADS, -1).transpose(0, 1)

    def join_heads(self, heads: Tensor) -> Tensor:
        """Map (heads, N, C / heads) to the projected (N, C)."""
        joined: Tensor = self.projection(heads.transpose(0, 1).flatten(1))
        return joined


class SelfAttention(Attention):
    """Attention of a frame to itself."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.linear_Q = nn.Linear(width, width)
        self.linear_K = nn.Linear(width, width)
        self.linear_V = nn.Linear(width, width)

    def forward(self, normalised: Tensor, size: Size) -> Tensor:
        """Return the update (N, C); positions enter queries and keys only."""
        placed = normalised + sine_positions(size, normalised.shape[1]).to(normalised)
        query, key = self.linear_Q(placed), self.linear_K(placed)
        heads = (self.split_heads(x) for x in (query, key, self.linear_V(normalised)))
        return self.join_heads(attend(*heads))


class LongTermAttention(Attention):
    """Attention to every cell of every remembered frame."""

    def forward(self, query: Tensor, memory: Memory, size: Size) -> Tensor:
        """Return the update (N, C) that `memory` suggests."""
        heads = (self.split_heads(x) for x in (query, memory.keys, memory.values))
        return self.join_heads(attend(*heads))


class ShortTermAttention(Attention):
    """Attention to a 15 x 15 window of the previous frame; offsets bias keys and values."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        depth, area = width // NUM_HEADS, WINDOW_SIDE**2
        self.relative_emb_k = nn.Conv2d(width, NUM_HEADS * area, 1, groups=NUM_HEADS)
        self.relative_emb_v = nn.Parameter(torch.zeros(NUM_HEADS, depth, area))

    def forward(self, query: Tensor, memory: Memory, size: Size) -> Tensor:
        """Return the update (N, C) that `memory`, one frame, suggests."""
        heads = self.split_heads(query)
        image = query.t().reshape(1, -1, *size)
        relative = self.relative_emb_k(image).view(NUM_HEADS, WINDOW_SIDE**2, -1).transpose(1, 2)
        weights = window_weights(heads, self.split_heads(memory.keys), relative, size)
        attended = apply_window_weights(weights, self.split_heads(memory.values))
        attended = attended + weights_by_offset(weights) @ self.relative_emb_v.transpose(1, 2)
        return self.join_heads(attended)


class FilteredActivation(nn.Module):
    """Group norm, GELU and a 5 x 5 filter per channel, between the feed-forward's two layers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gn = nn.GroupNorm(32, channels)
        self.conv = nn.Conv2d(channels, channels, 5, padding=2, groups=channels, bias=False)

    def forward(self, tokens: Tensor, size: Size) -> Tensor:
        """Map (N, C) to (N, C)."""
        image = tokens.t().reshape(1, -1, *size)
        filtered: Tensor = self.conv(F.gelu(self.gn(image)))
        return filtered.flatten(2)[0].t()


class TransformerLayer(nn.Module):
    """One propagation layer: self-attention, long- and short-term attention, feed-forward."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.self_attn = SelfAttention(width)
        self.norm2 = nn.LayerNorm(width)
        self.linear_Q = nn.Linear(width, width)
        self.linear_V = nn.Linear(width, width)
        self.long_term_attn = LongTermAttention(width)
        self.short_term_attn = ShortTermAttention(width)
        self.norm3 = nn.LayerNorm(width)
        self.linear1 = nn.Linear(width, 4 * width)
        self.activation = FilteredActivation(4 * width)
        self.linear2 = nn.Linear(4 * width, width)

    def project(self, tokens: Tensor, size: Size) -> Projected:
        """Prepare (N, C) tokens for attention and for being remembered."""
        tokens = tokens + self.self_attn(self.norm1(tokens), size)
        normalised = self.norm2(tokens)
        return Projected(self.linear_Q(normalised), normalised, tokens)

    def memorise(self, frame: Projected, identity: Tensor) -> Memory:
        """Join a frame to the embedding (N, C) of its label map."""
        return Memory(frame.query, self.linear_V(frame.normalised + identity))

    def forward(
        self, frame: Projected, long_term: Memory, short_term: Memory, size: Size
    ) -> Tensor:
        """Propagate a projected frame; returns its tokens (N, C)."""
        tokens: Tensor = frame.residual + self.long_term_attn(frame.query, long_term, size)
        tokens += self.short_term_attn(frame.query, short_term, size)
        hidden = self.activation(self.linear1(self.norm3(tokens)), size)
        update: Tensor = self.linear2(hidden)
        return tokens + update


def sine_positions(size: Size, channels: int) -> Tensor:
    """Return (N, C) sine embeddings of the cells: half the channels for y, half for x.

    Follows Carion et al., "DETR" (ECCV 2020), with coordinates from 0 to 2 pi.
    """
    frequencies = torch.arange(channels // 4, dtype=torch.float32)
    wavelengths = 10000 ** (4 * frequencies / channels)
    axes = []
    for length in size:
        angle = torch.arange(length) / (length - 1 + 1e-6) * (2 * math.pi)
        angle = angle.unsqueeze(1) / wavelengths
        axes.append(torch.stack((angle.sin(), angle.cos()), dim=2).flatten(1))  # (length, C / 2)
    y, x = axes
    height, width = size
    y = y.unsqueeze(1).expand(height, width, -1)
    x = x.unsqueeze(0).expand(height, width, -1)
    return torch.cat((y, x), dim=2).flatten(0, 1)
