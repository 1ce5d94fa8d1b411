"""The newest frame of a stream, at the cost of one frame.

The "memory" variant of Thiry et al. ("Towards Online Real-Time Memory-based Video
Inpainting Transformers", CVPR Workshops 2024): frames before the newest are not computed
again.  The newest looks at the keys and values they had, and its forward sweep continues
from the features they were given, when each was the newest itself.  Not the same numbers
as the whole window: an earlier frame never learns of a later one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from e2fgvi.memory import FrameRecord, KeyRing
from e2fgvi.network import E2FGVI, map_size
from e2fgvi.propagation import BACKWARD, FORWARD, ORDER


@dataclass(eq=False)
class Carried:
    """What the forward sweep left at a frame."""

    picture: Tensor  # (1, 3, h, w), shrunk
    features: Tensor  # (1, C, h, w)
    flow: Tensor | None  # (1, 2, h, w), to the frame carried from


@dataclass(eq=False)
class Stream:
    """Memory of the frames that were the newest one, as long as clips still show them."""

    rings: list[KeyRing] = field(default_factory=list)  # one per transformer block
    carried: dict[int, Carried] = field(default_factory=dict)

    def step(
        self, network: E2FGVI, record: FrameRecord, local: Sequence[int], indices: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Take in the newest frame.

        Args:
            network: the network.
            record: of the newest frame.
            local: indices of the frames before it and, last, its own.
            indices: all frames it may look at; every other one is forgotten.

        Returns:
            The newest frame's features (1, C, h, w) and tokens (1, rows, columns, D), ready
            to be decoded.
        """
        self.rings = self.rings or [KeyRing() for _ in network.blocks]
        features = self._carry(network, record, local)
        tokens = network.ss(features)
        for block, ring in zip(network.blocks, self.rings, strict=True):
            ring.keep(set(indices) - {local[-1]})
            normed, keys = block.look(tokens)
            keys = ring.add(local[-1], keys)
            tokens = block.finish(tokens, normed, keys, map_size(features))
        return features, tokens

    def _carry(self, network: E2FGVI, record: FrameRecord, local: Sequence[int]) -> Tensor:
        """Continue the forward sweep; return the newest frame's merged features."""
        propagation = network.feat_prop_module
        known = [self.carried[i] for i in local[-1 - ORDER : -1] if i in self.carried]
        flow = None
        flows: list[Tensor] = []
        if known:
            flow = network.flow(record.picture, known[-1].picture)
            flows = [step.flow for step in known[1:] if step.flow is not None] + [flow]
        # The newest frame is where the backward sweep starts.
        share = network.share(record.features)
        backward = propagation.step(BACKWARD, share, None, (), ())
        results = [step.features for step in known]
        forward = propagation.step(FORWARD, share, backward, results, flows)
        self.carried = {i: step for i, step in self.carried.items() if i in local[-ORDER:]}
        self.carried[local[-1]] = Carried(record.picture, forward, flow)
        return propagation.fuse(record.features, backward, forward)
