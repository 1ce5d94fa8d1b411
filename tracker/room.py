"""What to say when there is no room on a disk."""

import errno
import shutil
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


def no_room(path: Path, written: int, done: int, total: int | None) -> str:
    """Say that the disk is full, and how much is missing.

    Args:
        path: what was to be written.
        written: bytes of it there are.
        done: frames of it there are.
        total: frames it will have; None while that is not known.
    """
    folder = path.parent.absolute()
    free = shutil.disk_usage(folder).free
    message = f"the disk is full: {folder} has {free / 1e6:.1f} MB left"
    if total and done:
        more = written * max(1, total - done) / done
        message += f" and about {max(1.0, more / 1e6):.0f} MB more are needed"
    return f"{message}; make room or choose another folder"
