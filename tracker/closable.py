"""What has to be closed can be used in a `with` block."""

from types import TracebackType
from typing import TypeVar

SelfT = TypeVar("SelfT", bound="Closable")


class Closable:
    """Something that holds files: leaving its `with` block closes it, whatever happened."""

    def close(self) -> None:
        """Let go of everything; a second time does nothing."""
        raise NotImplementedError

    def __enter__(self: SelfT) -> SelfT:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
