"""Grounding DINO as an engine: words to boxes.

Follows Grounding DINO (Liu et al., ECCV 2024).  Deviations, all after the network: a box
belongs to the phrase that was typed, not to the words that happen to pass a threshold; and
of boxes that all but coincide only the surest is kept, for each becomes an object.
"""

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from sam.phrases import read_phrases
from sam.words import Caption, Words
from tracker.types import Box, Detection, Frame

SHORTER_SIDE, LONGEST_SIDE = 800, 1333  # pixels, published
BOX_THRESHOLD, TEXT_THRESHOLD = 0.35, 0.25  # published
SAME_OBJECT = 0.8  # overlap (intersection over union) of two boxes of one thing
_MEAN = np.array((0.485, 0.456, 0.406), np.float32)
_DEVIATION = np.array((0.229, 0.224, 0.225), np.float32)


class GroundingDinoDetector:
    """Finds what words describe; remembers nothing."""

    def __init__(
        self,
        network: nn.Module,
        vocabulary: Path,
        *,
        device: torch.device | str = "cpu",
        box_threshold: float = BOX_THRESHOLD,
        text_threshold: float = TEXT_THRESHOLD,
        shorter_side: int = SHORTER_SIDE,
    ) -> None:
        """Wrap a network.

        Args:
            network: of `sam.grounding_dino`, in inference mode, on `device`.
            vocabulary: bert-base-uncased's `vocab.txt`.
            device: where to compute.
            box_threshold: how well the best word of a phrase must match a box, 0 to 1.
            text_threshold: how well its words must match on average, 0 to 1.
            shorter_side: of the frame as the network sees it, pixels; 480 rather than the
                published 800 takes less than half the time and misses smaller things.

        Raises:
            ValueError: the vocabulary is not the network's.
        """
        self._network = cast(Any, network)  # the library's calls are not typed
        self._words = Words(vocabulary)
        self._device = torch.device(device)
        self._box_threshold = box_threshold
        self._text_threshold = text_threshold
        self._shorter_side = shorter_side
        expected = self._network.config.text_config.vocab_size
        if len(self._words) != expected:
            raise ValueError(
                f"{vocabulary.name} has {len(self._words)} tokens, the network {expected}"
            )

    def detect(
        self,
        frame: Frame,
        caption: str,
        *,
        box_threshold: float | None = None,
        text_threshold: float | None = None,
    ) -> list[Detection]:
        """Return the boxes of what `caption` names, best first.

        Args:
            frame: (H, W, 3).
            caption: plain English, or phrases separated by full stops.
            box_threshold: instead of the one given when this was made.
            text_threshold: likewise.

        Raises:
            UserError: the caption names nothing that can be read.
        """
        words = self._words.caption(read_phrases(caption))
        probabilities, boxes = self._look(frame, words)
        best = np.stack([probabilities[:, span].max(1) for span in _slices(words)], axis=1)
        mean = np.stack([probabilities[:, span].mean(1) for span in _slices(words)], axis=1)
        box_limit = self._box_threshold if box_threshold is None else box_threshold
        text_limit = self._text_threshold if text_threshold is None else text_threshold
        score = np.where(mean > text_limit, best, 0.0)
        phrase = score.argmax(1)
        found = [
            Detection(box, float(score[query, phrase[query]]), words.phrases[phrase[query]])
            for query in np.argsort(-score.max(1), kind="stable")
            if score[query].max() > box_limit and (box := _clipped(boxes[query], frame)) is not None
        ]
        return _distinct(found)

    @torch.inference_mode()
    def _look(
        self, frame: Frame, words: Caption
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return for every query (Q, tokens) probabilities and (Q, 4) centre, size of a box."""
        ids = torch.tensor([words.ids], device=self._device)
        outputs = self._network(
            pixel_values=prepare(frame, self._shorter_side).to(self._device),
            input_ids=ids,
            token_type_ids=torch.zeros_like(ids),
            attention_mask=torch.ones_like(ids),
        )
        probabilities = outputs.logits[0, :, : len(words.ids)].float().sigmoid()
        return probabilities.cpu().numpy(), outputs.pred_boxes[0].float().cpu().numpy()


def prepare(frame: Frame, shorter_side: int = SHORTER_SIDE) -> Tensor:
    """Return `frame` (H, W, 3) as the network sees it: (1, 3, h, w), resized and normalised.

    As the official code does it, which the library's processor does not: the longer side is
    cut down to whole pixels, and pixels are resized as bytes, by Pillow.
    """
    height, width = frame.shape[:2]
    short, long = min(height, width), max(height, width)
    side = shorter_side
    if long / short * side > LONGEST_SIDE:
        side = round(LONGEST_SIDE * short / long)
    longer = int(side * long / short)
    size = (side, longer) if width <= height else (longer, side)
    resized = Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR)
    pixels = (np.asarray(resized, np.float32) / np.float32(255) - _MEAN) / _DEVIATION
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]


def _slices(words: Caption) -> list[slice]:
    return [slice(span.start, span.stop) for span in words.spans]


def _clipped(box: NDArray[np.float32], frame: Frame) -> Box | None:
    """Return a box (centre x, y, width, height, shares of the frame) in pixels of the frame."""
    height, width = frame.shape[:2]
    x, y, across, down = (float(value) for value in box)
    x0, x1 = (min(max((x + half * across) * width, 0.0), float(width)) for half in (-0.5, 0.5))
    y0, y1 = (min(max((y + half * down) * height, 0.0), float(height)) for half in (-0.5, 0.5))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _distinct(detections: list[Detection]) -> list[Detection]:
    """Leave out boxes that all but coincide with a better one."""
    kept: list[Detection] = []
    for detection in detections:
        if all(overlap(detection.box, other.box) < SAME_OBJECT for other in kept):
            kept.append(detection)
    return kept


def overlap(first: Box, second: Box) -> float:
    """Return the intersection of two boxes over their union."""
    across = min(first[2], second[2]) - max(first[0], second[0])
    down = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(0.0, across) * max(0.0, down)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return shared / (areas - shared)
