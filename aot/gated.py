"""The gated propagation layer of DeAOT.

Follows Yang and Yang, "Decoupling Features in Hierarchical Propagation for Video Object
Segmentation" (NeurIPS 2022).  Two streams travel side by side in one tensor of tokens
(N, 512): what is seen (visual, the first half) and whose it is (identity, the second).
Attention is computed from the visual stream alone and carries both.  Attribute names are
the published checkpoints' keys.
"""

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
    window_weights,
)

KEY_CHANNELS = 128


@dataclass(frozen=True, eq=False)
class Projected:
    """A frame as one layer sees it, before any mask of the frame is known."""

    query: Tensor  # (N, 128), its keys as well
    value: Tensor  # (N, 512)
    gate: Tensor  # (N, 1024)
    context: Tensor | None  # (N, 256), the normalised identity stream; None in the first layer
    residual: Tensor  # (N, 512), the tokens themselves


class DepthwiseConvolution(nn.Module):
    """A 5 x 5 filter per channel over the map the tokens came from."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 5, padding=2, groups=channels, bias=False)

    def forward(self, tokens: Tensor, size: Size) -> Tensor:
        """Filter (N, C)."""
        channels = tokens.shape[1]
        image = tokens.view(1, *size, channels).permute(0, 3, 1, 2)  # channels last, no copy
        filtered: Tensor = self.conv(image)
        return filtered.permute(0, 2, 3, 1).reshape(-1, channels)


class GatedOutput(nn.Module):
    """What follows every attention: gate, depth-wise filter, projection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dw_conv = DepthwiseConvolution(4 * width)
        self.projection = nn.Linear(4 * width, 2 * width)

    def finish(self, attended: Tensor, gate: Tensor, size: Size) -> Tensor:
        """Map attended values (N, 1024), overwritten, to an update (N, 512) of the tokens."""
        update: Tensor = self.projection(self.dw_conv(attended.mul_(gate), size))
        return update


class LongTermAttention(GatedOutput):
    """Attention to every cell of every remembered frame."""

    def forward(self, frame: Projected, memory: Memory, size: Size) -> Tensor:
        """Return the update (N, 512) that `memory` suggests."""
        attended = attend(frame.query[None], memory.keys[None], memory.values[None])[0]
        return self.finish(attended, frame.gate, size)


class ShortTermAttention(GatedOutput):
    """Attention to a 15 x 15 window of the previous frame."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.relative_emb_k = nn.Conv2d(KEY_CHANNELS, WINDOW_SIDE**2, 1)

    def forward(self, frame: Projected, memory: Memory, size: Size) -> Tensor:
        """Return the update (N, 512) that `memory`, one frame, suggests."""
        query = frame.query
        relative = F.linear(query, self.relative_emb_k.weight.flatten(1), self.relative_emb_k.bias)
        weights = window_weights(query[None], memory.keys[None], relative[None], size)
        attended = apply_window_weights(weights, memory.values[None])[0]
        return self.finish(attended, frame.gate, size)


class SelfAttention(GatedOutput):
    """Attention of a frame to itself, computed from both streams."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.linear_QK = nn.Linear(2 * width, KEY_CHANNELS)
        self.linear_V1 = nn.Linear(width, 2 * width)
        self.linear_V2 = nn.Linear(width, 2 * width)
        self.linear_U1 = nn.Linear(width, 2 * width)
        self.linear_U2 = nn.Linear(width, 2 * width)

    def forward(self, visual: Tensor, identity: Tensor, size: Size) -> Tensor:
        """Return the update (N, 512) from the normalised streams, (N, 256) each."""
        query = self.linear_QK(torch.cat((visual, identity), dim=1))[None]
        value = _side_by_side(self.linear_V1, visual, self.linear_V2, identity)
        gate = _side_by_side(self.linear_U1, visual, self.linear_U2, identity)
        attended = attend(query, query, F.silu(value, inplace=True)[None])[0]
        return self.finish(attended, F.silu(gate, inplace=True), size)


def _side_by_side(left: nn.Linear, first: Tensor, right: nn.Linear, second: Tensor) -> Tensor:
    """Return [left(first) | right(second)], each computed where it belongs."""
    half = left.out_features
    joined = first.new_empty((len(first), half + right.out_features))
    torch.addmm(left.bias, first, left.weight.t(), out=joined[:, :half])
    torch.addmm(right.bias, second, right.weight.t(), out=joined[:, half:])
    return joined


class GatedLayer(nn.Module):
    """One propagation layer: long- and short-term attention, then self-attention."""

    def __init__(self, width: int, is_first: bool) -> None:
        super().__init__()
        self.width = width
        self.is_first = is_first
        self.norm1 = nn.LayerNorm(width)
        self.linear_QV = nn.Linear(width, KEY_CHANNELS + 2 * width)
        self.linear_U = nn.Linear(width, 2 * width)
        if not is_first:
            self.id_norm1 = nn.LayerNorm(width)
            self.linear_ID_U = nn.Linear(width, 2 * width)
        self.linear_ID_V = nn.Linear(width if is_first else 2 * width, 2 * width)
        self.long_term_attn = LongTermAttention(width)
        self.short_term_attn = ShortTermAttention(width)
        self.norm2 = nn.LayerNorm(width)
        self.id_norm2 = nn.LayerNorm(width)
        self.self_attn = SelfAttention(width)

    def project(self, tokens: Tensor, size: Size) -> Projected:
        """Prepare (N, 512) tokens for attention and for being remembered."""
        visual = self.norm1(tokens[:, : self.width])
        query_value: Tensor = self.linear_QV(visual)
        query = query_value[:, :KEY_CHANNELS].contiguous()
        value = F.silu(query_value[:, KEY_CHANNELS:])
        gate = F.silu(self.linear_U(visual), inplace=True)
        if self.is_first:  # nothing is known of identities yet: that half passes ungated
            context, other_gate = None, torch.ones_like(gate)
        else:
            context = self.id_norm1(tokens[:, self.width :])
            other_gate = F.silu(self.linear_ID_U(context), inplace=True)
        gate = torch.cat((gate, other_gate), dim=1)
        return Projected(query, value, gate, context, tokens)

    def memorise(self, frame: Projected, identity: Tensor) -> Memory:
        """Join a frame to the embedding (N, 256) of its label map."""
        if frame.context is not None:
            identity = torch.cat((frame.context, identity), dim=1)
        identity_value = F.silu(self.linear_ID_V(identity), inplace=True)
        return Memory(frame.query, torch.cat((frame.value, identity_value), dim=1))

    def forward(
        self, frame: Projected, long_term: Memory, short_term: Memory, size: Size
    ) -> Tensor:
        """Propagate a projected frame; returns its tokens (N, 512)."""
        tokens: Tensor = frame.residual + self.long_term_attn(frame, long_term, size)
        tokens += self.short_term_attn(frame, short_term, size)
        visual = self.norm2(tokens[:, : self.width])
        identity = self.id_norm2(tokens[:, self.width :])
        tokens += self.self_attn(visual, identity, size)
        return tokens
