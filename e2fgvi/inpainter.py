"""E2FGVI as an engine: clips of frames with holes in, filled frames out.

Windows overlap, so what depends on one frame (features) or two (flows) is kept by frame
index and forgotten with the last clip that shows the frame: each is computed once however
many windows it serves, and the results are those of the plain network but for rounding.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from e2fgvi.conditions import Conditions, Plan, Recall
from e2fgvi.decoder import Region
from e2fgvi.fitting import Fit
from e2fgvi.memory import FrameCache, FrameRecord
from e2fgvi.network import E2FGVI, map_size
from e2fgvi.stream import Stream
from tracker.types import Clip, Frame, Mask


class E2FGVIInpainter:
    """Fills holes; one object per video."""

    def __init__(
        self,
        network: E2FGVI,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        recall: Recall = "recompute",
        conditions: Conditions | None = None,
    ) -> None:
        """Wrap a network.

        Args:
            network: in inference mode, weights loaded, on `device`.  It is not changed.
            device: where to compute.
            dtype: float32, or the lower precision of automatic mixed precision.
            recall: what is known of earlier frames when only the newest one is wanted:
                "recompute" passes the whole window through the network; "memory" looks at
                what earlier frames were seen as when they were the newest; "auto" decides
                by the pace.
            conditions: all this, and what else is known of the machine; instead of `dtype`
                and `recall`.
        """
        self._network = network
        self._device = torch.device(device)
        self._conditions = conditions or Conditions(self._device, Plan(dtype), recall)
        self._fit: Fit | None = None
        self._cache = FrameCache()
        self._stream = Stream()

    def another(self) -> "E2FGVIInpainter":
        """Return a new one for another part of the frames of the same video."""
        return E2FGVIInpainter(self._network, device=self._device, conditions=self._conditions)

    @property
    def remarks(self) -> list[str]:
        """Return what the user should know of how the video is filled, a sentence each."""
        return self._conditions.remarks

    def fill(self, clip: Clip) -> list[Frame]:
        """Return the local frames with their holes filled.

        Only the frames `clip.wanted` asks for are computed; the others come back as they
        are, and so do frames without a hole.  When memory runs out, it is tried once more
        with less, and stays so for the rest of the video.

        Raises:
            ValueError: the clip contradicts itself.
        """
        _check(clip)
        conditions, (height, width) = self._conditions, clip.frames[0].shape[:2]
        padded = Fit.choose(height, width, hq=self._network.hq).network
        num_references = len(clip.frames) - clip.num_local
        conditions.plan_for(clip.num_local, num_references, padded[0] * padded[1])
        started = time.perf_counter()
        try:
            filled = self._fill(self._affordable(clip))
        except torch.OutOfMemoryError:
            if conditions.is_frugal:
                raise
            conditions.step_down(len(clip.frames), height, width)
            self._cache, self._stream = FrameCache(), Stream()
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
            return self._fill(self._affordable(clip))
        if clip.num_local > 1 and _wants_newest(clip) and clip.holes[clip.num_local - 1].any():
            conditions.judge(time.perf_counter() - started)
        return filled

    def _affordable(self, clip: Clip) -> Clip:
        """Return the clip with as many references as are planned: keyframes, then the nearest."""
        most, local = self._conditions.plan.num_references, clip.indices[: clip.num_local]
        if most is None or len(clip.frames) - clip.num_local <= most:
            return clip
        nearest = sorted(
            range(clip.num_local, len(clip.frames)),
            key=lambda p: (
                clip.indices[p] not in clip.keyframes,
                min(abs(clip.indices[p] - i) for i in local),
            ),
        )
        chosen = [*range(clip.num_local), *sorted(nearest[:most])]
        return replace(
            clip,
            indices=tuple(clip.indices[p] for p in chosen),
            frames=tuple(clip.frames[p] for p in chosen),
            holes=tuple(clip.holes[p] for p in chosen),
        )

    @torch.inference_mode()
    def _fill(self, clip: Clip) -> list[Frame]:
        fit = self._forget_all_but(clip)
        results = list(clip.frames[: clip.num_local])
        positions = [p for p in clip.wanted_positions if clip.holes[p].any()]
        dtype = self._conditions.plan.dtype
        with torch.autocast(self._device.type, dtype, enabled=dtype != torch.float32):
            if self._conditions.remembers and _wants_newest(clip):
                # Even without a hole: later frames will want to look at this one.
                features, tokens = self._see_newest(clip, fit)
            elif positions:
                features, tokens = self._see_window(clip, fit, positions)
            if positions:
                holes = [clip.holes[p] for p in positions]
                decoded = self._decode(features, tokens, fit, holes)
                for position, (picture, region) in zip(positions, decoded, strict=True):
                    results[position] = fit.restore(picture, region, clip.frames[position])
        return results

    def _forget_all_but(self, clip: Clip) -> Fit:
        """Forget frames the clip does not show, or shows with other pixels."""
        height, width = clip.frames[0].shape[:2]
        fit = Fit.choose(height, width, hq=self._network.hq)
        if fit != self._fit:
            self._fit, self._cache, self._stream = fit, FrameCache(), Stream()
        shown = dict(zip(clip.indices, zip(clip.frames, clip.holes, strict=True), strict=True))
        kept = {
            i for i, record in self._cache.frames.items() if i in shown and record.is_of(*shown[i])
        }
        if any(i in shown and i not in kept for i in self._cache.frames):
            self._stream = Stream()
        self._cache.keep(kept)
        return fit

    def _see_newest(self, clip: Clip, fit: Fit) -> tuple[Tensor, Tensor]:
        """Return features and tokens of the newest local frame, from memory of the others."""
        newest = clip.num_local - 1
        if not self._stream.carried:
            # Nothing is remembered, as when a box around the hole has moved: look at the
            # earlier frames of this clip first, each as if it were the newest.
            earlier = sorted(set(range(len(clip.frames))) - {newest}, key=clip.indices.__getitem__)
            for count, position in enumerate(earlier):
                seen = [clip.indices[p] for p in earlier[: count + 1]]
                is_local = position < newest
                local = [i for i in seen if i >= clip.indices[0]] if is_local else seen[-1:]
                (record,) = self._records(clip, fit, [position])
                self._stream.step(self._network, record, local, seen)
        (record,) = self._records(clip, fit, [newest])
        return self._stream.step(
            self._network, record, clip.indices[: clip.num_local], clip.indices
        )

    def _see_window(self, clip: Clip, fit: Fit, positions: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return features and tokens of the local frames at `positions`."""
        network = self._network
        records = self._records(clip, fit, range(len(clip.frames)))
        local, references = records[: clip.num_local], records[clip.num_local :]
        for record in local:
            if record.share is None:
                record.share = network.share(record.features)
        features = network.propagate(
            torch.cat([record.features for record in local]),
            torch.cat([record.share for record in local if record.share is not None]),
            *self._flows(clip),
        )
        tokens = [network.ss(features)]
        for record in references:  # their features are not propagated
            record.share = None
            if record.tokens is None:
                record.tokens = network.ss(record.features)
            tokens.append(record.tokens)
        first = positions[0]
        seen = network.transform(
            torch.cat(tokens), map_size(features), slice(first, positions[-1] + 1)
        )
        return features[list(positions)], seen[[p - first for p in positions]]

    def _records(self, clip: Clip, fit: Fit, positions: Sequence[int]) -> list[FrameRecord]:
        """Return what is known of the frames at `positions`, encoding those that are new."""
        frames = self._cache.frames
        new = [p for p in positions if clip.indices[p] not in frames]
        batch = self._conditions.plan.batch
        for start in range(0, len(new), batch):
            some = new[start : start + batch]
            masked = torch.cat(
                [
                    fit.prepare(
                        torch.tensor(clip.frames[p], device=self._device),
                        torch.tensor(clip.holes[p], device=self._device),
                    )
                    for p in some
                ]
            )
            features, pictures = self._network.encode(masked), self._network.shrink(masked)
            for i, p in enumerate(some):
                source = (clip.frames[p], clip.holes[p])
                frames[clip.indices[p]] = FrameRecord(
                    source, pictures[i : i + 1], features[i : i + 1]
                )
        return [frames[clip.indices[p]] for p in positions]

    def _flows(self, clip: Clip) -> tuple[Tensor, Tensor]:
        """Return the flows between the local frames, to the next and to the previous."""
        frames, flows = self._cache.frames, self._cache.flows
        local = clip.indices[: clip.num_local]
        pairs = list(pairwise(local))
        new = [pair for pair in pairs if pair not in flows]
        pictures = [frames[i].picture for i in local]
        if new or not pairs:
            to_next, to_previous = self._network.flows(
                torch.cat([frames[i].picture for i, _ in new] or [pictures[0][:0]]),
                torch.cat([frames[j].picture for _, j in new] or [pictures[0][:0]]),
            )
            for i, pair in enumerate(new):
                flows[pair] = (to_next[i : i + 1], to_previous[i : i + 1])
        if not pairs:
            return to_next, to_previous
        return (
            torch.cat([flows[pair][0] for pair in pairs]),
            torch.cat([flows[pair][1] for pair in pairs]),
        )

    def _decode(
        self, features: Tensor, tokens: Tensor, fit: Fit, holes: Sequence[Mask]
    ) -> Iterator[tuple[Tensor, Region]]:
        """Yield what fills each hole: (3, rows, columns) in [-1, 1], and its region."""
        # An accelerator likes many frames at a time, even if some need a smaller region.
        batch = 1 if self._conditions.is_frugal or self._device.type == "cpu" else len(holes)
        for start in range(0, len(holes), batch):
            some = slice(start, start + batch)
            region = fit.region(np.logical_or.reduce(holes[some]))
            for picture in self._network.decode(features[some], tokens[some], region):
                yield picture, region


def _wants_newest(clip: Clip) -> bool:
    return clip.wanted_positions == range(clip.num_local - 1, clip.num_local)


def _check(clip: Clip) -> None:
    """Raise ValueError unless the clip is what it says."""
    counts = {len(clip.indices), len(clip.frames), len(clip.holes)}
    if len(counts) > 1:
        raise ValueError(
            f"{len(clip.indices)} indices, {len(clip.frames)} frames, {len(clip.holes)} holes"
        )
    if not 1 <= clip.num_local <= len(clip.frames):
        raise ValueError(f"{clip.num_local} local frames of {len(clip.frames)}; at least 1")
    shapes = {frame.shape[:2] for frame in clip.frames} | {hole.shape for hole in clip.holes}
    if len(shapes) > 1:
        raise ValueError(f"frames and holes differ in size: {sorted(shapes)} (H, W)")
