"""The attention kernels against slow, readable versions."""

import math

import pytest

torch = pytest.importorskip("torch")

from aot import attention  # noqa: E402
from aot.attention import (  # noqa: E402
    apply_window_weights,
    attend,
    weights_by_offset,
    window_weights,
)
from aot.transformer import sine_positions  # noqa: E402


def slow_attend(query, keys, values):
    logits = query @ keys.transpose(1, 2) / math.sqrt(query.shape[-1])
    return logits.softmax(dim=-1) @ values


def slow_window_attention(query, keys, values, relative, size):
    """One query at a time, one key at a time."""
    height, width = size
    heads, _, channels = query.shape
    attended = torch.zeros(heads, height * width, values.shape[-1])
    for head in range(heads):
        for y in range(height):
            for x in range(width):
                q = query[head, y * width + x]
                logits, seen = [], []
                for dy in range(-7, 8):
                    for dx in range(-7, 8):
                        if 0 <= y + dy < height and 0 <= x + dx < width:
                            key = (y + dy) * width + x + dx
                            bias = relative[head, y * width + x, 15 * (dy + 7) + dx + 7]
                            logits.append(q @ keys[head, key] / math.sqrt(channels) + bias)
                            seen.append(key)
                weights = torch.stack(logits).softmax(dim=0)
                attended[head, y * width + x] = weights @ values[head, seen]
    return attended


@pytest.mark.parametrize("wide", [8, 24])  # values as wide as keys, and wider
def test_attention_is_softmax_over_all_keys(wide, monkeypatch):
    monkeypatch.setattr(attention, "MAX_WEIGHTS", 100)
    monkeypatch.setattr(attention, "LEAST_ROWS", 4)  # several turns, the last one short
    query, keys, values = torch.randn(2, 30, 8), torch.randn(2, 50, 8), torch.randn(2, 50, wide)

    torch.testing.assert_close(attend(query, keys, values), slow_attend(query, keys, values))


@pytest.mark.parametrize("size", [(3, 4), (9, 8), (17, 5), (1, 20)])
def test_window_attention_sees_fifteen_by_fifteen_cells(size):
    heads, cells = 2, size[0] * size[1]
    query, keys = torch.randn(heads, cells, 6), torch.randn(heads, cells, 6)
    values, relative = torch.randn(heads, cells, 5), torch.randn(heads, cells, 225)

    weights = window_weights(query, keys, relative, size)
    attended = apply_window_weights(weights, values)

    torch.testing.assert_close(attended, slow_window_attention(query, keys, values, relative, size))


def test_window_weights_can_be_read_by_offset():
    size, cells = (9, 17), 153
    relative = torch.full((1, cells, 225), -torch.inf)
    relative[:, :, 15 * (0 + 7) + 0 + 7] = 0.0  # only the query's own cell ...
    relative[:, :, 15 * (-1 + 7) + 2 + 7] = 50.0  # ... unless the one above and two right exists

    weights = window_weights(torch.zeros(1, cells, 4), torch.zeros(1, cells, 4), relative, size)
    by_offset = weights_by_offset(weights).view(9, 17, 15, 15)

    torch.testing.assert_close(by_offset[0, 0, 7, 7], torch.tensor(1.0))
    torch.testing.assert_close(by_offset[5, 16, 7, 7], torch.tensor(1.0))
    torch.testing.assert_close(by_offset[5, 8, 6, 9], torch.tensor(1.0))
    torch.testing.assert_close(by_offset.sum(dim=(2, 3)), torch.ones(9, 17))


def test_positions_run_from_zero_to_a_full_turn():
    positions = sine_positions((3, 5), 8).view(3, 5, 8)

    assert positions.shape == (3, 5, 8)
    torch.testing.assert_close(positions[0, :, :4], positions[0, :1, :4].expand(5, 4))  # y only
    torch.testing.assert_close(
        positions[1, 0, 0], torch.tensor(math.sin(math.pi)), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(
        positions[0, 1, 5], torch.tensor(math.cos(math.pi / 2)), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(positions[2, 0, 2], torch.tensor(math.sin(2 * math.pi / 100)))
