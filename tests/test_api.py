"""Cleanplate from Python: on files, on frames, and with engines of one's own."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rendered
from PIL import Image

import tracker
from tracker.api import (
    Click,
    Job,
    Marked,
    UserError,
    fill_frames,
    find_objects,
    remove_from_frames,
    remove_objects,
    track_frames,
)
from tracker.jobs import Settings
from tracker.types import Segmentation, Tracked

ROOT = Path(__file__).resolve().parents[1]
FRAMES = 8


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("api") / "in.mkv"
    rendered.write_scene(path, FRAMES)
    return path


@pytest.fixture
def frames():
    """Return frames with the disc, and the wall behind it."""
    wall = rendered.wall()
    clip = []
    for index in range(FRAMES):
        frame = wall.copy()
        frame[rendered.disc(index)] = (215, 50, 45)
        clip.append(frame)
    return clip, wall


def disc_labels(index):
    return rendered.disc(index).astype(np.uint8)


class GreySegmenter:
    """Marks the disc of frame 0, whatever is clicked."""

    def segment(self, frame, prompt, neighbours=()):
        return Segmentation((rendered.disc(0),), (1.0,))


class KnowingPropagator:
    """Knows where the disc is."""

    def __init__(self):
        self.index = 0

    def step(self, frame, labels=None):
        found = disc_labels(self.index) if labels is None else labels
        self.index += 1
        return Tracked(found)


class GreyInpainter:
    """Paints holes grey, and spoils everything else."""

    def fill(self, clip):
        return [np.full_like(frame, 77) for frame in clip.frames[: clip.num_local]]


def test_a_removal_is_iterated(film, tmp_path):
    steps = list(remove_objects(film, tmp_path / "out.mkv", prompts=[Click(30, 48)]))

    assert {step.stage for step in steps} == {"track", "fill", "done"}
    assert steps[-1].report.frames == FRAMES
    assert steps[-1].report.engines["segmenter"] == "classical"
    clean, before = rendered.rgb(tmp_path / "out.mkv"), rendered.rgb(film)
    assert np.abs(clean[0].astype(int) - before[0])[rendered.disc(0)].mean() > 30
    np.testing.assert_array_equal(clean[:, :20], before[:, :20])  # the sky is not touched


def test_nothing_happens_before_it_is_iterated(film, tmp_path):
    remove_objects(film, tmp_path / "out.mkv", prompts=[Click(30, 48)])

    assert not list(tmp_path.iterdir())


def test_the_output_lies_beside_the_source_unless_named(film):
    assert remove_objects(film).job.output == film.with_name("in_clean.mp4")


def test_stopping_keeps_what_is_finished(film, tmp_path):
    with pytest.MonkeyPatch.context():
        for step in remove_objects(film, tmp_path / "out.mkv", prompts=[Click(30, 48)]):
            if step.stage == "fill" and step.done == 3:
                break
    del step

    assert [path.name for path in tmp_path.iterdir()] == ["out.partial.mkv"]


def test_options_are_those_of_a_job(film, tmp_path):
    more = Job(Path("ignored"), masks_out=tmp_path / "masks.zip", mode="streaming")

    report = remove_objects(
        film, tmp_path / "out.mkv", prompts=[Marked(disc_labels(0))], options=more
    ).run()
    again = remove_objects(
        film, tmp_path / "again.mkv", masks=tmp_path / "masks.zip", mode="streaming"
    ).run()

    assert report.frames == again.frames == FRAMES
    np.testing.assert_array_equal(
        rendered.planes(tmp_path / "out.mkv"), rendered.planes(tmp_path / "again.mkv")
    )


def test_engines_of_ones_own_do_their_jobs(film, tmp_path):
    report = remove_objects(
        film,
        tmp_path / "out.mkv",
        prompts=[Click(5, 5)],
        segmenter=GreySegmenter(),
        propagator=KnowingPropagator,
        inpainter=GreyInpainter(),
    ).run()

    assert report.engines == {
        "segmenter": "GreySegmenter",
        "propagator": "KnowingPropagator",
        "inpainter": "GreyInpainter",
    }
    clean, before = rendered.rgb(tmp_path / "out.mkv"), rendered.rgb(film)
    for index in range(FRAMES):
        assert np.abs(clean[index][rendered.disc(index)].astype(int) - 77).mean() < 12
    np.testing.assert_array_equal(clean[:, :20], before[:, :20])


def test_nothing_to_remove_is_said(film, tmp_path):
    with pytest.raises(UserError, match="nothing to remove"):
        remove_objects(film, tmp_path / "out.mkv").run()


def test_frames_are_cleaned_in_memory(frames):
    clip, wall = frames

    clean = list(remove_from_frames(clip, [Click(42, 48, frame=4)]))

    assert len(clean) == FRAMES
    for index in range(FRAMES):
        inside = rendered.disc(index)
        error = np.abs(clean[index][inside].astype(int) - wall[inside]).mean()
        assert error < 25 < np.abs(clip[index][inside].astype(int) - wall[inside]).mean()
        np.testing.assert_array_equal(clean[index][:20], clip[index][:20])


def test_labels_of_frames_are_followed_in_both_directions(frames):
    clip, _ = frames

    labels = track_frames(clip, [Marked(disc_labels(4), frame=4)])

    for index in range(FRAMES):
        found, true = labels[index] == 1, rendered.disc(index)
        assert (found & true).sum() / (found | true).sum() > 0.8


def test_what_is_pointed_at_in_frames_is_found(frames):
    clip, _ = frames

    found = find_objects(clip, [Click(42, 48, object=3, frame=4)])

    assert set(found) == {4}
    assert ((found[4] == 3) & rendered.disc(4)).sum() / rendered.disc(4).sum() > 0.8


@pytest.mark.parametrize("mode", ["offline", "streaming"])
def test_frames_are_filled_with_masks_known_already(frames, mode):
    clip, wall = frames
    masks = [rendered.disc(index) for index in range(FRAMES)]

    clean = list(fill_frames(np.stack(clip), masks, options=Job(Path(), mode=mode)))

    assert all(frame.shape == wall.shape for frame in clean)
    error = np.abs(clean[-1][masks[-1]].astype(int) - wall[masks[-1]]).mean()
    assert error < np.abs(clip[-1][masks[-1]].astype(int) - wall[masks[-1]]).mean() / 2


@pytest.mark.parametrize("mode", ["offline", "streaming"])
def test_frames_follow_a_keyframe(frames, mode):
    clip, wall = frames
    hole = np.zeros(wall.shape[:2], bool)
    hole[60:84, 90:120] = True  # on the wall, in all frames: nothing shows what is behind
    blue = wall.copy()
    blue[hole] = (10, 20, 230)
    masks = [hole] * FRAMES

    job = Job(Path(), mode=mode, dilate=0, keyframes={2: blue})
    clean = list(fill_frames(clip, masks, options=job))

    np.testing.assert_array_equal(clean[2][hole], blue[hole])
    assert np.abs(clean[5].astype(int) - blue)[hole].mean() < 10
    with pytest.raises(UserError, match="it is 6x4 but the clip is 144x96"):
        list(fill_frames(clip, masks, options=Job(Path(), keyframes={2: blue[:4, :6]})))


def test_streaming_frames_wait_as_long_as_they_look_ahead(frames):
    clip, _ = frames
    masks = [rendered.disc(index) for index in range(FRAMES)]
    seen = []

    class Watching(GreyInpainter):
        def fill(self, given):
            seen.append(given.indices[: given.num_local][-1])
            return super().fill(given)

    job = Job(Path(), mode="streaming", settings=Settings(lookahead=2))
    clean = list(fill_frames(clip, masks, inpainter=Watching(), options=job))

    assert len(clean) == FRAMES
    assert seen == [min(index + 2, FRAMES - 1) for index in range(FRAMES)]


@pytest.mark.parametrize("mode", ["offline", "streaming"])
def test_only_the_part_that_is_asked_for_is_filled(frames, mode):
    clip, _ = frames
    masks = [rendered.disc(index) for index in range(FRAMES)]

    clean = list(fill_frames(clip, masks, options=Job(Path(), mode=mode, first=2, last=5)))

    changed = [not np.array_equal(new, old) for new, old in zip(clean, clip, strict=True)]
    assert changed == [2 <= index <= 5 for index in range(FRAMES)]
    with pytest.raises(UserError, match="frame 9 is past the end"):
        list(fill_frames(clip, masks, options=Job(Path(), mode=mode, last=9)))


@pytest.mark.parametrize("mode", ["offline", "streaming"])
def test_frames_are_filled_as_a_file_of_them_is(frames, tmp_path, mode):
    clip, wall = frames
    folder = tmp_path / "frames"
    folder.mkdir()
    for index, frame in enumerate(clip):
        Image.fromarray(frame).save(folder / f"{index}.png")
        Image.fromarray(disc_labels(index)).save(tmp_path / f"{index}.png")
    with zipfile.ZipFile(tmp_path / "masks.zip", "w") as archive:
        for index in range(FRAMES):
            archive.write(tmp_path / f"{index}.png", f"{index}.png")
    job = Job(
        Path(),
        mode=mode,
        dilate=3,
        first=1,
        keyframes={4: wall},
        settings=Settings(grow_shadow=True, lookahead=1, feather=2, size="full"),
    )

    made = remove_objects(folder, tmp_path / "out", masks=tmp_path / "masks.zip", options=job)
    made.run()
    clean = list(fill_frames(clip, [disc_labels(i) for i in range(FRAMES)], options=job))

    written = [np.asarray(Image.open(each)) for each in sorted((tmp_path / "out").glob("*.png"))]
    np.testing.assert_array_equal(np.stack(clean), np.stack(written))


@pytest.mark.parametrize(
    ("clip", "labels", "message"),
    [
        ([], [], "there are no frames"),
        ([np.zeros((4, 6, 3), np.uint8)], [], "1 frames but 0 label maps"),
        ([np.zeros((4, 6, 3))], [np.zeros((4, 6))], r"frame 0 is float64 \(4, 6, 3\)"),
        (
            [np.zeros((4, 6, 3), np.uint8), np.zeros((4, 7, 3), np.uint8)],
            [np.zeros((4, 6))] * 2,
            r"frame 1 is \(4, 7, 3\) but frame 0 is \(4, 6, 3\)",
        ),
    ],
)
def test_frames_that_are_none_are_refused(clip, labels, message):
    with pytest.raises(UserError, match=message):
        list(fill_frames(clip, labels))


def test_the_example_runs_and_is_what_the_documentation_shows(film, tmp_path):
    example = ROOT / "docs" / "own_inpainter.py"
    source = example.read_text()

    run = subprocess.run(
        [sys.executable, str(example), str(film), str(tmp_path / "out.mp4")],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith(f"done {FRAMES} {FRAMES}\n")
    assert len(rendered.stamps(tmp_path / "out.mp4")) == FRAMES
    assert len(source.splitlines()) <= 30
    assert f"```python\n{source}```" in (ROOT / "docs" / "API.md").read_text()


def test_the_package_offers_the_functions_and_imports_nothing_until_then():
    assert tracker.remove_objects is remove_objects
    with pytest.raises(AttributeError, match="no attribute 'remove_subjects'"):
        tracker.remove_subjects  # noqa: B018
    loaded = subprocess.run(
        [sys.executable, "-c", "import tracker, sys; print('numpy' in sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert loaded.stdout.strip() == "False"
