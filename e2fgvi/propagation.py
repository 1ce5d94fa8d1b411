"""Features carried along the flow, backwards and then forwards through the local frames.

Second-order deformable propagation (Li et al., CVPR 2022, after BasicVSR++ by Chan et al.,
CVPR 2022).  One call of `step` is one frame of one direction, so that a caller who meets
frames one at a time can drive it.  Attribute names are the published checkpoint's keys.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from e2fgvi.deform import NUM_TAPS, deformable_convolution
from e2fgvi.flow import warp

MAX_RESIDUE = 10.0  # pixels an offset may depart from the flow
NUM_GROUPS = 16
SLOPE = 0.1  # of the leaky rectifiers here; encoder and decoder use 0.2
ORDER = 2  # earlier results a step looks at
BACKWARD, FORWARD = "backward_", "forward_"


class DeformableAlignment(nn.Module):
    """Aligns two earlier results with the current frame."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, ORDER * channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        self.conv_offset = nn.Sequential(
            nn.Conv2d(3 * channels + 2 * ORDER, channels, 3, padding=1),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(channels, 3 * NUM_GROUPS * NUM_TAPS, 3, padding=1),
        )

    def forward(self, earlier: Tensor, clues: Tensor, flows: tuple[Tensor, Tensor]) -> Tensor:
        """Read `earlier` where the flows and a learned residue say.

        Args:
            earlier: (1, 2 * C, H, W), the last result and the one before, not warped.
            clues: (1, 3 * C + 4, H, W), the warped ones, the current frame and the flows.
            flows: each (1, 2, H, W), to the last result and to the one before.

        Returns:
            (1, C, H, W).
        """
        num_points = NUM_GROUPS * NUM_TAPS
        # In mixed precision, too, places are computed in full.
        offset, mask = self.conv_offset(clues).float().tensor_split((2 * num_points,), dim=1)
        # Offsets are (y, x) in the deformable kernel but flows are (x, y): flip before
        # adding.  The first half of the groups reads the last result, the second the older.
        shared = torch.stack([flow.flip(1) for flow in flows], dim=1)[:, :, None]
        by_result = torch.unflatten(offset, 1, (ORDER, num_points // ORDER, 2))
        by_result.tanh_().mul_(MAX_RESIDUE).add_(shared)  # in place: these are large
        return deformable_convolution(earlier, offset, torch.sigmoid(mask), self.weight, self.bias)


class BidirectionalPropagation(nn.Module):
    """Lets every local frame see what the others show."""

    def __init__(self, channels: int = 128) -> None:
        super().__init__()
        self.deform_align = nn.ModuleDict(
            {name: DeformableAlignment(channels) for name in (BACKWARD, FORWARD)}
        )
        self.backbone = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Conv2d(num_inputs * channels, channels, 3, padding=1),
                    nn.LeakyReLU(SLOPE, inplace=True),
                    nn.Conv2d(channels, channels, 3, padding=1),
                )
                for name, num_inputs in ((BACKWARD, 2), (FORWARD, 3))
            }
        )
        self.fusion = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, features: Tensor, flow_to_next: Tensor, flow_to_previous: Tensor) -> Tensor:
        """Propagate through all frames, both ways.

        Args:
            features: (T, C, H, W).
            flow_to_next: (T - 1, 2, H, W), pixels of the feature map, x then y.
            flow_to_previous: the same, from frame i + 1 to frame i.

        Returns:
            (T, C, H, W).
        """
        frames = [features[i : i + 1] for i in range(len(features))]
        # The released weights were trained with a slip in the backward sweep: its i-th
        # step uses the i-th flow of the clip, not the flow between the frames it joins.
        # It is kept, for the weights expect it.
        backward = self._sweep(BACKWARD, [(x,) for x in frames[::-1]], flow_to_next)[::-1]
        pairs = list(zip(frames, backward, strict=True))
        forward = self._sweep(FORWARD, pairs, flow_to_previous)
        return self.fuse(features, torch.cat(backward), torch.cat(forward))

    def _sweep(
        self, direction: str, frames: Sequence[tuple[Tensor, ...]], flows: Tensor
    ) -> list[Tensor]:
        """Step through `frames` in the order given."""
        results: list[Tensor] = []
        for i, inputs in enumerate(frames):
            recent = [flow[None] for flow in flows[max(0, i - ORDER) : i]]
            results.append(self.step(direction, inputs, results[-ORDER:], recent))
        return results

    def step(
        self,
        direction: str,
        inputs: tuple[Tensor, ...],
        results: Sequence[Tensor],
        flows: Sequence[Tensor],
    ) -> Tensor:
        """Carry a sweep to its next frame.

        Args:
            direction: BACKWARD or FORWARD.
            inputs: the frame's features (1, C, H, W); forwards also its backward result.
            results: what the last steps gave, at most two, newest last.
            flows: one flow (1, 2, H, W) per result, newest last: from this frame to the
                last one, and from the last one to the one before.

        Returns:
            (1, C, H, W).
        """
        features = inputs[0]
        if results:
            carried = self._align(direction, features, results, flows)
        else:
            carried = torch.zeros_like(features)
        update: Tensor = self.backbone[direction](torch.cat((*inputs, carried), dim=1))
        return carried + update

    def _align(
        self,
        direction: str,
        features: Tensor,
        results: Sequence[Tensor],
        flows: Sequence[Tensor],
    ) -> Tensor:
        last, flow_to_last = results[-1], flows[-1]
        warped_last = warp(last, flow_to_last)
        if len(results) > 1:
            older = results[-2]
            flow_to_older = flow_to_last + warp(flows[-2], flow_to_last)
            warped_older = warp(older, flow_to_older)
        else:
            older = warped_older = torch.zeros_like(last)
            flow_to_older = torch.zeros_like(flow_to_last)
        clues = torch.cat((warped_last, features, warped_older, flow_to_last, flow_to_older), 1)
        aligned: Tensor = self.deform_align[direction](
            torch.cat((last, older), dim=1), clues, (flow_to_last, flow_to_older)
        )
        return aligned

    def fuse(self, features: Tensor, backward: Tensor, forward: Tensor) -> Tensor:
        """(T, C, H, W) three times -> the same: both sweeps merged, added to the features."""
        merged: Tensor = self.fusion(torch.cat((backward, forward), dim=1))
        return features + merged
