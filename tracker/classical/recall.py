"""What a neighbouring frame was filled with: one more thing said about a hole's pixels.

Each frame chooses its sources anew, and each choice errs otherwise: that flickers.  So the
last fill is laid under the hole along the step between the two frames and joined with what
is found now, each weighed by the inverse of its expected squared error, which adds up along
the way (Kalman, 1960); where the future is known, so is the next fill, backwards (Rauch and
others, 1965).  What is joined was resampled as often as it was carried, but what is found
anew enters in every frame: little has been carried for long.
"""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.classical.flow import Flow, sample
from tracker.classical.invention import CONVINCING
from tracker.classical.reading import as_table, place
from tracker.classical.registration import Offer
from tracker.classical.views import Fill, View
from tracker.types import Mask


@dataclass(frozen=True, eq=False)
class Memory:
    """What another frame's fill says about N pixels of a hole."""

    colours: NDArray[np.float32]  # (N, 3)
    error: NDArray[np.float32]  # (N,), squared, to be expected
    genuine: NDArray[np.bool_]  # (N,), shows what some frame saw
    invented: NDArray[np.bool_]  # (N,), does not; neither outside the frame

    def join(
        self,
        colours: NDArray[Any],
        share: NDArray[np.float32],
        error: NDArray[np.float32],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Return (N, 3) colours, how much of them was seen, and their error, with the genuine.

        Args:
            colours: (N, 3), found without the memory.
            share: (N,), 0 to 1, how much of them was seen.
            error: (N,), squared, to be expected of them.
        """
        now = self._share(error) * self.genuine
        joined = colours + now[:, None] * (self.colours - colours)
        return joined, 1 - (1 - share) * (1 - now), error * (1 - now)

    def steady(
        self, patch: NDArray[np.uint8], missing: Mask, left: NDArray[np.float32], hole: Mask
    ) -> None:
        """Join what is `missing`, and was, in place; all are (h, w) of the target's box.

        Args:
            patch: (h, w, 3), as invented now.
            missing: what no frame shows.
            left: the squared error to be expected of `patch`.
            hole: its pixels are those the memory speaks of, in order.
        """
        now = self._share(left[hole]) * (self.invented & missing[hole])
        values = patch[hole] + now[:, None] * (self.colours - patch[hole])
        patch[hole] = np.clip(np.rint(values), 0, 255)
        left[hole] += now * (self.error - left[hole])  # much the same surroundings foretell both

    def refine(self, fill: Fill, hole: Mask) -> Fill:
        """Return a fill joined with the memory; `hole` (h, w) lies in its box."""
        filled, genuine, left = np.array(fill.filled), fill.genuine.copy(), fill.error.copy()
        patch = filled[fill.box]
        known = genuine[hole].astype(np.float32)
        colours, share, left[hole] = self.join(patch[hole], known, left[hole])
        patch[hole] = np.clip(np.rint(colours), 0, 255)
        genuine[hole] = share >= CONVINCING
        self.steady(patch, ~genuine, left, hole)
        filled.setflags(write=False)
        return replace(fill, filled=filled, genuine=genuine, error=left)

    def _share(self, error: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how much the memory counts beside what errs by `error`, 0 to 1."""
        share = error / np.maximum(error + self.error, np.float32(1e-6))
        return np.asarray(share, np.float32)


def recall(view: View, offer: Offer, inside: Flow) -> Memory | None:
    """Return what a frame was filled with; None if it was not.

    Args:
        view: the frame.
        offer: how it lies under the registered part.
        inside: (N, 2), places in that part, working size.
    """
    fill, num_places = view.fill, len(inside)
    if fill is None:
        return None
    places, half, within = place(view, offer, as_table(inside))
    in_box, genuine = fill.at(places)
    colours = sample(fill.filled, places, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    colours += sample(offer.offset, half)
    error = sample(fill.error, in_box) + sample(offer.error, half)
    return Memory(
        colours.reshape(-1, 3)[:num_places],
        error.reshape(-1)[:num_places],
        (genuine & within).reshape(-1)[:num_places],
        (~genuine & within).reshape(-1)[:num_places],
    )
