"""The part of a video that is worked on: from the in marker to the out marker."""

from collections.abc import Iterable
from dataclasses import dataclass

from tracker.types import UserError


@dataclass(frozen=True)
class Part:
    """Frames `first` to `last`, inclusive; the rest of the video passes as it is.

    Raises:
        UserError: there is no such part.
    """

    first: int = 0
    last: int | None = None  # None: the end

    def __post_init__(self) -> None:
        if self.first < 0 or (self.last is not None and self.last < self.first):
            raise UserError(
                f"the part from frame {self.first} to {self.last} is empty; "
                "frames count from 0, and the out marker comes after the in marker"
            )

    def __contains__(self, index: int) -> bool:
        return self.first <= index and (self.last is None or index <= self.last)

    @property
    def stop(self) -> int | None:
        """Return the frame after the last; None if it goes on to the end."""
        return None if self.last is None else self.last + 1

    @property
    def length(self) -> int | None:
        """Return the number of frames; None if it goes on to the end."""
        return None if self.last is None else self.last + 1 - self.first

    def length_in(self, num_frames: int) -> int:
        """Return the number of frames in a video of so many."""
        stop = num_frames if self.last is None else min(num_frames, self.last + 1)
        return max(0, stop - self.first)

    def check(self, prompted: Iterable[int]) -> None:
        """Refuse prompts in frames that are not worked on.

        Raises:
            UserError: one lies outside.
        """
        for index in sorted(prompted):
            if index not in self:
                end = "the end" if self.last is None else f"frame {self.last}"
                raise UserError(
                    f"something is marked in frame {index}, but only frame {self.first} to {end} "
                    "is worked on; move the in or out marker, or mark it inside"
                )

    def check_end(self, num_frames: int) -> None:
        """Refuse markers past the end of the video.

        Raises:
            UserError: the in or the out marker is.
        """
        marker = self.first if self.last is None else self.last
        if marker and marker >= num_frames:
            raise UserError(
                f"frame {marker} is past the end: the video has {num_frames} frames "
                f"(0-{num_frames - 1}); move the in or out marker"
            )
