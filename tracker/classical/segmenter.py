"""Clicks, boxes and masks to a mask without weights: colour, edges and, if offered, motion.

Clicks are answered in order, so that a prompt always means the same.  Each proposes regions
of several sizes around itself, and the one that stands out best is added to what the clicks
before it meant, or taken from it.

Tried and dropped, as they won nothing over real clips: regions grown over the whole frame
instead of in windows, choosing the proposal most others agree with, a vote among alike
proposals, other weights in the score, scores that favour convex regions, rims that are
nowhere weak or small corrections, proposals with and without motion side by side, settling
the border of the whole mask once more after each click, and starting again without motion
after a negative click.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from tracker.classical.click_motion import MotionCues
from tracker.classical.click_proposals import (
    Proposal,
    around_click,
    in_box,
)
from tracker.classical.click_regions import depth_inside
from tracker.classical.click_window import shrink
from tracker.types import Box, Frame, Mask, Point, Prompt, Segmentation, check_prompt

_CANVAS_PIXELS = 410_000  # 854x480; larger frames are worked on reduced
_MOST_STEPS = 64  # remembered masks
_MOTION_IN_CORRECTIONS = 0.3  # the first click has used it already
_CENTRED = 0.5  # power: people click into the middle of what they mean
_DIFFERENT = 0.8  # IoU over which an alternative is no news


@dataclass(frozen=True, eq=False)
class _Step:
    """What the clicks so far mean: masks of the canvas, best first."""

    masks: tuple[Mask, ...]
    scores: tuple[float, ...]

    def led_by(self, choice: int) -> "_Step":
        """Return it with mask `choice`, counted around, in front."""
        order = [choice % len(self.masks)]
        order += [index for index in range(len(self.masks)) if index not in order]
        return _Step(
            tuple(self.masks[index] for index in order),
            tuple(self.scores[index] for index in order),
        )


@dataclass(eq=False)
class _Canvas:
    """One frame as worked on, and what its prompts have meant so far."""

    source: Frame
    neighbours: tuple[Frame, ...]
    frame: Frame
    motion: MotionCues
    steps: dict[tuple[Box | None, tuple[Point, ...], int], _Step] = field(default_factory=dict)
    mask: Mask | None = None  # the prompt's, which the steps start from


class ClassicalSegmenter:
    """Segments the frames of one video; remembers the last frame and its clicks."""

    def __init__(self) -> None:
        self._canvas: _Canvas | None = None

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
        step = self._answer(canvas, prompt)
        height, width = frame.shape[:2]
        masks = []
        for mask in step.masks:
            full = mask
            if mask.shape != (height, width):
                size = (width, height)
                soft = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
                full = np.asarray(soft) > 0.5
            masks.append(keep_promises(full, prompt.points))
        return Segmentation(tuple(masks), step.scores)

    def _open(self, frame: Frame, neighbours: Sequence[Frame], mask: Mask | None) -> _Canvas:
        canvas = self._canvas
        images = (frame, *neighbours)
        if canvas is None or not _equal(images, (canvas.source, *canvas.neighbours)):
            small = shrink(frame, _CANVAS_PIXELS)
            canvas = _Canvas(frame, tuple(neighbours), small, MotionCues(small, neighbours))
            self._canvas = canvas
        masks = () if mask is None else (mask,)
        known = () if canvas.mask is None else (canvas.mask,)
        if not _equal(masks, known) or len(canvas.steps) > _MOST_STEPS:
            canvas.mask = mask
            canvas.steps.clear()
        return canvas

    def _answer(self, canvas: _Canvas, prompt: Prompt) -> _Step:
        points = tuple(_on_canvas(canvas, point) for point in prompt.points)
        box = None if prompt.box is None else _box_on_canvas(canvas, prompt.box)
        step: _Step | None = None
        for count in range(len(points) + 1):
            key = (box, points[:count], prompt.choice)
            known = canvas.steps.get(key)
            if known is not None:
                step = known
                continue
            if count == 0:
                step = _start(canvas, prompt.mask, box)
            else:
                is_first = step is None
                step = _click(canvas, step, points[: count - 1], points[count - 1], box)
                step = step.led_by(prompt.choice) if is_first else step
            if step is not None:
                canvas.steps[key] = step
        if step is None:
            raise ValueError("empty prompt: expected a point, a box or a mask")
        return step


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


def _equal(ones: Sequence[Frame | Mask], others: Sequence[Frame | Mask]) -> bool:
    # Arrays that came through a pipe are others with the same content.
    return len(ones) == len(others) and all(
        one is other or np.array_equal(one, other) for one, other in zip(ones, others, strict=True)
    )


def _on_canvas(canvas: _Canvas, point: Point) -> Point:
    height, width = canvas.frame.shape[:2]
    x = (point.x + 0.5) * width / canvas.source.shape[1] - 0.5
    y = (point.y + 0.5) * height / canvas.source.shape[0] - 0.5
    return Point(min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0), point.positive)


def _box_on_canvas(canvas: _Canvas, box: Box) -> Box:
    height, width = canvas.frame.shape[:2]
    scale_x, scale_y = width / canvas.source.shape[1], height / canvas.source.shape[0]
    x0, y0, x1, y1 = box
    left, right = max(0.0, x0 * scale_x), min(float(width), x1 * scale_x)
    top, bottom = max(0.0, y0 * scale_y), min(float(height), y1 * scale_y)
    return left, top, right, bottom


def _start(canvas: _Canvas, mask: Mask | None, box: Box | None) -> _Step | None:
    """Return what a prompt means before its points, or None where they come first."""
    if mask is not None:
        height, width = canvas.frame.shape[:2]
        if mask.shape == (height, width):
            return _Step((mask,), (1.0,))
        size = (width, height)
        small = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        return _Step((np.asarray(small) > 0.5,), (1.0,))
    if box is None:
        return None
    proposal = in_box(canvas.frame, box, canvas.motion.odds_in(box))
    return _Step((proposal.place(canvas.frame),), (proposal.score,))


def _click(
    canvas: _Canvas, step: _Step | None, before: tuple[Point, ...], click: Point, box: Box | None
) -> _Step:
    """Return what the prompt means once `click` is added."""
    height, width = canvas.frame.shape[:2]
    believed = None if step is None else step.masks[0]
    if believed is None and not click.positive:
        believed = np.ones((height, width), bool)
    motion = canvas.motion.odds_at(click.x, click.y)
    allowed: Mask | None = None
    if believed is not None:
        allowed = ~believed if click.positive else believed
        if motion is not None:
            motion = motion * np.float32(_MOTION_IN_CORRECTIONS)
    opposed = [point for point in before if point.positive != click.positive]
    proposals = list(around_click(canvas.frame, click, opposed, allowed, motion))
    if not proposals:
        kept = np.zeros((height, width), bool) if believed is None else believed.copy()
        kept[round(click.y), round(click.x)] = click.positive
        return _Step((kept,), (0.0,))

    def worth(proposal: Proposal) -> float:
        score: float = proposal.score * proposal.centred_on(click) ** _CENTRED
        # A click that takes nearly everything away is hardly what was meant.
        if believed is None or click.positive:
            return score
        return score * max(0.05, 1 - proposal.area() / max(1.0, float(believed.sum())))

    masks: list[Mask] = []
    scores: list[float] = []
    for proposal in sorted(proposals, key=worth, reverse=True):
        region = proposal.place(canvas.frame)
        if box is not None and click.positive:
            region &= _inside(box, region.shape)
        if believed is None:
            mask = region
        else:
            mask = believed | region if click.positive else believed & ~region
        if any(_iou(mask, other) > _DIFFERENT for other in masks):
            continue
        masks.append(mask)
        scores.append(proposal.score)
        if len(masks) == 3:
            break
    return _Step(tuple(masks), tuple(scores))


def _inside(box: Box, shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, bool)
    mask[int(box[1]) : int(np.ceil(box[3])), int(box[0]) : int(np.ceil(box[2]))] = True
    return mask


def _iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / max(1, int((one | other).sum())))
