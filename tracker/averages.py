"""What several windows say about one frame: their running average, as E2FGVI takes it."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracker import images
from tracker.types import Frame, Mask

Prediction: TypeAlias = Frame | NDArray[np.float32]  # (H, W, 3), before it is rounded


class Average:
    """Each new prediction counts as much as all earlier ones together; in the hole alone."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._region: images.Region | None = None
        self._mean: NDArray[np.float32] | None = None  # of the region

    def add(self, frame: Frame, hole: Mask) -> None:
        """Take another prediction of the frame, whose hole is `hole`, into account."""
        self._region = self._region or images.bounding_box(hole)
        if self._region is not None:
            old = self._frame[self._region] if self._mean is None else self._mean
            self._mean = np.float32(0.5) * (old.astype(np.float32) + frame[self._region])

    @property
    def exact(self) -> Prediction:
        """Return the average; outside the hole, what was said first."""
        if self._mean is None or self._region is None:
            return self._frame
        frame = self._frame.astype(np.float32)
        frame[self._region] = self._mean
        return frame

    @property
    def rounded(self) -> Frame:
        """Return the average, truncated as published."""
        if self._mean is None or self._region is None:
            return self._frame
        frame = self._frame.copy()
        frame[self._region] = self._mean.astype(np.uint8)
        return frame
