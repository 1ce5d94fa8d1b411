"""The five jobs an engine can do: one method each, arrays in and arrays out.

An engine object belongs to one video.  Loaded networks are shared and never change;
whatever is remembered between calls (the encoded frame, the memories, the background)
lives in the engine object, so there is nothing to reset.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from tracker.types import (
    Clip,
    Detection,
    Frame,
    LabelMap,
    Mask,
    Prompt,
    Proposal,
    Segmentation,
    Tracked,
)


class Segmenter(Protocol):
    """Turns clicks into a mask."""

    def segment(
        self, frame: Frame, prompt: Prompt, neighbours: Sequence[Frame] = ()
    ) -> Segmentation:
        """Return masks of the one object `prompt` points at, best first.

        `neighbours` are frames just before and after `frame`, for engines that use motion.
        """


@runtime_checkable
class LookingAround(Protocol):
    """A segmenter that learns from frames further away than neighbours."""

    def look_around(self, frame: Frame, around: Iterable[tuple[int, Frame]]) -> None:
        """Learn what helps with clicks in `frame` from frames at offsets from it.

        They are only read if `frame` is not the one it looked around last.
        """


@runtime_checkable
class Anticipating(Protocol):
    """A segmenter that can do beforehand what one more click would have to wait for."""

    def anticipate(self) -> None:
        """Get ready for another click in the frame segmented last; no answer depends on it."""


class TextDetector(Protocol):
    """Turns words into boxes."""

    def detect(
        self,
        frame: Frame,
        caption: str,
        *,
        box_threshold: float | None = None,
        text_threshold: float | None = None,
    ) -> list[Detection]:
        """Return the boxes matching `caption`, best first; thresholds 0 to 1, None: published."""


class Proposer(Protocol):
    """Finds objects nobody pointed at."""

    def propose(self, frame: Frame, neighbours: Sequence[Frame] = ()) -> list[Proposal]:
        """Return masks of what stands out in `frame`, surest first; they may overlap.

        `neighbours` are frames just before and after `frame`, for engines that use motion.
        """


class MaskPropagator(Protocol):
    """Carries labels through time, one frame per call."""

    def step(self, frame: Frame, labels: LabelMap | None = None) -> Tracked:
        """Label the next frame, or memorise the labels given for it.

        First frame, correction and new object are the same call: given labels are
        returned as they are.
        """


@runtime_checkable
class Preparing(MaskPropagator, Protocol):
    """A propagator that does what needs no labels beforehand."""

    def prepare(self, frame: Frame) -> None:
        """Look at a frame that `step` will be given.

        One call for each, in order; they may come from another thread.
        """


@runtime_checkable
class LookingAhead(Preparing, Protocol):
    """A propagator that also looks at what comes after the frame it labels.

    `lookahead` frames after each, or as many as there are, are to be prepared before `step` is
    given it; 0: none need be.
    """

    lookahead: int


def lookahead_of(propagator: MaskPropagator) -> int:
    """Return how many frames after each are to be prepared before a propagator labels it."""
    return propagator.lookahead if isinstance(propagator, LookingAhead) else 0


class Inpainter(Protocol):
    """Fills holes."""

    def fill(self, clip: Clip) -> list[Frame]:
        """Return the `clip.num_local` local frames with their holes filled."""


@runtime_checkable
class LookingForward(Inpainter, Protocol):
    """An inpainter that does beforehand what does not depend on what is filled.

    It is asked to offline, where frames are there long before their turn.
    """

    def prepare(self, index: int, frame: Frame, hole: Mask) -> None:
        """Look at a frame that will be among the local ones of a clip, for the first time.

        One call for each, in order; they may come from another thread.

        Args:
            index: of the frame, as in the clip.
            frame: (H, W, 3), the very array the clip will hold.
            hole: (H, W), likewise.
        """


@runtime_checkable
class Sharing(Protocol):
    """An inpainter whose like, for another part of the frames, shares what it has learned."""

    def another(self) -> Inpainter:
        """Return a new inpainter for the same video."""


@runtime_checkable
class Remarking(Protocol):
    """An engine that has something to tell the user about how it works."""

    @property
    def remarks(self) -> Sequence[str]:
        """Return a sentence each; more may come while it works."""


def remarks_of(engine: object) -> Sequence[str]:
    """Return what an engine has to tell the user."""
    return engine.remarks if isinstance(engine, Remarking) else ()
