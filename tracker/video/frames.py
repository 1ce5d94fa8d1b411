"""One decoded picture, upright, in the samples it was decoded to."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial

import numpy as np

from tracker.lazy import lazily
from tracker.types import Alpha, Frame
from tracker.video.colour import Colour, to_rgb
from tracker.video.compositing import blend, is_on_grid, planes_from_rgb
from tracker.video.layouts import Layout, Samples


class SourceFrame:
    """A picture of the source: read-only planes, their meaning, and when it is shown.

    Attributes:
        index: Number of the picture in its video, from 0.
        time: When it is shown, seconds, on the clock of the source.
        duration: How long, seconds, if the file says so.
        layout: What `planes` are.
        planes: Samples as decoded, upright, in FFmpeg's order; see `Layout`.  Those of a
            composited picture are made when they are first asked for, perhaps in another thread.
        colour: What the samples mean.
    """

    def __init__(
        self,
        index: int,
        time: Fraction,
        layout: Layout,
        planes: Sequence[Samples] | Callable[[], Sequence[Samples]],
        colour: Colour,
        *,
        duration: Fraction | None = None,
    ) -> None:
        self.index = index
        self.time = time
        self.duration = duration
        self.layout = layout
        self.colour = colour
        self._given = planes
        self._patch: tuple[tuple[int, int], Frame, Alpha] | None = None  # as `composite` had it

    @lazily
    def planes(self) -> tuple[Samples, ...]:
        """Return the samples, read-only."""
        given = self._given
        views = tuple(plane.view() for plane in (given() if callable(given) else given))
        for plane in views:
            plane.setflags(write=False)
        return views

    @property
    def height(self) -> int:
        """Return the number of pixel rows."""
        return int(self.planes[0].shape[0])

    @property
    def width(self) -> int:
        """Return the number of pixel columns."""
        return int(self.planes[0].shape[1])

    @lazily
    def rgb(self) -> Frame:
        """Return the picture as the engines see it: uint8 (H, W, 3), read-only."""
        return to_rgb(self.layout, self.planes, self.colour)

    def composite(
        self, filled: Frame, alpha: Alpha, corner: tuple[int, int] = (0, 0)
    ) -> "SourceFrame":
        """Return this picture with `filled` mixed in, in its own format and depth.

        Args:
            filled: (h, w, 3) RGB, uint8, of a part of the picture; kept as it is.
            alpha: (h, w) float32: 0 keeps the source, bit by bit, 1 takes the fill.
            corner: Where that part begins, row and column, see `blend`.

        Raises:
            ValueError: Fill and alpha differ in size, or the picture has no such part.
        """
        size = (self.height, self.width)
        ends = tuple(start + length for start, length in zip(corner, alpha.shape, strict=True))
        if filled.shape != (*alpha.shape, 3) or not is_on_grid(corner, ends, size):
            raise ValueError(
                f"fill is {filled.shape} and alpha {alpha.shape} at {corner} "
                f"but the picture is {size} (H, W)"
            )
        planes = partial(blend, self.layout, self.planes, self.colour, filled, alpha, corner)
        result = SourceFrame(
            self.index, self.time, self.layout, planes, self.colour, duration=self.duration
        )
        result._patch = corner, filled, alpha
        return result

    @property
    def patch(self) -> tuple[Frame, Alpha] | None:
        """Return what was composited in, (H, W, 3), and its alpha (H, W); both 0 elsewhere.

        None for a picture as it was decoded.
        """
        if self._patch is None:
            return None
        (top, left), filled, alpha = self._patch
        part = slice(top, top + len(alpha)), slice(left, left + alpha.shape[1])
        frame = np.zeros((self.height, self.width, 3), np.uint8)
        share = np.zeros(frame.shape[:2], np.float32)
        frame[part], share[part] = filled, alpha
        return frame, share

    def detached(self) -> "SourceFrame":
        """Return a copy that takes no more memory than its samples.

        FFmpeg's own pictures have wide margins and keep a pool of their kind alive.
        """
        planes = [plane.copy() for plane in self.planes]
        return SourceFrame(
            self.index, self.time, self.layout, planes, self.colour, duration=self.duration
        )

    def converted(self, layout: Layout, colour: Colour) -> "SourceFrame":
        """Return this picture in another format, by way of its RGB; alpha becomes opaque."""
        planes = planes_from_rgb(layout, colour, self.rgb)
        return SourceFrame(self.index, self.time, layout, planes, colour, duration=self.duration)
