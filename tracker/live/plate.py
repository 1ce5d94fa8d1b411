"""The empty scene of a static camera: learned first, then what holes are filled from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracker import images
from tracker.types import Clip, Frame, Mask

MAX_SAMPLES = 15  # frames of the empty scene whose median is taken: noise falls fourfold
RING = 24  # pixels around a hole that tell how bright the scene is now
MOST_GAIN = 2.0
STEP = 8  # pixels between those that tell whether the camera has moved
MOVED_LEVELS, MOVED_SHARE = 20, 0.3


class PlateLearner:
    """Collects frames of the empty scene, spread over the time it takes."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._stride, self._count = 1, 0

    @property
    def num_shown(self) -> int:
        """Return how many frames were shown."""
        return self._count

    def add(self, frame: Frame) -> None:
        """Show the next frame."""
        if self._count % self._stride == 0:
            self._frames.append(frame)
        self._count += 1
        if len(self._frames) > 2 * MAX_SAMPLES:
            self._frames = self._frames[::2]
            self._stride *= 2

    def plate(self) -> Frame:
        """Return the median of what was seen.

        Raises:
            ValueError: nothing was.
        """
        if not self._frames:
            raise ValueError("no frame of the empty scene was shown")
        return median_of(self._frames[:: max(1, len(self._frames) // MAX_SAMPLES)])


def median_of(frames: Sequence[Frame]) -> Frame:
    """Return the median of each sample, band by band: little memory beside the frames."""
    result = np.empty_like(frames[0])
    for top in range(0, len(result), 32):
        band = np.stack([frame[top : top + 32] for frame in frames])
        result[top : top + 32] = np.median(band, axis=0).round().astype(np.uint8)
    return result


class PlateInpainter:
    """Fills every hole from the plate, brought to the brightness around the hole."""

    def __init__(self, plate: Frame) -> None:
        self._plate = plate
        self.has_moved = False  # whether the scene was found to differ from the plate

    def fill(self, clip: Clip) -> list[Frame]:
        """Return the local frames, those wanted with their holes filled."""
        results = list(clip.frames[: clip.num_local])
        for position in clip.wanted_positions:
            results[position] = self._fill(clip.frames[position], clip.holes[position])
        return results

    def _fill(self, frame: Frame, hole: Mask) -> Frame:
        region = images.bounding_box(hole, margin=RING)
        if region is None:
            return frame
        result = frame.copy()
        inside, around = hole[region], ~hole[region]
        here, there = frame[region], self._plate[region]
        gain = _gain(here[around], there[around])
        filled = np.rint(np.minimum(there[inside] * gain, 255))
        patch = result[region]
        patch[inside] = filled.astype(np.uint8)
        self._compare(frame, hole, gain)
        return result

    def _compare(self, frame: Frame, hole: Mask, gain: NDArray[np.float32]) -> None:
        """Note if most of what is seen is not where it was when the plate was learned."""
        known = ~hole[::STEP, ::STEP]
        seen = frame[::STEP, ::STEP][known].astype(np.float32)
        expected = self._plate[::STEP, ::STEP][known] * gain
        differs = np.abs(seen - expected).max(axis=-1) > MOVED_LEVELS
        self.has_moved |= bool(differs.size and differs.mean() > MOVED_SHARE)


def _gain(here: NDArray[np.uint8], there: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return by how much each channel is brighter here than there; robust to passers-by."""
    if len(here) == 0:
        return np.ones(3, np.float32)
    ratios = np.median((here + np.float32(8)) / (there + np.float32(8)), axis=0)
    gain: NDArray[np.float32] = np.clip(ratios, 1 / MOST_GAIN, MOST_GAIN).astype(np.float32)
    return gain
