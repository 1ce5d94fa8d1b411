"""The film below the stage: which frame to look at."""

from dataclasses import dataclass

import gradio as gr

from tracker.session import Session
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.wiring import Wiring


@dataclass(frozen=True, eq=False)
class FilmPanel(Panel):
    """Its component."""

    frame: gr.Slider

    @classmethod
    def lay_out(cls) -> "FilmPanel":
        """Make it."""
        return cls(
            gr.Slider(0, 1, 0, step=1, label="Frame to look at", interactive=False, elem_id="frame")
        )

    def show(self, session: Session | None, state: State) -> Updates:
        """Return the frame looked at among all there are."""
        if session is None:
            return {self.frame: gr.update(interactive=False)}
        can_seek = state != "running" and session.num_frames > 1
        last = max(1, session.num_frames - 1)
        return {self.frame: gr.update(value=session.view.index, maximum=last, interactive=can_seek)}

    def wire(self, wiring: Wiring) -> None:
        """Look at the frame chosen."""

        def seek(session: Session, index: float) -> Session:
            last = session.num_frames - 1
            return session.seek(min(max(0, int(index)), last), wiring.look(session))

        wiring.edit(self.frame.input, seek, self.frame, trigger_mode="always_last")
