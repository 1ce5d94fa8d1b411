"""Small files that are written whole or not at all."""

from pathlib import Path

from tracker.types import UserError
from tracker.video.naming import leftovers, temporary_name


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file; what runs that were killed while they wrote it left beside it goes.

    Raises:
        UserError: it cannot be written; what was there before stays.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = temporary_name(path)
    try:
        for leftover in leftovers(path):
            leftover.unlink(missing_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
