"""How the current frame lies in every other frame that is remembered.

A link is the camera's homography and, on a coarse lattice, what differs from it: depth and
things that move on their own.  Links move along with the current frame: the step from one
frame to the next is put in front of them.  Motion fields are chained, never images.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

import cv2
import numpy as np

from tracker.classical.camera import (
    Homography,
    Points,
    apply,
    chain,
    is_identity,
    is_plausible,
)
from tracker.classical.features import Features, describe, match
from tracker.classical.flow import Flow, sample
from tracker.classical.hands import Hands
from tracker.classical.steps import SPACING, Link, StepFinder, lattice, reverse
from tracker.classical.views import View

_PAUSE = 10  # frames between two attempts to link the same frame by what it shows


def follow(
    first: Link, second: Link, nodes: Flow, outline: Points, moved: Flow | None = None
) -> Link | None:
    """Return the link that goes along `first`, then along `second`; None if it is implausible.

    `moved` is where `first` takes the `nodes`, if that is known already.
    """
    homography = chain(first.homography, second.homography)
    if not is_plausible(homography, outline):
        return None
    dispute = first.dispute
    if first.is_plain and second.is_plain and second.dispute is None:
        return Link(homography, first.residual, dispute=dispute)
    if moved is None:
        moved = first.places(nodes)
    if second.dispute is not None:
        there = sample(second.dispute, moved * np.float32(1 / SPACING))
        dispute = there if dispute is None else dispute + there
    return Link(homography, second.places(moved) - apply(homography, nodes), dispute=dispute)


class Links:
    """The links of the current frame to others, past and future."""

    def __init__(self, finder: StepFinder) -> None:
        self._finder = finder
        self._current: int | None = None
        self._links: dict[int, Link] = {}
        self._steps: dict[tuple[int, int], Link | None] = {}  # between neighbours; None: a cut
        self._features: dict[int, Features] = {}
        self._failed: dict[int, int] = {}  # frame: when it was last tried in vain

    def known(self) -> list[int]:
        """Return the frames that are linked."""
        return list(self._links)

    def to(self, index: int) -> Link:
        """Return the link from the current frame to frame `index`."""
        return self._links[index]

    def stand_still_since(self, index: int) -> bool:
        """Return whether the camera has not moved since frame `index`."""
        return index in self._links and is_identity(self._links[index].homography)

    def know(self, first: int, second: int, step: Link | None) -> None:
        """Take over the step between neighbours, None across a cut, as it has been found."""
        self._steps[first, second] = step

    def correct(self, index: int, link: Link) -> None:
        """Replace a link by a better estimate."""
        self._links[index] = link

    def count(self) -> int:
        """Return how many things are remembered."""
        return len(self._links) + len(self._steps) + len(self._features) + len(self._failed)

    def forget(self, kept: Collection[int]) -> None:
        """Drop all that concerns frames not in `kept`."""
        self._links = {k: v for k, v in self._links.items() if k in kept}
        self._steps = {k: v for k, v in self._steps.items() if k[0] in kept and k[1] in kept}
        self._features = {k: v for k, v in self._features.items() if k in kept}
        self._failed = {k: v for k, v in self._failed.items() if k in kept}

    def move_to(self, index: int, views: Mapping[int, View], local: Sequence[int]) -> None:
        """Make `index` the current frame and link the consecutive `local` frames."""
        start = index if self._current is None or self._current > index else self._current
        if start == index != self._current or any(k not in views for k in range(start, index)):
            self._links = {}
        else:
            for number in range(start, index):
                self._advance(number, views)
        self._current = index
        nodes = lattice(*views[index].size)
        self._links[index] = Link(np.eye(3), np.zeros_like(nodes))
        for direction, last in ((1, max(local)), (-1, min(local))):
            for other in range(index + direction, last + direction, direction):
                if other in self._links:
                    continue
                step = self.step(other - direction, other, views)
                if step is None:
                    break
                link = follow(self._links[other - direction], step, nodes, views[index].outline)
                if link is None:
                    break
                self._links[other] = link

    def prepare(self, views: Mapping[int, View], local: Sequence[int], hands: Hands) -> None:
        """Find the steps between consecutive `local` frames."""
        pairs = [(k + 1, k) for k in sorted(local)[:-1]]
        new = [pair for pair in pairs if pair not in self._steps]
        hands.each(lambda index: views[index].strength, sorted({k for pair in new for k in pair}))
        for one, other in new:
            self.step(one, other, views)

    def _advance(self, number: int, views: Mapping[int, View]) -> None:
        """Move the current frame from `number` to the next."""
        step = self.step(number + 1, number, views)
        if step is None:
            self._links = {}
            return
        size = views[number].size
        nodes = lattice(*size)
        moved = step.places(nodes)
        followed = {
            other: follow(step, link, nodes, views[number].outline, moved)
            for other, link in self._links.items()
        }
        self._links = {other: link for other, link in followed.items() if link is not None}

    def step(self, first: int, second: int, views: Mapping[int, View]) -> Link | None:
        """Return the link between neighbours, None across a cut.

        It is looked for one way, whichever is asked for first; the other follows from it.
        """
        if (first, second) not in self._steps and (second, first) in self._steps:
            known = self._steps[second, first]
            found = None if known is None else reverse(known, lattice(*views[first].size))
            self._steps[first, second] = found
        elif (first, second) not in self._steps:
            shift = first - second
            before = self._steps.get((first - abs(shift), second - abs(shift)))
            found = self._finder.step(views[first], views[second], before)
            self._steps[first, second] = found
        return self._steps[first, second]

    def match(
        self,
        index: int,
        views: Mapping[int, View],
        references: Sequence[int],
        hands: Hands,
        keyframes: Collection[int] = (),
    ) -> None:
        """Link distant frames directly, by what they show; keyframes even if that is little."""
        size = views[index].size
        due = [
            other
            for other in references
            if other not in self._links and index - self._failed.get(other, -1000) >= _PAUSE
        ]
        if not due:
            return
        here, *there = hands.each(self._describe, [views[other] for other in (index, *due)])
        for other, found in zip(due, hands.each(partial(match, here), there), strict=True):
            self._failed[other] = index
            if found is not None and is_plausible(found, views[index].outline):
                self._links[other] = Link(found, np.zeros_like(lattice(*size)))
            elif other in keyframes:
                link = self._insist(views[index], views[other])
                if link is not None:
                    self._links[other] = link

    def _insist(self, first: View, second: View) -> Link | None:
        """Return the link between distant frames that hardly have distinctive points."""
        views = (first, second)
        by_points = match(*(describe(view.gray, view.known, faintly=True) for view in views))
        for guess in (by_points, _shift(first, second)):
            if guess is not None and is_plausible(guess, first.outline):
                link = self._finder.between(
                    first, second, Link(guess, np.zeros_like(lattice(*first.size)))
                )
                if link is not None:
                    return link
        return None

    def _describe(self, view: View) -> Features:
        if view.index not in self._features:
            self._features[view.index] = describe(view.gray, view.known)
        return self._features[view.index]


def _shift(first: View, second: View) -> Homography:
    """Return the shift from one view to another that fits best on the whole."""
    one, two = np.asarray(first.gray, np.float32), np.asarray(second.gray, np.float32)
    height, width = first.size
    window = (
        cv2.createHanningWindow((width, height), cv2.CV_32F) if min(height, width) > 1 else None
    )
    by, _ = cv2.phaseCorrelate(one, two, window)
    homography = np.eye(3)
    homography[:2, 2] = by
    return homography
