"""Objects nobody pointed at, as SAM proposes them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("segment_anything")
pytest.importorskip("segment_anything_hq")

from test_sam_segmenter import frame, hq, plain, small_sam  # noqa: E402

from sam.automatic import propose  # noqa: E402


@pytest.mark.parametrize("package", [plain, hq], ids=["sam", "hq"])
def test_what_stands_out_is_proposed_surest_first(package):
    network, pixels = small_sam(package), frame()
    options = {"points_per_side": 3, "least_score": 0.0, "least_stability": 0.0}

    found = propose(network, pixels, **options)

    assert found
    assert [each.score for each in found] == sorted((e.score for e in found), reverse=True)
    assert all(0 <= each.score <= 1 for each in found)
    assert {(each.mask.shape, each.mask.dtype) for each in found} == {((45, 80), np.dtype(bool))}
    again = propose(network, pixels, **options)
    assert len(again) == len(found)
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one.mask, other.mask)


def test_masks_of_a_frame_larger_than_the_network_sees_are_of_its_size():
    network = small_sam(plain)  # sees 64 pixels a side
    large = frame().repeat(5, axis=0).repeat(5, axis=1)

    found = propose(network, large, points_per_side=3, least_score=0.0, least_stability=0.0)

    assert found
    assert {each.mask.shape for each in found} == {large.shape[:2]}


def test_what_the_network_is_unsure_of_is_not_proposed():
    network = small_sam(plain)

    assert propose(network, frame(), points_per_side=3, least_score=1e6) == []
