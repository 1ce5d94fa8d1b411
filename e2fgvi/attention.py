"""Temporal focal attention: windows of tokens look at their surroundings in every frame.

Focal attention (Yang et al., NeurIPS 2021) over time, as in E2FGVI (Li et al., CVPR 2022).
A window of 5x9 tokens attends, in all frames, to its own tokens, to those of the four
windows shifted by half (cyclically, as published), and to one pooled token for each of the
windows around it.  Where the shifted windows overlap, twelve tokens are published twice;
here each is read once and log 2 added to its logit, which is the same softmax.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

WINDOW = (5, 9)  # rows, columns, in tokens
WINDOW_SIZE = WINDOW[0] * WINDOW[1]
SHIFT = (2, 4)  # of the rolled windows; also how many pooled windows are seen either way
ROLLS = tuple((down, right) for down in (-SHIFT[0], SHIFT[0]) for right in (-SHIFT[1], SHIFT[1]))
NUM_HEADS = 4


@dataclass(frozen=True, eq=False)
class KeyPlan:
    """Which keys of a frame each window reads.

    A frame's keys are its tokens, row by row, followed by its pooled windows.
    """

    index: Tensor  # (windows, K) int64
    bias: Tensor  # (windows, K): log of how often the key counts; -inf for filling


def valid_rolled_positions() -> Tensor:
    """Return the published `valid_ind_rolled`: (120,), positions in four rolled windows.

    Rolled by `ROLLS`, row by row; what came from the window itself is left out.
    """
    rows, columns = np.mgrid[: WINDOW[0], : WINDOW[1]]
    kept = []
    for down, right in ROLLS:
        # What stands at p after rolling by s stood at p - s before.
        inside = (rows - down >= 0) & (rows - down < WINDOW[0])
        inside &= (columns - right >= 0) & (columns - right < WINDOW[1])
        kept.append(~inside)
    return torch.from_numpy(np.flatnonzero(np.stack(kept)))


@lru_cache(maxsize=16)
def key_plan(grid: tuple[int, int], device: torch.device) -> KeyPlan:
    """Work out the keys of every window of a token grid.

    Raises:
        ValueError: `grid` (rows, columns) is not made of whole windows.
    """
    if grid[0] % WINDOW[0] or grid[1] % WINDOW[1]:
        raise ValueError(f"a token grid of {grid} is not made of whole windows of {WINDOW}")
    counts = _key_counts(grid)
    most = max(len(indices) for indices, _ in counts)
    index = np.zeros((len(counts), most), np.int64)
    bias = np.full((len(counts), most), -np.inf, np.float32)
    for window, (indices, repeats) in enumerate(counts):
        index[window, : len(indices)] = indices
        bias[window, : len(indices)] = np.log(repeats)
    return KeyPlan(torch.from_numpy(index).to(device), torch.from_numpy(bias).to(device))


def _key_counts(grid: tuple[int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return per window the distinct keys and how often each is counted."""
    num_rows, num_columns = grid[0] // WINDOW[0], grid[1] // WINDOW[1]
    own_rows, own_columns = (axis.ravel() for axis in np.mgrid[: WINDOW[0], : WINDOW[1]])
    valid = valid_rolled_positions().numpy()
    rolled_rows = np.concatenate([own_rows - down for down, _ in ROLLS])[valid]
    rolled_columns = np.concatenate([own_columns - right for _, right in ROLLS])[valid]
    rows = np.concatenate((own_rows, rolled_rows))
    columns = np.concatenate((own_columns, rolled_columns))
    counts = []
    for window in range(num_rows * num_columns):
        at_row, at_column = divmod(window, num_columns)
        tokens = (at_row * WINDOW[0] + rows) % grid[0] * grid[1]
        tokens += (at_column * WINDOW[1] + columns) % grid[1]
        near_rows = range(max(0, at_row - SHIFT[0]), min(num_rows, at_row + SHIFT[0] + 1))
        near_columns = range(
            max(0, at_column - SHIFT[1]), min(num_columns, at_column + SHIFT[1] + 1)
        )
        pooled = [grid[0] * grid[1] + r * num_columns + c for r in near_rows for c in near_columns]
        counts.append(np.unique(np.concatenate((tokens, pooled)), return_counts=True))
    return counts


def to_windows(tokens: Tensor) -> Tensor:
    """(T, rows, columns, C) -> (windows, T, 45, C), windows row by row."""
    tokens = torch.unflatten(tokens, 2, (-1, WINDOW[1]))
    tokens = torch.unflatten(tokens, 1, (-1, WINDOW[0]))
    return tokens.permute(1, 3, 0, 2, 4, 5).flatten(3, 4).flatten(0, 1)


def from_windows(windows: Tensor, grid: tuple[int, int]) -> Tensor:
    """Undo `to_windows`: (windows, T, 45, C) -> (T, rows, columns, C)."""
    windows = torch.unflatten(windows, 2, WINDOW)
    windows = torch.unflatten(windows, 0, (grid[0] // WINDOW[0], grid[1] // WINDOW[1]))
    return windows.permute(2, 0, 3, 1, 4, 5).flatten(3, 4).flatten(1, 2)


class FocalAttention(nn.Module):
    """Attention of windows to their surroundings in time and space."""

    valid_ind_rolled: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        # Only for the published key: the plan of keys is derived from the same numbers.
        self.register_buffer("valid_ind_rolled", valid_rolled_positions())

    def project(self, tokens: Tensor, pooled: Tensor) -> Tensor:
        """Turn what a frame shows into keys and values.

        Args:
            tokens: (T, rows, columns, C).
            pooled: (T, windows, C).

        Returns:
            (T, N, 2 * C): keys, then values; tokens row by row, then windows.
        """
        channels = tokens.shape[-1]
        sources = torch.cat((tokens.flatten(1, 2), pooled), dim=1)
        return F.linear(sources, self.qkv.weight[channels:], self.qkv.bias[channels:])

    def gather(self, keys: Tensor, grid: tuple[int, int]) -> Tensor:
        """Collect what each window looks at: (T, N, 2 * C) -> (windows, T, K, 2 * C)."""
        plan = key_plan(grid, keys.device)
        num_frames, per_frame, _ = keys.shape
        starts = per_frame * torch.arange(num_frames, device=keys.device)
        index = plan.index[:, None] + starts[:, None]  # (windows, T, K)
        return keys.flatten(0, 1).index_select(0, index.flatten()).view(*index.shape, -1)

    def forward(self, tokens: Tensor, keys: Tensor) -> Tensor:
        """Let `tokens` look at `keys`.

        Args:
            tokens: (T, rows, columns, C).
            keys: (windows, T', K, 2 * C) as `gather` gives them, of these and other frames.

        Returns:
            (T, rows, columns, C).
        """
        num_frames, *grid, channels = tokens.shape
        plan = key_plan((grid[0], grid[1]), tokens.device)
        queries = F.linear(to_windows(tokens), self.qkv.weight[:channels], self.qkv.bias[:channels])
        query = torch.unflatten(queries.flatten(1, 2), -1, (NUM_HEADS, -1)).transpose(1, 2)
        key, value = torch.unflatten(keys.flatten(1, 2), -1, (2, NUM_HEADS, -1)).permute(
            2, 0, 3, 1, 4
        )  # each (windows, heads, T' * K, C / heads)
        bias = plan.bias.to(query.dtype).repeat(1, keys.shape[1])[:, None, None]
        read = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        read = read.transpose(1, 2).reshape(-1, num_frames, WINDOW_SIZE, channels)
        result: Tensor = self.proj(from_windows(read, (grid[0], grid[1])))
        return result
