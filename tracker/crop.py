"""Fill a box around the hole instead of the whole frame: the same work, more detail.

`Cropped` is an inpainter made of another one.  Frames come at the source's size; only boxes
around the holes, with a margin, go on to the inpainter inside, at the source's size where
that many pixels are allowed, else shrunk less than the frame would have to be.  A box stays
where it is as long as it serves, so that what is remembered of it stays true and nothing
jitters; holes far apart get boxes of their own.  Which boxes depends on the frames that are
to be filled and on what was chosen before: never on the future.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tracker import images
from tracker.boxes import Box, Room, choose_boxes, holes_in, move_box
from tracker.interfaces import Inpainter, Sharing, remarks_of
from tracker.types import Clip, Frame, Mask

WASTEFUL = 1.5  # times the detail that other boxes would show: these are given up


@dataclass(eq=False)
class _Lane:
    """One box, how large its picture is for the inpainter, and that inpainter."""

    box: Box
    size: tuple[int, int]  # height, width
    inpainter: Inpainter
    seen: dict[int, tuple[Frame, Mask, Frame, Mask]] = field(default_factory=dict)

    @property
    def detail(self) -> float:
        """Return how many pixels one of the source's becomes, along a side."""
        return self.size[0] / self.box.height

    def crop(self, clip: Clip) -> Clip:
        """Return what the inpainter sees of the clip; what it saw before is the same object."""
        old, self.seen = self.seen, {}
        for index, frame, hole in zip(clip.indices, clip.frames, clip.holes, strict=True):
            known = old.get(index)
            if known is None or known[0] is not frame or known[1] is not hole:
                part = images.shrink(frame[self.box.slices].copy(), *self.size)
                part.flags.writeable = False
                inside = images.shrink_hole(hole[self.box.slices].copy(), *self.size)
                known = frame, hole, part, inside
            self.seen[index] = known
        seen = [self.seen[index] for index in clip.indices]
        return replace(
            clip,
            frames=tuple(part for *_, part, _ in seen),
            holes=tuple(inside for *_, inside in seen),
        )

    def paste(self, part: Box, filled: Frame, hole: Mask, result: Frame) -> None:
        """Lay what fills the `part` of a hole over `result`, in place; whole frames but one.

        Args:
            part: lies in the lane's box.
            filled: the inpainter's picture of the box.
            hole: (H, W) of the frame.
            result: (H, W, 3).
        """
        found = images.bounding_box(hole[part.slices])
        if found is None:
            return
        region = (
            slice(
                part.top - self.box.top + found[0].start, part.top - self.box.top + found[0].stop
            ),
            slice(
                part.left - self.box.left + found[1].start,
                part.left - self.box.left + found[1].stop,
            ),
        )
        whole = images.enlarge(filled, self.box.height, self.box.width, region)
        result[self.box.slices][region] = whole[region]


class Cropped:
    """Fills holes in boxes around them; one object per video."""

    def __init__(self, make: Callable[[], Inpainter], room: Room) -> None:
        """Wrap an inpainter.

        Args:
            make: returns a new one, for a box of its own.
            room: how large a picture it may be given.
        """
        self._make, self._room = make, room
        self._lanes: list[_Lane] = []
        self._first: Inpainter | None = None

    def fill(self, clip: Clip) -> list[Frame]:
        """Return the local frames, the holes of those wanted filled; see `Inpainter`."""
        results = list(clip.frames[: clip.num_local])
        wanted = clip.wanted_positions
        parts = holes_in([clip.holes[position] for position in wanted])
        if parts:
            self._settle(parts, (clip.frames[0].shape[0], clip.frames[0].shape[1]))
        for position in wanted:
            results[position] = results[position].copy()
        for lane in self._lanes:  # even without a hole: a stream remembers what it saw
            filled = lane.inpainter.fill(lane.crop(clip))
            inside = [part for part in parts if self._lane_of(part) is lane]
            for position in wanted:
                for part in inside:
                    lane.paste(part, filled[position], clip.holes[position], results[position])
        for position in wanted:
            results[position].flags.writeable = False
        return results

    def _lane_of(self, part: Box) -> _Lane:
        return next(lane for lane in self._lanes if lane.box.holds(part))

    def _settle(self, parts: Sequence[Box], frame_size: tuple[int, int]) -> None:
        """Keep the boxes, move them or choose others, so that each hole lies well inside one."""
        fresh = choose_boxes(parts, frame_size, self._room)
        needed = [part.grown(part.margin // 4, frame_size) for part in parts]
        detail = min(lane.detail for lane in self._lanes) if self._lanes else 0.0
        better = min(size[0] / box.height for box, size in fresh)
        if better <= WASTEFUL * detail:
            if all(any(lane.box.holds(part) for lane in self._lanes) for part in needed):
                return
            if len(self._lanes) == len(fresh) == 1:
                (lane,) = self._lanes
                moved = move_box(lane.box, fresh[0][0], frame_size)
                if all(moved.holds(part) for part in needed):
                    fresh = [(moved, lane.size)]
        known = {(lane.box, lane.size): lane for lane in self._lanes}
        self._lanes = [
            known.get((box, size)) or _Lane(box, size, self._new()) for box, size in fresh
        ]

    def _new(self) -> Inpainter:
        """Return an inpainter for another box; it shares what the first learned, if it can."""
        if self._first is None:
            self._first = self._make()
            return self._first
        return self._first.another() if isinstance(self._first, Sharing) else self._make()

    @property
    def remarks(self) -> Sequence[str]:
        """Return what the inpainter inside has to say."""
        return remarks_of(self._first)
