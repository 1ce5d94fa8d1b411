"""At which size a fill is computed: what the engine likes, what was asked, what memory allows."""

from dataclasses import dataclass, replace

from tracker import images
from tracker.boxes import Room
from tracker.costs import available_memory_bytes
from tracker.engine_table import InpainterSpec
from tracker.jobs import Settings

SHARE = 0.25  # of the free memory that pictures may take
MOST_BYTES = 1.3e9  # that they take unless asked for: 4K within 3 GB
MOST_OF_HOLE = 300_000  # pixels of a hole that is filled as large as it is: 1080p within 1.5 GB
STEP = 0.5**0.25  # of a side: sizes are this far apart, so that small changes change nothing
FRAMES_HELD = 60  # of a window and its references, and those that wait
BYTES_PER_PIXEL = 4 * FRAMES_HELD  # a frame and its hole


@dataclass(frozen=True)
class Sizing:
    """How large the pictures are that an inpainter is given."""

    working_size: tuple[int, int]  # height, width of whole frames
    room: Room | None  # of a picture of a box around the hole; None: whole frames are given
    least_pixels: int | None = None  # of a frame with a large hole; None: holes change nothing

    def for_holes(self, share: float) -> "Sizing":
        """Return how frames are given now that it is known how large their holes are.

        The work and the memory of an engine that remembers whole frames grow with the hole, so
        frames with large ones are shrunk.

        Args:
            share: of the frame, in the largest hole.
        """
        if self.least_pixels is None:
            return self
        height, width = self.working_size
        pixels: float = height * width
        while share * pixels > MOST_OF_HOLE and pixels > self.least_pixels:
            pixels *= STEP**2
        pixels = max(self.least_pixels, round(pixels))
        return replace(self, working_size=images.fit_within(height, width, pixels))


def choose_sizing(
    height: int,
    width: int,
    spec: InpainterSpec,
    settings: Settings,
    *,
    streaming: bool = False,
    free_bytes: int | None = None,
) -> Sizing:
    """Return how frames of a size are given to an inpainter.

    Without cropping, frames are shrunk to the pixels the engine works at.  With it, an engine
    that knows nothing beyond its windows gets boxes around the holes; one that remembers
    whole frames (its work grows with the hole, not with the frame) gets them at the source's
    size, except while streaming: there a large hole would cost the pace.  Either way no
    larger than the free memory allows (`free_bytes`; None: look).  What is shown to be too large
    once holes are known is shrunk by `Sizing.for_holes`.
    """
    pixels = spec.pixels_at(settings.size, height * width)
    room = Room(pixels, spec.grain)
    is_large = spec.max_pixels is not None and (pixels is None or pixels < height * width)
    keeps_pace = streaming and spec.bytes_per_pixel > 0 and settings.size != "full"
    if settings.crop == "off" or settings.size == "fast" or not is_large or keeps_pace:
        return Sizing(_shrunk(height, width, room), None)
    free = available_memory_bytes() if free_bytes is None else free_bytes
    per_pixel = spec.bytes_per_pixel or BYTES_PER_PIXEL
    allowed = max(pixels or 0, int(min(SHARE * free, MOST_BYTES) / per_pixel))
    largest = images.fit_within(height, width, None if settings.size == "full" else allowed)
    return Sizing(largest, None, pixels) if spec.bytes_per_pixel else Sizing(largest, room)


def _shrunk(height: int, width: int, room: Room) -> tuple[int, int]:
    """Return (height, width) of a whole frame, padded as little as can be."""
    if room.grain == (1, 1) or room.max_pixels is None:
        return images.fit_within(height, width, room.max_pixels)
    scale, _ = room.fit(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))
