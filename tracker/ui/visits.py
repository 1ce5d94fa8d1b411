"""Who is on the page: the session of each browser tab, and when its files go."""

import threading
from pathlib import Path

import gradio as gr

from tracker.folders import bring, discard, new_folder, sweep
from tracker.session import Session
from tracker.types import UserError
from tracker.ui.keeping import Keeper
from tracker.ui.lanes import Lanes
from tracker.ui.uploads import folder_root

SWEEP_SECONDS = 60.0  # between two looks at what is to be cleared away


class Visits:
    """The sessions of all users; what is a user's own is in their session."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.keeper = Keeper(folder_root())
        self._sessions: dict[str, Session] = {}  # browser tab -> its session, to clear it away
        self._sweeper: threading.Thread | None = None
        self._ended = threading.Event()

    def bring(self, video: Path, request: gr.Request, *, is_upload: bool) -> Session:
        """Open a video in a new session of this tab; the old one goes.

        Raises:
            UserError: it cannot be read.
        """
        self.clear(request)
        folder = new_folder(folder_root())
        source = bring(video, folder)
        upload = video if is_upload else None
        try:
            info, view = self.lanes.open(folder.name, source)
        except UserError as error:
            discard(folder, upload)
            raise UserError(str(error).replace(source.name, video.name)) from error
        session = Session(folder, source, video.name, upload, info, view)
        self._sessions[request.session_hash or ""] = session
        return session

    def source_of(self, owner: str) -> Path | None:
        """Return the video of a session by its name, which nobody else can guess."""
        found = (each for each in tuple(self._sessions.values()) if each.owner == owner)
        return next((each.source for each in found), None)

    def idle(self, session: Session | None) -> Session:
        """Return the session if it can be edited now.

        Raises:
            UserError: there is no video, or not any more, or a removal is running.
        """
        if session is None:
            raise UserError("bring a video first")
        if not session.folder.exists():
            raise UserError("this page was left for too long; bring the video again")
        if self.lanes.is_busy(session.owner):
            raise UserError("a removal is running; wait for it or cancel it first")
        return session

    def begin(self) -> None:
        """Get the processes ready, and clear away what ended long ago, from now on."""
        self.lanes.warm()
        if self._sweeper is None:
            self._sweeper = threading.Thread(target=self._sweep, name="sweeper", daemon=True)
            self._sweeper.start()

    def clear(self, request: gr.Request) -> None:
        """Clear away what a tab had."""
        self.expire(self._sessions.pop(request.session_hash or "", None))

    def expire(self, session: Session | None) -> None:
        """Clear away a session."""
        if session is not None:
            self.lanes.leave(session.owner)
            self.keeper.leave(session.owner)
            discard(session.folder, session.upload)

    def close(self) -> None:
        """Clear away everything, at the end of the program."""
        self._ended.set()
        self.lanes.close()
        for session in self._sessions.values():
            discard(session.folder, session.upload)

    def _sweep(self) -> None:
        while True:
            sweep(folder_root())
            self.keeper.sweep({each.owner for each in tuple(self._sessions.values())})
            if self._ended.wait(SWEEP_SECONDS):
                return
