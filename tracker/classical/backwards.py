"""Frames just filled, joined backwards with what the frames after them were filled with.

The second half of the filter in `recall.py` (Rauch and others, 1965).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tracker.classical.chain import Links
from tracker.classical.flow import FlowEstimator
from tracker.classical.recall import recall
from tracker.classical.registration import Offer, Surroundings, register
from tracker.classical.spots import Spots
from tracker.classical.views import Fill, View


@dataclass(eq=False)
class Fresh:
    """A frame just filled, and what was prepared for that."""

    target: View
    around: Surroundings
    spots: Spots  # the hole's pixels
    fill: Fill  # by what is known up to this frame, or the sources show of later ones
    onward: Offer | None = None  # how the next frame lies under it, once that was asked


def join_backwards(
    fresh: Sequence[Fresh],
    links: Links,
    views: Mapping[int, View],
    estimator: FlowEstimator,
    final: Collection[int],
) -> list[Fill]:
    """Return the fills of frames in order, each joined with that of the next if it follows.

    Those of `final` frames, which are not joined again, are changed themselves.
    """
    results: list[Fill] = []
    after: Fresh | None = None
    for one in reversed(fresh):
        fill = one.fill
        if after is not None and after.target.index == one.target.index + 1:
            if one.onward is None:
                link = links.step(one.target.index, after.target.index, views)
                found = register(one.around, after.target, link, estimator, 1)[0] if link else []
                one.onward = found[0] if found else None
            if one.onward is not None:
                memory = recall(after.target, results[-1], one.onward, one.spots)
                if one.target.index not in final:
                    fill = fill.copy()
                memory.refine(fill, one.spots)
        results.append(fill)
        after = one
    return results[::-1]
