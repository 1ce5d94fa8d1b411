"""How long it will take, before anything is pressed: from a few frames, done quietly."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tracker.folders import discard
from tracker.guessing import seconds_for
from tracker.jobs import Job, Progress, Report
from tracker.options import Options
from tracker.session import Session
from tracker.types import UserError
from tracker.ui import texts
from tracker.ui.choices import Choices
from tracker.ui.lanes import Lanes
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.wiring import Wiring
from tracker.worker import StoppedError, Ticket

SETTLING_SECONDS = 1.0  # people click several times
POLL_SECONDS = 0.2
MAX_KEPT = 200

Key = tuple[str, Options]


class Guesses:
    """What a few frames took, by session and options."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._reports: OrderedDict[Key, Report] = OrderedDict()
        self._asked: dict[str, object] = {}  # session -> its newest question

    def known(self, session: Session, options: Options) -> Report | None:
        """Return what is known already."""
        return self._reports.get((session.owner, options))

    async def find_out(self, session: Session, options: Options, job: Job) -> Report | None:
        """Do a few frames; None if something else is to be done first."""
        mine = self._asked[session.owner] = object()
        ticket: Ticket | None = None
        while ticket is None:  # until nobody waits for anything, and the last guess is gone
            await asyncio.sleep(SETTLING_SECONDS)
            if self._asked.get(session.owner) is not mine or not session.folder.exists():
                return None
            if not self._lanes.is_busy(session.owner):
                ticket = self._lanes.guess(session.owner, job)
        while not ticket.done:
            await asyncio.sleep(POLL_SECONDS)
            if self._asked.get(session.owner) is not mine:
                ticket.cancel()
        if self._asked.get(session.owner) is mine:  # not a newer question of this session
            del self._asked[session.owner]
        try:
            ticket.result(0)
        except (StoppedError, UserError):  # whoever presses the button is told why
            return None
        news: list[Progress] = ticket.take()
        report = news[-1].report if news else None
        if report is not None:
            self._reports[session.owner, options] = report
            while len(self._reports) > MAX_KEPT:
                self._reports.popitem(last=False)
        return report


@dataclass(frozen=True, eq=False)
class DurationPanel(Panel):
    """One line."""

    line: gr.HTML

    @classmethod
    def lay_out(cls) -> "DurationPanel":
        """Make it."""
        return cls(gr.HTML("", elem_id="takes"))

    def show(self, session: Session | None, state: State) -> Updates:
        """Return it empty while it would say nothing."""
        return {self.line: ""} if session is None or state == "running" else {}

    def wire(self, wiring: Wiring, choices: Choices) -> None:
        """Guess anew after every edit and whenever something else is chosen."""
        guesses = Guesses(wiring.lanes)

        async def guess(session: Session | None, *values: Any) -> AsyncIterator[Updates]:
            if session is None or not session.folder.exists() or not session.edit.masks:
                yield {self.line: ""}
                return
            try:
                options = choices.options(session, *values)
                job = session.job(options)
            except UserError:
                yield {self.line: ""}
                return
            report = guesses.known(session, options)
            try:
                if report is None:
                    report = await guesses.find_out(session, options, job)
                if report is not None:
                    yield {self.line: _line(report, job, session)}
            finally:
                _forget(job)

        changes: Sequence[Any] = [each.then for each in wiring.edits]
        for event in (*changes, *choices.changes):
            wiring.beside(event, guess, *choices.inputs, outputs=[self.line])


def _line(report: Report, job: Job, session: Session) -> str:
    seconds = seconds_for(report, job, session.info)
    text = texts.guessed(seconds, is_correction=job.earlier is not None)
    return f'<div class="small">{text}</div>'


def _forget(job: Job) -> None:
    if job.masks_out is not None:
        discard(job.masks_out.parent)
