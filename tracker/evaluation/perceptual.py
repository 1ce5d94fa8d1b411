"""LPIPS and VFID, where their weights are on disk; without them there is no figure.

VFID is the Fréchet distance between the I3D logits of all results and of all truths, each a
whole clip of uint8 colours scaled to [0, 1], as E2FGVI's table has it (not [-1, 1]).  With fewer
clips than logits the covariances have no full rank, so the last digits depend on how the
matrix root is taken: here through eigenvalues of a symmetric product.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tracker import checkpoints, engines
from tracker.types import UserError

if TYPE_CHECKING:
    from tracker.evaluation.i3d import I3D
    from tracker.evaluation.lpips import Lpips
    from tracker.evaluation.protocol import Pixels

LEAST_FRAMES, LEAST_SIDE = 9, 193  # what I3D can look at


class Perception:
    """The networks that judge as people do: those whose weights are here."""

    def __init__(
        self, lpips: "Lpips | None", i3d: "I3D | None", device: str, notes: tuple[str, ...] = ()
    ) -> None:
        self.lpips, self.i3d, self.device, self.notes = lpips, i3d, device, notes

    @classmethod
    def find(cls, device: str = "auto") -> "Perception":
        """Load what is on disk; `notes` say what is not.

        Raises:
            UserError: a file is there but is not the published one.
        """
        if not engines.has_torch():
            return cls(None, None, "cpu", ("no LPIPS and no VFID: they need torch",))
        notes = []
        where = engines.resolve_device(device)
        lpips, i3d = None, None
        if checkpoints.path("alexnet") and checkpoints.path("lpips"):
            lpips = _load_lpips().to(where)
        else:
            notes.append("no LPIPS: run python -m tracker download lpips alexnet")
        if checkpoints.path("i3d"):
            i3d = _load_i3d().to(where)
        else:
            notes.append("no VFID: run python -m tracker download i3d")
        return cls(lpips, i3d, where, tuple(notes))

    def watch_clip(self) -> "Watcher":
        """Return who looks at one clip."""
        return Watcher(self)


class Watcher:
    """Looks at the frames of one clip as they come."""

    def __init__(self, perception: Perception) -> None:
        self._with = perception
        self._results: list[NDArray[np.uint8]] = []
        self._truths: list[NDArray[np.uint8]] = []

    def see(self, result: "Pixels", truth: "Pixels") -> float:
        """Look at the next frame; return its LPIPS, NaN if that cannot be had."""
        if self._with.i3d is not None:
            self._results.append(np.asarray(result).astype(np.uint8))
            self._truths.append(np.asarray(truth).astype(np.uint8))
        if self._with.lpips is None:
            return float("nan")
        import torch

        with torch.inference_mode():
            pair = [self._tensor(frame) / 127.5 - 1 for frame in (result, truth)]
            return float(self._with.lpips(*pair))

    def features(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return I3D's logits of result and truth, (400,) each; None if they cannot be had."""
        if self._with.i3d is None or not self._results:
            return None
        shape = self._results[0].shape
        if len(self._results) < LEAST_FRAMES or min(shape[:2]) < LEAST_SIDE:
            raise UserError(
                f"VFID needs clips of at least {LEAST_FRAMES} frames and {LEAST_SIDE} pixels a "
                f"side; this one has {len(self._results)} of {shape[1]}x{shape[0]}"
            )
        return self._logits(self._results), self._logits(self._truths)

    def _logits(self, frames: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        import torch

        with torch.inference_mode():
            clip = torch.stack([self._tensor(frame)[0] for frame in frames], dim=1) / 255
            assert self._with.i3d is not None  # noqa: S101 - asked before
            return np.asarray(self._with.i3d(clip[None])[0].cpu().double().numpy())

    def _tensor(self, frame: "Pixels") -> Any:
        """Return (1, 3, H, W), values 0 to 255."""
        import torch

        pixels = torch.from_numpy(np.array(frame, np.float32)).to(self._with.device)
        return pixels.permute(2, 0, 1)[None]


def frechet_distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the Fréchet distance between Gaussians fitted to two (N, D) sets of features.

    A single row has no spread: then it is the squared distance of the two.
    """
    mean = float(((first.mean(axis=0) - second.mean(axis=0)) ** 2).sum())
    if len(first) < 2 or len(second) < 2:
        return mean
    one, other = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    # The trace of the root of (one @ other) is that of the symmetric root(one) other root(one).
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    middle = np.linalg.eigvalsh(root @ other @ root)
    # What is zero but for rounding would not be after the root.
    middle[middle < 1e-12 * middle.max(initial=0)] = 0
    overlap = float(np.sqrt(middle).sum())
    return mean + float(np.trace(one) + np.trace(other)) - 2 * overlap


def _load_lpips() -> "Lpips":
    from tracker.evaluation.lpips import load_lpips

    try:
        return load_lpips(checkpoints.load("alexnet"), checkpoints.load("lpips"))
    except ValueError as error:
        raise UserError(f"alexnet and lpips do not fit the network of LPIPS: {error}") from error


def _load_i3d() -> "I3D":
    from tracker.evaluation.i3d import I3D

    network = I3D()
    try:
        network.load_state_dict(checkpoints.load("i3d"), strict=True)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise UserError(f"i3d_rgb_imagenet.pt does not fit I3D: {reason}") from error
    return network.eval()
