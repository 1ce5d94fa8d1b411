"""Every engine passes the same tests, per interface; and the best one is chosen."""

from dataclasses import replace

import numpy as np
import pytest
import rendered

from tracker import engines
from tracker.engine_table import INPAINTERS
from tracker.jobs import Job
from tracker.published import RECORDS
from tracker.removal import expectations
from tracker.types import Clip, Point, Prompt, UserError

HEIGHT, WIDTH = 96, 128


def texture(seed, height=HEIGHT, width=WIDTH):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 200, (height // 8 + 1, width // 8 + 1, 3))
    fine = coarse.repeat(8, 0).repeat(8, 1)[:height, :width] + rng.integers(
        0, 50, (height, width, 1)
    )
    return fine.astype(np.uint8)


def scene(num_frames, step=2):
    """Return frames and masks of a red disc that moves over a textured wall."""
    wall = texture(0) // 2
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    frames, masks = [], []
    for t in range(num_frames):
        mask = (rows - 48) ** 2 + (columns - 40 - step * t) ** 2 <= 16**2
        frame = wall.copy()
        frame[mask] = (210, 60, 40)
        frame.flags.writeable = False
        frames.append(frame)
        masks.append(mask)
    return frames, masks


def iou(a, b):
    return (a & b).sum() / max(1, (a | b).sum())


@pytest.fixture(params=["classical", "mobile_sam"], scope="module")
def any_segmenter(request, random_weights):
    return engines.segmenter(request.param, "cpu")


@pytest.fixture
def segmenter():
    return engines.segmenter("classical")


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory):
    """Put checkpoints of random weights where the published ones would lie."""
    torch = pytest.importorskip("torch")
    from aot import build_network as build_tracker
    from e2fgvi import build_network as build_inpainter
    from sam.networks import build_network as build_clicker

    folder = tmp_path_factory.mktemp("ckpt")
    networks = {
        "mobile_sam": build_clicker("mobile_sam"),
        "deaott": build_tracker("deaott"),
        "e2fgvi_hq": build_inpainter(hq=True),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_CKPT", str(folder))
        for name, network in networks.items():
            record = replace(RECORDS[name], sha256=None, bytes=None, least_bytes=1)
            patch.setitem(RECORDS, name, record)
            torch.manual_seed(0)
            torch.save(network.state_dict(), folder / record.file)
        yield folder


@pytest.fixture(params=["classical", "deaott"])
def any_propagator(request, random_weights):
    return engines.make_propagator(engines.choose("propagator", request.param))


@pytest.fixture(params=["classical", "e2fgvi_hq"])
def any_inpainter(request, random_weights):
    return engines.make_inpainter(engines.choose("inpainter", request.param))


@pytest.fixture
def propagator():
    return engines.make_propagator(engines.choose("propagator", "classical"))


@pytest.fixture
def inpainter():
    return engines.make_inpainter(engines.choose("inpainter", "classical"))


def test_a_segmenter_finds_the_object_that_is_clicked(segmenter):
    (frame,), (mask,) = scene(1)

    segmentation = segmenter.segment(frame, Prompt(points=(Point(40, 48),)))

    assert iou(segmentation.masks[0], mask) > 0.8


def test_a_segmenter_finds_the_object_in_a_box(segmenter):
    (frame,), (mask,) = scene(1)

    segmentation = segmenter.segment(frame, Prompt(box=(20, 28, 62, 68)))

    assert iou(segmentation.masks[0], mask) > 0.8


def test_a_segmenter_offers_up_to_three_masks_best_first(any_segmenter):
    (frame,), _ = scene(1)

    segmentation = any_segmenter.segment(frame, Prompt(points=(Point(40, 48),)))

    assert 1 <= len(segmentation.masks) <= 3
    assert len(segmentation.scores) == len(segmentation.masks)
    assert list(segmentation.scores) == sorted(segmentation.scores, reverse=True)
    for mask, score in zip(segmentation.masks, segmentation.scores, strict=True):
        assert mask.shape == (HEIGHT, WIDTH)
        assert mask.dtype == bool
        assert 0 <= score <= 1


def test_a_segmenter_obeys_every_click(any_segmenter):
    (frame,), _ = scene(1)
    inside, outside = Point(40, 48), Point(47, 48, positive=False)

    mask = any_segmenter.segment(frame, Prompt(points=(inside, outside))).masks[0]

    assert mask[48, 40]
    assert not mask[48, 47]


def test_another_meaning_of_a_single_click_can_be_chosen_and_built_upon(any_segmenter):
    (frame,), _ = scene(1)
    click = (Point(40, 48),)
    offered = any_segmenter.segment(frame, Prompt(points=click)).masks

    chosen = [
        any_segmenter.segment(frame, Prompt(points=click, choice=choice)).masks
        for choice in range(len(offered) + 1)
    ]

    for choice, masks in enumerate(chosen):
        np.testing.assert_array_equal(masks[0], offered[choice % len(offered)])
        assert {mask.tobytes() for mask in masks} == {mask.tobytes() for mask in offered}
    if len(offered) > 1:
        more = (*click, Point(100, 20))
        answers = [
            any_segmenter.segment(frame, Prompt(points=more, choice=choice)).masks[0]
            for choice in (0, 1)
        ]
        assert (answers[0] != answers[1]).any()


def test_a_segmenter_says_the_same_twice(any_segmenter):
    (frame,), _ = scene(1)
    prompt = Prompt(points=(Point(40, 48),))

    first, second = any_segmenter.segment(frame, prompt), any_segmenter.segment(frame, prompt)

    np.testing.assert_array_equal(first.masks[0], second.masks[0])


def test_a_propagator_returns_given_labels_as_they_are(any_propagator):
    frames, masks = scene(2)
    labels = masks[0].astype(np.uint8) * 7

    tracked = any_propagator.step(frames[0], labels)

    np.testing.assert_array_equal(tracked.labels, labels)


def test_a_propagator_has_no_labels_before_the_first_are_given(any_propagator):
    frames, _ = scene(1)

    assert not any_propagator.step(frames[0]).labels.any()


def test_a_propagator_follows_a_moving_object_under_its_id(propagator):
    frames, masks = scene(12)
    tracked = propagator.step(frames[0], masks[0].astype(np.uint8) * 9)

    for frame in frames[1:]:
        tracked = propagator.step(frame)

    assert set(np.unique(tracked.labels)) <= {0, 9}
    assert iou(tracked.labels == 9, masks[-1]) > 0.7
    assert set(tracked.confidence) == {9}
    assert 0 <= tracked.confidence[9] <= 1


@pytest.mark.parametrize("name", ["classical", "deaott"])
def test_two_videos_do_not_see_each_other(random_weights, name):
    frames, masks = scene(6)
    propagator = engines.make_propagator(engines.choose("propagator", name))
    other = engines.make_propagator(engines.choose("propagator", name))
    alone = engines.make_propagator(engines.choose("propagator", name))
    labels = masks[0].astype(np.uint8)

    for index, frame in enumerate(frames):
        given = labels if index == 0 else None
        mixed = propagator.step(frame, given)
        other.step(texture(index), np.ones((HEIGHT, WIDTH), np.uint8) if index == 0 else None)
        expected = alone.step(frame, given)

    np.testing.assert_array_equal(mixed.labels, expected.labels)


def clip(frames, masks, num_local, blank=None):
    shown = []
    for frame, mask in zip(frames, masks, strict=True):
        frame = frame.copy()
        if blank is not None:
            frame[mask] = blank
        frame.flags.writeable = False
        shown.append(frame)
    return Clip(tuple(range(len(frames))), tuple(shown), tuple(masks), num_local)


@pytest.mark.parametrize("num_frames", [1, 2, 5])
def test_an_inpainter_returns_the_local_frames_whole(any_inpainter, num_frames):
    frames, masks = scene(num_frames, step=6)
    num_local = max(1, num_frames - 2)

    filled = any_inpainter.fill(clip(frames, masks, num_local))

    assert len(filled) == num_local
    assert {(frame.shape, frame.dtype) for frame in filled} == {
        ((HEIGHT, WIDTH, 3), np.dtype("u1"))
    }


@pytest.mark.parametrize("name", ["classical", "e2fgvi_hq"])
def test_an_inpainter_never_sees_what_is_to_be_removed(random_weights, name):
    frames, masks = scene(3, step=6)
    results = []
    for blank in (0, 255):
        inpainter = engines.make_inpainter(engines.choose("inpainter", name))
        results.append(inpainter.fill(clip(frames, masks, 3, blank)))

    for dark, bright, mask in zip(*results, masks, strict=True):
        np.testing.assert_array_equal(dark[mask], bright[mask])


def test_an_inpainter_shows_the_background_seen_at_other_times(inpainter):
    frames, masks = scene(12, step=6)
    wall = texture(0) // 2

    filled = inpainter.fill(clip(frames, masks, 12))

    error = np.mean(
        [abs(f[m].astype(int) - wall[m]).mean() for f, m in zip(filled, masks, strict=True)]
    )
    assert error < 8


def test_an_inpainter_copes_with_nothing_to_fill_and_everything(any_inpainter):
    frames, _ = scene(3)
    nothing, everything = np.zeros((HEIGHT, WIDTH), bool), np.ones((HEIGHT, WIDTH), bool)

    assert len(any_inpainter.fill(clip(frames, [nothing] * 3, 3))) == 3
    assert len(any_inpainter.fill(clip(frames, [everything] * 3, 3))) == 3


def test_a_fresh_machine_gets_engines_that_need_no_weights():
    assert [choice.job for choice in engines.describe()] == list(engines.JOBS)
    for choice in engines.describe():
        assert choice.reason


def test_an_unknown_engine_is_refused_with_the_names_there_are():
    with pytest.raises(UserError, match="unknown inpainter 'magic'; choose one of: auto, "):
        engines.choose("inpainter", "magic")


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(engines, "accelerator", lambda: None)

    with pytest.raises(UserError, match="no cuda device here"):
        engines.resolve_device("cuda")


def test_auto_takes_a_light_segmenter_even_without_an_accelerator(random_weights, monkeypatch):
    monkeypatch.setattr(engines, "accelerator", lambda: None)

    assert engines.choose("segmenter").name == "mobile_sam"


def test_auto_leaves_slow_engines_to_those_who_ask_where_there_is_no_accelerator(
    random_weights, monkeypatch
):
    monkeypatch.setattr(engines, "accelerator", lambda: None)

    choice = engines.choose("inpainter")

    assert choice.name == "classical"
    assert (
        choice.reason == "e2fgvi_hq is on disk but slow without an accelerator; ask for it by name"
    )


def test_auto_takes_a_learned_engine_where_there_is_an_accelerator(random_weights, monkeypatch):
    monkeypatch.setattr(engines, "accelerator", lambda: "cuda")

    assert engines.choose("inpainter").name == "e2fgvi_hq"
    assert engines.choose("propagator").name == "deaott"
    assert engines.choose("inpainter").device == "cuda"


def test_r12_an_engine_without_its_checkpoint_names_the_download(tmp_path, monkeypatch):
    monkeypatch.setenv("CLEANPLATE_CKPT", str(tmp_path))

    with pytest.raises(UserError, match=r"run: python -m tracker download r50_deaotl$"):
        engines.choose("propagator", "r50_deaotl")


def test_r12_a_checkpoint_of_another_network_is_refused(random_weights, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setitem(RECORDS, "deaots", replace(RECORDS["deaots"], least_bytes=1))
    torch.save({"some.weight": torch.zeros(3)}, random_weights / RECORDS["deaots"].file)

    choice = engines.choose("propagator", "deaots", "cpu")
    with pytest.raises(UserError, match="does not hold deaots"):
        engines.make_propagator(choice)
    (random_weights / RECORDS["deaots"].file).unlink()


def test_what_weights_forbid_and_how_long_a_cpu_will_take_is_known_before_starting(
    random_weights, tmp_path
):
    rendered.write_scene(tmp_path / "in.mkv", 12)
    learned = Job(
        tmp_path / "in.mkv", inpainter="e2fgvi_hq", device="cpu", output=tmp_path / "out.mp4"
    )
    classical = replace(learned, inpainter="classical")

    forbidden, wait = expectations(learned)

    assert "e2fgvi_hq are for non-commercial use" in forbidden
    assert "s per frame without an accelerator" in wait
    assert expectations(classical) == []


@pytest.mark.parametrize(
    ("size", "source_pixels", "expected"),
    [
        ("balanced", 1920 * 1080, 960 * 540),
        ("balanced", 320 * 180, 320 * 180),
        ("fast", 1920 * 1080, 207360),
        ("fast", 320 * 180, 23040),
        ("full", 1920 * 1080, None),
    ],
)
def test_the_working_size_is_as_large_as_asked(size, source_pixels, expected):
    assert INPAINTERS["classical"].pixels_at(size, source_pixels) == expected
