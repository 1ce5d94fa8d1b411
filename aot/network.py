"""DeAOT and AOT: a frame and what is remembered in, logits per object out.

Tensors only.  A frame goes through four steps: `encode`, then `match` against memories or
`introduce` with its label map, then `decode`; `memorise` turns a matched frame and its
labels into memories.  Attribute names are the published checkpoints' keys, so a strict
load proves the architecture right.  Sources: see `aot.config`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aot import gated, transformer
from aot.attention import Memory, Size
from aot.config import NetworkConfig, config_of
from aot.decoder import Decoder
from aot.encoder import ENCODERS, Maps, fold_batch_norm
from aot.gated import GatedLayer
from aot.transformer import TransformerLayer

Projected: TypeAlias = gated.Projected | transformer.Projected
CELL = 16  # pixels between two cells of the coarsest map


@dataclass(frozen=True, eq=False)
class Features:
    """What a frame looks like, whoever is tracked in it: computed once per frame."""

    maps: Maps
    tokens: Tensor  # (N, 256), the coarsest map, projected
    size: Size  # of the coarsest map; N = height * width


@dataclass(frozen=True, eq=False)
class Propagated:
    """A frame after all layers, for one group of objects."""

    frames: tuple[Projected, ...]  # per layer, before any label of the frame is known
    outputs: tuple[Tensor, ...]  # per layer, (N, C)


class Layer(Protocol):
    """What `GatedLayer` and `TransformerLayer` have in common; each takes its own `Projected`."""

    def project(self, tokens: Tensor, size: Size) -> Projected:
        """Prepare tokens for attention and for being remembered."""

    def memorise(self, frame: Any, identity: Tensor) -> Memory:
        """Join a frame to the embedding of its label map."""

    def __call__(self, frame: Any, long_term: Memory, short_term: Memory, size: Size) -> Tensor:
        """Propagate a projected frame; returns its tokens."""


class StreamNorm(nn.Module):
    """One mean and variance for each of the two streams, over all channels and cells."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gn = nn.GroupNorm(2, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """Normalise (N, C)."""
        normalised: Tensor = self.gn(tokens.t().unsqueeze(0))
        return normalised[0].t()


class PropagationStack(nn.Module):
    """The layers, and the norms between them and the decoder."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width, count = config.width, config.num_layers
        if config.is_gated:
            layers: list[nn.Module] = [GatedLayer(width, index == 0) for index in range(count)]
            norms: list[nn.Module] = [StreamNorm(2 * width)]
        else:
            layers = [TransformerLayer(width) for _ in range(count)]
            norms = [nn.LayerNorm(width) for _ in range(count)]
            self.mask_token = nn.Parameter(torch.zeros(1, 1, width))  # published and never used
        self.layers = nn.ModuleList(layers)
        self.decoder_norms = nn.ModuleList(norms)


class PropagationNetwork(nn.Module):
    """DeAOT, or AOT: encoder, propagation layers, decoder and identity bank."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        identities = config.max_objects + 1  # the background is one
        build_encoder, channels = ENCODERS[config.encoder]
        self.encoder = build_encoder()
        self.encoder_projector = nn.Conv2d(channels[-1], width, 1)
        self.LSTT = PropagationStack(config)
        decoded = 2 * width if config.is_gated else (config.num_layers + 1) * width
        self.decoder = Decoder(decoded, identities, width, channels, config.align_corners)
        kernel, padding = (CELL + 1, CELL // 2) if config.align_corners else (CELL, 0)
        self.patch_wise_id_bank = nn.Conv2d(identities, width, kernel, CELL, padding)
        if config.is_gated:
            self.id_norm = nn.LayerNorm(width)

    def encode(self, image: Tensor) -> Features:
        """Encode one normalised image (1, 3, H, W) of a size the network takes."""
        maps = self.encoder(image)
        projected = self.encoder_projector(maps[3])
        size = (projected.shape[2], projected.shape[3])
        return Features(maps, projected.permute(0, 2, 3, 1).reshape(-1, self.config.width), size)

    def embed_labels(self, labels: Tensor) -> Tensor:
        """Embed a label map (H, W) of values 0 to 10 as (N, 256), one vector per cell."""
        weight = self.patch_wise_id_bank.weight
        identities = torch.arange(weight.shape[1], device=labels.device)
        one_hot = (labels.unsqueeze(-1) == identities).to(weight.dtype)  # (H, W, 11)
        embedding: Tensor = (
            self.patch_wise_id_bank(one_hot.permute(2, 0, 1)[None]).flatten(2)[0].t()
        )
        if self.config.is_gated:
            embedding = self.id_norm(embedding)
        return embedding

    def match(
        self, features: Features, long_term: Sequence[Memory], short_term: Sequence[Memory]
    ) -> Propagated:
        """Propagate remembered identities, one memory of each kind per layer, to a frame."""
        size = features.size
        tokens = self._first_tokens(features)
        frames, outputs = [], []
        for layer, long, short in zip(self._layers(), long_term, short_term, strict=True):
            frames.append(layer.project(tokens, size))
            tokens = layer(frames[-1], long, short, size)
            outputs.append(tokens)
        return Propagated(tuple(frames), tuple(outputs))

    def introduce(
        self, features: Features, identity: Tensor
    ) -> tuple[Propagated, tuple[Memory, ...]]:
        """Let a frame whose labels are given (embedded, (N, 256)) look at itself.

        Returns the propagated frame and its memory, layer by layer.
        """
        size = features.size
        tokens = self._first_tokens(features)
        frames, outputs, memories = [], [], []
        for layer in self._layers():
            frames.append(layer.project(tokens, size))
            memories.append(layer.memorise(frames[-1], identity))
            tokens = layer(frames[-1], memories[-1], memories[-1], size)
            outputs.append(tokens)
        return Propagated(tuple(frames), tuple(outputs)), tuple(memories)

    def memorise(self, propagated: Propagated, identity: Tensor) -> tuple[Memory, ...]:
        """Join a propagated frame to its embedded labels (N, 256), layer by layer."""
        pairs = zip(self._layers(), propagated.frames, strict=True)
        return tuple(layer.memorise(frame, identity) for layer, frame in pairs)

    def decode(self, features: Features, propagated: Propagated) -> Tensor:
        """Return logits (1, 11, H / 4, W / 4): background, then the objects of the group."""
        norms = self.LSTT.decoder_norms
        if self.config.is_gated:
            tokens = norms[0](propagated.outputs[-1])
        else:
            normed = [norm(x) for norm, x in zip(norms, propagated.outputs, strict=True)]
            tokens = torch.cat((features.tokens, *normed), dim=1)
        image = tokens.view(1, *features.size, -1).permute(0, 3, 1, 2)
        logits: Tensor = self.decoder(image, features.maps)
        return logits

    def _layers(self) -> Sequence[Layer]:
        return cast(Sequence[Layer], self.LSTT.layers)

    def _first_tokens(self, features: Features) -> Tensor:
        """Start with what is seen; the identity stream of DeAOT starts empty."""
        if not self.config.is_gated:
            return features.tokens
        return F.pad(features.tokens, (0, self.config.width))


def build_network(variant: str) -> PropagationNetwork:
    """Build the published variant called `variant` with random weights.

    Raises:
        ValueError: there is no such variant.
    """
    return PropagationNetwork(config_of(variant)).eval().requires_grad_(False)


def weights_of(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the weights in a published checkpoint's content, under the network's own keys.

    The official files hold them under 'state_dict' or 'model', or bare, beside an optimizer
    that is of no use here; some keys start with 'module.'.

    Raises:
        ValueError: there are none.
    """
    found = next(
        (checkpoint[key] for key in ("state_dict", "model") if key in checkpoint), checkpoint
    )
    if not isinstance(found, Mapping) or not found:
        raise ValueError("no weights under 'state_dict' or 'model', nor at the top level")
    strange = [str(key) for key, value in found.items() if not isinstance(value, Tensor)]
    if strange:
        raise ValueError(f"expected tensors only, but these entries are none: {_few(strange)}")
    return {str(key).removeprefix("module."): value for key, value in found.items()}


def load_weights(network: nn.Module, checkpoint: Mapping[str, Any]) -> None:
    """Copy the weights of a published checkpoint's content into `network`: all, and no others.

    Raises:
        ValueError: they are another network's; says which entries are missing, unexpected
            or of another shape.
    """
    weights = weights_of(checkpoint)
    expected = network.state_dict()
    problems = {
        "missing": [key for key in expected if key not in weights],
        "unexpected": [key for key in weights if key not in expected],
        "of another shape": [
            key for key in expected if key in weights and expected[key].shape != weights[key].shape
        ],
    }
    if any(problems.values()):
        told = (f"{len(keys)} {what} ({_few(keys)})" for what, keys in problems.items() if keys)
        raise ValueError(f"the weights are another network's: {'; '.join(told)}")
    network.load_state_dict(weights, strict=True)


def load_network(
    variant: str,
    checkpoint: Mapping[str, Any],
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> PropagationNetwork:
    """Build `variant` ready for use: weights loaded, batch norms folded, on its device.

    Raises:
        ValueError: there is no such variant, or the weights are another network's.
    """
    network = build_network(variant)
    load_weights(network, checkpoint)
    return optimise(network).to(device, dtype)


def optimise(network: PropagationNetwork) -> PropagationNetwork:
    """Fold batch norms into convolutions and store these the way they run fastest."""
    fold_batch_norm(network.encoder)
    return network.to(memory_format=torch.channels_last)


def _few(keys: Sequence[str], limit: int = 3) -> str:
    return ", ".join(keys[:limit]) + (", ..." if len(keys) > limit else "")
