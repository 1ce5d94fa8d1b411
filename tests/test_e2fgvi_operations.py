"""E2FGVI's operations against slow, readable versions of themselves."""

import math

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torchvision.ops import deform_conv2d  # noqa: E402

from e2fgvi import build_network  # noqa: E402
from e2fgvi.attention import (  # noqa: E402
    NUM_HEADS,
    ROLLS,
    WINDOW,
    FocalAttention,
    from_windows,
    key_plan,
    to_windows,
    valid_rolled_positions,
)
from e2fgvi.decoder import Decoder, Region  # noqa: E402
from e2fgvi.deform import deformable_convolution  # noqa: E402
from e2fgvi.flow import warp  # noqa: E402
from e2fgvi.network import Widths  # noqa: E402
from e2fgvi.transformer import FusionFeedForward, SoftComposite, SoftSplit, TransformerBlock  # noqa: E402


@pytest.fixture(autouse=True)
def _same_numbers_each_time(one_thread):
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (2, 0), (0, -1), (-3, 2)])
def test_whole_pixel_flow_is_a_shift(dx, dy):
    image = torch.rand(1, 3, 8, 9)
    flow = torch.tensor([dx, dy]).float().view(1, 2, 1, 1).expand(1, 2, 8, 9)

    shifted = torch.roll(image, (-dy, -dx), dims=(-2, -1))

    inside = (..., slice(3, -3), slice(3, -3))
    torch.testing.assert_close(warp(image, flow)[inside], shifted[inside])


def test_flow_and_image_must_agree_in_size():
    with pytest.raises(ValueError, match=r"flow is \(4, 4\) but image is \(8, 9\)"):
        warp(torch.rand(1, 3, 8, 9), torch.rand(1, 2, 4, 4))


@pytest.mark.parametrize("spread", [0.5, 3.0, 40.0])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_deformable_convolution_equals_torchvisions(spread, layout):
    groups, height, width = 4, 7, 11
    features = torch.randn(2, 8, height, width).contiguous(memory_format=layout)
    offset = (spread * torch.randn(2, groups * 18, height, width)).contiguous(memory_format=layout)
    mask = torch.rand(2, groups * 9, height, width)
    weight, bias = torch.randn(6, 8, 3, 3), torch.randn(6)

    ours = deformable_convolution(features, offset, mask, weight, bias)

    theirs = deform_conv2d(features, offset, weight, bias, padding=1, mask=mask)
    # Sums of 72 products in another order.
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=0)


def test_a_deformable_tap_far_outside_reads_zero():
    features = torch.ones(1, 1, 3, 3)
    offset = torch.full((1, 18, 3, 3), 1e6)
    ones = torch.ones(1, 9, 3, 3)

    result = deformable_convolution(features, offset, ones, torch.ones(1, 1, 3, 3), torch.zeros(1))

    assert (result == 0).all()


def test_windows_put_back_are_the_tokens():
    tokens = torch.rand(3, 10, 18, 2)

    windows = to_windows(tokens)

    assert windows.shape == (4, 3, 45, 2)
    torch.testing.assert_close(windows[1, 2, 0], tokens[2, 0, 9])
    torch.testing.assert_close(from_windows(windows, (10, 18)), tokens)


def published_keys(keys, window, grid):
    """Gather a window's keys as published: (N, C) -> own, rolled and pooled ones, (210, C).

    Pooled windows outside the grid are None.
    """
    num_tokens = grid[0] * grid[1]
    tokens = keys[:num_tokens].view(*grid, -1)
    num_columns = grid[1] // WINDOW[1]
    row, column = divmod(window, num_columns)

    def cut(some):
        block = some[row * 5 : row * 5 + 5, column * 9 : column * 9 + 9]
        return block.reshape(45, -1)

    own = cut(tokens)
    rolled = torch.cat([cut(tokens.roll(roll, (0, 1))) for roll in ROLLS])
    rolled = rolled[valid_rolled_positions()]
    pooled = [
        keys[num_tokens + r * num_columns + c]
        for r in range(row - 2, row + 3)
        for c in range(column - 4, column + 5)
        if 0 <= r < grid[0] // 5 and 0 <= c < num_columns
    ]
    return torch.cat((own, rolled, torch.stack(pooled)))


@pytest.mark.parametrize("grid", [(5, 9), (10, 18), (15, 9), (20, 36), (5, 90)])
def test_attention_to_distinct_keys_equals_attention_to_all_published_ones(grid):
    channels = 8
    attention = FocalAttention(channels)
    tokens = torch.randn(2, *grid, channels)
    num_windows = grid[0] // 5 * (grid[1] // 9)
    keys = attention.project(tokens, torch.randn(2, num_windows, channels))

    result = attention(tokens, attention.gather(keys, grid))

    queries = F.linear(tokens, attention.qkv.weight[:channels], attention.qkv.bias[:channels])
    windows = []
    for window, query in enumerate(to_windows(queries).flatten(1, 2)):
        gathered = torch.cat([published_keys(frame, window, grid) for frame in keys])
        heads = []
        for head in range(NUM_HEADS):
            part = slice(head * 2, head * 2 + 2)
            key, value = gathered[:, :channels][:, part], gathered[:, channels:][:, part]
            heads.append(((query[:, part] @ key.t()) / math.sqrt(2)).softmax(-1) @ value)
        windows.append(torch.cat(heads, -1).view(2, 45, channels))
    expected = attention.proj(from_windows(torch.stack(windows), grid))
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=0)


def test_a_window_inside_has_153_distinct_tokens_twelve_of_them_twice():
    plan = key_plan((25, 45), torch.device("cpu"))
    middle = plan.bias[12]  # of 5 x 5 windows, all of which it sees pooled

    counts = middle.exp().round()

    assert (counts == 2).sum() == 12
    assert (counts == 1).sum() == 153 - 12 + 25
    assert counts.sum() == 165 + 25


def test_tokens_that_make_no_whole_windows_are_refused():
    with pytest.raises(ValueError, match=r"a token grid of \(6, 9\) is not made of whole windows"):
        key_plan((6, 9), torch.device("cpu"))


@pytest.mark.parametrize("size", [(15, 27), (13, 26), (14, 25)])
def test_soft_split_is_unfold_and_a_matrix(size):
    split = SoftSplit(3, 8)
    features = torch.randn(2, 3, *size)

    tokens = split(features)

    patches = F.unfold(features, 7, padding=3, stride=3).transpose(1, 2)
    expected = split.embedding(patches)
    torch.testing.assert_close(tokens.flatten(1, 2), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(15, 27), (13, 26), (14, 25)])
@pytest.mark.parametrize("hq", [True, False])
def test_soft_composite_is_a_matrix_and_fold(size, hq):
    composite = SoftComposite(3, 8, None if hq else size)
    tokens = torch.randn(2, 5, 9, 8)

    features = composite(tokens, size)

    patches = composite.embedding(tokens.flatten(1, 2)).transpose(1, 2)
    folded = F.fold(patches, size, 7, padding=3, stride=3)
    expected = composite.bias_conv(folded) if hq else folded + composite.bias
    torch.testing.assert_close(features, expected, atol=1e-5, rtol=0)


def test_feed_forward_averages_overlaps_and_rectifies_after_cutting():
    layer = FusionFeedForward(8, 4)
    tokens = torch.randn(2, 5, 9, 8)

    result = layer(tokens, (15, 27))

    patches = layer.conv1(tokens.flatten(1, 2)).transpose(1, 2)
    folding = {"kernel_size": 7, "padding": 3, "stride": 3}
    count = F.fold(torch.ones_like(patches), (15, 27), **folding)
    mean = F.fold(patches, (15, 27), **folding) / count
    expected = layer.conv2(F.unfold(mean, **folding).transpose(1, 2))
    torch.testing.assert_close(result.flatten(1, 2), expected, atol=1e-5, rtol=0)


def test_pooling_weighs_the_45_tokens_of_a_window():
    block = TransformerBlock(8, 4)
    tokens = torch.randn(2, 10, 18, 8)

    pooled = block.pool(tokens)

    expected = block.pool_layers[0](tokens[1, 5:, 9:].reshape(45, 8).t())[:, 0]
    torch.testing.assert_close(pooled[1, 3], expected)


def test_the_last_block_may_leave_frames_out():
    block = TransformerBlock(8, 4)
    tokens = torch.randn(4, 5, 9, 8)

    some = block(tokens, (15, 27), slice(1, 3))

    torch.testing.assert_close(some, block(tokens, (15, 27))[1:3], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "region",
    [
        Region((0, 60), (0, 108)),
        Region((0, 16), (92, 108)),
        Region((17, 18), (33, 34)),
        Region((44, 60), (0, 108)),
        Region((0, 60), (50, 70)),
    ],
)
def test_a_region_decoded_alone_is_that_part_of_the_frame(region):
    decoder = Decoder(16)
    features = torch.randn(2, 16, 15, 27)

    part = decoder.decode_region(features, region)

    whole = decoder(features)
    expected = whole[:, :, slice(*region.rows), slice(*region.columns)]
    torch.testing.assert_close(part, expected, atol=1e-5, rtol=0)


def test_one_step_of_the_backward_sweep_uses_the_flow_of_its_own_number():
    """The slip the released weights were trained with: see propagation.py."""
    network = build_network(True, Widths(features=16, tokens=16, hidden=4, num_blocks=1))
    propagation = network.feat_prop_module
    features = torch.randn(3, 16, 15, 27)
    to_next, to_previous = 3 * torch.randn(2, 2, 2, 15, 27)

    seen = []
    step = propagation.step
    propagation.step = lambda direction, share, backward, results, flows: (
        seen.append((direction, [flow.clone() for flow in flows]))
        or step(direction, share, backward, results, flows)
    )
    propagation(features, propagation.share(features), to_next, to_previous)

    backward = [flows for direction, flows in seen if direction == "backward_"]
    assert [len(flows) for flows in backward] == [0, 1, 2]
    torch.testing.assert_close(backward[1][0][0], to_next[0])  # not to_next[1]
    torch.testing.assert_close(backward[2][1][0], to_next[1])
