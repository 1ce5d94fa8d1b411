"""Work that outlives its page: kept after every change, found again after a reload.

What is kept lies beside the sessions, under a name nobody can guess, which only the
user's browser knows.  It survives the server, too.  What people said (marks, masks, repaired
frames) is kept for a week after their page was closed; their video, which they still have
themselves, only for as long as a reload or a lost connection may take.
"""

import os
import re
import shutil
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tracker.folders import FOLDER_PREFIX
from tracker.keyframes import Keyframes
from tracker.options import Options
from tracker.project import Project, SourceMark, hash_of
from tracker.project_files import load_project, save_project
from tracker.session import Session
from tracker.types import UserError

FOLDER, PROJECT, VIDEO = "cleanplate-projects", "project.cleanplate", "video"
WORK_SECONDS, VIDEO_SECONDS = 7 * 24 * 3600.0, 3600.0  # after the page was closed
_KEY = re.compile(rf"{FOLDER_PREFIX}[0-9a-f]{{32}}-\w{{1,16}}")


@dataclass(frozen=True, eq=False)
class Kept:
    """What was found again."""

    project: Project
    video: Path | None  # None: it is kept no more, and has to be brought again


class Keeper:
    """Keeps the work of all users; one thing at a time, beside everything else."""

    def __init__(self, root: Path) -> None:
        self._root = root / FOLDER
        self._hashes: dict[str, str] = {}
        self._options: dict[str, Options] = {}  # owner -> what was chosen last
        self._worker = ThreadPoolExecutor(1, "keeper")

    def keep(self, session: Session) -> None:
        """Keep a session as it is now, soon."""
        self._worker.submit(self._keep, session)

    def choose(self, owner: str, options: Options) -> None:
        """Keep the work of a session, from now on, with what is chosen for it."""
        self._options[owner] = options

    def wait(self) -> None:
        """Wait until everything is kept."""
        self._worker.submit(int).result()

    def recall(self, key: object) -> Kept | None:
        """Return what is kept under a key; None if there is nothing (any more)."""
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            return None
        self.wait()
        folder = self._root / key
        try:
            return Kept(load_project(folder / PROJECT), next(iter(_videos(folder)), None))
        except UserError:
            return None

    def forget(self, key: object) -> None:
        """Delete what is kept under a key, if it is one."""
        if isinstance(key, str) and _KEY.fullmatch(key):
            self.wait()
            self._options.pop(key, None)
            self._hashes.pop(key, None)
            shutil.rmtree(self._root / key, ignore_errors=True)

    def hash_of(self, session: Session) -> str:
        """Return the SHA-256 of a session's video, computed once.

        Raises:
            UserError: it cannot be read any more.
        """
        known = self._hashes.get(session.owner)
        return known or self._hashes.setdefault(session.owner, hash_of(session.source))

    def project_of(self, session: Session, options: Options) -> Project:
        """Return a session as a project.

        Raises:
            UserError: its video cannot be read any more.
        """
        info = session.info
        mark = SourceMark(session.name, self.hash_of(session), info.width, info.height)
        return Project(mark, session.edit, options, dict(Keyframes(session.edit.keyframes)))

    def leave(self, owner: str) -> None:
        """Note that a page was closed now."""
        self._hashes.pop(owner, None)
        self._options.pop(owner, None)
        with suppress(OSError):  # nothing was kept
            os.utime(self._root / owner)

    def sweep(self, present: Collection[str] = ()) -> None:
        """Forget what nobody came back for; owners that are `present` have not left yet."""
        for folder in self._root.glob(f"{FOLDER_PREFIX}*"):
            with suppress(FileNotFoundError):
                if folder.name in present:
                    os.utime(folder)
                    continue
                left = folder.stat().st_mtime
                if left < time.time() - WORK_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)
                elif left < time.time() - VIDEO_SECONDS:
                    for video in _videos(folder):
                        video.unlink()
                    os.utime(folder, (left, left))

    def _keep(self, session: Session) -> None:
        folder = self._root / session.owner
        options = self._options.get(session.owner, session.base)
        with suppress(OSError, UserError):  # the session may be gone already, the disk full
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            video = folder / f"{VIDEO}{session.source.suffix}"
            if not video.exists():
                try:
                    os.link(session.source, video)
                except OSError:  # a file system without hard links
                    shutil.copyfile(session.source, video)
            save_project(self.project_of(session, options), folder / PROJECT, overwrite=True)


def _videos(folder: Path) -> list[Path]:
    return [*folder.glob(f"{VIDEO}.*"), *folder.glob(VIDEO)]
