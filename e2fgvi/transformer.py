"""From features to tokens, through the temporal focal transformer, and back.

E2FGVI (Li et al., CVPR 2022), soft split and composite after FuseFormer (Liu et al., ICCV
2021).  Cutting a map into overlapping patches and multiplying each by a matrix is a strided
convolution, and the way back a transposed one: written so, no patch is ever stored.
Attribute names are the published checkpoint's keys.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from e2fgvi.attention import WINDOW_SIZE, FocalAttention, to_windows

PATCH = 7
STRIDE = 3
PADDING = 3


def patches_to_tokens(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Cut into overlapping patches and multiply each by a matrix.

    Args:
        features: (T, C, H, W).
        weight: (D, C * 49), the matrix; columns by channel, then row by row in the patch.
        bias: (D).

    Returns:
        (T, rows, columns, D).
    """
    kernel = weight.view(-1, features.shape[1], PATCH, PATCH)
    tokens = F.conv2d(features, kernel, bias, stride=STRIDE, padding=PADDING)
    return tokens.permute(0, 2, 3, 1)


def tokens_to_patches(
    tokens: Tensor, weight: Tensor, bias: Tensor, size: tuple[int, int]
) -> Tensor:
    """Multiply each token by a matrix and add up the patches where they overlap.

    Args:
        tokens: (T, rows, columns, D).
        weight: (C * 49, D), the matrix; rows by channel, then row by row in the patch.
        bias: (C * 49), added to every patch.
        size: (H, W) of the result.

    Returns:
        (T, C, H, W).
    """
    kernel = weight.t().reshape(weight.shape[1], -1, PATCH, PATCH)
    grid = tokens.shape[1:3]
    extra = [length - (STRIDE * (count - 1) + 1) for length, count in zip(size, grid, strict=True)]
    folded = F.conv_transpose2d(
        tokens.permute(0, 3, 1, 2), kernel, stride=STRIDE, padding=PADDING, output_padding=extra
    )
    columns = bias[None, :, None].expand(1, -1, grid[0] * grid[1])
    return folded.add_(F.fold(columns, size, PATCH, padding=PADDING, stride=STRIDE))


@lru_cache(maxsize=16)
def patch_counts(size: tuple[int, int], device: torch.device) -> Tensor:
    """Return how many patches cover each pixel of a map of `size`: (1, 1, H, W)."""
    ones = torch.ones(1, 1, *size, device=device)
    patches = F.unfold(ones, PATCH, padding=PADDING, stride=STRIDE)
    return F.fold(torch.ones_like(patches), size, PATCH, padding=PADDING, stride=STRIDE)


class SoftSplit(nn.Module):
    """Features to tokens."""

    def __init__(self, channels: int, token_channels: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(channels * PATCH * PATCH, token_channels)

    def forward(self, features: Tensor) -> Tensor:
        """(T, C, H, W) -> (T, rows, columns, D)."""
        return patches_to_tokens(features, self.embedding.weight, self.embedding.bias)


class SoftComposite(nn.Module):
    """Tokens to features; here base and HQ differ."""

    def __init__(self, channels: int, token_channels: int, base_size: tuple[int, int] | None):
        super().__init__()
        self.embedding = nn.Linear(token_channels, channels * PATCH * PATCH)
        if base_size is None:
            self.bias_conv = nn.Conv2d(channels, channels, 3, padding=1)
        else:
            self.bias = nn.Parameter(torch.zeros(channels, *base_size))
        self.is_hq = base_size is None

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """(T, rows, columns, D) -> (T, C, H, W), `size` being (H, W)."""
        features = tokens_to_patches(tokens, self.embedding.weight, self.embedding.bias, size)
        if self.is_hq:
            convolved: Tensor = self.bias_conv(features)
            return convolved
        return features + self.bias


class FusionFeedForward(nn.Module):
    """A feed-forward layer whose hidden vectors are patches that are averaged where they overlap.

    Published, the rectifier follows the second cutting into patches; it works on numbers
    one by one and leaves zeros zero, so it may come before, where there are a fifth as many.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        patch = hidden * PATCH * PATCH
        self.conv1 = nn.Sequential(nn.Linear(channels, patch))
        self.conv2 = nn.Sequential(nn.GELU(), nn.Linear(patch, channels))

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """(T, rows, columns, C) -> the same; `size` is (H, W) of the feature map."""
        weight, bias = self.conv1.parameters()
        hidden = tokens_to_patches(tokens, weight, bias, size)
        hidden = self.conv2[0](hidden / patch_counts(size, tokens.device))
        return patches_to_tokens(hidden, *self.conv2.parameters())


class TransformerBlock(nn.Module):
    """Attention, then the feed-forward layer, each added to its input."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.pool_layers = nn.ModuleList([nn.Linear(WINDOW_SIZE, 1)])
        self.norm1 = nn.LayerNorm(channels)
        self.attn = FocalAttention(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = FusionFeedForward(channels, hidden)

    def pool(self, tokens: Tensor) -> Tensor:
        """Weigh the tokens of each window into one: (T, rows, columns, C) -> (T, windows, C)."""
        windows = to_windows(tokens).transpose(0, 1)  # (T, windows, 45, C)
        weight, bias = self.pool_layers[0].parameters()
        return torch.matmul(weight, windows)[:, :, 0] + bias

    def forward(self, tokens: Tensor, size: tuple[int, int], wanted: slice = slice(None)) -> Tensor:
        """Let the `wanted` frames look at all frames.

        Args:
            tokens: (T, rows, columns, C).
            size: (H, W) of the feature map.
            wanted: the frames to return.

        Returns:
            (T', rows, columns, C).
        """
        normed, keys = self.look(tokens)
        return self.finish(tokens[wanted], normed[wanted], keys, size)

    def look(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return the normalised tokens and their keys and values, (T, N, 2 * C)."""
        normed = self.norm1(tokens)
        return normed, self.attn.project(normed, self.pool(normed))

    def finish(self, tokens: Tensor, normed: Tensor, keys: Tensor, size: tuple[int, int]) -> Tensor:
        """Let `tokens` look at `keys`, of these and of other frames; both as `look` gives them."""
        gathered = self.attn.gather(keys, (tokens.shape[1], tokens.shape[2]))
        tokens = tokens + self.attn(normed, gathered)
        result: Tensor = tokens + self.mlp(self.norm2(tokens), size)
        return result
