"""What lies at a path, asked so that no strange name ends in a traceback."""

import os
import stat
from pathlib import Path

from tracker.types import UserError


def status(path: Path) -> os.stat_result | None:
    """Return what the system says of a path, following links; None if nothing is there.

    Raises:
        UserError: The system refuses the name or the way to it.
    """
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{path} cannot be used: {reason}") from None


def is_folder(path: Path) -> bool:
    """Return whether a folder is there."""
    found = status(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def is_file(path: Path) -> bool:
    """Return whether an ordinary file is there."""
    found = status(path)
    return found is not None and stat.S_ISREG(found.st_mode)
