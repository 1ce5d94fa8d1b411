"""Sentences the user should read once, however often their cause is met."""


class Notices:
    """Collects notices by kind; a later one of the same kind replaces the earlier."""

    def __init__(self) -> None:
        self._by_kind: dict[str, str] = {}

    def say(self, kind: str, sentence: str) -> None:
        """Remember `sentence`."""
        self._by_kind[kind] = sentence

    @property
    def sentences(self) -> list[str]:
        """Return all sentences, in the order their kinds first came up."""
        return list(self._by_kind.values())
