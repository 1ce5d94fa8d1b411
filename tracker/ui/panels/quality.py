"""How to remove: what is chosen seldom, in a fold."""

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from tracker import images
from tracker.jobs import Mode
from tracker.session import Options, Session
from tracker.ui import texts
from tracker.ui.panel import Panel, State, Updates


@dataclass(frozen=True, eq=False)
class QualityPanel(Panel):
    """The fold's choices."""

    mode: gr.Radio
    margin: gr.Slider
    propagator: gr.Dropdown
    inpainter: gr.Dropdown

    @classmethod
    def lay_out(cls) -> "QualityPanel":
        """Make it."""
        with gr.Accordion("Advanced", open=False, elem_id="advanced"):
            mode = gr.Radio(
                [("Look ahead (best)", "offline"), ("Streaming", "streaming")],
                value="offline",
                label="Mode",
                info="Streaming fills each frame from the past only, as a live feed would.",
            )
            margin = gr.Slider(
                0,
                40,
                4,
                step=1,
                label="Margin around the object, pixels",
                info="More hides soft edges and shadows; less keeps more of the picture.",
                interactive=False,
            )
            propagator = gr.Dropdown(
                texts.engine_choices("propagator"), value="auto", label="Tracking by"
            )
            inpainter = gr.Dropdown(
                texts.engine_choices("inpainter"), value="auto", label="Filling by"
            )
        return cls(mode, margin, propagator, inpainter)

    @property
    def inputs(self) -> list[Component]:
        """Return the components that `options` reads, in its order."""
        return [self.mode, self.margin, self.propagator, self.inpainter]

    @staticmethod
    def options(mode: Mode, margin: float, propagator: str, inpainter: str) -> Options:
        """Return what is chosen; takes the values of `inputs`."""
        return Options(mode, margin, propagator, inpainter)

    def show(self, session: Session | None, state: State) -> Updates:
        """Return what can be chosen now."""
        free = state != "running"
        updates: Updates = {
            part: gr.update(interactive=free)
            for part in (self.mode, self.propagator, self.inpainter)
        }
        return updates | {self.margin: gr.update(interactive=free and session is not None)}

    def suit(self, session: Session) -> Updates:
        """Return the margin that suits the size of a video that was just brought."""
        best = round(images.default_dilation(session.info.height, session.info.width))
        return {self.margin: gr.update(value=best, maximum=max(20, 4 * best), interactive=True)}
