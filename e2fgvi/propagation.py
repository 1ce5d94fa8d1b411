"""Features carried along the flow, backwards and then forwards through the local frames.

Second-order deformable propagation (Li et al., CVPR 2022, after BasicVSR++ by Chan et al.,
CVPR 2022).  One call of `step` is one frame of one direction, so that a caller who meets
frames one at a time can drive it.  Attribute names are the published checkpoint's keys.
"""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from e2fgvi.deform import NUM_TAPS, deformable_convolution
from e2fgvi.flow import warp

MAX_RESIDUE = 10.0  # pixels an offset may depart from the flow
NUM_GROUPS = 16
SLOPE = 0.1  # of the leaky rectifiers here; encoder and decoder use 0.2
ORDER = 2  # earlier results a step looks at
BACKWARD, FORWARD = "backward_", "forward_"


class SharedConvolutions(nn.ModuleList):
    """Convolutions of a frame's own features and of what is carried to the frame.

    The first one is linear, so it is the sum of what it makes of either.  What it makes of
    the frame's own features, its share, is the same however often the frame is looked at;
    and what is published as a map of zeros need not be read at all.
    """

    def __init__(self, own: slice, *layers: nn.Module) -> None:
        """`own` are the first layer's input channels that are the frame's own features."""
        super().__init__(layers)
        self.own = own

    @property
    def first(self) -> nn.Conv2d:
        """Return the first layer."""
        return cast(nn.Conv2d, self[0])

    def forward(self, share: Tensor, carried: Sequence[tuple[int, Tensor]]) -> Tensor:
        """Return what the last layer gives, (1, C', H, W).

        Args:
            share: (1, C, H, W), what the first layer makes of the frame's own features.
            carried: the rest of what it reads: maps (1, N, H, W), each with the first of
                the input channels that it is.
        """
        if carried:
            kernels = [self.first.weight[:, i : i + x.shape[1]] for i, x in carried]
            maps = torch.cat([x for _, x in carried], dim=1)
            share = share + F.conv2d(maps, torch.cat(kernels, dim=1), padding=1)
        for layer in list(self)[1:]:
            share = layer(share)
        return share


class DeformableAlignment(nn.Module):
    """Aligns one or two earlier results with the current frame."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, ORDER * channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        self.conv_offset = SharedConvolutions(
            slice(channels, 2 * channels),
            nn.Conv2d(3 * channels + 2 * ORDER, channels, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(channels, 3 * NUM_GROUPS * NUM_TAPS, 3, padding=1),
        )

    def forward(
        self,
        share: Tensor,
        earlier: Sequence[Tensor],
        warped: Sequence[Tensor],
        flows: Sequence[Tensor],
    ) -> Tensor:
        """Read `earlier` where the flows and a learned residue say.

        Args:
            share: (1, C, H, W), of the current frame in `conv_offset`.
            earlier: the last result and, if there is one, the one before: (1, C, H, W).
            warped: the same, warped to the current frame.
            flows: each (1, 2, H, W), to the last result and to the one before.

        Returns:
            (1, C, H, W).
        """
        channels, count = share.shape[1], len(earlier)
        # Published, the current frame's features stand between the two warped results.
        clues = [(2 * channels * i, x) for i, x in enumerate(warped)]
        clues += [(3 * channels + 2 * i, x) for i, x in enumerate(flows)]
        # In mixed precision, too, places are computed in full.
        found = self.conv_offset(share, clues).float()
        num_points = NUM_GROUPS * NUM_TAPS
        offset, mask = found.tensor_split((2 * num_points,), dim=1)
        # The first half of the groups reads the last result, the second the older.
        num_read = num_points // ORDER * count
        offset, mask = offset[:, : 2 * num_read], mask[:, :num_read]
        # Offsets are (y, x) in the deformable kernel but flows are (x, y): flip before adding.
        shared = torch.stack([flow.flip(1) for flow in flows], dim=1)[:, :, None]
        by_result = torch.unflatten(offset, 1, (count, num_points // ORDER, 2))
        by_result.tanh_().mul_(MAX_RESIDUE).add_(shared)  # in place: these are large
        return deformable_convolution(
            torch.cat(tuple(earlier), dim=1),
            offset,
            torch.sigmoid(mask),
            self.weight[:, : count * channels],
            self.bias,
        )


class BidirectionalPropagation(nn.Module):
    """Lets every local frame see what the others show."""

    def __init__(self, channels: int = 128) -> None:
        super().__init__()
        self.deform_align = nn.ModuleDict(
            {name: DeformableAlignment(channels) for name in (BACKWARD, FORWARD)}
        )
        self.backbone = nn.ModuleDict(
            {
                name: SharedConvolutions(
                    slice(channels),
                    nn.Conv2d(num_inputs * channels, channels, 3, padding=1),
                    nn.LeakyReLU(SLOPE),
                    nn.Conv2d(channels, channels, 3, padding=1),
                )
                for name, num_inputs in ((BACKWARD, 2), (FORWARD, 3))
            }
        )
        self.fusion = nn.Conv2d(2 * channels, channels, 1)

    def share(self, features: Tensor) -> Tensor:
        """Return what frames' own features do in each step: (T, C, H, W) -> (T, 4 * C, H, W).

        Backwards and then forwards, what the alignment's first layer makes of them and what
        the backbone's does.
        """
        layers = [
            cast(SharedConvolutions, layers)
            for name in (BACKWARD, FORWARD)
            for layers in (
                self.deform_align[name].get_submodule("conv_offset"),
                self.backbone[name],
            )
        ]
        kernel = torch.cat([x.first.weight[:, x.own] for x in layers])
        bias = torch.cat([cast(Tensor, x.first.bias) for x in layers])
        return F.conv2d(features, kernel, bias, padding=1)

    def forward(
        self, features: Tensor, share: Tensor, flow_to_next: Tensor, flow_to_previous: Tensor
    ) -> Tensor:
        """Propagate through all frames, both ways.

        Args:
            features: (T, C, H, W).
            share: (T, 4 * C, H, W), as `share` gives it.
            flow_to_next: (T - 1, 2, H, W), pixels of the feature map, x then y.
            flow_to_previous: the same, from frame i + 1 to frame i.

        Returns:
            (T, C, H, W).
        """
        shares = [share[i : i + 1] for i in range(len(share))]
        # The released weights were trained with a slip in the backward sweep: its i-th
        # step uses the i-th flow of the clip, not the flow between the frames it joins.
        # It is kept, for the weights expect it.
        steps = [(x, None) for x in shares[::-1]]
        backward = self._sweep(BACKWARD, steps, flow_to_next)[::-1]
        forward = self._sweep(FORWARD, list(zip(shares, backward, strict=True)), flow_to_previous)
        return self.fuse(features, torch.cat(backward), torch.cat(forward))

    def _sweep(
        self, direction: str, frames: Sequence[tuple[Tensor, Tensor | None]], flows: Tensor
    ) -> list[Tensor]:
        """Step through `frames` in the order given."""
        results: list[Tensor] = []
        for i, (share, backward) in enumerate(frames):
            recent = [flow[None] for flow in flows[max(0, i - ORDER) : i]]
            results.append(self.step(direction, share, backward, results[-ORDER:], recent))
        return results

    def step(
        self,
        direction: str,
        share: Tensor,
        backward: Tensor | None,
        results: Sequence[Tensor],
        flows: Sequence[Tensor],
    ) -> Tensor:
        """Carry a sweep to its next frame.

        Args:
            direction: BACKWARD or FORWARD.
            share: of the frame, (1, 4 * C, H, W), as `share` gives it.
            backward: the frame's backward result (1, C, H, W); going backwards, None.
            results: what the last steps gave, at most two, newest last.
            flows: one flow (1, 2, H, W) per result, newest last: from this frame to the
                last one, and from the last one to the one before.

        Returns:
            (1, C, H, W).
        """
        for_alignment, for_backbone = share.chunk(2, 1)[direction == FORWARD].chunk(2, 1)
        channels = for_backbone.shape[1]
        inputs = [] if backward is None else [(channels, backward)]
        if not results:
            alone: Tensor = self.backbone[direction](for_backbone, inputs)
            return alone
        carried = self._align(direction, for_alignment, results, flows)
        inputs.append((channels * (1 + len(inputs)), carried))
        update: Tensor = self.backbone[direction](for_backbone, inputs)
        return carried + update

    def _align(
        self, direction: str, share: Tensor, results: Sequence[Tensor], flows: Sequence[Tensor]
    ) -> Tensor:
        to_last = flows[-1]
        ways = [to_last]
        if len(results) > 1:
            ways.append(to_last + warp(flows[-2], to_last))
        earlier = list(results[::-1])
        warped = [warp(result, way) for result, way in zip(earlier, ways, strict=True)]
        aligned: Tensor = self.deform_align[direction](share, earlier, warped, ways)
        return aligned

    def fuse(self, features: Tensor, backward: Tensor, forward: Tensor) -> Tensor:
        """(T, C, H, W) three times -> the same: both sweeps merged, added to the features."""
        merged: Tensor = self.fusion(torch.cat((backward, forward), dim=1))
        return features + merged
