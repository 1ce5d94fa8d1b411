"""The processes behind the page: one lane for removals, one for what people wait for."""

import threading
from pathlib import Path
from typing import Any

from tracker.desk import (
    Anticipate,
    Discover,
    Fetch,
    Find,
    Leave,
    Look,
    Open,
    Prepare,
    Question,
    Thumbnail,
    View,
    WhoWorks,
)
from tracker.engines import Choice
from tracker.exports.kinds import Export
from tracker.guessing import Guess
from tracker.jobs import Job, Search
from tracker.live.desk import LiveAnswer, LiveQuestion
from tracker.types import Frame, Prompt, Proposal, Segmentation, UserError
from tracker.video import VideoInfo
from tracker.worker import Lane, Ticket

ANSWER_SECONDS = 60.0  # a desk question that takes longer is stopped
MAX_WAITING = 20  # removals; more would wait for hours
MAX_OF_ONE = 3  # removals of one visitor at once, so that nobody takes all the places
DISCOVERY_SECONDS = 300.0  # networks look at a whole frame, and may have to be read first
NICENESS = 5  # of what takes long: who clicks is answered first, and nothing starves
EXPORTING = "an export is being made; wait for it or stop it first"
LIVE_SECONDS = 20.0  # until a live question is answered: the first one reads the engines
REMOVAL, DESK = "tracker.guessing:perform", "tracker.desk:Desk"
DOWNLOADS, LIVE = "tracker.fetching:fetch", "tracker.live.desk:LiveDesk"


class Lanes:
    """Removals wait for each other; questions never wait for a removal.

    Finding without pointing and downloads take long, live pictures must not wait: all these
    have processes of their own that start when they are first needed.
    """

    def __init__(
        self, removal: str = REMOVAL, desk: str = DESK, downloads: str = DOWNLOADS
    ) -> None:
        self._removals = Lane("removals", removal, niceness=NICENESS)
        self._desk = Lane("desk", desk)
        self._finder = Lane("finder", desk, niceness=NICENESS)
        self._downloads = Lane("downloads", downloads, niceness=NICENESS)
        self._live = Lane("live", LIVE)
        self._finders: set[str] = set()  # owners that have a place at the finder's desk
        self._tickets: dict[str, Ticket] = {}  # owner -> the removal asked for last
        self._visitors: dict[str, str] = {}  # owner -> whose that removal is
        self._exports: dict[str, Ticket] = {}  # owner -> the export asked for last
        self._guess: Ticket | None = None  # the one asked for last
        self._asking = threading.Lock()
        self.segmenter = ""  # the name of the engine behind the clicks, once somebody asked

    def warm(self) -> None:
        """Start both processes before they are needed."""
        self._desk.warm()
        self._removals.warm()

    def open(self, owner: str, source: Path) -> tuple[VideoInfo, View]:
        """Return what a video is, and its first frame."""
        info, view = self._ask(owner, Open(owner, source))
        self._desk.submit(Prepare(owner, source, view.index), owner)  # while the user looks
        return info, view

    def look(self, owner: str, source: Path, index: int, masks: Path | None = None) -> View:
        """Return a frame of a video as the page shows it, with what a run found in it."""
        view: View = self._ask(owner, Look(owner, source, index, masks))
        return view

    def thumbnail(self, owner: str, source: Path, index: int) -> Frame:
        """Return a frame of a video very small."""
        frame: Frame = self._ask(owner, Thumbnail(owner, source, index))
        return frame

    def fetch(self, owner: str, video: Path, index: int) -> Frame:
        """Return a whole frame of a result."""
        frame: Frame = self._ask(owner, Fetch(owner, video, index))
        return frame

    def find(self, owner: str, source: Path, index: int, prompt: Prompt) -> Segmentation:
        """Return the object a prompt points at."""
        found: Segmentation = self._ask(owner, Find(owner, source, index, prompt))
        self._desk.submit(Anticipate(owner), owner)  # while the user looks at it
        return found

    def discover(
        self, owner: str, source: Path, index: int, search: Search, *, commercial: bool = False
    ) -> list[Proposal]:
        """Return what is found in a frame without pointing."""
        self._finders.add(owner)
        ticket = self._finder.submit(Discover(owner, source, index, search, commercial), owner)
        found: list[Proposal] = ticket.result(DISCOVERY_SECONDS)
        return found

    def download(self, name: str, owner: str) -> Ticket:
        """Queue the download of a checkpoint."""
        return self._downloads.submit(name, owner)

    def stop_download(self, owner: str) -> None:
        """Stop what one user downloads; the part that has arrived is kept."""
        self._downloads.cancel_owner(owner)

    def live(self, question: LiveQuestion) -> LiveAnswer:
        """Ask about live pictures; several users' take turns.

        Raises:
            UserError: something has to be put right.
        """
        answer: LiveAnswer = self._live.submit(question, question.owner).result(LIVE_SECONDS)
        return answer

    def who_works(self, *, commercial: bool = False) -> list[Choice]:
        """Return which engines are used on this machine."""
        choices: list[Choice] = self._ask("", WhoWorks(commercial))
        self.segmenter = next(each.name for each in choices if each.job == "segmenter")
        return choices

    def remove(self, owner: str, job: Job, visitor: str | None = None) -> Ticket:
        """Queue a removal; a `visitor` may be several owners, and is `owner` unless told.

        Raises:
            UserError: too many are waiting, or too many of this visitor.
        """
        with self._asking:  # so that nobody slips in between counting and queueing
            visitor = visitor or owner
            known = tuple(self._visitors.items())
            if sum(self.is_busy(name) for name, other in known if other == visitor) >= MAX_OF_ONE:
                raise UserError(
                    f"{MAX_OF_ONE} removals of yours are running or waiting already; "
                    "wait until one is done, or cancel it"
                )
            self._make_room()
            self.stop_export(owner)  # of a result that is about to be another
            ticket = self._tickets[owner] = self._removals.submit(job, owner)
            self._visitors[owner] = visitor
        return ticket

    def export(self, owner: str, export: Export) -> Ticket:
        """Queue an export; meanwhile its user may edit.

        Raises:
            UserError: too many are waiting, or the user has one already.
        """
        with self._asking:
            if self.is_exporting(owner):
                raise UserError(EXPORTING)
            self._make_room()
            ticket = self._exports[owner] = self._removals.submit(export, owner)
        return ticket

    def _make_room(self) -> None:
        if self._removals.num_waiting >= MAX_WAITING:
            raise UserError(f"{MAX_WAITING} removals are waiting already; try again later")
        if self._guess is not None:
            self._guess.cancel()

    def is_exporting(self, owner: str) -> bool:
        """Return whether an export of this user is being made or waiting."""
        ticket = self._exports.get(owner)
        return ticket is not None and not ticket.done

    def stop_export(self, owner: str) -> None:
        """Stop the export of one user."""
        ticket = self._exports.pop(owner, None)
        if ticket is not None:
            ticket.cancel()

    def guess(self, owner: str, job: Job) -> Ticket | None:
        """Do a few frames of a job, if nobody is waiting for anything; a removal stops it."""
        if self._guess is not None and self._guess.owner == owner:
            self._guess.cancel()
        with self._asking:
            for ticket in (*self._tickets.values(), *self._exports.values(), self._guess):
                if ticket is not None and not ticket.done:
                    return None
            self._guess = self._removals.submit(Guess(job), owner)
            return self._guess

    def is_busy(self, owner: str) -> bool:
        """Return whether a removal of this user is running or waiting."""
        ticket = self._tickets.get(owner)
        return ticket is not None and not ticket.done

    def cancel(self, owner: str) -> None:
        """Stop the removal, or the search, of one user."""
        self._removals.cancel_owner(owner)
        self._finder.cancel_owner(owner)

    def leave(self, owner: str) -> None:
        """Forget one user and stop what runs for them."""
        self._tickets.pop(owner, None)
        self._visitors.pop(owner, None)
        self._exports.pop(owner, None)
        self.cancel(owner)
        self._desk.submit(Leave(owner), owner)
        if owner in self._finders:
            self._finders.discard(owner)
            self._finder.submit(Leave(owner), owner)

    def close(self) -> None:
        """End all processes."""
        for lane in (self._removals, self._desk, self._finder, self._downloads, self._live):
            lane.close()

    def _ask(self, owner: str, question: Question) -> Any:
        return self._desk.submit(question, owner).result(ANSWER_SECONDS)
