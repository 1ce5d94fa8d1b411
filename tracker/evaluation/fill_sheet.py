"""A data set of filled clips: measured one by one, averaged as published, sliced as DEVIL does.

PSNR, SSIM and LPIPS are means over all frames of all clips, not over clips, as in E2FGVI's
table; the warping error is a mean over clips of means over frames, as in Lai et al.  The
slices follow DEVIL (Szeto and Corso, arXiv 2105.05332): clips are halved by how much the
camera, the scene behind, and the hole move, and by how large the hole is.
"""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np

from tracker.evaluation.fill import HOLE_WINDOW, ClipScore, pooled_psnr, score_clip
from tracker.evaluation.layout import choose_clips, find_clips
from tracker.evaluation.perceptual import Perception, frechet_distance
from tracker.evaluation.protocol import Protocol
from tracker.evaluation.sheet import Figures, Sheet

_OVER_FRAMES = ("psnr", "ssim", "psnr_hole", "ssim_hole", "lpips")
_OVER_CLIPS = ("warp_error", "warp_error_truth", "warp_error_hole", "warp_error_hole_truth")
_ORDER = (*_OVER_FRAMES[:4], "psnr_hole_pooled", *_OVER_CLIPS, "lpips", "vfid")
_LEAST_CLIPS = 2  # that can be halved


def evaluate_fill(
    results: Path,
    truth: Path,
    masks: Path | None,
    protocol: Protocol,
    perception: Perception,
    clips: Collection[str] | None = None,
    say: Callable[[str], None] = lambda name: None,
) -> Sheet:
    """Measure every clip whose truth is known; `say` hears the name of each in turn.

    Raises:
        UserError: a clip or frame is missing or does not fit; the message names it.
    """
    true_clips = choose_clips(find_clips(truth, "bg"), clips, truth)
    found = choose_clips(find_clips(results, "frames"), list(true_clips), results)
    holes = None
    if masks is not None:
        holes = choose_clips(find_clips(masks, "masks"), list(true_clips), masks)
    scores = []
    for name, place in true_clips.items():
        say(name)
        where = None if holes is None else holes[name]
        scores.append(score_clip(name, found[name], place, where, protocol, perception))
    return fill_sheet(scores, protocol, perception.notes, has_masks=masks is not None)


def fill_sheet(
    scores: Sequence[ClipScore], protocol: Protocol, notes: Sequence[str], *, has_masks: bool
) -> Sheet:
    """Sum up what was measured."""
    notes = list(notes)
    if not has_masks:
        notes.append("no masks were given: nothing is said of the hole alone")
    equal = sum(int(np.isinf(score.series["psnr"]).sum()) for score in scores)
    if equal:
        notes.append(f"{equal} frames equal the truth; they have no PSNR and are left out of it")
    size = "of the truth" if protocol.size is None else f"{protocol.size[1]}x{protocol.size[0]}"
    return Sheet(
        "Fill",
        {
            "size": f"{size}, frames bicubic (Pillow), masks nearest",
            "hole": f"masks grown by a 3x3 cross {protocol.dilation} times; only the hole is taken "
            "from the result, not rounded"
            if has_masks
            else "whole frames are compared",
            "psnr, ssim": f"mean over all frames with a hole; SSIM window {protocol.ssim_window}, "
            "uniform, sample covariance",
            "psnr_hole, ssim_hole": f"of the hole's pixels; SSIM window {HOLE_WINDOW}",
            "warp_error": "squared error in [0, 1] colours along DIS flow (MEDIUM) of the true "
            "frames, pixels visible in both; warp_error_hole counts those in the hole of the first "
            "alone; ..._truth is that of the truth itself",
            "lpips, vfid": "AlexNet v0.1; I3D logits of whole clips in [0, 1]; of one clip vfid "
            "is the squared distance of its two features",
        },
        _figures(scores),
        {score.name: _figures([score]) for score in scores},
        {},
        {score.name: score.frames for score in scores},
        {
            score.name: {key: each for key, each in score.series.items() if np.isfinite(each).any()}
            for score in scores
        },
        _slices(scores),
        tuple(notes),
        tuple(picture for score in scores for picture in score.pictures),
    )


def _figures(scores: Sequence[ClipScore]) -> Figures:
    figures: dict[str, float | None] = {}
    for key in _OVER_FRAMES:
        figures[key] = _mean([value for score in scores for value in score.series[key]])
    for key in _OVER_CLIPS:
        figures[key] = _mean([_mean(score.series[key]) for score in scores])
    errors, counts = zip(*(score.hole_error for score in scores), strict=True)
    pooled = pooled_psnr(sum(errors), sum(counts))
    figures["psnr_hole_pooled"] = pooled if np.isfinite(pooled) else None
    features = [score.features for score in scores if score.features is not None]
    figures["vfid"] = None
    if features:
        of_results, of_truths = (np.stack(each) for each in zip(*features, strict=True))
        figures["vfid"] = frechet_distance(of_results, of_truths)
    return {key: figures[key] for key in _ORDER}


def _mean(values: Sequence[float | None]) -> float | None:
    finite = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.mean(finite)) if finite else None


def _slices(scores: Sequence[ClipScore]) -> dict[str, Figures]:
    """Return the figures of the lower and the upper half of the clips by each trait."""
    slices: dict[str, Figures] = {}
    for trait in ("camera_motion", "background_motion", "hole_size", "hole_displacement"):
        known = [score for score in scores if np.isfinite(score.traits[trait])]
        if len(known) < _LEAST_CLIPS:
            continue
        known.sort(key=lambda score: score.traits[trait])
        half = len(known) // 2
        slices[f"{trait} low"] = _figures(known[:half])
        slices[f"{trait} high"] = _figures(known[half:])
    return slices
