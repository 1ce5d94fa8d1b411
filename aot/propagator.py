"""The tracker of the application: pixels in, labels out, one frame per call.

Everything about pixels is here: sizes, normalisation, label maps of any ids, and when a
frame is remembered.  `aot.group` follows up to ten objects; more objects are more groups.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from aot.group import ObjectGroup, confidences, merged_labels
from aot.network import CELL, Features, PropagationNetwork
from tracker.types import Frame, LabelMap, Tracked

DEFAULT_MEMORY_FRAMES = 8  # `aot.memory` says why a bound does no harm
MAX_LONG_SIDE = 1040.0  # pixels; 1.3 times 800, as published
MEAN = np.array((0.485, 0.456, 0.406), np.float32)  # of ImageNet, RGB
DEVIATION = np.array((0.229, 0.224, 0.225), np.float32)


class DeAOTPropagator:
    """Follows objects through one video; implements `tracker.interfaces.MaskPropagator`.

    Networks are shared between videos and never changed; this object belongs to one video.

    Args:
        network: DeAOT or AOT, ready for use (`aot.load_network`), on `device`.
        device: where the network is; its number format is the network's own.
        memory_gap: frames between two long-term memories; None: the published one.
        max_memory_frames: bound on the long-term memory; None: unbounded, as published.
        max_long_side: larger frames are tracked at this size, in pixels.
    """

    def __init__(
        self,
        network: PropagationNetwork,
        *,
        device: torch.device | str,
        memory_gap: int | None = None,
        max_memory_frames: int | None = DEFAULT_MEMORY_FRAMES,
        max_long_side: float = MAX_LONG_SIDE,
    ) -> None:
        if memory_gap is not None and memory_gap < 1:
            raise ValueError(f"memory_gap is {memory_gap}, expected at least 1")
        self._network = network
        self._device = torch.device(device)
        self._memory_gap = memory_gap or network.config.memory_gap
        self._max_memory_frames = max_memory_frames
        self._max_long_side = max_long_side
        self._groups: list[ObjectGroup] = []
        self._ids: list[int] = []  # the user's number of the k-th object met, at k - 1
        self._frames_since_write = 0

    @torch.inference_mode()
    def step(self, frame: Frame, labels: LabelMap | None = None) -> Tracked:
        """Label the next frame (H, W, 3), or memorise the labels (H, W) given for it.

        Before any object was given, everything is background.

        Raises:
            ValueError: `labels` and `frame` differ in size, or the frame and those before.
        """
        if labels is not None:
            if labels.shape != frame.shape[:2]:
                raise ValueError(f"labels are {labels.shape} but the frame is {frame.shape[:2]}")
            self._register(labels)
        if not self._groups:
            return Tracked(np.zeros(frame.shape[:2], np.uint8) if labels is None else labels)
        image = self._image(frame)
        features = self._network.encode(image)
        if labels is None:
            return self._track(frame, features, image)
        self._introduce(labels, features, image)
        return Tracked(labels, {int(number): 1.0 for number in np.unique(labels) if number})

    def _register(self, labels: LabelMap) -> None:
        """Give every object not met before the next free place in a group."""
        self._ids += [int(k) for k in np.unique(labels) if k and int(k) not in self._ids]
        num_groups = -(-len(self._ids) // self._network.config.max_objects)
        for _ in range(num_groups - len(self._groups)):
            self._groups.append(ObjectGroup(self._network, self._max_memory_frames))

    def _introduce(self, labels: LabelMap, features: Features, image: Tensor) -> None:
        place_of = np.zeros(256, np.uint8)
        place_of[self._ids] = np.arange(1, len(self._ids) + 1)
        places = self._at_network_size(torch.from_numpy(place_of[labels]), image)
        for index, group in enumerate(self._groups):
            group.introduce(features, self._own(places, index))
        self._frames_since_write = 0

    def _track(self, frame: Frame, features: Features, image: Tensor) -> Tracked:
        capacity = self._network.config.max_objects
        logits = [
            group.match(features, min(capacity, len(self._ids) - capacity * index))
            for index, group in enumerate(self._groups)
        ]
        size = (frame.shape[0], frame.shape[1])
        places = merged_labels(logits, size, self._network.config.align_corners)
        self._frames_since_write += 1
        is_long_term = self._frames_since_write >= self._memory_gap
        small = self._at_network_size(places, image)
        for index, group in enumerate(self._groups):
            group.memorise(self._own(small, index), is_long_term)
        if is_long_term:
            self._frames_since_write = 0
        labels = np.array((0, *self._ids), np.uint8)[places.cpu().numpy()]
        return Tracked(labels, dict(zip(self._ids, confidences(logits), strict=True)))

    def _own(self, places: Tensor, index: int) -> Tensor:
        """Renumber the objects of group `index` from 1; all others are background to it."""
        capacity = self._network.config.max_objects
        own = places.long() - capacity * index
        return own * ((own >= 1) & (own <= capacity))

    def _at_network_size(self, places: Tensor, image: Tensor) -> Tensor:
        """Resize (H, W) to the network's image by nearest neighbour, as published."""
        places = places.to(self._device)[None, None]
        return F.interpolate(places, image.shape[-2:], mode="nearest")[0, 0]

    def _image(self, frame: Frame) -> Tensor:
        align_corners = self._network.config.align_corners
        height, width = frame.shape[:2]
        size = network_size(height, width, align_corners, max_long_side=self._max_long_side)
        # The benchmark code resizes float pictures, so what bicubic overshoots survives.
        image = torch.from_numpy(normalised(frame.astype(np.float32), size))[None]
        like = self._network.encoder_projector.weight
        return image.to(self._device, like.dtype).contiguous(memory_format=torch.channels_last)


def network_size(
    height: int,
    width: int,
    align_corners: bool,
    *,
    max_short_side: float | None = None,
    max_long_side: float = MAX_LONG_SIDE,
) -> tuple[int, int]:
    """Return the (height, width) at which a frame of this size is tracked.

    Larger frames are reduced to the limits, smaller ones are not enlarged; then each side
    goes to the nearest 16 k + 1, or 16 k without `align_corners`, halves to the even k.
    """
    scale = 1.0
    if max_short_side is not None:
        scale = min(scale, max_short_side / min(height, width))
    scale = min(scale, max_long_side / max(height, width))
    extra = 1 if align_corners else 0
    sides = (int(height * scale), int(width * scale))
    tracked = [round((side - extra) / CELL) * CELL + extra for side in sides]
    return max(CELL + extra, tracked[0]), max(CELL + extra, tracked[1])


def normalised(
    pixels: NDArray[np.uint8 | np.float32], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Resize RGB pixels (H, W, 3), 0 to 255, and normalise them by ImageNet's statistics.

    Returns:
        (3, height, width) float32, a view of pixels; `size` is (height, width).
    """
    height, width = size
    if pixels.shape[:2] != size:
        resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC)
    else:
        resized = pixels
    image = (resized.astype(np.float32) / np.float32(255) - MEAN) / DEVIATION
    return image.transpose(2, 0, 1)
