"""The notice: one sentence about what went wrong, over the stage."""

import time
from dataclasses import dataclass

import gradio as gr

from tracker.session import Session
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.scripted import scripted


@dataclass(frozen=True, eq=False)
class NoticePanel(Panel):
    """Its component."""

    notice: gr.HTML

    @classmethod
    def lay_out(cls) -> "NoticePanel":
        """Make it."""
        return cls(scripted("notice", None))

    def show(self, session: Session | None, state: State) -> Updates:
        """Return it empty."""
        return {self.notice: None}

    def say(self, text: str) -> Updates:
        """Show one sentence; the same one twice is shown twice."""
        first = text.split(maxsplit=1)[0] if text.strip() else ""
        sentence = text[:1].upper() + text[1:] if first.isalpha() else text  # not a file's name
        return {self.notice: {"text": sentence, "serial": time.monotonic_ns()}}
