"""What has to be closed can be used in a `with` block."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TypeVar

SelfT = TypeVar("SelfT", bound="Closable")


class Closable(ABC):
    """Something that holds files: leaving its `with` block closes it, whatever happened."""

    @abstractmethod
    def close(self) -> None:
        """Let go of everything; a second time does nothing."""

    def __enter__(self: SelfT) -> SelfT:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
