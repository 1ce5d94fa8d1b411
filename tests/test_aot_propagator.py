"""The tracker as the application uses it: pixels in, labels out."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from aot.group import ObjectGroup, confidences, merge, merged_labels  # noqa: E402
from aot.propagator import DeAOTPropagator, network_size, normalised  # noqa: E402
from script.bench_propagate import flatness, rows  # noqa: E402
from script.fill_rule import clip_frames, clip_labels  # noqa: E402
from script.parity_aot import pseudo_network  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
HEIGHT, WIDTH = 97, 129  # 16 k + 1: a size the network takes as it is


@pytest.fixture(scope="module")
def network():
    return pseudo_network("deaott")


@pytest.fixture(scope="module")
def frames():
    frames = clip_frames(10, HEIGHT, WIDTH)
    frames.setflags(write=False)
    return frames


@pytest.fixture(scope="module")
def labels():
    labels = clip_labels(10, HEIGHT, WIDTH)
    labels.setflags(write=False)
    return labels


def propagator_of(network, **options):
    return DeAOTPropagator(network, device="cpu", **options)


def follow(propagator, frames, prompts):
    return [propagator.step(frame, prompts.get(t)).labels for t, frame in enumerate(frames)]


def published_loop(network, frames, labels, gap):
    """The loop of the notes, written out: one group, unbounded memory, no resizing."""
    group = ObjectGroup(network, None)
    results = [labels]
    last_write = 0
    with torch.inference_mode():
        for t, frame in enumerate(frames):
            features = network.encode(torch.from_numpy(normalised(frame, (HEIGHT, WIDTH)))[None])
            if t == 0:
                group.introduce(features, torch.from_numpy(labels).long())
                continue
            logits = group.match(features, int(labels.max()))
            logits = F.interpolate(logits, (HEIGHT, WIDTH), mode="bilinear", align_corners=True)
            predicted = logits.softmax(dim=1).argmax(dim=1)[0]
            group.memorise(predicted, is_long_term=t - last_write >= gap)
            if t - last_write >= gap:
                last_write = t
            results.append(predicted.numpy())
    return results


def test_steps_are_the_published_loop(network, frames, labels):
    propagator = propagator_of(network, memory_gap=2, max_memory_frames=None)

    ours = follow(propagator, frames[:6], {0: labels[0]})

    expected = published_loop(network, frames[:6], labels[0].copy(), gap=2)
    for one, other in zip(ours, expected, strict=True):
        assert one.shape == (HEIGHT, WIDTH)
        assert one.dtype == np.uint8
        assert (one == other).mean() > 0.999  # nearly tied pixels may fall either way
    assert len(np.unique(ours[-1])) > 1


def test_before_any_object_is_given_everything_is_background(network, frames, labels):
    propagator = propagator_of(network)

    for given in (None, np.zeros((HEIGHT, WIDTH), np.uint8), None):
        tracked = propagator.step(frames[0], given)
        assert not tracked.labels.any()
        assert tracked.confidence == {}

    assert np.array_equal(propagator.step(frames[1], labels[1]).labels, labels[1])
    assert propagator.step(frames[2]).labels.any()


def test_given_labels_are_returned_as_they_are_at_any_frame(network, frames, labels):
    propagator = propagator_of(network)

    results = follow(propagator, frames[:4], {0: labels[0], 2: labels[2]})

    assert np.array_equal(results[0], labels[0])
    assert np.array_equal(results[2], labels[2])
    assert not np.array_equal(results[1], labels[1])  # with random weights


def test_a_correction_changes_what_follows_and_not_what_came_before(network, frames, labels):
    plain = follow(propagator_of(network), frames[:5], {0: labels[0]})
    corrected = follow(propagator_of(network), frames[:5], {0: labels[0], 3: labels[0]})

    assert all(np.array_equal(a, b) for a, b in zip(plain[:3], corrected[:3], strict=True))
    assert not np.array_equal(plain[4], corrected[4])


def test_ids_keep_their_meaning_also_with_gaps(network, frames, labels):
    new_ids = np.array([0, 7, 30, 200], np.uint8)
    prompts = {0: labels[0], 3: labels[3]}
    renamed = {t: new_ids[given] for t, given in prompts.items()}

    dense = follow(propagator_of(network), frames[:5], prompts)
    gaps = follow(propagator_of(network), frames[:5], renamed)

    for one, other in zip(dense, gaps, strict=True):
        assert np.array_equal(new_ids[one], other)


def test_an_object_may_come_later_and_keeps_a_smaller_id(network, frames, labels):
    first = np.where(labels[0] == 3, 9, 0).astype(np.uint8)
    second = np.where(labels[2] == 3, 9, np.where(labels[2] == 1, 4, 0)).astype(np.uint8)
    propagator = propagator_of(network)

    results = follow(propagator, frames[:5], {0: first, 2: second})

    assert set(np.unique(results[1])) <= {0, 9}
    assert set(np.unique(results[4])) <= {0, 4, 9}
    assert set(propagator.step(frames[5]).confidence) == {4, 9}


def test_an_object_that_left_may_return(network, frames, labels):
    without_two = np.where(labels[2] == 2, 0, labels[2]).astype(np.uint8)
    propagator = propagator_of(network)

    follow(propagator, frames[:4], {0: labels[0], 2: without_two})
    tracked = propagator.step(frames[4])

    assert set(tracked.confidence) == {1, 2, 3}  # still looked for
    assert propagator.step(frames[5], labels[5]).confidence == {1: 1.0, 2: 1.0, 3: 1.0}


def test_more_than_ten_objects_share_the_encoded_frame(network, monkeypatch):
    frames, labels = clip_frames(3, HEIGHT, WIDTH, 23), clip_labels(1, HEIGHT, WIDTH, 23)[0]
    encoded = []
    encode = network.encode
    monkeypatch.setattr(network, "encode", lambda image: encoded.append(1) or encode(image))
    propagator = propagator_of(network)

    propagator.step(frames[0], labels)
    tracked = propagator.step(frames[1])

    assert set(tracked.confidence) == set(range(1, 24))
    assert set(np.unique(tracked.labels)) <= set(range(24))
    assert np.unique(tracked.labels).max() > 10
    assert len(encoded) == 2


def test_objects_beyond_ten_may_come_later(network, frames, labels):
    twelve = clip_labels(2, HEIGHT, WIDTH, 12)[1]
    propagator = propagator_of(network)

    follow(propagator, frames[:3], {0: labels[0], 1: twelve})

    assert set(propagator.step(frames[3]).confidence) == set(range(1, 13))


def test_two_videos_do_not_see_each_other_and_leave_the_network_as_it_was(network, frames, labels):
    before = {key: value.clone() for key, value in network.state_dict().items()}
    other_frames = frames[::-1]
    alone = follow(propagator_of(network), frames[:5], {0: labels[0]})
    other_alone = follow(propagator_of(network), other_frames[:5], {0: labels[-1]})
    one, other = propagator_of(network), propagator_of(network)

    for t in range(5):
        first = one.step(frames[t], labels[0] if t == 0 else None)
        second = other.step(other_frames[t], labels[-1] if t == 0 else None)
        assert np.array_equal(first.labels, alone[t])
        assert np.array_equal(second.labels, other_alone[t])

    after = network.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)


def test_labels_come_back_at_the_size_of_the_source(network):
    frames, labels = clip_frames(3, 75, 310), clip_labels(1, 75, 310)[0]
    propagator = propagator_of(network, max_long_side=128)

    results = follow(propagator, frames, {0: labels})

    assert [result.shape for result in results] == [(75, 310)] * 3


def test_the_bound_on_memory_changes_results_only_when_it_is_reached(network, frames, labels):
    def tracked(bound):
        propagator = propagator_of(network, memory_gap=1, max_memory_frames=bound)
        return follow(propagator, frames[:7], {0: labels[0]})

    published, wide, narrow = tracked(None), tracked(7), tracked(2)

    assert all(np.array_equal(a, b) for a, b in zip(published, wide, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(published[:3], narrow[:3], strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(published, narrow, strict=True))


def test_labels_and_frame_must_agree_in_size(network, frames):
    with pytest.raises(ValueError, match=r"labels are \(4, 5\) but the frame is \(97, 129\)"):
        propagator_of(network).step(frames[0], np.ones((4, 5), np.uint8))


def test_a_memory_gap_is_at_least_one_frame(network):
    with pytest.raises(ValueError, match="memory_gap is 0, expected at least 1"):
        propagator_of(network, memory_gap=0)


def test_network_sizes_are_the_published_ones(models_dir):
    table = json.loads((models_dir / "goldens" / "deaot_resize_table.json").read_text())

    for row in table:
        limits = {"max_short_side": row["max_short"], "max_long_side": row["max_long"]}
        size = network_size(*row["input"], row["align_corners"], **limits)
        assert size == tuple(row["network"]), row


def test_merging_is_the_published_aggregation():
    groups = [torch.randn(1, 11, 3, 4), torch.randn(1, 3, 3, 4)]
    first, second = (group.softmax(dim=1) for group in groups)
    background = first[:, :1] * second[:, :1]
    probability = torch.cat((background, first[:, 1:], second[:, 1:]), dim=1)
    probability = probability.clamp(1e-5, 1 - 1e-5)

    expected = torch.log(probability / (1 - probability))

    torch.testing.assert_close(merge(groups), expected)
    assert merge(groups[:1]) is groups[0]


@pytest.mark.parametrize("align_corners", [True, False])
def test_labelling_in_strips_is_labelling_at_once(align_corners):
    logits = [torch.randn(1, 4, 40, 20), torch.randn(1, 2, 40, 20)]
    size = (600, 70)

    labels = merged_labels(logits, size, align_corners)

    enlarged = [
        F.interpolate(x, size, mode="bilinear", align_corners=align_corners) for x in logits
    ]
    assert (labels == merge(enlarged).argmax(dim=1)[0]).float().mean() > 0.9999
    assert labels.dtype == torch.uint8


def test_confidence_is_how_far_an_objects_pixels_are_ahead_of_the_next_best():
    probability = torch.tensor([[0.1, 0.6, 0.2], [0.8, 0.3, 0.1], [0.1, 0.1, 0.7]]).t()
    logits = probability.log().t().view(1, 3, 1, 3)  # pixels: object 1, background, object 2

    assert confidences([logits]) == pytest.approx([0.7, 0.5])
    assert confidences([logits - torch.tensor([0, 0, 90.0]).view(1, 3, 1, 1)])[1] == 0.0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_tracks_nearly_the_same(frames, labels, dtype):
    full = follow(propagator_of(pseudo_network("deaott")), frames[:3], {0: labels[0]})
    half = follow(propagator_of(pseudo_network("deaott").to(dtype)), frames[:3], {0: labels[0]})

    assert (full[1] == half[1]).mean() > 0.95


@pytest.mark.slow
def test_time_and_memory_do_not_grow_with_the_video():
    early, late = flatness((200, 2000))

    assert late.peak_megabytes < early.peak_megabytes + 5
    assert late.seconds < 1.3 * early.seconds  # medians of processor time; the rest is noise


def test_the_benchmark_counts_in_seconds_and_in_units():
    (row,) = rows(["deaott"], [(33, 49)], memory_frames=2, repeats=1)

    assert (row.variant, row.size, row.memory_frames) == ("deaott", (33, 49), 2)
    assert row.frames_per_second == pytest.approx(1 / row.seconds)
    assert 0 < row.units < 10
    assert row.processor_seconds > 0
