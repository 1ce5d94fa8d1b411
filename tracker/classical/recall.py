"""What a neighbouring frame was filled with: one more thing said about a hole's pixels.

Each frame chooses its sources anew, and each choice errs otherwise: that flickers.  So the
last fill is laid under the hole along the step between the two frames and joined with what
is found now, each weighed by the inverse of its expected squared error, which adds up along
the way (Kalman, 1960); where the future is known, so is the next fill, backwards (Rauch and
others, 1965).  What is joined was resampled as often as it was carried, but what is found
anew enters in every frame: little has been carried for long.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.classical.registration import Offer
from tracker.classical.spots import (
    Plane,
    Planes,
    Spots,
    colours_at,
    gather,
    lay,
    put,
    spread_out,
    within,
)
from tracker.classical.views import Fill, View

CONVINCING = 0.5  # of a colour: what counts less was not seen, or is not taken over
_ALIKE = np.float32(0.25)  # of 1: how far what two neighbours invent errs alike
_MOSTLY = 250  # of 255: this much of what is sampled must be genuine


@dataclass(frozen=True, eq=False)
class Memory:
    """What another frame's fill says about N pixels of a hole."""

    colours: Planes  # (3, N)
    error: Plane  # (N,), squared, to be expected
    genuine: NDArray[np.bool_]  # (N,), shows what some frame saw
    invented: NDArray[np.bool_]  # (N,), does not; neither outside the frame
    risk: Plane  # (N,), what of the error comes from how the fill was laid
    detail: Planes | None  # (3, N), what was invented, less the membrane; None: nothing
    detailed: NDArray[np.bool_]  # (N,), where `detail` holds

    def at(self, numbers: NDArray[np.intp]) -> "Memory":
        """Return what it says about some of the pixels."""
        return Memory(
            self.colours.take(numbers, axis=1),
            self.error.take(numbers),
            self.genuine.take(numbers),
            self.invented.take(numbers),
            self.risk.take(numbers),
            None if self.detail is None else self.detail.take(numbers, axis=1),
            self.detailed.take(numbers),
        )

    def join(self, colours: Planes, share: Plane, error: Plane) -> tuple[Planes, Plane, Plane]:
        """Return (3, N) colours, how much of them was seen, and their error, with the genuine.

        Args:
            colours: (3, N), found without the memory.
            share: (N,), 0 to 1, how much of them was seen.
            error: (N,), squared, to be expected of them.
        """
        now = self._share(error) * self.genuine
        joined = self.colours - colours
        joined *= now
        joined += colours
        rest = 1 - now
        return joined, 1 - (1 - share) * rest, error * rest

    def steady(
        self,
        patch: NDArray[np.uint8],
        missing: NDArray[np.bool_],
        left: Plane,
        index: NDArray[np.intp],
    ) -> None:
        """Join what is `missing`, and was, in place.

        Args:
            patch: (h, w, 3), the box around the hole, as invented now.
            missing: (N,), what no frame shows.
            left: (N,), the squared error to be expected of `patch`.
            index: (N,), where the pixels lie in `patch`, see `Spots`.
        """
        numbers = np.flatnonzero(self.invented & missing)
        if not len(numbers):
            return
        was, error = left.take(numbers), self.error.take(numbers)
        now = _share(was, error)
        shown = gather(patch, index.take(numbers))
        put(patch, index.take(numbers), shown + now * (self.colours.take(numbers, axis=1) - shown))
        # Errors by chance are halved where two as large are joined, wholly alike ones stay.
        left[numbers] = (1 + _ALIKE) * was * (1 - now)

    def refine(self, fill: Fill, spots: Spots) -> None:
        """Join a fill with the memory of its pixels, in place."""
        index, patch = spots.places, fill.filled[fill.box].copy()
        left, known = (fill.state[..., number].ravel().take(index) for number in (0, 1))
        colours, share, left = self.join(gather(patch, index), (known > 0).astype(np.float32), left)
        put(patch, index, colours)
        missing = share < CONVINCING
        self.steady(patch, missing, left, index)
        fill.change(patch, index, left, ~missing)

    def _share(self, error: Plane) -> Plane:
        """Return how much the memory counts beside what errs by `error`, 0 to 1."""
        return _share(error, self.error)


def recall(
    view: View, fill: Fill, offer: Offer, spots: Spots, numbers: NDArray[np.intp] | None = None
) -> Memory:
    """Return what a frame was filled with.

    Args:
        view: the frame.
        fill: what it was filled with.
        offer: how it lies under the registered part.
        spots: which pixels are asked for.
        numbers: of some of them; None: all.
    """
    if numbers is not None:
        spots = spots.take(numbers)
    count = spots.count
    laid = lay(view, offer, spots, None)
    x, y = laid.x - np.float32(fill.box[1].start), laid.y - np.float32(fill.box[0].start)
    # Around its hole a frame is genuine: so the border of the box stands for what is beyond.
    left, known, fine, _ = spread_out(fill.state, x, y)
    inside, genuine = within(view, laid), known > _MOSTLY
    detail = None
    if fill.detail is not None:
        detail = np.stack(spread_out(fill.detail, x, y)[:3])[:, :count]
    return Memory(
        colours_at(fill.filled, laid)[:, :count],
        (left + laid.error)[:count],
        (genuine & inside)[:count],
        (~genuine & inside)[:count],
        laid.error[:count],
        detail,
        ((fine > 0.5) & inside)[:count],
    )


def _share(error: Plane, other: Plane) -> Plane:
    share = error / np.maximum(error + other, np.float32(1e-6))
    return np.asarray(share, np.float32)
