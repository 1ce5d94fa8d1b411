"""R16: the same input gives the same output, in every process and on every device."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rendered

from tracker.masks import MaskReader

ROOT = Path(__file__).resolve().parent.parent


def digest(folder):
    """Return a hash of all samples and labels that a run wrote."""
    found = hashlib.sha256(rendered.planes(folder / "out.mkv").tobytes())
    with MaskReader(folder / "masks.zip") as masks:
        for index in range(len(masks)):
            found.update(masks[index].tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("mode", ["offline", "streaming"])
def test_r16_two_processes_give_the_same_samples_and_labels(tmp_path, mode):
    rendered.write_scene(tmp_path / "in.mkv", 20)
    digests = set()
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        command = [
            sys.executable, "-m", "tracker", "remove", tmp_path / "in.mkv", folder / "out.mkv",
            "--point", "30,48", "--mode", mode, "--masks-out", folder / "masks.zip", "--quiet",
        ]  # fmt: skip
        subprocess.run([str(part) for part in command], cwd=ROOT, check=True)
        digests.add(digest(folder))

    assert len(digests) == 1


def test_r16_learned_engines_agree_with_themselves_and_across_devices():
    torch = pytest.importorskip("torch")
    from aot import build_network as build_tracker
    from aot.propagator import DeAOTPropagator
    from e2fgvi import build_network as build_inpainter
    from e2fgvi.inpainter import E2FGVIInpainter
    from e2fgvi.network import Widths
    from tracker.types import Clip

    torch.manual_seed(0)
    inpainter = build_inpainter(True, Widths(features=16, tokens=32, hidden=4, num_blocks=2))
    tracker = build_tracker("deaott")
    frames = []
    for index in range(5):
        frame = rendered.wall()
        frame[rendered.disc(index)] = (215, 50, 45)
        frames.append(frame)
    clip = Clip(
        tuple(range(5)), tuple(frames), tuple(rendered.disc(index) for index in range(5)), 5
    )

    def results(device):
        filled = E2FGVIInpainter(inpainter.to(device), device=device).fill(clip)
        propagator = DeAOTPropagator(tracker.to(device), device=device)
        propagator.step(frames[0], rendered.disc(0).astype(np.uint8))
        tracked = [propagator.step(frame).labels for frame in frames[1:]]
        return np.stack(filled).astype(float), np.stack(tracked)

    first, again = results("cpu"), results("cpu")
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    if torch.cuda.is_available():
        filled, tracked = results("cuda")
        assert np.abs(filled - first[0]).mean() < 1.0  # of 255 levels
        assert (tracked != first[1]).mean() < 0.001
