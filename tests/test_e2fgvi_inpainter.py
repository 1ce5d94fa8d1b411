"""E2FGVI as an engine: any clip, nothing computed twice, bounded memory, no look-ahead."""

import logging

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from e2fgvi import build_network  # noqa: E402
from e2fgvi.decoder import Region  # noqa: E402
from e2fgvi.fitting import Fit  # noqa: E402
from e2fgvi.inpainter import E2FGVIInpainter  # noqa: E402
from e2fgvi.network import Widths  # noqa: E402
from script.fill_rule import clip_frames, fill_state_dict, hole_masks  # noqa: E402
from tracker.types import Clip  # noqa: E402
from tracker.windows import Schedule, causal_windows, offline_windows  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
TINY = Widths(features=16, tokens=32, hidden=4, num_blocks=2)


def tiny_network(hq=True):
    network = build_network(hq, TINY)
    fill_state_dict(network.state_dict())
    return network


@pytest.fixture(scope="module")
def network():
    return tiny_network()


def video(num_frames, height=60, width=108):
    frames = clip_frames(num_frames, height, width)
    return list(frames), [hole > 0 for hole in hole_masks(num_frames, height, width)]


def clip_of(window, frames, holes):
    indices = (*window.local, *window.references)
    first = window.local.start
    return Clip(
        indices,
        tuple(frames[i] for i in indices),
        tuple(holes[i] for i in indices),
        len(window.local),
        range(window.update.start - first, window.update.stop - first),
    )


def fill_all(inpainter, windows, frames, holes):
    """Return the wanted results of every window, in order."""
    results = []
    for window in windows:
        if window.local.stop > len(frames):
            break
        clip = clip_of(window, frames, holes)
        filled = inpainter.fill(clip)
        results += [filled[position] for position in clip.wanted_positions]
    return np.stack(results)


class Forgetful:
    """Fills every window with an engine that has seen nothing before."""

    def __init__(self, network):
        self.network = network

    def fill(self, clip):
        return E2FGVIInpainter(self.network).fill(clip)


def count_calls(network, monkeypatch):
    """Count the frames that are encoded or take their share, and the pairs that flow."""
    counts = {"encode": 0, "share": 0, "flow": 0}
    encode, share, flow = network.encode, network.share, network.flow

    def counting_encode(frames):
        counts["encode"] += len(frames)
        return encode(frames)

    def counting_share(features):
        counts["share"] += len(features)
        return share(features)

    def counting_flow(reference, support):
        counts["flow"] += len(reference)
        return flow(reference, support)

    monkeypatch.setattr(network, "encode", counting_encode)
    monkeypatch.setattr(network, "share", counting_share)
    monkeypatch.setattr(network, "flow", counting_flow)
    return counts


SCHEDULES = {
    "published": lambda n: offline_windows(n, Schedule(stride=3, reach=3, reference_stride=4)),
    "fast": lambda n: offline_windows(
        n, Schedule(stride=3, reach=2, reference_stride=4, overlap=False)
    ),
    "streaming": lambda n: causal_windows(history=2, reference_stride=4, num_references=2),
}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_remembering_changes_no_pixel_by_more_than_truncation_does(network, schedule):
    frames, holes = video(11)

    remembered = fill_all(E2FGVIInpainter(network), SCHEDULES[schedule](11), frames, holes)
    fresh = fill_all(Forgetful(network), SCHEDULES[schedule](11), frames, holes)

    # The batches differ, so sums are in another order; a level cut off at 1e-6 may flip.
    off = np.abs(remembered.astype(int) - fresh.astype(int))
    assert off.max() <= 1
    assert (off > 0).mean() < 1e-3


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_each_frame_is_encoded_once_and_each_pair_flows_once(monkeypatch, schedule):
    network = tiny_network()
    counts = count_calls(network, monkeypatch)
    frames, holes = video(11)

    fill_all(E2FGVIInpainter(network), SCHEDULES[schedule](11), frames, holes)

    assert counts == {"encode": 11, "share": 11, "flow": 2 * 10}  # both ways


def test_memory_estimates_one_flow_and_encodes_one_frame_per_step(monkeypatch):
    network = tiny_network()
    counts = count_calls(network, monkeypatch)
    frames, holes = video(9)

    inpainter = E2FGVIInpainter(network, recall="memory")
    fill_all(inpainter, SCHEDULES["streaming"](9), frames, holes)

    assert counts == {"encode": 9, "share": 9, "flow": 8}


@pytest.mark.parametrize("recall", ["recompute", "memory"])
def test_no_future_frame_changes_an_output_bit(network, recall):
    frames, holes = video(8)
    other_frames = frames[:5] + [255 - frame for frame in frames[5:]]
    other_holes = holes[:5] + [~hole for hole in holes[5:]]

    windows = SCHEDULES["streaming"]
    first = fill_all(E2FGVIInpainter(network, recall=recall), windows(8), frames, holes)
    second = fill_all(
        E2FGVIInpainter(network, recall=recall), windows(8), other_frames, other_holes
    )

    np.testing.assert_array_equal(first[:5], second[:5])
    assert (first[5:] != second[5:]).any()


def test_the_first_streamed_frame_is_the_same_from_memory(network):
    frames, holes = video(1)
    clip = Clip((0,), tuple(frames), tuple(holes), 1)

    recomputed = E2FGVIInpainter(network).fill(clip)
    remembered = E2FGVIInpainter(network, recall="memory").fill(clip)

    off = np.abs(recomputed[0].astype(int) - remembered[0].astype(int))
    assert off.max() <= 1  # nothing to remember yet: only truncation may differ


@pytest.mark.parametrize("recall", ["recompute", "memory"])
def test_mixed_precision_gives_nearly_the_same_pixels(network, recall):
    frames, holes = video(4)
    windows = SCHEDULES["streaming"]

    full = fill_all(E2FGVIInpainter(network, recall=recall), windows(4), frames, holes)
    mixed = E2FGVIInpainter(network, recall=recall, dtype=torch.bfloat16)
    half = fill_all(mixed, windows(4), frames, holes)

    # Bfloat16 has eight bits: a level or two of 255 is what it can tell apart.
    off = np.abs(full.astype(int) - half.astype(int))
    assert off.mean() < 1
    assert off.max() <= 16
    assert off.max() > 0  # it was indeed lower


def test_memory_looks_at_earlier_frames(network):
    frames, holes = video(4)
    darker = [frame // 2 for frame in frames[:3]] + frames[3:]

    windows = SCHEDULES["streaming"]
    first = fill_all(E2FGVIInpainter(network, recall="memory"), windows(4), frames, holes)
    second = fill_all(E2FGVIInpainter(network, recall="memory"), windows(4), darker, holes)

    assert (first[3] != second[3])[holes[3]].any()


@pytest.mark.parametrize("changed", [0, 3])  # a reference, a local frame
def test_memory_that_begins_in_the_middle_looks_at_the_frames_it_is_shown(network, changed):
    frames, holes = video(6)
    other = [255 - frame if i == changed else frame for i, frame in enumerate(frames)]
    *_, window = (w for w, _ in zip(SCHEDULES["streaming"](6), range(6), strict=False))

    first, second = (
        E2FGVIInpainter(network, recall="memory").fill(clip_of(window, some, holes))[-1]
        for some in (frames, other)
    )

    assert (first != second)[holes[5]].any()


def tensors_held(inpainter):
    """Count the numbers the engine remembers."""
    seen, count, queue = set(), 0, [inpainter._cache, inpainter._stream]
    while queue:
        thing = queue.pop()
        if isinstance(thing, torch.Tensor):
            count += thing.numel()
        elif isinstance(thing, dict):
            queue += thing.values()
        elif isinstance(thing, list | tuple):
            queue += thing
        elif hasattr(thing, "__dict__") and id(thing) not in seen:
            seen.add(id(thing))
            queue += vars(thing).values()
    return count


@pytest.mark.parametrize(
    ("recall", "num_frames"),
    [
        ("recompute", 40),
        ("memory", 40),
        pytest.param("recompute", 2000, marks=pytest.mark.slow),
        pytest.param("memory", 2000, marks=pytest.mark.slow),
    ],
)
def test_a_stream_holds_no_more_after_many_frames_than_after_few(network, recall, num_frames):
    frames, holes = video(6)
    inpainter = E2FGVIInpainter(network, recall=recall)
    held = []

    for window in causal_windows(history=2, reference_stride=4, num_references=2):
        if window.local.stop > num_frames:
            break
        indices = (*window.local, *window.references)
        inpainter.fill(
            Clip(
                indices,
                tuple(frames[i % 6] for i in indices),
                tuple(holes[i % 6] for i in indices),
                len(window.local),
                range(len(window.local) - 1, len(window.local)),
            )
        )
        held.append(tensors_held(inpainter))

    assert max(held[15:]) == max(held[15:30])


@pytest.mark.parametrize(
    ("height", "width"), [(17, 19), (1, 1), (60, 108), (61, 109), (100, 50), (240, 427)]
)
@pytest.mark.parametrize("num_frames", [1, 2])
def test_hq_takes_any_size(network, height, width, num_frames):
    frames, holes = video(num_frames, height, width)
    holes[0][:] = False
    holes[0][0, 0] = True
    clip = Clip(tuple(range(num_frames)), tuple(frames), tuple(holes), num_frames)

    filled = E2FGVIInpainter(network).fill(clip)

    assert [frame.shape for frame in filled] == [(height, width, 3)] * num_frames
    assert all(frame.dtype == np.uint8 for frame in filled)


@pytest.mark.slow
def test_hq_takes_720p(network):
    frames, holes = video(2, 720, 1280)

    filled = E2FGVIInpainter(network).fill(Clip((0, 1), tuple(frames), tuple(holes), 2))

    assert filled[1].shape == (720, 1280, 3)


@pytest.mark.parametrize(("height", "width"), [(240, 432), (17, 19), (256, 144), (300, 800)])
def test_base_takes_any_size_without_squashing(height, width):
    fit = Fit.choose(height, width, hq=False)

    assert fit.network == (240, 432)
    assert max(fit.inner[0] / 240, fit.inner[1] / 432) == 1
    assert abs(fit.inner[0] * width - fit.inner[1] * height) <= max(height, width)

    frames, holes = video(2, height, width)
    clip = Clip((0, 1), tuple(frames), tuple(holes), 2, range(1, 2))
    filled = E2FGVIInpainter(tiny_network(hq=False)).fill(clip)

    assert filled[1].shape == (height, width, 3)


def test_a_frame_fitted_to_base_and_back_keeps_its_content():
    rows, columns = np.mgrid[:300, :200]
    frame = np.stack((rows * 255 // 300, columns * 255 // 200, rows * 0 + 90), -1).astype(np.uint8)
    fit = Fit.choose(300, 200, hq=False)

    network_input = fit.prepare(torch.from_numpy(frame), torch.zeros(300, 200, dtype=torch.bool))
    everything = Region((0, 240), (0, 432))
    back = fit.restore(network_input[0], everything, np.zeros_like(frame))

    assert network_input.shape == (1, 3, 240, 432)
    assert np.abs(back.astype(int) - frame)[4:-4, 4:-4].max() <= 2  # scaled down and up again


@pytest.mark.parametrize("recall", ["recompute", "memory"])
def test_a_keyframe_long_past_is_still_looked_at(network, recall):
    frames, holes = video(9)
    holes[1] = np.zeros_like(holes[1])  # given without a hole
    other = [frames[0], 255 - frames[1], *frames[2:]]

    def windows():
        return causal_windows(history=1, reference_stride=4, num_references=1, keyframes=(1,))

    first = fill_all(E2FGVIInpainter(network, recall=recall), windows(), frames, holes)
    second = fill_all(E2FGVIInpainter(network, recall=recall), windows(), other, holes)

    assert (first[8] != second[8])[holes[8]].any()


def test_what_lies_in_the_hole_is_never_seen(network):
    frames, holes = video(3)
    painted = [
        np.where(hole[..., None], 7, frame).astype(np.uint8)
        for frame, hole in zip(frames, holes, strict=True)
    ]

    results = [
        E2FGVIInpainter(network).fill(Clip((0, 1, 2), tuple(some), tuple(holes), 3))
        for some in (frames, painted)
    ]

    np.testing.assert_array_equal(results[0], results[1])


def test_base_never_sees_the_hole_either():
    frame = np.full((100, 130, 3), 200, np.uint8)
    hole = np.zeros((100, 130), bool)
    hole[30:61, 40:77] = True
    fit = Fit.choose(100, 130, hq=False)

    inputs = []
    for inside in (0, 255):
        painted = np.where(hole[..., None], inside, frame).astype(np.uint8)
        inputs.append(fit.prepare(torch.from_numpy(painted), torch.from_numpy(hole)))

    torch.testing.assert_close(inputs[0], inputs[1], atol=0, rtol=0)


@pytest.mark.parametrize("hole", ["border", "full", "corner pixel"])
def test_holes_of_every_kind_are_filled(network, hole):
    frames, holes = video(3)
    for mask in holes:
        mask[:] = hole == "full"
        if hole == "border":
            mask[-9:, :] = mask[:, :7] = True
        elif hole == "corner pixel":
            mask[0, 0] = True

    filled = E2FGVIInpainter(network).fill(Clip((0, 1, 2), tuple(frames), tuple(holes), 3))

    assert len(filled) == 3
    assert all((new != old).any() for new, old in zip(filled, frames, strict=True))


def test_frames_without_a_hole_come_back_untouched_and_cost_nothing(monkeypatch):
    network = tiny_network()
    counts = count_calls(network, monkeypatch)
    frames, holes = video(3)
    holes = [np.zeros_like(hole) for hole in holes]

    filled = E2FGVIInpainter(network).fill(Clip((0, 1, 2), tuple(frames), tuple(holes), 3))

    np.testing.assert_array_equal(filled, frames)
    assert counts == {"encode": 0, "share": 0, "flow": 0}


def test_only_wanted_frames_are_changed(network):
    frames, holes = video(4)
    clip = Clip((0, 1, 2, 3), tuple(frames), tuple(holes), 4, range(1, 3))

    filled = E2FGVIInpainter(network).fill(clip)

    assert [(new != old).any() for new, old in zip(filled, frames, strict=True)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_streamed_frame_without_a_hole_is_remembered_all_the_same(network):
    frames, holes = video(3)
    holes[1] = np.zeros_like(holes[1])
    other = [frames[0], 255 - frames[1], frames[2]]
    windows = SCHEDULES["streaming"]

    first = fill_all(E2FGVIInpainter(network, recall="memory"), windows(3), frames, holes)
    second = fill_all(E2FGVIInpainter(network, recall="memory"), windows(3), other, holes)

    assert (first[2] != second[2])[holes[2]].any()


@pytest.mark.parametrize("recall", ["recompute", "memory"])
def test_a_frame_shown_with_another_hole_is_looked_at_again(network, recall):
    frames, holes = video(2)
    other = np.zeros_like(holes[0])
    other[5:20, 5:20] = True
    inpainter = E2FGVIInpainter(network, recall=recall)
    inpainter.fill(Clip((0, 1), tuple(frames), tuple(holes), 2))

    second = Clip((0, 1), tuple(frames), (other, other), 2, range(1, 2))
    filled = inpainter.fill(second)

    expected = E2FGVIInpainter(network, recall=recall).fill(second)
    np.testing.assert_array_equal(filled[1], expected[1])


def test_running_out_of_memory_is_survived_once_with_a_line(monkeypatch, caplog):
    network = tiny_network()
    encode, calls = network.encode, []

    def short_of_memory(frames):
        calls.append(len(frames))
        if len(frames) > 1:
            raise torch.OutOfMemoryError("too much")
        return encode(frames)

    monkeypatch.setattr(network, "encode", short_of_memory)
    frames, holes = video(9)
    indices = tuple(range(9))
    clip = Clip(indices, tuple(frames), tuple(holes), 3)
    inpainter = E2FGVIInpainter(network)

    with caplog.at_level(logging.WARNING):
        filled = inpainter.fill(clip)
        inpainter.fill(clip)

    assert calls == [4, *[1] * 7]  # four at once; then three local frames and four references
    assert (filled[0] != frames[0]).any()
    assert len(inpainter.remarks) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "out of memory on cpu at 9 frames of 108 x 60; going on with full precision, at most 4 "
        "reference frames, one frame at a time"
    ]


def test_running_out_of_memory_twice_is_an_error(monkeypatch):
    network = tiny_network()

    def hopeless(frames):
        raise torch.OutOfMemoryError("too much")

    monkeypatch.setattr(network, "encode", hopeless)
    frames, holes = video(1)

    with pytest.raises(torch.OutOfMemoryError, match="too much"):
        E2FGVIInpainter(network).fill(Clip((0,), tuple(frames), tuple(holes), 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"indices": (0,)}, "1 indices, 2 frames, 2 holes"),
        ({"num_local": 3}, "3 local frames of 2; at least 1"),
        ({"num_local": 0}, "0 local frames of 2; at least 1"),
        (
            {"holes": (np.zeros((60, 108), bool), np.zeros((60, 107), bool))},
            r"frames and holes differ in size: \[\(60, 107\), \(60, 108\)\]",
        ),
    ],
)
def test_a_clip_that_contradicts_itself_is_refused(network, change, message):
    frames, holes = video(2)
    parts = {"indices": (0, 1), "frames": tuple(frames), "holes": tuple(holes), "num_local": 2}

    with pytest.raises(ValueError, match=message):
        E2FGVIInpainter(network).fill(Clip(**parts | change))
