"""What every part of the page has in common."""

from typing import Any, Literal, TypeAlias

from gradio.blocks import Block

from tracker.session import Session

Updates: TypeAlias = dict[Block, Any]
State: TypeAlias = Literal["empty", "marking", "masks", "repair", "running", "done"]


class Panel:
    """One part of the page: a frozen dataclass whose fields are its components.

    A panel has a class method `lay_out`, called inside the page, that makes it; a method
    `wire` that says what its components do; and `show`.
    """

    def components(self) -> list[Block]:
        """Return the components that change."""
        return [each for each in vars(self).values() if isinstance(each, Block)]

    def show(self, session: Session | None, state: State) -> Updates:
        """Return how the panel looks for a session (None: no video yet) in a state."""
        raise NotImplementedError
