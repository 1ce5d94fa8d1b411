"""Say how near E2FGVI's pixels in lower precision are to those in float32.

python -m script.bench_precision --device cuda --dtype float16
"""

import argparse
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from e2fgvi import build_network
from e2fgvi.inpainter import E2FGVIInpainter
from script.bench_fill import PUBLISHED, sliding_clips
from script.fill_rule import clip_frames, fill_state_dict, hole_masks


def agreement(
    one: Sequence[NDArray[np.uint8]],
    two: Sequence[NDArray[np.uint8]],
    holes: Sequence[NDArray[np.bool_]],
    levels: int = 2,
) -> float:
    """Return the share of the holes' pixels whose three colours differ by at most `levels`."""
    near = [
        np.abs(a[hole].astype(int) - b[hole]).max(axis=-1) <= levels
        for a, b, hole in zip(one, two, holes, strict=True)
    ]
    return float(np.concatenate(near).mean())


def compare_precisions(device: str, dtype: torch.dtype) -> float:
    """Return the agreement of a published window in `dtype` with the same in float32."""
    network = build_network(hq=True)
    fill_state_dict(network.state_dict())
    network.to(device)
    frames, holes = clip_frames(14, 240, 432), hole_masks(14, 240, 432) > 0
    clip = next(sliding_clips(PUBLISHED, frames, holes))
    full, lower = (
        E2FGVIInpainter(network, device=device, dtype=precision).fill(clip)
        for precision in (torch.float32, dtype)
    )
    return agreement(full, lower, clip.holes[: clip.num_local])


def main() -> None:
    """Compare, and say what share agrees."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="bfloat16", choices=("float16", "bfloat16"))
    arguments = parser.parse_args()
    share = compare_precisions(arguments.device, getattr(torch, arguments.dtype))
    print(f"{100 * share:.3f} % of the hole's pixels are within 2 grey levels of float32")


if __name__ == "__main__":
    main()
