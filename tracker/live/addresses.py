"""What a live source is called on the command line."""

import re
import stat
from pathlib import Path

_SCHEMES = ("rtsp://", "rtsps://", "rtmp://", "http://", "https://", "tcp://", "udp://", "srt://")
_CAMERA = re.compile(r"camera:(\d+)")
STDIN = "-"


def is_live(text: str) -> bool:
    """Return whether an input is a camera, a network address or a pipe."""
    if text == STDIN or _CAMERA.fullmatch(text) or text.lower().startswith(_SCHEMES):
        return True
    try:
        mode = Path(text).stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def camera_number(text: str) -> int | None:
    """Return which camera `camera:N` is; None for anything else."""
    match = _CAMERA.fullmatch(text)
    return None if match is None else int(match[1])


def is_pipe(text: str) -> bool:
    """Return whether whoever writes can wait for us: nothing need be dropped."""
    if text == STDIN:
        return True
    try:
        return stat.S_ISFIFO(Path(text).stat().st_mode)
    except (OSError, ValueError):
        return False


def without_password(text: str) -> str:
    """Return an address as it may be shown: user names and passwords are left out."""
    return re.sub(r"^(\w+://)[^/@]*@", r"\1", text)
