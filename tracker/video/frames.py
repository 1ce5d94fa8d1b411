"""One decoded picture, upright, in the samples it was decoded to."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial

from tracker.lazy import lazily
from tracker.types import Alpha, Frame
from tracker.video.colour import Colour, to_rgb
from tracker.video.compositing import blend, planes_from_rgb
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
        patch: What was composited in, and its alpha; None for a picture as it was decoded.
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
        self.patch: tuple[Frame, Alpha] | None = None
        self._given = planes

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

    def composite(self, filled: Frame, alpha: Alpha) -> "SourceFrame":
        """Return this picture with `filled` mixed in, in its own format and depth.

        Args:
            filled: (H, W, 3) RGB, uint8.
            alpha: (H, W) float32: 0 keeps the source, bit by bit, 1 takes the fill.

        Raises:
            ValueError: A size differs from this picture's.
        """
        size = (self.height, self.width)
        if filled.shape != (*size, 3) or alpha.shape != size:
            raise ValueError(
                f"fill is {filled.shape} and alpha {alpha.shape} but the picture is {size} (H, W)"
            )
        planes = partial(blend, self.layout, self.planes, self.colour, filled, alpha)
        result = SourceFrame(
            self.index, self.time, self.layout, planes, self.colour, duration=self.duration
        )
        result.patch = (filled, alpha)
        return result

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
