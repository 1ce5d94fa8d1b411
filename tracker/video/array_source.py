"""Frames somebody has in memory already, as a video."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from tracker.types import Frame, UserError
from tracker.video.colour import FULL, Colour
from tracker.video.frames import SourceFrame
from tracker.video.info import VideoInfo
from tracker.video.layouts import Layout

RGB = Layout("rgb", 8)
RGB_COLOUR = Colour(matrix=0, range=FULL)


class ArraySource:
    """RGB frames, uint8 (H, W, 3), all of one size.

    Raises:
        UserError: There are none, or one is something else.
    """

    def __init__(self, frames: Sequence[Frame], rate: Fraction) -> None:
        if not len(frames):
            raise UserError("there are no frames; give at least one")
        shape = frames[0].shape
        for index, frame in enumerate(frames):
            if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
                raise UserError(
                    f"frame {index} is {frame.dtype} {frame.shape}; frames are uint8 (H, W, 3), RGB"
                )
            if frame.shape != shape:
                raise UserError(f"frame {index} is {frame.shape} but frame 0 is {shape}")
        self._frames, self._rate = frames, rate
        self.info = VideoInfo(
            path=Path("frames"),
            width=shape[1],
            height=shape[0],
            num_frames=len(frames),
            frames_are_exact=True,
            rate=rate,
            duration_seconds=float(len(frames) / rate),
            pixel_aspect=Fraction(1),
            bit_depth=8,
            pixel_format="rgb24",
            has_audio=False,
            time_base=1 / rate,
            layout=RGB,
            colour=RGB_COLOUR,
        )

    def frames(self, start: int) -> Iterator[SourceFrame]:
        """Yield the pictures from `start` on; none if there are not so many."""
        for index in range(start, len(self._frames)):
            yield picture_of_rgb(self._frames[index], index, index / self._rate)

    def length_by_packets(self) -> int:
        """Return how many pictures there are."""
        return len(self._frames)


def picture_of_rgb(rgb: Frame, index: int, time: Fraction) -> SourceFrame:
    """Return an RGB frame, (H, W, 3), as a picture whose samples are its own."""
    planes = [rgb[..., 1], rgb[..., 2], rgb[..., 0]]
    return SourceFrame(index, time, RGB, planes, RGB_COLOUR)
