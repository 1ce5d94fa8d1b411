"""Clicks, boxes and masks to a mask without weights: colour, edges, motion and background.

Clicks are answered in order, so that a prompt always means the same.  Several masks are kept
that the clicks so far may mean (`click_answers`), and the one that explains them best is
shown.  Motion needs neighbours (`segment`), the background frames further away
(`look_around`).  What was tried and dropped: `docs/classical/masks-and-clicks.md`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from tracker.classical.click_answers import Answer, answer_first, answer_next
from tracker.classical.click_background import Differences, differences
from tracker.classical.click_hypotheses import Hypothesis
from tracker.classical.click_motion import MotionCues
from tracker.classical.click_proposals import in_box
from tracker.classical.click_regions import depth_inside
from tracker.classical.click_window import Sight, shrink
from tracker.types import Box, Frame, Mask, Point, Prompt, Segmentation, check_prompt

_SHOWN = 3  # masks a prompt is answered with
_CANVAS_PIXELS = 410_000  # 854x480; larger frames are worked on reduced
_MOST_STEPS = 16  # remembered answers


@dataclass(eq=False)
class _Canvas:
    """One frame as worked on, and what its prompts have meant so far."""

    source: Frame
    neighbours: tuple[Frame, ...]
    sight: Sight
    boxed: Sight  # for boxes
    around: Differences  # what the first click's differences are asked of
    steps: dict[tuple[Box | None, tuple[Point, ...], int], Answer] = field(default_factory=dict)
    mask: Mask | None = None  # the prompt's, which the steps start from

    @cached_property
    def beside(self) -> list[Frame]:
        """Return the neighbours as worked on."""
        return [_worked_on(neighbour) for neighbour in self.neighbours]

    @cached_property
    def motion(self) -> MotionCues:
        """Return motion for first clicks, which win nothing by a finer one."""
        return MotionCues(self.sight.frame, self.beside)

    @cached_property
    def fine_motion(self) -> MotionCues:
        """Return motion for boxes and later clicks."""
        return MotionCues(self.sight.frame, self.beside, is_fine=True)


class ClassicalSegmenter:
    """Segments the frames of one video; remembers the last frame and its clicks."""

    def __init__(self) -> None:
        self._canvas: _Canvas | None = None
        self._looked: Frame | None = None  # what the differences belong to
        self._differences = Differences()

    def look_around(self, frame: Frame, around: Iterable[tuple[int, Frame]]) -> None:
        """Learn the background of `frame` from others around it, once.

        Args:
            frame: that clicks are expected in.
            around: frames, and where they lie in frames from it, every second of them.
        """
        if self._looked is None or not _equal((frame,), (self._looked,)):
            self._differences = differences(frame, around)
            self._looked, self._canvas = frame, None

    def segment(
        self, frame: Frame, prompt: Prompt, neighbours: Sequence[Frame] = ()
    ) -> Segmentation:
        """Return up to three masks of what `prompt` means, best first.

        Every mask holds all positive points and no negative one, and is never empty unless
        negative points cover the frame.  A given mask is the start that points correct; a
        box is the start if there is no mask, and limits what is added inside it.

        Raises:
            ValueError: nothing is prompted, a point or the box lies outside the frame, or
                the mask has another size.
        """
        check_prompt(frame, prompt)
        canvas = self._open(frame, neighbours, prompt.mask)
        best = self._answer(canvas, prompt).hypotheses[:_SHOWN]
        height, width = frame.shape[:2]
        masks = []
        for mask in (one.mask for one in best):
            full = mask
            if mask.shape != (height, width):
                size = (width, height)
                soft = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
                full = np.asarray(soft) > 0.5
            masks.append(keep_promises(full, prompt.points))
        return Segmentation(tuple(masks), tuple(one.worth for one in best))

    def anticipate(self) -> None:
        """Look for the motion that another click in the frame segmented last will ask for."""
        if self._canvas is not None:
            _ = self._canvas.fine_motion

    def _open(self, frame: Frame, neighbours: Sequence[Frame], mask: Mask | None) -> _Canvas:
        canvas = self._canvas
        images = (frame, *neighbours)
        if canvas is None or not _equal(images, (canvas.source, *canvas.neighbours)):
            small = _worked_on(frame)
            is_looked_around = self._looked is not None and _equal((frame,), (self._looked,))
            known = self._differences if is_looked_around else Differences()
            canvas = _Canvas(
                frame,
                tuple(neighbours),
                Sight(small, known.far),
                Sight(small, known.every),
                known,
            )
            self._canvas = canvas
        masks = () if mask is None else (mask,)
        before = () if canvas.mask is None else (canvas.mask,)
        if not _equal(masks, before) or len(canvas.steps) > _MOST_STEPS:
            canvas.mask = mask
            canvas.steps.clear()
        return canvas

    def _answer(self, canvas: _Canvas, prompt: Prompt) -> Answer:
        points = tuple(_on_canvas(canvas, point) for point in prompt.points)
        box = None if prompt.box is None else _box_on_canvas(canvas, prompt.box)
        answer: Answer | None = None
        for count in range(len(points) + 1):
            key = (box, points[:count], prompt.choice)
            known = canvas.steps.get(key)
            if known is not None:
                answer = known
                continue
            if count == 0:
                answer = _start(canvas, prompt.mask, box)
            elif answer is None:
                answer = answer_first(canvas.sight, canvas.motion, points[0], canvas.around)
                answer = answer.led_by(prompt.choice)
            else:
                click = points[count - 1]
                answer = answer_next(canvas.sight, canvas.fine_motion, answer, click, box)
            if answer is not None:
                canvas.steps[key] = answer
        if answer is None:
            raise ValueError("empty prompt: expected a point, a box or a mask")
        return answer


def keep_promises(mask: Mask, points: Sequence[Point]) -> Mask:
    """Return `mask` with every positive pixel, without any negative one, and not empty.

    Of two opposite clicks on one pixel the later counts.
    """
    result = mask.copy()
    free = np.ones_like(result)
    for point in points:
        x, y = round(point.x), round(point.y)
        result[y, x] = point.positive
        free[y, x] = False
    if not result.any() and free.any():
        depth = depth_inside(free)
        result[np.unravel_index(int(np.argmax(depth)), depth.shape)] = True
    return result


def _worked_on(frame: Frame) -> Frame:
    """Return `frame` as small as a canvas."""
    height, width = frame.shape[:2]
    while height * width >= 4 * _CANVAS_PIXELS:  # whole halves are averaged far faster
        height, width = height // 2, width // 2
        frame = np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA))
    return shrink(frame, _CANVAS_PIXELS)


def _equal(ones: Sequence[Frame | Mask], others: Sequence[Frame | Mask]) -> bool:
    # Arrays that came through a pipe are others with the same content.
    return len(ones) == len(others) and all(
        one is other or np.array_equal(one, other) for one, other in zip(ones, others, strict=True)
    )


def _on_canvas(canvas: _Canvas, point: Point) -> Point:
    height, width = canvas.sight.frame.shape[:2]
    x = (point.x + 0.5) * width / canvas.source.shape[1] - 0.5
    y = (point.y + 0.5) * height / canvas.source.shape[0] - 0.5
    return Point(min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0), point.positive)


def _box_on_canvas(canvas: _Canvas, box: Box) -> Box:
    height, width = canvas.sight.frame.shape[:2]
    scale_x, scale_y = width / canvas.source.shape[1], height / canvas.source.shape[0]
    x0, y0, x1, y1 = box
    left, right = max(0.0, x0 * scale_x), min(float(width), x1 * scale_x)
    top, bottom = max(0.0, y0 * scale_y), min(float(height), y1 * scale_y)
    return left, top, right, bottom


def _start(canvas: _Canvas, mask: Mask | None, box: Box | None) -> Answer | None:
    """Return what a prompt means before its points, or None where they come first."""
    if mask is not None:
        height, width = canvas.sight.frame.shape[:2]
        if mask.shape != (height, width):
            size = (width, height)
            small = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
            mask = np.asarray(small) > 0.5
        return Answer((Hypothesis(mask, 1.0),), is_started=True)
    if box is None:
        return None
    proposal = in_box(canvas.boxed, box, canvas.fine_motion.odds_in(box))
    start = Hypothesis(proposal.place(canvas.boxed), proposal.score)
    return Answer((start,), is_started=True)
