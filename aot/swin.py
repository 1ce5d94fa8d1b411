"""Swin-B without its last stage, as an image encoder.

Follows Liu et al., "Swin Transformer" (ICCV 2021), in the form used for dense prediction:
any input size, padded where needed.  Attribute names are the published checkpoint's keys.
Maps are (B, H, W, C) inside, so layer norms and linear layers need no transposition.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WINDOW = 7
SHIFT = WINDOW // 2


class WindowAttention(nn.Module):
    """Attention among the 49 tokens of a window, with a learned bias per relative position."""

    relative_position_index: Tensor

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        table = torch.zeros((2 * WINDOW - 1) ** 2, num_heads)
        self.relative_position_bias_table = nn.Parameter(table)
        self.register_buffer("relative_position_index", _relative_position_index())
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        """Attend inside (N, 49, C) windows; `mask` (N, 1, 49, 49) is added to the logits."""
        num_windows, num_tokens, channels = windows.shape
        heads = (num_windows, num_tokens, 3, self.num_heads, channels // self.num_heads)
        query, key, value = self.qkv(windows).view(heads).permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index]  # (49, 49, heads)
        bias = bias.permute(2, 0, 1).unsqueeze(0)
        if mask is not None:
            bias = bias + mask
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        joined: Tensor = self.proj(
            attended.transpose(1, 2).reshape(num_windows, num_tokens, channels)
        )
        return joined


class Feedforward(nn.Module):
    """Two linear layers around a GELU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, 4 * channels)
        self.fc2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C)."""
        mapped: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return mapped


class Block(nn.Module):
    """Window attention and feed-forward; every other block shifts its windows by half."""

    def __init__(self, channels: int, num_heads: int, is_shifted: bool) -> None:
        super().__init__()
        self.shift = SHIFT if is_shifted else 0
        self.norm1 = nn.LayerNorm(channels)
        self.attn = WindowAttention(channels, num_heads)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Feedforward(channels)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map (B, H, W, C) to the same shape; `mask` is the one of shifted windows."""
        x = x + self._attend(self.norm1(x), mask)
        update: Tensor = self.mlp(self.norm2(x))
        return x + update

    def _attend(self, x: Tensor, mask: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        # Zeros come after the norm, so that padding is zero for the attention.
        x = F.pad(x, (0, 0, 0, -width % WINDOW, 0, -height % WINDOW))
        padded = x.shape
        if self.shift:
            x = x.roll((-self.shift, -self.shift), dims=(1, 2))
        windows = self.attn(_to_windows(x), mask if self.shift else None)
        x = _from_windows(windows, padded)
        if self.shift:
            x = x.roll((self.shift, self.shift), dims=(1, 2))
        return x[:, :height, :width]


class PatchMerging(nn.Module):
    """Halve the map: join each 2 x 2 neighbourhood and project 4C to 2C."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)
        self.norm = nn.LayerNorm(4 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, H, W, C) to (B, ceil(H / 2), ceil(W / 2), 2C)."""
        height, width = x.shape[1:3]
        x = F.pad(x, (0, 0, 0, width % 2, 0, height % 2))
        corners = (x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2])
        merged: Tensor = self.reduction(self.norm(torch.cat(corners, dim=-1)))
        return merged


class Stage(nn.Module):
    """Blocks at one resolution, and the step down to the next."""

    def __init__(self, channels: int, num_heads: int, depth: int, has_downsample: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(channels, num_heads, is_shifted=index % 2 == 1) for index in range(depth)
        )
        self.downsample = PatchMerging(channels) if has_downsample else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the result (B, H, W, C) and what the next stage starts from."""
        mask = shifted_window_mask(x.shape[1], x.shape[2]).to(x)
        mask = mask.repeat(x.shape[0], 1, 1, 1)
        for block in self.blocks:
            x = block(x, mask)
        return x, x if self.downsample is None else self.downsample(x)


class PatchEmbedding(nn.Module):
    """One token per 4 x 4 pixels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, channels, 4, stride=4)
        self.norm = nn.LayerNorm(channels)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 3, H, W), zero-padded to multiples of 4, to (B, H / 4, W / 4, C)."""
        height, width = image.shape[-2:]
        image = F.pad(image, (0, -width % 4, 0, -height % 4))
        tokens: Tensor = self.norm(self.proj(image).permute(0, 2, 3, 1))
        return tokens


class SwinBase(nn.Module):
    """Three stages of Swin-B; the last map counts twice."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(128)
        self.layers = nn.ModuleList(
            (
                Stage(128, num_heads=4, depth=2, has_downsample=True),
                Stage(256, num_heads=8, depth=2, has_downsample=True),
                Stage(512, num_heads=16, depth=18, has_downsample=False),
            )
        )
        self.norm0 = nn.LayerNorm(128)
        self.norm1 = nn.LayerNorm(256)
        self.norm2 = nn.LayerNorm(512)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode (B, 3, H, W) into maps at strides 4, 8, 16 and 16."""
        maps = []
        x = self.patch_embed(image)
        for stage, norm in zip(self.layers, self._norms(), strict=True):
            result, x = stage(x)
            maps.append(norm(result).permute(0, 3, 1, 2))
        return maps[0], maps[1], maps[2], maps[2]

    def _norms(self) -> Iterable[nn.LayerNorm]:
        return self.norm0, self.norm1, self.norm2


def shifted_window_mask(height: int, width: int) -> Tensor:
    """Return (N, 1, 49, 49): -100 between tokens that only the cyclic shift made neighbours."""
    rows, columns = height + -height % WINDOW, width + -width % WINDOW
    row_region = _regions(rows).view(1, rows, 1, 1)
    column_region = _regions(columns).view(1, 1, columns, 1)
    regions = _to_windows(3 * row_region + column_region).squeeze(-1)  # (N, 49)
    differs = regions.unsqueeze(1) != regions.unsqueeze(2)
    return differs.unsqueeze(1) * -100.0


def _regions(length: int) -> Tensor:
    """Number the three stretches of a shifted axis that belong together."""
    index = torch.arange(length)
    return (index >= length - WINDOW).long() + (index >= length - SHIFT).long()


def _to_windows(x: Tensor) -> Tensor:
    """Cut (B, H, W, C) into (B * windows, 49, C), row by row."""
    batch, height, width, channels = x.shape
    x = x.view(batch, height // WINDOW, WINDOW, width // WINDOW, WINDOW, channels)
    return x.transpose(2, 3).reshape(-1, WINDOW * WINDOW, channels)


def _from_windows(windows: Tensor, shape: torch.Size) -> Tensor:
    """Undo `_to_windows`."""
    batch, height, width, channels = shape
    x = windows.view(batch, height // WINDOW, width // WINDOW, WINDOW, WINDOW, channels)
    return x.transpose(2, 3).reshape(shape)


def _relative_position_index() -> Tensor:
    """Return (49, 49): which row of the bias table belongs to each pair of tokens."""
    y, x = torch.meshgrid(torch.arange(WINDOW), torch.arange(WINDOW), indexing="ij")
    y, x = y.flatten(), x.flatten()
    dy = y.unsqueeze(1) - y.unsqueeze(0) + WINDOW - 1
    dx = x.unsqueeze(1) - x.unsqueeze(0) + WINDOW - 1
    return dy * (2 * WINDOW - 1) + dx
