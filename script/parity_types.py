"""What every parity check yields, whichever network it is about.

A golden file holds what an official network computed from pseudo-weights and rule-made
inputs (`script/fill_rule.py`).  A check recomputes each stage and says how far it is off.
"""

from dataclasses import dataclass


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
