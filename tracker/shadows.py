"""Labels that include the shadows of the objects to be removed."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import Protocol, TypeVar

import numpy as np

from tracker.classical.shadow import LOOKAHEAD, cast_shadows
from tracker.types import Frame, LabelMap

__all__ = ["LOOKAHEAD", "with_shadows"]


class _Picture(Protocol):
    @property
    def rgb(self) -> Frame:
        """Return the picture as engines see it."""


PictureT = TypeVar("PictureT", bound=_Picture)


def with_shadows(
    labelled: Iterable[tuple[PictureT, LabelMap]], objects: tuple[int, ...] | None, lookahead: int
) -> Generator[tuple[PictureT, LabelMap]]:
    """Yield the labels of every frame, in order, the shadows of `objects` (None: all) added.

    A shadow has its object's label; other labels stay as they are.  Labels come `lookahead`
    frames late, beside the newest picture taken; with 0 that is their own.
    """
    known: deque[LabelMap] = deque()
    newest: list[PictureT] = []

    def chosen() -> Iterator[tuple[Frame, LabelMap]]:
        for picture, labels in labelled:
            newest[:] = [picture]
            known.append(labels)
            if objects is not None:
                labels = np.where(np.isin(labels, objects), labels, np.uint8(0))
            yield picture.rgb, labels

    for grown in cast_shadows(chosen(), lookahead):
        labels = known.popleft()
        yield newest[0], np.where(labels > 0, labels, grown)
