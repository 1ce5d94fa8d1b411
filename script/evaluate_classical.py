"""Put the weight-free engines through every clip whose truth is known: one table per job.

    python script/evaluate_classical.py CLIPS WORK                     # masks, then fill
    python script/evaluate_classical.py CLIPS WORK --jobs fill --clips devil_sample,wrv_8m56s
    python script/evaluate_classical.py CLIPS WORK --jobs stationary   # a painted hole that stays
    python script/evaluate_classical.py CLIPS WORK --jobs returns      # objects hidden for a while
    python script/evaluate_classical.py CLIPS WORK --jobs interrupted  # the same, in place
    python script/evaluate_classical.py CLIPS WORK --jobs exposed      # exposure that changes
    python script/evaluate_classical.py CLIPS WORK --jobs portrait     # cut to 9:16

CLIPS is a folder of clips as `python -m tracker evaluate` takes them; WORK, which must be
new, keeps every frame that was made, to be looked at.  Masks: J and F as DAVIS measures them,
from the true first mask.  Fill: PSNR in the hole, all its pixels in one mean, at 432x240 by
the protocol of E2FGVI; "gain" is over the better of OpenCV's Telea and copying the same pixel
from the nearest frame that shows it; "(past)" is over Telea and copying from the past, all
that streaming may know.  "ahead" is streaming that waits for ten frames more.  "warp" is the
warping error in the hole over that of the true frames.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

# Run as a script, Python looks for modules in script/, not in the root the packages lie in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from tracker import engines
from tracker.evaluation import cases, davis, runs
from tracker.evaluation.case_files import CaseOrder
from tracker.evaluation.exposures import KINDS, UNCHANGED, exposed
from tracker.evaluation.fill import ClipScore, pooled_psnr, score_clip
from tracker.evaluation.interruptions import interrupted
from tracker.evaluation.layout import find_clips
from tracker.evaluation.occlusions import occluded
from tracker.evaluation.perceptual import Perception
from tracker.evaluation.portraits import portraits
from tracker.evaluation.protocol import PUBLISHED, Protocol
from tracker.evaluation.returns import Return, evaluate_returns, return_sheet
from tracker.evaluation.runs import FillPlan
from tracker.evaluation.sheet import as_text
from tracker.jobs import Mode
from tracker.metrics import Summary

HIDING = {"returns": occluded, "interrupted": interrupted}  # jobs, and what makes their scenes
JOBS = ("masks", "fill", "stationary", "exposed", "portrait", *HIDING)
STILL = 1e-3  # of the diagonal per frame: below it, a camera stands still
BASELINES = ("telea", "nearest", "previous")
OURS = ("offline", "streaming", "ahead")
WAYS = (*BASELINES, *OURS)
LOOKAHEAD = 10  # frames: 0.4 s at 25 per second
NOBODY = Perception(None, None, "cpu")


@dataclass(frozen=True)
class MaskRow:
    """How well the objects of one clip were followed."""

    clip: str
    frames: int
    j: float  # mean over objects and frames
    f: float
    fps: float


@dataclass(frozen=True)
class FillRow:
    """How well one clip was filled; `psnr` and the like by the way it was filled."""

    clip: str
    is_still: bool
    psnr_hole: Mapping[str, float]  # dB, all pixels of the hole in one mean
    psnr: Mapping[str, float]  # dB, of whole frames, mean over frames
    warp: Mapping[str, float]  # warping error in the hole over that of the truth
    fps: Mapping[str, float]

    def gain(self, way: str, others: Sequence[str] = ("telea", "nearest")) -> float:
        """Return by how much `way` is better than the best of others, in dB."""
        return self.psnr_hole[way] - max(self.psnr_hole[other] for other in others)


def follow(clips: Path, work: Path, only: Sequence[str] | None) -> list[MaskRow]:
    """Return how every clip with masks is followed from its first one."""
    choice = engines.choose("propagator", "classical", "cpu")
    rows = []
    print(f"{'clip':30}{'frames':>7}{'J':>8}{'F':>8}{'J&F':>8}{'fps':>8}")
    for done in runs.track(clips, work, only, choice, None):
        scores = davis.evaluate_masks(work, clips, [done.clip])
        j, f = (float(np.mean([each.mean for each in part])) for part in _summaries(scores))
        rows.append(MaskRow(done.clip, done.num_frames, j, f, done.num_frames / done.seconds))
        print(_mask_line(rows[-1].clip, rows[-1].frames, j, f, rows[-1].fps), flush=True)
    if rows:
        means = (float(np.mean([getattr(row, key) for row in rows])) for key in ("j", "f", "fps"))
        print(_mask_line("mean over clips", sum(row.frames for row in rows), *means))
    return rows


def _summaries(scores: Iterable[davis.ObjectScore]) -> tuple[list[Summary], ...]:
    scores = list(scores)
    return [score.j_summary for score in scores], [score.f_summary for score in scores]


def _mask_line(name: str, frames: int, j: float, f: float, fps: float) -> str:
    return f"{name:30}{frames:7}{j:8.3f}{f:8.3f}{(j + f) / 2:8.3f}{fps:8.1f}"


def fill(clips: Path, work: Path, only: Sequence[str] | None, protocol: Protocol) -> list[FillRow]:
    """Return how every clip whose truth is known is filled, each way."""
    truths, masks = find_clips(clips, "bg"), find_clips(clips, "masks")
    rows = []
    print(f"{'clip':26}{'':6} telea  near.  past | offline  gain  warp   fps |", end="")
    print(" stream.  gain (past)  warp   fps |   ahead  gain  warp   fps | whole frame")
    for name in only or truths:
        scores, fps = {}, {}
        for way in WAYS:
            (done,) = runs.inpaint(clips, clips, work / way, [name], plan(way, protocol))
            fps[way] = done.num_frames / done.seconds
            where = (done.folder, truths[name], masks[name])
            scores[way] = score_clip(name, *where, protocol, NOBODY)
        rows.append(_row(name, scores, fps))
        print(_fill_line(rows[-1]), flush=True)
    for title, chosen in (
        ("all", rows),
        ("camera still", [row for row in rows if row.is_still]),
        ("camera moving", [row for row in rows if not row.is_still]),
    ):
        for what, how in (("mean", np.nanmean), ("median", np.nanmedian)):
            if chosen:
                print(_sum_line(f"{title}, {what} of {len(chosen)}", chosen, how))
    return rows


def find_again(job: str, clips: Path, work: Path, only: Sequence[str] | None) -> list[Return]:
    """Return how objects are followed that are hidden for a while, in scenes made of the clips."""
    made, labels = work / "cases", work / "labels"
    for sentence in HIDING[job](CaseOrder(clips, made, only)):
        print(sentence)
    for _ in runs.track(made, labels, None, engines.choose("propagator", "classical", "cpu"), None):
        pass
    found = evaluate_returns(labels, made)
    print(as_text(return_sheet(found)))
    return found


def follow_exposed(clips: Path, work: Path, only: Sequence[str] | None) -> list[MaskRow]:
    """Return how clips are followed whose exposure changes; print J beside the clip as it is."""
    made, ways = work / "cases", UNCHANGED | KINDS
    for _ in exposed(CaseOrder(clips, made, only, PUBLISHED.size), ways):
        pass
    rows = follow(made, work / "labels", None)
    found = {row.clip: row.j for row in rows}
    names = list(dict.fromkeys(case.rpartition("_")[0] for case in found))
    table = {name: [found[f"{name}_{kind}"] for kind in ways] for name in names}
    print(f"\n{'J':26}" + "".join(f"{kind:>10}" for kind in ways))
    for name, each in (*table.items(), ("mean over clips", np.mean(list(table.values()), axis=0))):
        print(f"{name:26}" + "".join(f"{j:10.3f}" for j in each))
    return rows


def follow_portraits(clips: Path, work: Path, only: Sequence[str] | None) -> list[MaskRow]:
    """Return how clips are followed of which an upright part is shown."""
    made = work / "cases"
    for _ in portraits(CaseOrder(clips, made, only)):
        pass
    return follow(made, work / "labels", None)


def plan(way: str, protocol: Protocol) -> FillPlan:
    """Return how to fill in one of the `WAYS`."""
    if way in OURS:
        choice = engines.choose("inpainter", "classical", "cpu")
        mode: Mode = "offline" if way == "offline" else "streaming"
        lookahead = LOOKAHEAD if way == "ahead" else 0
        return FillPlan(choice, mode, False, protocol.size, protocol.dilation, lookahead)
    return FillPlan(way, "offline", False, protocol.size, protocol.dilation)


def _row(name: str, scores: Mapping[str, ClipScore], fps: Mapping[str, float]) -> FillRow:
    def mean(way: str, key: str) -> float:
        return float(np.nanmean(scores[way].series[key]))

    truth = mean("offline", "warp_error_hole_truth") or math.nan  # 0: every true frame is the same
    return FillRow(
        name,
        scores["offline"].traits["camera_motion"] < STILL,
        {way: pooled_psnr(*scores[way].hole_error) for way in WAYS},
        {way: mean(way, "psnr") for way in WAYS},
        {way: mean(way, "warp_error_hole") / truth for way in WAYS},
        fps,
    )


def _fill_line(row: FillRow) -> str:
    line = f"{row.clip:26}{'still' if row.is_still else 'moves':6}"
    line += "".join(f"{row.psnr_hole[way]:6.2f} " for way in BASELINES)
    for way in OURS:
        line += f"| {row.psnr_hole[way]:7.2f} {row.gain(way):+5.2f} "
        if way == "streaming":
            line += f"({row.gain(way, ('telea', 'previous')):+.2f}) "
        line += f"{row.warp[way]:5.2f} {row.fps[way]:5.1f} "
    return line + "|" + "".join(f" {row.psnr[way]:.2f}" for way in OURS)


def _sum_line(
    title: str, rows: Sequence[FillRow], how: Callable[[list[float]], np.floating]
) -> str:
    gains = [how([row.gain(way) for row in rows]) for way in OURS]
    causal = how([row.gain("streaming", ("telea", "previous")) for row in rows])
    warps = ", ".join(f"{how([row.warp[way] for row in rows]):.2f}" for way in OURS)
    whole = ", ".join(f"{how([row.psnr[way] for row in rows]):.2f}" for way in OURS)
    return (
        f"{title:26} gain {gains[0]:+.2f} offline, {gains[1]:+.2f} ({causal:+.2f}) streaming, "
        f"{gains[2]:+.2f} ahead; warp {warps}; whole frame {whole} dB"
    )


def main() -> None:
    """Print the tables; save them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("work", type=Path, help="folder to be made")
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=("masks", "fill"))
    parser.add_argument("--clips", dest="only", type=lambda text: text.split(","), metavar="A,B")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the figures")
    options = parser.parse_args()
    found = {}
    for job in options.jobs:
        place = options.work / job
        if job == "masks":
            found[job] = follow(options.clips, place, options.only)
        elif job == "fill":
            found[job] = fill(options.clips, place, options.only, PUBLISHED)
        elif job == "exposed":
            found[job] = follow_exposed(options.clips, place, options.only)
        elif job == "portrait":
            found[job] = follow_portraits(options.clips, place, options.only)
        elif job in HIDING:
            found[job] = find_again(job, options.clips, place, options.only)
        else:
            made = place / "cases"
            order = CaseOrder(options.clips, made, options.only, PUBLISHED.size)
            for _ in cases.stationary(order):
                pass
            found[job] = fill(made, place, None, PUBLISHED)
    if options.json is not None:
        rows = {job: [asdict(row) for row in each] for job, each in found.items()}
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
