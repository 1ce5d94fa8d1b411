"""What every parity check needs and yields, whichever network it is about.

A golden file holds what an official network computed from pseudo-weights and rule-made
inputs (`script/fill_rule.py`).  A check recomputes each stage and says how far it is off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor, nn

Arrays = dict[str, NDArray[Any]]


class UnusableFileError(Exception):
    """The file is no golden, or none this check knows.  The message is one clear line."""


@dataclass(frozen=True)
class Row:
    """One compared stage: the largest difference found and the largest allowed."""

    stage: str
    difference: float
    bound: float

    @property
    def is_within_bound(self) -> bool:
        """Say whether the stage passes; a difference that is not a number does not."""
        return self.difference <= self.bound


def default_bound(standard_deviation: float) -> float:
    """Return the bound of a stage without one of its own, from the official tensor's spread."""
    return max(1e-4, 1e-4 * standard_deviation)


def read_golden(path: Path) -> Arrays:
    """Return every array of a golden file."""
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


@contextmanager
def listening(
    modules: Mapping[str, nn.Module], hear: Callable[[str, tuple[Tensor, ...], Any], None]
) -> Iterator[None]:
    """Tell `hear` the name, the inputs and the output of every module that runs meanwhile."""
    handles = [
        module.register_forward_hook(
            lambda _, inputs, output, name=name: hear(name, inputs, output)
        )
        for name, module in modules.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def largest_difference(ours: Tensor, expected: NDArray[Any]) -> float:
    """Return the largest absolute difference; shapes must agree.

    Raises:
        ValueError: they do not.
    """
    if tuple(ours.shape) != expected.shape:
        raise ValueError(f"our stage is {tuple(ours.shape)}, the golden's {expected.shape}")
    return float(np.abs(ours.numpy().astype(np.float64) - expected).max())
