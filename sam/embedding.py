"""SAM's two halves: a frame is encoded once, slowly; prompts are decoded often, quickly.

The packages' predictors keep one frame and, for HQ-SAM, recompute with every prompt what
depends on the frame only.  Here all of that is part of the embedding, and several frames
are kept.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import torch
import torch.nn.functional as F
from segment_anything.utils.transforms import ResizeLongestSide
from torch import Tensor, nn

from sam.fine_decoding import predict_masks
from tracker.types import Box, Frame, Mask, Point

PromptKey: TypeAlias = tuple[tuple[Point, ...], Box | None, bytes, int]
# points, box, a digest of the mask, and which meaning of a single click is taken

MASK_LOGIT = 10.0  # of a pixel certainly inside a mask that is given; outside: minus that


@dataclass(eq=False)
class Embedding:
    """All that is known of one frame."""

    frame: Frame
    features: Tensor  # (1, C, h, w)
    hq_features: Tensor | None  # (1, C, 4h, 4w); HQ-SAM only
    input_size: tuple[int, int]  # (height, width) of the frame as the encoder saw it
    answers: dict[PromptKey, Tensor] = field(default_factory=dict)  # logits of each best mask


@dataclass(frozen=True, eq=False)
class Candidates:
    """What a prompt may mean, best first."""

    logits: Tensor  # (K, 4h, 4w), above 0 inside; the padding of the square is included
    scores: tuple[float, ...]  # K, the network's guess of each mask's overlap with the truth

    def led_by(self, choice: int) -> "Candidates":
        """Return them with number `choice`, counted around, in front."""
        order = [choice % len(self.scores)]
        order += [index for index in range(len(self.scores)) if index not in order]
        return Candidates(self.logits[order], tuple(self.scores[index] for index in order))


class Sam:
    """One loaded network, and the embeddings of the frames it saw last."""

    def __init__(self, network: nn.Module, device: torch.device | str, num_frames: int) -> None:
        self._network = cast(Any, network)  # the packages are not typed
        self._device = torch.device(device)
        self._num_frames = num_frames
        self._embeddings: OrderedDict[bytes, Embedding] = OrderedDict()
        self._resize = ResizeLongestSide(self._network.image_encoder.img_size)
        self._positions: Tensor = self._network.prompt_encoder.get_dense_pe()

    def embed(self, frame: Frame) -> Embedding:
        """Return what is known of `frame` (H, W, 3), encoding it if it is new.

        A frame is known again by being the same object, if nobody can write into it, and
        else by its pixels.
        """
        key = self._key_of(frame)
        if key not in self._embeddings:
            self._embeddings[key] = self._encode(frame)
            if len(self._embeddings) > self._num_frames:
                self._embeddings.popitem(last=False)
        self._embeddings.move_to_end(key)
        self._embeddings[key].frame = frame
        return self._embeddings[key]

    def _key_of(self, frame: Frame) -> bytes:
        if not frame.flags.writeable:
            for key, embedding in self._embeddings.items():
                if embedding.frame is frame:
                    return key
        return hashlib.blake2b(repr(frame.shape).encode() + frame.tobytes()).digest()

    def _encode(self, frame: Frame) -> Embedding:
        network = self._network
        resized = torch.from_numpy(self._resize.apply_image(frame)).to(self._device)
        image = network.preprocess(resized.permute(2, 0, 1)[None].float())
        encoded = network.image_encoder(image)
        if isinstance(encoded, Tensor):
            features, hq_features = encoded, None
        else:  # with maps of earlier layers, of which HQ-SAM uses the first
            features, early = encoded
            hq_features = self._hq_features(features, early[0])
        return Embedding(frame, features, hq_features, (resized.shape[0], resized.shape[1]))

    def _hq_features(self, features: Tensor, early: Tensor) -> Tensor | None:
        decoder = self._network.mask_decoder
        if not hasattr(decoder, "hf_token"):
            return None
        fused: Tensor = decoder.embedding_encoder(features) + decoder.compress_vit_feat(
            early.permute(0, 3, 1, 2)
        )
        return fused

    def decode(
        self,
        embedding: Embedding,
        points: tuple[Point, ...],
        box: Box | None,
        logits: Tensor | None,
        *,
        is_ambiguous: bool,
    ) -> Candidates:
        """Return the masks a prompt may mean.

        Args:
            embedding: of the frame.
            points: in pixels of the frame.
            box: in pixels of the frame, or None.
            logits: (4h, 4w), of an earlier answer or of `logits_of`, or None.
            is_ambiguous: offer three masks, of a part or the whole, rather than one.
        """
        tokens, dense = self._embed_prompt(embedding, points, box, logits)
        inputs = (embedding.features, self._positions, tokens, dense)
        decoder = self._network.mask_decoder
        if embedding.hq_features is None:
            (masks,), (scores,) = decoder.predict_masks(*inputs)
            detail = torch.zeros_like(masks[0])
        else:
            masks, detail, scores = predict_masks(decoder, *inputs, embedding.hq_features)
        # The first mask is trained on prompts that say enough, the others on single clicks.
        chosen = slice(1, None) if is_ambiguous else slice(0, 1)
        order = scores[chosen].argsort(descending=True, stable=True)
        ranked = masks[chosen][order]
        # As published, HQ-SAM's finer mask is added to the best; the others are plain SAM's.
        ranked = torch.cat((ranked[:1] + detail, ranked[1:]))
        return Candidates(ranked, tuple(scores[chosen][order].clamp(0, 1).tolist()))

    def _embed_prompt(
        self,
        embedding: Embedding,
        points: tuple[Point, ...],
        box: Box | None,
        logits: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        size = embedding.frame.shape[:2]
        clicks = boxes = None
        if points:
            places = torch.tensor([[(point.x, point.y) for point in points]])
            signs = torch.tensor([[int(point.positive) for point in points]])
            scaled = self._resize.apply_coords_torch(places, size)
            clicks = (scaled.to(self._device), signs.to(self._device))
        if box is not None:
            corners = self._resize.apply_boxes_torch(torch.tensor([box]), size)
            boxes = corners.reshape(1, 4).to(self._device)
        masks = None if logits is None else logits[None, None]
        embedded: tuple[Tensor, Tensor] = self._network.prompt_encoder(clicks, boxes, masks)
        return embedded

    def logits_of(self, embedding: Embedding, mask: Mask) -> Tensor:
        """Return `mask` (H, W) as the logits (4h, 4w) an earlier answer would have been."""
        height, width = self._network.prompt_encoder.mask_input_size
        side = self._network.image_encoder.img_size
        inner = [
            max(1, round(known * whole / side))
            for known, whole in zip(embedding.input_size, (height, width), strict=True)
        ]
        soft = torch.from_numpy(mask).to(self._device).float()[None, None]
        soft = F.interpolate(soft, inner, mode="bilinear", antialias=True)[0, 0]
        padded = F.pad(soft, (0, width - inner[1], 0, height - inner[0]))
        return MASK_LOGIT * (2 * padded - 1)

    def enlarge(self, embedding: Embedding, logits: Tensor) -> Tensor:
        """Return logits (K, 4h, 4w) at the size of the frame: (K, H, W)."""
        size = embedding.frame.shape[:2]
        enlarged: Tensor = self._network.postprocess_masks(
            logits[None], embedding.input_size, size
        )[0]
        return enlarged
