"""The pictures of a clip that windows still need, and no others."""

from collections.abc import Callable, Collection, Iterable
from typing import TypeAlias

from tracker.types import Clip, Frame, Mask
from tracker.windows import Window

Pair: TypeAlias = tuple[Frame, Mask]  # a picture and its hole, at the working size


class FrameBuffer:
    """The pictures some window may still need, pulled when first asked for.

    Local frames arrive in order from `pairs`.  References that lie outside what has been
    read come from `fetch`, and are kept: a schedule names few of them.  So are keyframes.
    """

    def __init__(
        self,
        pairs: Iterable[Pair],
        fetch: Callable[[int], Pair] | None = None,
        keyframes: Collection[int] = (),
    ) -> None:
        self._source = iter(pairs)
        self._pairs: dict[int, Pair] = {}
        self._references: dict[int, Pair] = {}
        self._fetch = fetch
        self._keyframes = frozenset(keyframes)
        self._num_read = 0

    def __getitem__(self, index: int) -> Pair:
        return self._pairs[index]

    def __len__(self) -> int:
        return len(self._pairs)

    def read_until(self, stop: int) -> int:
        """Read up to frame `stop`, or to the end; return how many frames have been read."""
        while self._num_read < stop:
            pair = next(self._source, None)
            if pair is None:
                break
            self._pairs[self._num_read] = pair
            self._num_read += 1
        return self._num_read

    def clip(self, window: Window) -> Clip:
        """Gather the pictures of `window`."""
        indices = (*window.local, *window.references)
        pairs = [self._pairs[index] for index in window.local]
        pairs += [self._reference(index) for index in window.references]
        first = window.local.start
        return Clip(
            indices,
            tuple(frame for frame, _ in pairs),
            tuple(hole for _, hole in pairs),
            len(window.local),
            range(window.update.start - first, window.update.stop - first),
            self._keyframes.intersection(indices),
            window.is_streaming,
        )

    def _reference(self, index: int) -> Pair:
        if index not in self._references:
            if index in self._pairs:
                pair = self._pairs[index]
            elif self._fetch is not None:
                pair = self._fetch(index)
            else:
                raise ValueError(f"frame {index} is a reference but is no longer there")
            if self._fetch is None:
                return pair
            self._references[index] = pair
        return self._references[index]

    def forget(self, before: int) -> None:
        """Drop frames older than `before`, except keyframes."""
        for index in [i for i in self._pairs if i < before and i not in self._keyframes]:
            del self._pairs[index]
