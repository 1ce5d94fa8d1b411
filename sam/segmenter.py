"""SAM as an engine: clicks, a box, a mask, or all of them, to masks.

An answer depends on the frame and the prompt alone.  Clicks are answered one after the
other, each from what the one before it gave, as SAM was trained; what the earlier ones
gave is remembered, so on a page a click costs one decoding, and the same clicks from a
file give the same mask.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from sam.embedding import Candidates, Embedding, PromptKey, Sam
from sam.promises import keep_promises
from tracker.types import Box, Frame, Mask, Prompt, Segmentation, check_prompt

NUM_FRAMES = 4  # whose embeddings are kept, 4 to 7 MB each
NUM_ANSWERS = 32  # kept per frame, 0.25 MB each


class SamSegmenter:
    """Segments one video's frames; remembers the last few frames and answers."""

    def __init__(
        self,
        network: nn.Module,
        *,
        device: torch.device | str = "cpu",
        num_frames: int = NUM_FRAMES,
    ) -> None:
        """Wrap a network.

        Args:
            network: one of `sam.networks`, in inference mode, weights loaded, on `device`.
                It is not changed.
            device: where to compute.
            num_frames: how many frames' embeddings to keep.
        """
        with torch.inference_mode():
            self._sam = Sam(network, device, num_frames)

    @torch.inference_mode()
    def segment(
        self, frame: Frame, prompt: Prompt, neighbours: Sequence[Frame] = ()
    ) -> Segmentation:
        """Return what `prompt` means: three masks for a single click, else one.

        Every mask holds all positive points and no negative one.  It is empty only where
        the network finds nothing in a box or a mask.  `neighbours` are not looked at.

        Raises:
            ValueError: nothing is prompted, a point or the box lies outside the frame, or
                the mask has another size.
        """
        check_prompt(frame, prompt)
        embedding = self._sam.embed(frame)
        candidates = self._answer(embedding, prompt)
        inside = (self._sam.enlarge(embedding, candidates.logits) > 0).cpu().numpy()
        masks = tuple(keep_promises(mask, prompt.points) for mask in inside)
        return Segmentation(masks, candidates.scores)

    def _answer(self, embedding: Embedding, prompt: Prompt) -> Candidates:
        """Decode `prompt`, after those it grew from: the box, then click after click."""
        points, box, mask = prompt.points, prompt.box, prompt.mask
        digest = b""
        logits: Tensor | None = None
        if mask is not None:
            digest = hashlib.blake2b(mask.tobytes()).digest()
            logits = self._sam.logits_of(embedding, mask)
        for count in range(0 if mask is None and box is not None else 1, len(points)):
            key = (points[:count], box, digest, prompt.choice)
            if key not in embedding.answers:
                self._decode(embedding, key, logits)
            logits = embedding.answers[key]
        if not points and box is None and mask is not None:
            box = _box_around(mask)  # SAM makes little of a mask alone
        return self._decode(embedding, (points, box, digest, prompt.choice), logits)

    def _decode(self, embedding: Embedding, key: PromptKey, logits: Tensor | None) -> Candidates:
        """Decode a prompt, starting from `logits`, and remember the best answer."""
        points, box, _, choice = key
        is_ambiguous = len(points) == 1 and box is None and logits is None
        found = self._sam.decode(embedding, points, box, logits, is_ambiguous=is_ambiguous)
        if is_ambiguous:
            found = found.led_by(choice)
        embedding.answers[key] = found.logits[0]
        if len(embedding.answers) > NUM_ANSWERS:
            del embedding.answers[next(iter(embedding.answers))]
        return found


def _box_around(mask: Mask) -> Box:
    """Return the smallest box around the True pixels of `mask`, of which there is one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (float(columns[0]), float(rows[0]), float(columns[-1]), float(rows[-1]))
