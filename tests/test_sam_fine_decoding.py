"""HQ-SAM's decoder gives what the package's own gives."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("segment_anything")
pytest.importorskip("segment_anything_hq")

from test_sam_segmenter import CHANNELS, SIDE, hq, small_sam  # noqa: E402

from sam.fine_decoding import predict_masks  # noqa: E402


@pytest.mark.parametrize("num_tokens", [2, 5])
def test_masks_detail_and_scores_are_the_packages(num_tokens):
    network = small_sam(hq)
    side = SIDE // 16
    features, dense = torch.randn(2, 1, CHANNELS, side, side)
    tokens = torch.randn(1, num_tokens, CHANNELS)
    hq_features = torch.randn(1, CHANNELS // 8, 4 * side, 4 * side)
    positions = network.prompt_encoder.get_dense_pe()
    inputs = (network.mask_decoder, features, positions, tokens, dense, hq_features)

    with torch.inference_mode():
        masks, detail, scores = predict_masks(*inputs)
        theirs, their_scores = type(network.mask_decoder).predict_masks(*inputs)

    # The same sums in another order; logits here are of the order of ten.
    torch.testing.assert_close(masks, theirs[0, :-1], atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(detail, theirs[0, -1], atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(scores, their_scores[0, : len(scores)], atol=1e-5, rtol=1e-5)
