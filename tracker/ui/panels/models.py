"""Getting weights: which there are, a button, and how far it is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tracker.session import Session
from tracker.types import UserError
from tracker.ui import texts
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.panels.engines import EnginesPanel
from tracker.ui.panels.words import WordsPanel
from tracker.ui.wiring import Wiring
from tracker.worker import StoppedError

NEWS_SECONDS = 0.25  # between two looks at a running download
WORDS = "groundingdino"


@dataclass(frozen=True, eq=False)
class ModelsPanel(Panel):
    """The list, the buttons and the bar."""

    names: gr.Dropdown
    download: gr.Button
    stop: gr.Button
    progress: gr.HTML

    @classmethod
    def lay_out(cls) -> "ModelsPanel":
        """Make it."""
        with gr.Accordion("Models", open=False, elem_classes="fold", elem_id="models"):
            names = gr.Dropdown(
                texts.model_choices(),
                value="mobile_sam",
                label="Official weights",
                info="Come from their authors, are verified and tried, and are used at once.",
                elem_id="model",
            )
            with gr.Row(elem_classes="row"):
                download = gr.Button("Download", size="sm", min_width=90, elem_id="download")
                stop = gr.Button("Stop", size="sm", min_width=60, interactive=False, elem_id="stop")
        progress = gr.HTML("", elem_id="fetching")
        return cls(names, download, stop, progress)

    def show(self, session: Session | None, state: State) -> Updates:
        """Return it as it is: downloads have nothing to do with a session."""
        return {}

    def wire(self, wiring: Wiring, words: WordsPanel, engines: EnginesPanel) -> None:
        """Download, and stop."""

        async def chosen(session: Session | None, name: str, request: gr.Request) -> Any:
            async for updates in self._fetch(wiring, words, engines, session, name, request):
                yield updates

        async def for_words(session: Session | None, request: gr.Request) -> Any:
            async for updates in self._fetch(wiring, words, engines, session, WORDS, request):
                yield updates

        def stop(session: Session | None, request: gr.Request) -> Updates:
            wiring.lanes.stop_download(request.session_hash or "")
            return {self.stop: gr.update(interactive=False)}

        outputs: list[Any] = [
            *(part for panel in (self, words) for part in panel.components()),
            engines.line,
            wiring.notice.notice,
        ]
        wiring.beside(self.download.click, chosen, self.names, outputs=outputs)
        wiring.beside(words.get.click, for_words, outputs=outputs)
        wiring.beside(self.stop.click, stop, outputs=[self.stop])

    async def _fetch(
        self,
        wiring: Wiring,
        words: WordsPanel,
        engines: EnginesPanel,
        session: Session | None,
        name: str,
        request: gr.Request,
    ) -> AsyncIterator[Updates]:
        """Yield news of a download until it has ended; then what it changes on the page."""
        try:
            if not isinstance(name, str):
                raise UserError("no model is chosen; choose one of the list")
            ticket = wiring.lanes.download(name, request.session_hash or "")
        except UserError as error:
            yield wiring.notice.say(str(error))
            return
        yield {
            self.download: gr.update(interactive=False),
            words.get: gr.update(interactive=False, value="Wait"),
            self.stop: gr.update(interactive=True),
            self.progress: texts.fetching(None),
        }
        shown = ""
        while not ticket.done:
            news = ticket.take()
            text = texts.fetching(news[-1]) if news else shown
            if text != shown:
                shown = text
                telling: Updates = {self.progress: text}
                yield telling | ({words.note: text} if name == WORDS else {})
            await asyncio.sleep(NEWS_SECONDS)
        ending: Updates = {
            self.names: gr.update(choices=texts.model_choices()),
            self.download: gr.update(interactive=True),
            self.stop: gr.update(interactive=False),
        }
        try:
            ticket.result(0)
            ending[self.progress] = texts.fetched(name)
        except StoppedError:
            ending[self.progress] = texts.fetch_stopped(name)
        except UserError as error:
            ending |= {self.progress: ""} | wiring.notice.say(str(error))
        ready = session is not None and not wiring.lanes.is_busy(session.owner)
        ending |= words.availability(ready=ready)
        try:
            choices = await asyncio.to_thread(wiring.lanes.who_works)
            ending[engines.line] = texts.engines_chosen(choices)
            ending |= words.know(choices)
        except UserError as error:
            ending |= wiring.notice.say(str(error))
        yield ending
