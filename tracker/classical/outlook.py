"""Frames looked at before they are filled, in another thread, as they come.

What a frame looks like when it is small, and how it has moved since the one before, does not
depend on what is filled: so both may be ready when a frame's turn comes.
"""

from typing import TypeAlias

from tracker.classical.steps import Link, StepFinder
from tracker.classical.views import View
from tracker.types import Frame, Mask

MOST_READY = 40  # frames: more than there are between a look and its use
Seen: TypeAlias = tuple[View, dict[int, Link | None]]  # and the steps from it, by index


class Outlook:
    """Looks at frames in order; another thread takes what was seen.

    Args:
        finder: of the steps between neighbours.
        side: pixels, of the views, see `View`.
    """

    def __init__(self, finder: StepFinder, side: int) -> None:
        self._finder, self._side = finder, side
        self._last: View | None = None
        self._step: Link | None = None  # to the last frame from the one after it
        self._ready: dict[int, Seen] = {}

    def look(self, index: int, frame: Frame, hole: Mask) -> None:
        """Look at the next frame (H, W, 3) and its hole (H, W)."""
        view, last = View(index, frame, hole, self._side), self._last
        steps: dict[int, Link | None] = {}
        _ = view.strength
        if last is not None and last.index == index - 1:
            steps[last.index] = self._finder.step(view, last, self._step)
        self._last, self._step = view, steps.get(index - 1)
        self._ready[index] = view, steps
        self._ready.pop(index - MOST_READY, None)

    def take(self, index: int, frame: Frame, hole: Mask) -> Seen | None:
        """Return what was seen of a frame, and let it go; None if it was not looked at."""
        seen = self._ready.pop(index, None)
        if seen is None or seen[0].frame is not frame or seen[0].hole is not hole:
            return None
        return seen
