"""HQ-SAM's mask decoder, with a last layer that is never computed whole.

Ke et al., "Segment Anything in High Quality" (NeurIPS 2023).  What it computes is the
package's `MaskDecoderHQ.predict_masks`.  There a convolution makes 32 channels of detail,
of which only the product with one vector, made of the click, is used.  Both are linear: here
the kernel is multiplied by the vector first, and one channel is computed.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def predict_masks(
    decoder: Any,  # the package is not typed
    features: Tensor,
    positions: Tensor,
    tokens: Tensor,
    dense: Tensor,
    hq_features: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Decode one prompt.

    Args:
        decoder: a `MaskDecoderHQ`.
        features: (1, C, h, w), of the frame.
        positions: the same shape, the places' encoding.
        tokens: (1, N, C), of points and box.
        dense: as `features`, of the mask that was given.
        hq_features: (1, C / 8, 4h, 4w), of the frame.

    Returns:
        The plain masks' logits (M, 4h, 4w), what the finer mask adds (4h, 4w), and the
        scores of the plain masks (M).
    """
    asking = (decoder.iou_token.weight, decoder.mask_tokens.weight, decoder.hf_token.weight)
    count = len(decoder.mask_tokens.weight)
    seen, places = decoder.transformer(
        features + dense, positions, torch.cat((torch.cat(asking)[None], tokens), dim=1)
    )
    upscaled = decoder.output_upscaling(places.transpose(1, 2).view(features.shape))
    networks = decoder.output_hypernetworks_mlps
    vectors = torch.cat([networks[i](seen[:, 1 + i]) for i in range(count)])  # (M, C / 8)
    masks = (vectors @ upscaled[0].flatten(1)).unflatten(1, upscaled.shape[-2:])
    fine_vector = decoder.hf_mlp(seen[:, 1 + count])[0]
    detail = _detail(decoder.embedding_maskfeature, upscaled, fine_vector)
    detail += (fine_vector @ hq_features[0].flatten(1)).view_as(detail)
    scores: Tensor = decoder.iou_prediction_head(seen[:, 0])[0]
    return masks, detail, scores


def _detail(layers: Any, upscaled: Tensor, vector: Tensor) -> Tensor:
    """Return the product of `vector` with what `layers` make of (1, C, H, W): (H, W)."""
    first, norm, rectifier, last = layers
    # Channels last: the norm, which is over channels, is then one operation and not six.
    hidden = first(upscaled.contiguous(memory_format=torch.channels_last)).permute(0, 2, 3, 1)
    hidden = rectifier(F.layer_norm(hidden, norm.weight.shape, norm.weight, norm.bias, norm.eps))
    kernel = torch.tensordot(vector, last.weight, dims=1)[None]
    return F.conv2d(hidden.permute(0, 3, 1, 2), kernel, (vector @ last.bias)[None], padding=1)[0, 0]
