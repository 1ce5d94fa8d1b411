"""What a killed writer left behind, made playable."""

import shutil
from fractions import Fraction
from pathlib import Path

import av

from tracker.types import UserError
from tracker.video.info import VideoInfo
from tracker.video.matroska import set_pixel_aspect
from tracker.video.movie_writer import rewrite_fragments, whole_name
from tracker.video.naming import leftovers, partial_name, temporary_name
from tracker.video.notices import Notices
from tracker.video.reader import VideoReader, probe


def salvage(path: Path, source: VideoReader | VideoInfo | None = None) -> Path | None:
    """Make `NAME.partial.EXT` of what a killed writer of `path` left; None if there is nothing.

    To be called only when nothing is writing `path` any more.  The sound can be kept only
    if the source is given.
    """
    info = source.info if isinstance(source, VideoReader) else source
    partial = partial_name(path)
    kept = None
    for leftover in leftovers(path):
        if not is_playable(leftover):  # killed before the first pictures were out
            remove(leftover)
            continue
        if leftover.suffix.lower() in (".mp4", ".mov"):
            leftover = _rewritten(leftover, info)
        elif leftover.suffix.lower() == ".mkv" and info is not None and info.pixel_aspect != 1:
            set_pixel_aspect(leftover, info.width, info.height, info.pixel_aspect)
        replace(leftover, partial)
        kept = partial
    return kept


def _rewritten(fragments: Path, info: VideoInfo | None) -> Path:
    """Make an ordinary file of fragments, or leave them as they are if that fails."""
    whole = whole_name(fragments)
    try:
        shift = probe(fragments).start_seconds - info.start_seconds if info else 0
        rewrite_fragments(fragments, whole, info, Fraction(shift), Notices(), whole_sound=False)
    except (av.FFmpegError, OSError, UserError):  # no room, or the source is gone
        whole.unlink(missing_ok=True)
        return fragments
    fragments.unlink()
    return whole


def is_playable(path: Path) -> bool:
    """Return whether at least one picture can be read."""
    try:
        probe(path)
    except UserError:
        return False
    return True


def replace(finished: Path, name: Path) -> None:
    """Give `finished` its name, putting away what had it."""
    if name.is_dir() and not name.is_symlink():
        old = temporary_name(name)
        name.rename(old)
        finished.rename(name)
        shutil.rmtree(old)
    else:
        finished.replace(name)


def remove(path: Path) -> None:
    """Remove a file or folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
