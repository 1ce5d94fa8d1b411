"""What every part of the page has in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from math import isfinite
from typing import Any, Literal, TypeAlias

from gradio.blocks import Block

from tracker.session import Session
from tracker.types import UserError

Updates: TypeAlias = dict[Block, Any]
State: TypeAlias = Literal["empty", "marking", "masks", "repair", "running", "done"]


def number(value: object, name: str) -> float:
    """Return a number somebody chose.

    Raises:
        UserError: it is none; no slider sends that, but other programs can.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise UserError(f"{name} is {str(value)[:40]!r}; give a number")
    return value


def choice(value: object, choices: Iterable[str], name: str) -> str:
    """Return which of `choices` somebody took.

    Raises:
        UserError: it is none of them.
    """
    choices = list(choices)
    if not isinstance(value, str) or value not in choices:
        raise UserError(f"{name} is {str(value)[:40]!r}; choose one of: {', '.join(choices)}")
    return value


class Panel(ABC):
    """One part of the page: a frozen dataclass whose fields are its components.

    A panel has a class method `lay_out`, called inside the page, that makes it; a method
    `wire` that says what its components do; and `show`.
    """

    def components(self) -> list[Block]:
        """Return the components that change."""
        return [each for each in vars(self).values() if isinstance(each, Block)]

    @abstractmethod
    def show(self, session: Session | None, state: State) -> Updates:
        """Return how the panel looks for a session (None: no video yet) in a state."""
