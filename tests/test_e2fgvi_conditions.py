"""E2FGVI plans with the memory there is, keeps the video's pace, and says so."""

import pytest
import rendered

torch = pytest.importorskip("torch")

from test_e2fgvi_inpainter import SCHEDULES, fill_all, tiny_network, video  # noqa: E402

from e2fgvi.compiling import why_not_compile  # noqa: E402
from e2fgvi.conditions import Conditions, Plan, free_memory  # noqa: E402
from e2fgvi.inpainter import E2FGVIInpainter  # noqa: E402
from tracker.boxes import Room  # noqa: E402
from tracker.crop import Cropped  # noqa: E402
from tracker.jobs import Job, Settings  # noqa: E402
from tracker.own import OwnEngines  # noqa: E402
from tracker.removal import run_job  # noqa: E402
from tracker.types import Clip  # noqa: E402

GIGABYTE = 10**9
FULL = Plan(torch.float32)


def planned(device, free_gigabytes, num_references=20, pixels=432 * 240):
    conditions = Conditions(
        torch.device(device), FULL, free_bytes=lambda: int(free_gigabytes * GIGABYTE)
    )
    conditions.plan_for(11, num_references, pixels)
    return conditions


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_with_enough_memory_nothing_is_given_up_and_nothing_said(device):
    conditions = planned(device, 80)

    assert conditions.plan == FULL
    assert conditions.remarks == []


def test_an_accelerator_takes_half_precision_before_it_looks_at_fewer_frames():
    conditions = planned("cuda", 3.5)

    assert conditions.plan == Plan(torch.float16)
    assert conditions.remarks == ["3.5 GB of memory are free: E2FGVI takes half precision"]


def test_a_processor_looks_at_fewer_frames():
    conditions = planned("cpu", 3.5)

    assert conditions.plan == Plan(torch.float32, num_references=10)
    assert conditions.remarks == [
        "3.5 GB of memory are free: E2FGVI takes full precision, at most 10 reference frames"
    ]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_less_is_free_the_less_is_planned_down_to_one_frame_at_a_time(device):
    needs = [
        planned(device, free).plan.bytes_for(11, 20, 432 * 240) for free in (20, 6, 4, 3, 2, 0.5)
    ]

    assert needs == sorted(needs, reverse=True)
    assert planned(device, 0.5).plan.batch == 1


def test_memory_is_looked_at_once():
    asked = []
    conditions = Conditions(
        torch.device("cpu"), FULL, free_bytes=lambda: asked.append(1) or 80 * GIGABYTE
    )

    for _ in range(3):
        conditions.plan_for(4, 3, 432 * 240)

    assert len(asked) == 1


def test_only_an_accelerator_has_memory_of_its_own():
    with pytest.raises(ValueError, match="cpu is no accelerator; expected cuda or mps"):
        free_memory(torch.device("cpu"))


def test_fewer_references_are_the_nearest_and_keyframes():
    network = tiny_network()
    frames, holes = video(9)
    indices = (20, 21, 0, 10, 30, 40, 50, 60, 70)
    conditions = Conditions(torch.device("cpu"), Plan(torch.float32, num_references=3))
    inpainter = E2FGVIInpainter(network, conditions=conditions)

    inpainter.fill(Clip(indices, tuple(frames), tuple(holes), 2, keyframes=frozenset({70})))

    assert sorted(inpainter._cache.frames) == [10, 20, 21, 30, 70]


@pytest.mark.parametrize(
    ("seconds", "recall", "sentence"),
    [
        (
            0.01,
            "recompute",
            "recall recompute: recomputing the window runs at 100 frames per second and keeps up "
            "with the video's 24",
        ),
        (
            0.1,
            "memory",
            "recall memory: recomputing the window runs at 10 frames per second and falls behind "
            "the video's 24",
        ),
    ],
)
def test_auto_recomputes_whenever_that_keeps_up_and_says_which(seconds, recall, sentence):
    conditions = Conditions(torch.device("cpu"), FULL, recall="auto", rate=24.0)

    for count in range(20):
        conditions.judge(5.0 if count < 2 else seconds)  # the first ones are always slow

    assert conditions.recall == recall
    assert conditions.remarks == [sentence]


def test_without_a_rate_auto_recomputes():
    conditions = Conditions(torch.device("cpu"), FULL, recall="auto")

    for _ in range(20):
        conditions.judge(100.0)

    assert not conditions.remembers
    assert conditions.remarks == []


def test_a_stream_too_slow_for_its_video_goes_on_from_memory(monkeypatch):
    network = tiny_network()
    frames, holes = video(12)
    conditions = Conditions(torch.device("cpu"), FULL, recall="auto", rate=1e6)

    filled = fill_all(
        E2FGVIInpainter(network, conditions=conditions), SCHEDULES["streaming"](12), frames, holes
    )
    exact = fill_all(E2FGVIInpainter(network), SCHEDULES["streaming"](12), frames, holes)

    assert conditions.recall == "memory"
    assert (filled[:8] == exact[:8]).all()
    assert (filled[9:] != exact[9:]).any()


def test_engines_of_one_video_share_what_they_learned():
    inpainter = E2FGVIInpainter(tiny_network())
    cropped = Cropped(lambda: inpainter, Room(60 * 108, (60, 108)))

    first, second = cropped._new(), cropped._new()
    first._conditions.remark("the disk is full of cheese")

    assert second is not first
    assert second.remarks == ["the disk is full of cheese"]
    assert cropped.remarks == ["the disk is full of cheese"]


class Talkative:
    """Fills with grey and has something to say."""

    def __init__(self):
        self.remarks = []

    def fill(self, clip):
        self.remarks = ["this is grey"]
        return [frame // 2 for frame in clip.frames[: clip.num_local]]


def test_what_an_inpainter_says_and_how_long_a_stream_waits_stand_in_the_report(tmp_path):
    clip = tmp_path / "scene.mkv"
    rendered.write_scene(clip, 6, sound=False)
    labels = rendered.disc(0).astype("uint8")
    job = Job(
        clip, tmp_path / "out.mkv", {0: labels}, mode="streaming", settings=Settings(lookahead=3)
    )

    *_, last = run_job(job, OwnEngines(inpainter=Talkative()))

    assert "this is grey" in last.report.notices
    (waits,) = [notice for notice in last.report.notices if "ahead" in notice]
    assert waits.startswith("looking 3 frames ahead: every frame comes 0.1")
    assert "late (3 frames at 2" in waits


def test_compiling_needs_a_compiler(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)

    assert why_not_compile("cpu") == "there is no C++ compiler (one of c++, g++, clang++, cl)"
    assert why_not_compile("mps") == "torch compiles for cpu and cuda only"
