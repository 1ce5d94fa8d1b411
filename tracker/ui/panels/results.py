"""What a removal left, to be saved."""

from dataclasses import dataclass
from pathlib import Path

import gradio as gr
from gradio.blocks import Block

from tracker.session import Session
from tracker.ui.panel import Panel, State, Updates


@dataclass(frozen=True, eq=False)
class ResultsPanel(Panel):
    """A button for each file."""

    clean: gr.DownloadButton
    masks: gr.DownloadButton
    overlay: gr.DownloadButton

    @classmethod
    def lay_out(cls) -> "ResultsPanel":
        """Make it."""
        with gr.Row(elem_classes="row"):
            return cls(*(_button(name) for name in ("clean", "masks", "overlay")))

    def show(self, session: Session | None, state: State) -> Updates:
        """Return the files there are."""
        result = session.result if session is not None else None
        paths: dict[Block, Path | None] = {
            self.clean: result.clean if result else None,
            self.masks: result.masks if result else None,
            self.overlay: result.overlay if result else None,
        }
        return {
            part: gr.update(value=None if path is None else str(path), interactive=path is not None)
            for part, path in paths.items()
        }


def _button(name: str) -> gr.DownloadButton:
    label = "Save video" if name == "clean" else f"Save {name}"
    return gr.DownloadButton(label, size="sm", interactive=False, min_width=60, elem_id=name)
