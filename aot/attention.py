"""The two attention kernels every propagation layer is made of.

Tokens are the cells of the stride-16 map, row by row, one video at a time: (N, C), or
(heads, N, C) where heads are apart.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Size = tuple[int, int]  # (height, width) of a map, in cells

WINDOW_REACH = 7  # cells on each side of a query that short-term attention sees
WINDOW_SIDE = 2 * WINDOW_REACH + 1

MAX_WEIGHTS = 1_000_000  # attention weights held at a time on CPU: 4 MB stay in its cache
LEAST_ROWS = 256  # fewer queries at a time make slow products


@dataclass(frozen=True, eq=False)
class Memory:
    """What one layer remembers of one or several frames: a value behind every key."""

    keys: Tensor  # (M, C)
    values: Tensor  # (M, D)


def attend(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Let every query look at all keys.

    Args:
        query: (heads, N, C).
        keys: (heads, M, C).
        values: (heads, M, D).

    Returns:
        (heads, N, D).
    """
    if query.device.type != "cpu" or query.shape[-1] == values.shape[-1]:
        return F.scaled_dot_product_attention(query[None], keys[None], values[None])[0]
    # On CPU there is no fused kernel for values wider than keys, and the general one spends
    # as long on its safeguards as on the products.
    query = query * query.shape[-1] ** -0.5
    num_rows = max(LEAST_ROWS, MAX_WEIGHTS // keys.shape[1])
    attended = query.new_empty((*query.shape[:2], values.shape[-1]))
    for first in range(0, query.shape[1], num_rows):
        rows = slice(first, first + num_rows)
        logits = query[:, rows] @ keys.transpose(1, 2)
        torch.softmax(logits, dim=-1, out=logits)
        torch.matmul(logits, values, out=attended[:, rows])
    return attended


def window_weights(query: Tensor, keys: Tensor, relative: Tensor, size: Size) -> Tensor:
    """Weigh the keys of each query's 15 x 15 window.

    A row of queries can only see 15 rows of keys, and those lie next to each other in
    memory: one matrix product per row, on a view.  Nothing is unfolded.

    Args:
        query: (heads, N, C), not scaled.
        keys: (heads, N, C), of the frame looked at.
        relative: (heads, N, 225), added to the scaled logits; channel 15 (dy + 7) + dx + 7
            belongs to the key at (dy, dx) from the query.
        size: height H and width W of the map, N = H W.

    Returns:
        (heads, H, W, 15 W): weights of the keys in rows y - 7 to y + 7, zero outside the
        window and outside the frame.
    """
    heads, _, channels = query.shape
    height, width = size
    side = WINDOW_SIDE
    logits = query.new_full((heads, height, width, side, width + side - 1), -torch.inf)
    row_stride, query_stride, key_row_stride = logits.stride()[1:4]
    # In this view the window of the query in column x starts in padded column x.
    window = logits.as_strided(
        (heads, height, width, side, side),
        (logits.stride(0), row_stride, query_stride + 1, key_row_stride, 1),
    )
    y = torch.arange(height, device=query.device).unsqueeze(1)
    key_row = y + torch.arange(-WINDOW_REACH, WINDOW_REACH + 1, device=query.device)
    is_outside = ((key_row < 0) | (key_row >= height)).view(height, 1, side, 1)
    window.copy_(relative.view(heads, height, width, side, side))
    window.masked_fill_(is_outside, -torch.inf)
    bias = logits[..., WINDOW_REACH : WINDOW_REACH + width].reshape(heads, height, width, -1)
    query = query.view(heads, height, width, channels) * channels**-0.5
    return bias.add_(query @ _row_bands(keys, width)).softmax(dim=-1)


def apply_window_weights(weights: Tensor, values: Tensor) -> Tensor:
    """Sum `values` (heads, N, D) by `window_weights`; returns (heads, N, D)."""
    heads, _, width, _ = weights.shape
    return (weights @ _row_bands(values, width).transpose(-1, -2)).view(heads, -1, values.shape[-1])


def weights_by_offset(weights: Tensor) -> Tensor:
    """Rearrange `window_weights` to (heads, N, 225), by position relative to the query."""
    heads, height, width, _ = weights.shape
    side = WINDOW_SIDE
    padded = F.pad(weights.view(heads, height, width, side, width), (WINDOW_REACH, WINDOW_REACH))
    strides = padded.stride()
    window = padded.as_strided(
        (heads, height, width, side, side),
        (strides[0], strides[1], strides[2] + 1, strides[3], 1),
    )
    return window.reshape(heads, height * width, side * side)


def _row_bands(tokens: Tensor, width: int) -> Tensor:
    """Return (heads, H, C, 15 W), a view: rows y - 7 to y + 7 for each row y, zero outside."""
    margin = WINDOW_REACH * width
    return F.pad(tokens, (0, 0, margin, margin)).unfold(1, WINDOW_SIDE * width, width)
