"""The keyboard: its shortcuts, and the list of them."""

from dataclasses import dataclass

import gradio as gr

from tracker.session import Session
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.scripted import scripted


@dataclass(frozen=True, eq=False)
class HelpPanel(Panel):
    """Its component."""

    help: gr.HTML

    @classmethod
    def lay_out(cls) -> "HelpPanel":
        """Make it; its script presses the buttons of the page."""
        return cls(scripted("help", None))

    def show(self, session: Session | None, state: State) -> Updates:
        """Return it as it is."""
        return {}
