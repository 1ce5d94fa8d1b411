"""The measures of one filled clip, frame by frame, beside its truth.

PSNR and SSIM over the whole picture are E2FGVI's (Li et al., CVPR 2022); those of the hole
alone say more, as most of the picture is the truth.  The warping error follows Lai et al.
(ECCV 2018) with the flow of `motion.py`.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import hypot
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.evaluation.motion import Motion, MotionEstimator
from tracker.evaluation.perceptual import Perception
from tracker.evaluation.protocol import (
    FrameFolder,
    Pixels,
    Protocol,
    composite,
    grow,
    read_holes,
)
from tracker.evaluation.sheet import Picture, worst_places
from tracker.images import bounding_box
from tracker.metrics import PEAK, psnr, ssim, ssim_map, warping_error
from tracker.types import Frame, Mask, UserError

HOLE_WINDOW = 7  # pixels: of the SSIM inside the hole, where 65 would see mostly the truth
_CANDIDATES = 12  # frames of a clip that are kept until the worst that are apart are known


@dataclass(frozen=True, eq=False)
class ClipScore:
    """What one clip came to."""

    name: str
    frames: tuple[str, ...]
    series: Mapping[str, list[float]]  # measure -> one per frame, NaN where there is none
    features: tuple[NDArray[np.float64], NDArray[np.float64]] | None  # of result and truth
    hole_error: tuple[float, int]  # squared error in the hole, over how many samples
    traits: Mapping[str, float]  # hole_size, hole_displacement, camera_motion, background_motion
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, eq=False)
class _Triple:
    """One frame: the truth, what is measured, and where the hole was."""

    name: str
    truth: Pixels
    result: Pixels
    hole: Mask | None


def score_clip(
    name: str,
    result: Path,
    truth: Path,
    masks: Path | None,
    protocol: Protocol,
    perception: Perception,
) -> ClipScore:
    """Measure one clip.

    Raises:
        UserError: frames are missing or do not fit; the message names the clip and them.
    """
    estimator = MotionEstimator()
    series: dict[str, list[float]] = {key: [] for key in _KEYS}
    traits: dict[str, list[float]] = {key: [] for key in _TRAITS}
    squared, count = 0.0, 0
    worst: list[tuple[float, int, _Triple]] = []
    previous: _Triple | None = None
    names: list[str] = []
    watcher = perception.watch_clip()
    for index, now in enumerate(_triples(name, result, truth, masks, protocol)):
        names.append(now.name)
        # Without a hole there is nothing to judge: what is composited is the truth.
        has_hole = now.hole is None or bool(now.hole.any())
        quality = psnr(now.result, now.truth)
        series["psnr"].append(quality if has_hole else float("nan"))
        likeness = _checked_ssim(now, protocol.ssim_window)
        series["ssim"].append(likeness if has_hole else float("nan"))
        for key, value in _hole_measures(now).items():
            series[key].append(value)
        if now.hole is not None and now.hole.any():
            error = np.asarray(now.result, np.float64)[now.hole] - now.truth[now.hole]
            squared, count = squared + float((error**2).sum()), count + error.size
        distance = watcher.see(now.result, now.truth)
        series["lpips"].append(distance if has_hole else float("nan"))
        changes = dict.fromkeys(_WARPING, float("nan"))
        if previous is not None:
            motion = estimator.between(previous.truth, now.truth)
            changes |= _changes(previous, now, motion)
            traits["camera_motion"].append(motion.camera)
            traits["background_motion"].append(motion.background)
            traits["hole_displacement"].append(_displacement(previous.hole, now.hole))
        for key, value in changes.items():
            series[key].append(value)
        if now.hole is not None:
            traits["hole_size"].append(float(now.hole.mean()))
        heapq.heappush(worst, (-quality, -index, now))
        if len(worst) > _CANDIDATES:
            heapq.heappop(worst)
        previous = now
    return ClipScore(
        name,
        tuple(names),
        series,
        watcher.features(),
        (squared, count),
        {key: _mean(values) for key, values in traits.items()},
        _pictures(name, [(-index, item) for _, index, item in worst], series["psnr"]),
    )


_WARPING = ("warp_error", "warp_error_truth", "warp_error_hole", "warp_error_hole_truth")
_KEYS = ("psnr", "ssim", "psnr_hole", "ssim_hole", *_WARPING, "lpips")
_TRAITS = ("camera_motion", "background_motion", "hole_size", "hole_displacement")


def _triples(
    name: str, result: Path, truth: Path, masks: Path | None, protocol: Protocol
) -> Iterator[_Triple]:
    """Yield the frames of a clip as they are compared; refuse clips that do not fit."""
    true_frames, found_frames = FrameFolder(truth), FrameFolder(result)
    true_names, found_names = true_frames.names, found_frames.names
    if true_names is not None and found_names is not None and len(true_names) != len(found_names):
        missing = [each for each in true_names if each not in set(found_names)]
        raise UserError(
            f"{name}: {len(found_names)} results but {len(true_names)} true frames"
            + (f"; missing: {', '.join(missing[:5])}" if missing else "")
        )
    names = true_names or found_names
    truths = true_frames.read(protocol.size)
    first = next(truths)
    size = (first.shape[0], first.shape[1])
    results = found_frames.read(size)
    holes = None if masks is None else read_holes(masks, size, protocol.dilation)
    count = 0
    for index, true_frame in enumerate(chain([first], truths)):
        found = next(results, None)
        if found is None:
            break
        hole = None
        if holes is not None:
            hole = next(holes, None)
            if hole is None:
                raise UserError(f"{name}: {index} masks but more frames; give one per frame")
            found = composite(found, true_frame, hole)
        count += 1
        yield _Triple(names[index] if names else f"{index:05d}", true_frame, found, hole)
    # A still truth has no end; else both must end together.
    rest = 0 if true_frames.is_still else sum(1 for _ in truths)
    rest_found = sum(1 for _ in results)
    if not true_frames.is_still and (rest or rest_found or count < len(true_names or [])):
        total = len(true_names) if true_names else count + rest
        raise UserError(f"{name}: {count + rest_found} results but {total} true frames")


def _checked_ssim(now: _Triple, window: int) -> float:
    if window > min(now.truth.shape[:2]):
        height, width = now.truth.shape[:2]
        raise UserError(
            f"frames of {width}x{height} are too small for an SSIM window of {window}; "
            "pass a larger --size or a smaller --ssim-window"
        )
    return ssim(now.result, now.truth, window)


def _hole_measures(now: _Triple) -> dict[str, float]:
    """Return PSNR and SSIM of the hole's pixels; NaN without a hole."""
    values = {"psnr_hole": float("nan"), "ssim_hole": float("nan")}
    if now.hole is None or not now.hole.any():
        return values
    values["psnr_hole"] = psnr(now.result, now.truth, now.hole)
    margin = HOLE_WINDOW // 2
    region = bounding_box(now.hole, margin)
    if region is None:
        return values
    result, truth, hole = now.result[region], now.truth[region], now.hole[region]
    inner = hole[margin : hole.shape[0] - margin, margin : hole.shape[1] - margin]
    if inner.any():
        values["ssim_hole"] = float(ssim_map(result, truth, HOLE_WINDOW)[inner].mean())
    return values


def _changes(before: _Triple, now: _Triple, motion: Motion) -> dict[str, float]:
    """Return the warping errors from one frame to the next, of the picture and of the hole."""
    areas = {"warp_error": motion.visible}
    if before.hole is not None:
        areas["warp_error_hole"] = motion.visible & before.hole
    values = {}
    for key, area in areas.items():
        if area.any():
            way = (motion.flow_to_next, area)
            values[key] = warping_error(before.result, now.result, *way)
            values[f"{key}_truth"] = warping_error(before.truth, now.truth, *way)
    return values


def _displacement(before: Mask | None, after: Mask | None) -> float:
    """Return how far the hole's centre moves, as a share of the diagonal; NaN without one."""
    if before is None or after is None or not (before.any() and after.any()):
        return float("nan")
    (y0, x0), (y1, x1) = (np.argwhere(mask).mean(axis=0) for mask in (before, after))
    return float(hypot(y1 - y0, x1 - x0) / hypot(*before.shape))


def _pictures(
    clip: str, kept: Sequence[tuple[int, _Triple]], quality: Sequence[float]
) -> tuple[Picture, ...]:
    """Draw the worst frames of a clip, apart from each other, out of those that were kept."""
    kept = sorted(kept, key=lambda item: item[0])
    values = np.full(kept[-1][0] + 1, np.inf)
    for index, _ in kept:
        values[index] = quality[index] if np.isfinite(quality[index]) else np.inf
    items = dict(kept)
    places = [place for place in worst_places(values.tolist()) if place in items]
    return tuple(_picture(clip, items[place]) for place in places)


def _picture(clip: str, item: _Triple) -> Picture:
    result = np.clip(np.rint(item.result), 0, 255).astype(np.uint8)
    truth = np.asarray(item.truth, np.uint8)
    difference = np.abs(result.astype(np.int16) - truth).astype(np.uint8)
    images: list[tuple[str, Frame]] = [("truth", truth), ("result", _outlined(result, item.hole))]
    images.append(("difference, 4 times", np.minimum(difference, 63) * np.uint8(4)))
    caption = f"PSNR {psnr(item.result, item.truth):.2f} dB"
    if item.hole is not None and item.hole.any():
        caption += f", in the hole {psnr(item.result, item.truth, item.hole):.2f} dB"
    return Picture(clip, item.name, caption, tuple(images))


def _outlined(frame: Frame, hole: Mask | None) -> Frame:
    """Return a copy with the rim just outside the hole drawn."""
    if hole is None:
        return frame
    drawn = frame.copy()
    drawn[grow(hole, 1) & ~hole] = (255, 40, 40)
    return drawn


def _mean(values: list[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def pooled_psnr(squared: float, count: int) -> float:
    """Return the PSNR in dB of a squared error over so many samples."""
    if not count:
        return float("nan")
    return float(10 * np.log10(PEAK**2 * count / squared)) if squared else float("inf")
