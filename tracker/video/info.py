"""What is known of a video before it is read through."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tracker.video.colour import Colour
from tracker.video.layouts import Layout


@dataclass(frozen=True)
class VideoInfo:
    """What a video is: the stored pixel grid, upright, its clock and its colours.

    `num_frames` is what the file's index or its length and rate say, or None if they say
    nothing.  Only with `frames_are_exact` (a folder of images, or a reader that has read
    the whole video once) is it sure to be the number of pictures that can be read.
    """

    path: Path
    width: int
    height: int
    num_frames: int | None
    frames_are_exact: bool
    rate: Fraction  # frames per second, on average
    duration_seconds: float | None
    pixel_aspect: Fraction  # width / height of a pixel, upright
    bit_depth: int
    pixel_format: str  # FFmpeg's name of the decoded format, as stored
    has_audio: bool
    time_base: Fraction  # seconds; every frame's time is a multiple
    layout: Layout  # of the planes of its frames
    colour: Colour
    start_seconds: Fraction = Fraction(0)  # time of the first frame
    has_subtitles: bool = False
    sound_rates: tuple[int, ...] = ()  # samples per second of each sound track

    @property
    def has_other_tracks(self) -> bool:
        """Return whether there is more than pictures."""
        return self.has_audio or self.has_subtitles


def past_the_end(index: int, num_frames: int) -> str:
    """Say that there is no frame `index`."""
    frames = "1 frame (0)" if num_frames == 1 else f"{num_frames} frames (0-{num_frames - 1})"
    return f"frame {index} is past the end: the video has {frames}"
