"""What a finished removal can still be saved as."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from tracker.exports.kinds import KINDS, Kind, export_of, is_filled_again
from tracker.folders import discard_exports, new_export
from tracker.jobs import Progress
from tracker.session import Session
from tracker.types import UserError
from tracker.ui import texts
from tracker.ui.lanes import EXPORTING, Lanes
from tracker.ui.panel import Panel, State, Updates, choice
from tracker.ui.wiring import Wiring
from tracker.worker import StoppedError, Ticket

NEWS_SECONDS = 0.2  # between two looks at a running export


@dataclass(frozen=True, eq=False)
class ExportPanel(Panel):
    """The fold: a list, a button, how far it is, and the file."""

    lanes: Lanes
    kind: gr.Dropdown
    make: gr.Button
    stop: gr.Button
    progress: gr.HTML
    file: gr.DownloadButton

    @classmethod
    def lay_out(cls, lanes: Lanes) -> "ExportPanel":
        """Make it."""
        with gr.Accordion("Export", open=False, elem_classes="fold", elem_id="export"):
            kind = gr.Dropdown(
                [(each.title, name) for name, each in KINDS.items()],
                value="prores",
                label="Save the result as",
                elem_id="export-kind",
            )
            with gr.Row(elem_classes="row"):
                make = gr.Button(
                    "Export", size="sm", interactive=False, min_width=90, elem_id="export-make"
                )
                stop = gr.Button(
                    "Stop", size="sm", interactive=False, min_width=60, elem_id="export-stop"
                )
            progress = gr.HTML(texts.NOTHING_TO_EXPORT, elem_id="export-progress")
            file = gr.DownloadButton(
                "Save export", size="sm", visible=False, variant="primary", elem_id="export-file"
            )
        return cls(lanes, kind, make, stop, progress, file)

    def show(self, session: Session | None, state: State) -> Updates:
        """Return what can be exported; what is being made, or was, stays until another removal."""
        result = None if session is None else session.result
        if session is None or result is None or not result.complete or state == "running":
            return self._at_rest(texts.NOTHING_TO_EXPORT, ready=False)
        if self.lanes.is_exporting(session.owner):
            return {}
        return {self.make: gr.update(interactive=True)}

    def wire(self, wiring: Wiring) -> None:
        """Make an export, and stop it."""

        async def make(session: Session | None, name: str) -> AsyncIterator[Updates]:
            try:
                session = wiring.visits.idle(session)
                ticket, file, note = self._begin(session, KINDS[choice(name, KINDS, "the export")])
            except UserError as error:
                yield wiring.notice.say(str(error))
                return
            yield self._at_rest(texts.exporting(None, 0, note), ready=False) | {
                self.stop: gr.update(interactive=True)
            }
            async for text in _news(ticket, note):
                yield {self.progress: text}
            try:
                ticket.result(0)
            except StoppedError:
                discard_exports(session.folder)
                if not self.lanes.is_busy(session.owner):  # else a removal took its place
                    yield self._at_rest(texts.EXPORT_STOPPED, ready=True)
                return
            except UserError as error:
                discard_exports(session.folder)
                yield self._at_rest("", ready=True) | wiring.notice.say(str(error))
                return
            ready = self._at_rest(texts.exported(file.name, file.stat().st_size), ready=True)
            label = f"Save {file.name}"
            yield ready | {self.file: gr.update(value=str(file), label=label, visible=True)}

        def stop(session: Session | None) -> Updates:
            if session is not None:
                self.lanes.stop_export(session.owner)
            return {self.stop: gr.update(interactive=False)}

        outputs: list[Any] = [*self.components(), wiring.notice.notice]
        wiring.beside(self.make.click, make, self.kind, outputs=outputs)
        wiring.beside(self.stop.click, stop, outputs=[self.stop])

    def _begin(self, session: Session, kind: Kind) -> tuple[Ticket, Path, str]:
        """Queue an export; return where its file will be, and what is to be known beforehand."""
        if self.lanes.is_exporting(session.owner):
            raise UserError(EXPORTING)
        if session.result is None:
            raise UserError("there is nothing to export yet; press Remove first")
        folder = new_export(session.folder)
        export = export_of(session.result, session.name, kind, folder)
        note = texts.FILLED_AGAIN if is_filled_again(session.result, kind) else ""
        return self.lanes.export(session.owner, export), export.file, note

    def _at_rest(self, text: str, *, ready: bool) -> Updates:
        return {
            self.make: gr.update(interactive=ready),
            self.stop: gr.update(interactive=False),
            self.progress: text,
            self.file: gr.update(visible=False),
        }


async def _news(ticket: Ticket, note: str) -> AsyncIterator[str]:
    """Yield how far an export is until it has ended."""
    shown, last = "", None
    while not ticket.done:
        items: list[Progress] = ticket.take()
        last = items[-1] if items else last
        text = texts.exporting(last, ticket.place, note)
        if text != shown:
            shown = text
            yield text
        await asyncio.sleep(NEWS_SECONDS)
