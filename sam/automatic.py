"""Objects nobody pointed at: SAM asked at every place of a grid.

The package's own automatic generator does it, with its published limits for how sure and
how stable a mask must be; only its grid is coarser, for a whole frame then takes a quarter
of the time and objects worth removing are not small.
"""

import importlib
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import nn

from tracker.types import Frame, Mask, Proposal

POINTS_PER_SIDE = 16  # published: 32
LEAST_SCORE = 0.88  # published, as the following two
LEAST_STABILITY = 0.95
SAME_OBJECT = 0.7  # overlap of two boxes of one thing
BATCH = 16  # places asked about at once; 64 as published take 1 GB, and are no faster on a CPU


class SamProposer:
    """Finds objects in any frame; remembers nothing."""

    def __init__(self, network: nn.Module) -> None:
        """Wrap one of `sam.networks`, in inference mode, weights loaded.  It is not changed."""
        self._network = network

    def propose(self, frame: Frame, neighbours: Sequence[Frame] = ()) -> list[Proposal]:
        """Return what stands out in `frame` (H, W, 3); `neighbours` are not looked at."""
        return propose(self._network, frame)


def propose(
    network: nn.Module,
    frame: Frame,
    *,
    points_per_side: int = POINTS_PER_SIDE,
    least_score: float = LEAST_SCORE,
    least_stability: float = LEAST_STABILITY,
) -> list[Proposal]:
    """Return masks of whatever stands out in `frame`, surest first; parts and wholes alike.

    Args:
        network: one of `sam.networks`, in inference mode, weights loaded.
        frame: (H, W, 3).
        points_per_side: of the grid; time grows with its square.
        least_score: the network's guess of a mask's overlap with the truth, 0 to 1.
        least_stability: overlap of the mask with itself under a stricter threshold, 0 to 1.
    """
    # Each package's generator knows how its own networks are called.
    package = importlib.import_module(type(network).__module__.partition(".")[0])
    generator = cast(Any, package).SamAutomaticMaskGenerator(
        network,
        points_per_side=points_per_side,
        pred_iou_thresh=least_score,
        stability_score_thresh=least_stability,
        box_nms_thresh=SAME_OBJECT,
        points_per_batch=BATCH,
    )
    size = (frame.shape[1], frame.shape[0])
    picture = Image.fromarray(frame)
    # SAM sees no more than this; the package's masks of a larger frame would fill memory.
    side = cast(Any, network).image_encoder.img_size
    picture.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=None)
    with torch.inference_mode():
        found = generator.generate(np.array(picture))
    proposals = [
        Proposal(_enlarged(each["segmentation"], size), float(np.clip(each["predicted_iou"], 0, 1)))
        for each in found
    ]
    return sorted(proposals, key=lambda each: each.score, reverse=True)


def _enlarged(mask: Mask, size: tuple[int, int]) -> Mask:
    """Return `mask` at `size` (width, height), with smooth outlines."""
    if mask.shape == (size[1], size[0]):
        return np.asarray(mask, bool)
    soft = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(soft) > 127
