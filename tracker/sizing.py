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
    larger than the free memory allows (`free_bytes`; None: look).
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
    return Sizing(largest, None if spec.bytes_per_pixel else room)


def for_holes(
    sizing: Sizing, shape: tuple[int, int], spec: InpainterSpec, settings: Settings, largest: int
) -> Sizing:
    """Return how frames are given to an inpainter now that their holes are known.

    The work and the memory of an engine that remembers whole frames grow with the hole: a large
    one is filled at a smaller size, unless all of it is asked for.

    Args:
        sizing: how they would be given if their holes were small.
        shape: (height, width) of the source.
        spec: of the inpainter.
        settings: what was asked for.
        largest: pixels of the source in the largest hole.
    """
    least = spec.pixels_at(settings.size, shape[0] * shape[1])
    if not spec.bytes_per_pixel or least is None:
        return sizing
    height, width = sizing.working_size
    share = largest / (shape[0] * shape[1])
    scale = 1.0
    while scale**2 * height * width * share > MOST_OF_HOLE:
        scale *= STEP
    pixels = max(least, round(scale**2 * height * width))
    return replace(sizing, working_size=images.fit_within(height, width, pixels))


def _shrunk(height: int, width: int, room: Room) -> tuple[int, int]:
    """Return (height, width) of a whole frame, padded as little as can be."""
    if room.grain == (1, 1) or room.max_pixels is None:
        return images.fit_within(height, width, room.max_pixels)
    scale, _ = room.fit(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))
