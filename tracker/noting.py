"""A parser that tells what was said from what is a default."""

import argparse
from collections.abc import Sequence
from typing import Any


class NotingParser(argparse.ArgumentParser):
    """Adds `given` to what it parses: the names of the options that were on the command line."""

    def parse_known_args(  # type: ignore[override] # argparse overloads it by the namespace's type
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse twice: with the defaults, and without any, which leaves what was said."""
        found, rest = super().parse_known_args(args, namespace)
        defaults = [(action, action.default) for action in self._actions]
        for action, _ in defaults:
            action.default = argparse.SUPPRESS
        try:
            said, _ = super().parse_known_args(args, None)
        finally:
            for action, default in defaults:
                action.default = default
        found.given = frozenset(vars(said)) - frozenset(self._defaults)
        return found, rest
