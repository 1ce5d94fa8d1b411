"""Runs the command line on a video and compares what comes out with what went in."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from tracker.__main__ import main
from tracker.video import SourceFrame, VideoReader

MILLISECOND = Fraction(1, 1000)


def hole_in(height: int, width: int) -> np.ndarray:
    """Return a hole near the middle, at least a pixel."""
    hole = np.zeros((height, width), bool)
    hole[height // 3 : height // 2 + 1, width // 4 : width // 2 + 1] = True
    return hole


def fill(source: Path, output: Path, hole: np.ndarray, *options: str) -> dict[str, Any]:
    """Fill `hole` in every frame, streaming; return the report."""
    mask = output.with_name(f"{output.name}.hole.png")
    Image.fromarray(hole.astype(np.uint8)).save(mask)
    report = output.with_name(f"{output.name}.json")
    arguments = ["fill", source, mask, output, "--mode", "streaming", "--dilate", "0"]
    code = main([*map(str, arguments), "--json", str(report), "--quiet", *options])
    assert code == 0
    found: dict[str, Any] = json.loads(report.read_text())
    mask.unlink()
    report.unlink()
    return found


def outside(frame: SourceFrame, plane: int, hole: np.ndarray) -> np.ndarray:
    """Return which samples of a plane have nothing of `hole` in their footprint."""
    layout = frame.layout
    if not layout.is_chroma(plane):
        return ~hole
    step_y, step_x = 1 << layout.shift_y, 1 << layout.shift_x
    rows, columns = frame.planes[plane].shape
    padded = np.zeros((rows * step_y, columns * step_x), bool)
    padded[: hole.shape[0], : hole.shape[1]] = hole
    return ~padded.reshape(rows, step_y, columns, step_x).any(axis=(1, 3))


def assert_same_outside(source: Path, output: Path, hole: np.ndarray) -> int:
    """Compare every sample outside the chroma-aligned hole; return the number of frames."""
    num_frames = 0
    with VideoReader(source) as before, VideoReader(output) as after:
        assert after.info.layout == before.info.layout
        assert after.info.colour == before.info.colour
        assert after.info.pixel_aspect == before.info.pixel_aspect
        for a, b in zip(before, after, strict=True):
            num_frames += 1
            for plane in range(a.layout.num_planes):
                is_alpha = a.layout.has_alpha and plane == a.layout.num_planes - 1
                same = np.ones_like(hole) if is_alpha else outside(a, plane, hole)
                np.testing.assert_array_equal(a.planes[plane][same], b.planes[plane][same])
    return num_frames


def packets(path: Path, kind: str) -> list[list[bytes]]:
    """Return the packets of every track of a kind, read by plain PyAV."""
    with av.open(str(path)) as container:
        num_tracks = len(getattr(container.streams, kind))
    found = []
    for number in range(num_tracks):
        with av.open(str(path)) as container:
            track = getattr(container.streams, kind)[number]
            found.append([_bare(bytes(p)) for p in container.demux(track) if p.size])
    return found


def _bare(packet: bytes) -> bytes:
    """Drop the header that AAC carries in broadcasts only."""
    is_framed = packet[:1] == b"\xff" and packet[1] >> 4 == 0xF
    return packet[7:] if is_framed else packet


def display_matrix(path: Path) -> bool:
    """Return whether a player would turn the pictures."""
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0))
        return bool(picture.rotation)
