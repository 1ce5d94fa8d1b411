"""Objects that enter later: look again every few frames, and add what is new.

What counts as new is the rule of `tracker/proposals.py`.  Only frames that have been seen
are looked at, so it works while a video arrives.
"""

from collections import deque
from collections.abc import Collection

from tracker.finding import Finder, add_found
from tracker.routes import Route
from tracker.types import MAX_OBJECTS, Frame, LabelMap

_REACH = 4  # frames: how far back motion is judged from


class Newcomers:
    """Looks for new objects in one video, frame by frame."""

    def __init__(
        self, finder: Finder, every: int, first_id: int, looked: Collection[int] = ()
    ) -> None:
        """Take who looks, how often, and the ids to give.

        Args:
            finder: made for this video.
            every: frames between two looks, at least 1.
            first_id: of the first newcomer; those that follow count on.
            looked: frames a person has looked at already.
        """
        self.names: dict[int, str] = {}  # newcomer's id -> what it is called
        self.entries: dict[int, set[int]] = {}  # frame index -> ids that were new in it
        self.ran_out = False  # of ids
        self._finder, self._next_id, self._looked = finder, first_id, looked
        self.every = every
        self._before: deque[Frame] = deque(maxlen=_REACH)

    def __call__(self, index: int, frame: Frame, labels: LabelMap) -> LabelMap | None:
        """Return the labels of a frame with newcomers added; None if there are none.

        To be called for every frame, in order.

        Args:
            index: of the frame.
            frame: (H, W, 3).
            labels: (H, W), what is known in it.
        """
        neighbours = [self._before[back] for back in (-2, -4) if -back <= len(self._before)]
        self._before.append(frame)
        if index % self.every or index in self._looked:
            return None
        if self._next_id > MAX_OBJECTS:
            self.ran_out = True
            return None
        found = add_found(labels, self._finder.find(frame, neighbours), self._next_id)
        if not found.names:
            return None
        self._next_id = max(found.names) + 1
        self.names |= found.names
        self.entries[index] = set(found.names)
        return found.labels

    @property
    def notice(self) -> str | None:
        """Return what the user should know about how it went."""
        return f"more than {MAX_OBJECTS} objects: later ones stay" if self.ran_out else None

    def routes(self) -> list[Route]:
        """Return the ways back from where newcomers were found to where they came in."""
        return [
            Route(index, forwards=False, stops=dict.fromkeys(ids))
            for index, ids in sorted(self.entries.items())
        ]
