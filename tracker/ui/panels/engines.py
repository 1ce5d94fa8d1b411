"""Which engines do the work on this machine."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from tracker.jobs import Report
from tracker.session import Session
from tracker.types import UserError
from tracker.ui import texts
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.panels.words import WordsPanel
from tracker.ui.wiring import Wiring


@dataclass(frozen=True, eq=False)
class EnginesPanel(Panel):
    """One line."""

    line: gr.HTML

    @classmethod
    def lay_out(cls) -> "EnginesPanel":
        """Make it."""
        return cls(gr.HTML("", elem_id="engines"))

    def show(self, session: Session | None, state: State) -> Updates:
        """Return it as it is: only `greet` and a finished removal change it."""
        return {}

    def at_work(self, segmenter: str, report: Report) -> Updates:
        """Say which engines did a removal."""
        return {self.line: texts.engines_at_work(segmenter, report)}

    def wire(self, wiring: Wiring, words: WordsPanel, demo: gr.Blocks) -> None:
        """Say which engines are used here when the page opens; get the processes ready."""

        def greet(session: Session | None) -> Updates:
            wiring.visits.begin()
            try:
                choices = wiring.lanes.who_works()
                found = words.availability(ready=False) | words.know(choices)
                return found | {self.line: texts.engines_chosen(choices)}
            except UserError as error:
                return wiring.notice.say(str(error))

        outputs: list[Any] = [self.line, *words.components(), wiring.notice.notice]
        wiring.beside(demo.load, greet, outputs=outputs)
