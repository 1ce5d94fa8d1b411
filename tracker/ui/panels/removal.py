"""Step 3: remove, with news until it is done."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tracker.folders import discard_exports, discard_runs
from tracker.jobs import Job, Mode, Progress, Report
from tracker.removal import expectations
from tracker.results import results_of
from tracker.session import Session
from tracker.types import Frame, UserError
from tracker.ui import texts
from tracker.ui.choices import Choices
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.panels.engines import EnginesPanel
from tracker.ui.panels.stage import StagePanel
from tracker.ui.wiring import Wiring
from tracker.video import salvage
from tracker.worker import StoppedError, Ticket

NEWS_SECONDS = 0.2  # between two looks at a running removal
PLAYING_SECONDS = 0.05  # the same while the clean video plays as it is made


@dataclass(frozen=True, eq=False)
class RemovalPanel(Panel):
    """The buttons, and how far it is."""

    remove: gr.Button
    track: gr.Button
    cancel: gr.Button
    progress: gr.HTML

    @classmethod
    def lay_out(cls) -> "RemovalPanel":
        """Make it."""
        gr.HTML(texts.heading(3, "Remove it"))
        with gr.Row(elem_classes="row", elem_id="remove-row"):
            remove = gr.Button(
                "Remove", variant="primary", interactive=False, min_width=110, elem_id="remove"
            )
            track = gr.Button("Track only", interactive=False, min_width=90, elem_id="track")
            cancel = gr.Button(
                "Cancel", variant="stop", interactive=False, min_width=80, elem_id="cancel"
            )
        progress = gr.HTML(texts.NOTHING_DONE, elem_id="progress")
        return cls(remove, track, cancel, progress)

    def show(self, session: Session | None, state: State) -> Updates:
        """Return what can be pressed now."""
        running = state == "running"
        marked = session is not None and bool(session.edit.masks)
        updates: Updates = {
            self.remove: gr.update(interactive=marked and not running),
            self.track: gr.update(interactive=marked and not running),
            self.cancel: gr.update(interactive=running),
        }
        if not running:
            result = session.result if session is not None else None
            updates[self.progress] = texts.NOTHING_DONE if result is None else texts.ended(result)
        return updates

    def wire(
        self,
        wiring: Wiring,
        choices: Choices,
        stage: StagePanel,
        engines: EnginesPanel,
    ) -> None:
        """Remove, track, and cancel."""

        async def run(
            session: Session | None, values: Sequence[Any], *, fill: bool
        ) -> AsyncIterator[Updates]:
            try:
                session = wiring.visits.idle(session)
                job = session.job(choices.options(session, *values), fill=fill)
                waits = await asyncio.to_thread(expectations, job)
                ticket = wiring.lanes.remove(session.owner, job)
                if job.masks_out is not None:
                    discard_runs(session.folder, keep=job.masks_out.parent)
                    discard_exports(session.folder)
            except UserError as error:
                yield wiring.refuse(session, error)
                return
            yield wiring.show(session, "running") | {self.progress: texts.starting(waits)}
            report: Report | None = None
            async for updates, progress in self._news(stage, session, ticket, job.mode, waits):
                report = progress.report if progress is not None else None
                if updates:
                    yield updates
            try:
                ticket.result(0)
            except StoppedError:
                report = None  # what is finished is shown, also what a killed process left
                await _salvage(job, session)
            except UserError as error:
                yield wiring.show(session, "marking") | wiring.notice.say(str(error))
                return
            result = results_of(job, report)
            session = session.with_result(result)
            with suppress(UserError):  # what was done is shown, whatever can be looked at
                session = await asyncio.to_thread(session.refresh, wiring.look(session))
            ending: Updates = {}
            if report is not None:
                ending |= engines.at_work(wiring.lanes.segmenter, report)
            yield wiring.show(session) | ending

        def cancel(session: Session | None) -> Updates:
            if session is not None:
                wiring.lanes.cancel(session.owner)
            return {self.cancel: gr.update(interactive=False)}

        async def remove(session: Session | None, *values: Any) -> AsyncIterator[Updates]:
            async for updates in run(session, values, fill=True):
                yield updates

        async def track(session: Session | None, *values: Any) -> AsyncIterator[Updates]:
            async for updates in run(session, values, fill=False):
                yield updates

        wiring.beside(self.remove.click, remove, *choices.inputs)
        wiring.beside(self.track.click, track, *choices.inputs)
        wiring.beside(self.cancel.click, cancel, outputs=[self.cancel])

    async def _news(
        self,
        stage: StagePanel,
        session: Session,
        ticket: Ticket,
        mode: Mode,
        waits: Sequence[str],
    ) -> AsyncIterator[tuple[Updates, Progress | None]]:
        """Yield what to show, with the newest progress, until the removal has ended."""
        last: Progress | None = None
        shown = ""
        while True:
            ended = ticket.done  # asked before taking, so that nothing is missed
            items: list[Progress] = ticket.take()
            last = items[-1] if items else last
            previews: list[Frame] = [each.preview for each in items if each.preview is not None]
            if ticket.place:
                text = texts.waiting(ticket.place)
            else:
                text = texts.starting(waits) if last is None else texts.running(last, mode)
            updates: Updates = {}
            if text != shown:
                updates[self.progress] = shown = text
            if previews:
                updates |= stage.show_preview(session, previews[-1], _playing(last, session))
            yield updates, last
            if ended:
                return
            await asyncio.sleep(PLAYING_SECONDS if mode == "streaming" else NEWS_SECONDS)


async def _salvage(job: Job, session: Session) -> None:
    """Make playable what a stopped removal left."""
    for path in (job.output, job.overlay_out):
        if path is not None:
            await asyncio.to_thread(salvage, path, session.info)


def _playing(progress: Progress | None, session: Session) -> str:
    """Return what is said of a clean video that plays while it is made; nothing if none does."""
    if progress is None or progress.delay_seconds is None:
        return ""
    rate, late = float(session.info.rate), progress.delay_seconds
    delay = f"{1000 * late:.0f} ms" if late < 1 else f"{late:.1f} s"
    return (
        f"Playing while it is made: {progress.fps:.1f} of {rate:.4g} frames per second, "
        f"{delay} after each was read"
    )
