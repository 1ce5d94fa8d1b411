"""What is remembered of earlier frames, without growing with the video.

The published trackers keep a frame for ever every few frames.  Restricting the bank to the
first and the newest frames is not only cheaper: Zhou, Pang and Wang, "RMem: Restricted
Memory Banks Improve Video Object Segmentation" (CVPR 2024), find it more accurate too,
with AOT and DeAOT, as the networks were trained with few frames and redundant ones confuse
them.  Here frames whose labels the user gave stay for good and the newest others fill the
rest.
"""

from collections.abc import Sequence

from torch import Tensor

from aot.attention import Memory


class LongTermMemory:
    """Frames remembered, each a slot in one buffer per layer; written in place.

    Args:
        max_frames: how many frames are kept.  Prompted frames stay even when they alone are
            more, and one slot is always left to the newest frame.  None: all of them, as
            published.
    """

    def __init__(self, max_frames: int | None) -> None:
        if max_frames is not None and max_frames < 1:
            raise ValueError(f"max_frames is {max_frames}, expected at least 1")
        self._max_frames = max_frames
        self._is_prompted: list[bool] = []  # by slot
        self._age_order: list[int] = []  # slots, the oldest first
        self._keys: list[Tensor] = []  # per layer (capacity, N, C)
        self._values: list[Tensor] = []  # per layer (capacity, N, D)

    def __len__(self) -> int:
        """Return the number of frames remembered."""
        return len(self._is_prompted)

    def write(self, memories: Sequence[Memory], is_prompted: bool) -> None:
        """Remember a frame, one memory per layer, in place of the oldest that may go.

        Raises:
            ValueError: its number of cells is not that of the frames before.
        """
        slot = self._choose_slot()
        if slot == len(self):
            self._is_prompted.append(is_prompted)
            self._reserve(memories)
        else:
            self._age_order.remove(slot)
            self._is_prompted[slot] = is_prompted
        self._age_order.append(slot)
        for layer, memory in enumerate(memories):
            if memory.keys.shape != self._keys[layer].shape[1:]:
                raise ValueError(
                    f"a frame of {len(memory.keys)} cells, but the ones remembered have"
                    f" {self._keys[layer].shape[1]}: frames of one video have one size"
                )
            self._keys[layer][slot].copy_(memory.keys)
            self._values[layer][slot].copy_(memory.values)

    def read(self) -> list[Memory]:
        """Return one memory per layer over all frames: views, valid until the next write."""
        count = len(self)
        pairs = zip(self._keys, self._values, strict=True)
        return [
            Memory(keys[:count].flatten(0, 1), values[:count].flatten(0, 1))
            for keys, values in pairs
        ]

    def _choose_slot(self) -> int:
        if self._max_frames is None or len(self) < self._max_frames:
            return len(self)
        may_go = (slot for slot in self._age_order if not self._is_prompted[slot])
        return next(may_go, len(self))

    def _reserve(self, memories: Sequence[Memory]) -> None:
        """Make room for one more slot: the buffers double, up to the bound."""
        if self._keys and len(self) <= len(self._keys[0]):
            return
        capacity = 2 * len(self)
        if self._max_frames is not None:
            capacity = max(len(self), min(capacity, self._max_frames))
        if not self._keys:
            self._keys = [memory.keys.new_empty(0) for memory in memories]
            self._values = [memory.values.new_empty(0) for memory in memories]
        for layer, memory in enumerate(memories):
            self._keys[layer] = _enlarged(self._keys[layer], capacity, memory.keys)
            self._values[layer] = _enlarged(self._values[layer], capacity, memory.values)


def _enlarged(buffer: Tensor, capacity: int, like: Tensor) -> Tensor:
    """Return (capacity, *like.shape) that starts with `buffer`."""
    enlarged = like.new_empty((capacity, *like.shape))
    if len(buffer):
        enlarged[: len(buffer)].copy_(buffer)
    return enlarged
