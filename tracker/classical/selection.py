"""Which frames are laid under a target: those that show most of what its hole hides."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tracker.classical.blend import APART
from tracker.classical.chain import Links
from tracker.classical.flow import Flow
from tracker.classical.steps import is_clear
from tracker.classical.views import View

_NEED = np.array((1.0, 0.25, 0.12, 0.06, 0.03, 0.0))  # worth of the first, second, ... source
_LIFE_OF_A_SOURCE = 10.0  # frames after which a source is worth half
_LEAST_WORTH = 0.005  # of a source, as a share of the hole
_PROBES = 300  # hole pixels that stand for the hole


@dataclass(frozen=True, eq=False)
class Chosen:
    """A source, and which probes it shows."""

    source: View
    visible: NDArray[np.bool_]  # (N,)


@dataclass(frozen=True, eq=False)
class Selection:
    """The sources tried so far, and the one to try next; choosing changes nothing."""

    target: View
    links: Links
    views: Mapping[int, View]
    most: int  # sources; half as many more where these do not show everything
    probes: Flow  # (N, 2), pixels of the target's hole
    count: NDArray[np.intp]  # (N,), how many sources show each probe
    tried: frozenset[int]
    seen: dict[int, NDArray[np.bool_]]  # (N,) by source: which probes it shows, once looked at
    num_used: int = 0

    @cached_property
    def best(self) -> Chosen | None:
        """Return the frame that shows most of what is still needed; None if none is worth it."""
        if self.num_used >= self.most + (self.most + 1) // 2 or len(self.tried) > 2 * self.most:
            return None
        need = _NEED[np.minimum(self.count, len(_NEED) - 1)]
        is_extra = self.num_used >= self.most
        if is_extra:
            need[self.count > 0] = 0  # from here on only for what nothing has shown yet
        best, best_worth = None, _LEAST_WORTH * len(self.probes)
        for index in self.links.known():
            if index in self.tried or index not in self.views:
                continue
            source = self.views[index]
            visible = self.seen.get(index)  # only links of sources that were tried have changed
            if visible is None:
                visible = is_clear(source, self.links.to(index).places(self.probes))
                self.seen[index] = visible
            worth = float(need[visible].sum())
            if not (is_extra or source.is_keyframe):
                worth *= self._freshness(index)
            if worth > best_worth:
                best, best_worth = Chosen(source, visible), worth
        return best

    def _freshness(self, index: int) -> float:
        """Return what remains of a frame's worth: far frames and repetitions are worth less."""
        age = abs(index - self.target.index)
        others = (abs(index - other) for other in self.tried if other != self.target.index)
        gap = min(others, default=99)
        return 1 / (1 + age / _LIFE_OF_A_SOURCE) * (gap / (gap + APART))

    def after(self, chosen: Chosen, *, is_used: bool) -> "Selection":
        """Return the selection once a source has been tried, and used or not."""
        return Selection(
            self.target,
            self.links,
            self.views,
            self.most,
            self.probes,
            self.count + chosen.visible if is_used else self.count,
            self.tried | {chosen.source.index},
            self.seen,
            self.num_used + is_used,
        )


def begin_selection(target: View, links: Links, views: Mapping[int, View], most: int) -> Selection:
    """Return the selection of `most` sources for `target`, none tried yet."""
    rows, columns = np.nonzero(~target.known)
    step = max(1, len(rows) // _PROBES)
    probes = np.stack((columns[::step], rows[::step]), axis=-1).astype(np.float32)
    count = np.zeros(len(probes), np.intp)
    return Selection(target, links, views, most, probes, count, frozenset((target.index,)), {})
