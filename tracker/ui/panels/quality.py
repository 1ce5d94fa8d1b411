"""How to remove: what is chosen seldom, in a fold."""

from dataclasses import dataclass, replace
from typing import Any, cast, get_args

import gradio as gr
from gradio.components import Component

from tracker import images
from tracker.engines import JOBS
from tracker.jobs import Mode, Size
from tracker.options import Options
from tracker.session import Session
from tracker.ui import texts
from tracker.ui.panel import Panel, State, Updates, choice, number
from tracker.ui.wiring import Wiring

MODES = [("Look ahead (best)", "offline"), ("Streaming", "streaming")]
LONGEST_WAIT = 30  # frames
SIZES = [("Fast", "fast"), ("Balanced", "balanced"), ("Full", "full")]


@dataclass(frozen=True, eq=False)
class QualityPanel(Panel):
    """The fold's choices."""

    size: gr.Radio
    margin: gr.Slider
    feather: gr.Slider
    mode: gr.Radio
    lookahead: gr.Slider
    propagator: gr.Dropdown
    inpainter: gr.Dropdown
    memory_gap: gr.Slider
    memory_frames: gr.Slider
    shadow: gr.Checkbox
    crop: gr.Checkbox

    @classmethod
    def lay_out(cls) -> "QualityPanel":
        """Make it."""
        with gr.Accordion("Quality", open=False, elem_classes="fold", elem_id="quality"):
            size = gr.Radio(
                SIZES,
                value="balanced",
                label="Working size",
                info="How large a picture is invented; if much is removed, a smaller one. "
                "Full keeps every detail, and takes longest.",
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
            feather = gr.Slider(
                0,
                40,
                2,
                step=1,
                label="Soft seam, pixels",
                info="How gently what is new blends into what was there.",
                interactive=False,
            )
            shadow = gr.Checkbox(
                label="Take its shadow along",
                info="For an object that throws one on the ground beside it.",
            )
            with gr.Accordion("Advanced", open=False, elem_id="advanced"):
                mode = gr.Radio(
                    MODES,
                    value="offline",
                    label="Mode",
                    info="Streaming fills frames as they come, from the past, as for a live feed.",
                )
                lookahead = gr.Slider(
                    0,
                    LONGEST_WAIT,
                    0,
                    step=1,
                    label="Frames to wait for",
                    info="Fills each from so many frames ahead as well; it comes that much later.",
                    visible=False,
                )
                propagator = gr.Dropdown(
                    texts.engine_choices("propagator"), value="auto", label="Tracking by"
                )
                inpainter = gr.Dropdown(
                    texts.engine_choices("inpainter"), value="auto", label="Filling by"
                )
                memory_gap = gr.Slider(
                    0,
                    30,
                    0,
                    step=1,
                    label="DeAOT: frames between two memories",
                    info="0 is as published: 5, or more for the light variants.",
                )
                memory_frames = gr.Slider(
                    0,
                    64,
                    8,
                    step=1,
                    label="DeAOT: memories kept",
                    info="0 keeps all of them: as published, and without bound.",
                )
                crop = gr.Checkbox(
                    value=True,
                    label="Look closely at the hole",
                    info="Fills a box around the hole in detail where the video is large.",
                )
        return cls(
            size=size,
            margin=margin,
            feather=feather,
            mode=mode,
            lookahead=lookahead,
            propagator=propagator,
            inpainter=inpainter,
            memory_gap=memory_gap,
            memory_frames=memory_frames,
            shadow=shadow,
            crop=crop,
        )

    @property
    def inputs(self) -> list[Component]:
        """Return the components that `options` reads, in its order."""
        return [
            self.mode,
            self.margin,
            self.propagator,
            self.inpainter,
            self.size,
            self.feather,
            self.memory_gap,
            self.memory_frames,
            self.shadow,
            self.crop,
            self.lookahead,
        ]

    @staticmethod
    def options(base: Options, *values: Any) -> Options:
        """Return `base` with what is chosen; takes the values of `inputs`.

        Raises:
            UserError: something is chosen that the page does not offer.
        """
        mode, margin, propagator, inpainter, size, feather, *others = values
        memory_gap, memory_frames, shadow, crop, lookahead = others
        settings = replace(
            base.settings,
            size=cast(Size, choice(size, get_args(Size), "the working size")),
            feather=number(feather, "the soft seam"),
            memory_gap=int(number(memory_gap, "the gap between memories")) or None,
            memory_frames=int(number(memory_frames, "the number of memories")) or None,
            grow_shadow=bool(shadow),
            crop="auto" if crop else "off",
            lookahead=max(0, int(number(lookahead, "the number of frames to wait for"))),
        )
        return replace(
            base,
            mode=cast(Mode, choice(mode, get_args(Mode), "the mode")),
            dilate=number(margin, "the margin"),
            propagator=choice(propagator, ["auto", *JOBS["propagator"]], "what tracks"),
            inpainter=choice(inpainter, ["auto", *JOBS["inpainter"]], "what fills"),
            settings=settings,
        )

    def wire(self, wiring: Wiring) -> None:
        """Offer to wait where that makes a difference."""

        def offer(session: Session | None, mode: str) -> Updates:
            return {self.lookahead: gr.update(visible=mode == "streaming")}

        wiring.beside(self.mode.change, offer, self.mode, outputs=[self.lookahead])

    def show(self, session: Session | None, state: State) -> Updates:
        """Return what can be chosen now."""
        free = state != "running"
        updates: Updates = {part: gr.update(interactive=free) for part in self.components()}
        if session is None:
            updates |= dict.fromkeys((self.margin, self.feather), gr.update(interactive=False))
        return updates

    def suit(self, session: Session) -> Updates:
        """Return the margin and seam that suit the size of a video that was just brought."""
        best = round(images.default_dilation(session.info.height, session.info.width))
        return self._seam(session, best, round(best / 2))

    def _seam(self, session: Session, margin: float, feather: float) -> Updates:
        best = round(images.default_dilation(session.info.height, session.info.width))
        most = max(20, 4 * best, margin, feather)
        return {
            self.margin: gr.update(value=margin, maximum=most, interactive=True),
            self.feather: gr.update(value=feather, maximum=most, interactive=True),
        }

    def restore(self, session: Session) -> Updates:
        """Return the choices of the project of a session."""
        options, settings = session.base, session.base.settings
        best = round(images.default_dilation(session.info.height, session.info.width))
        margin = best if options.dilate is None else options.dilate
        feather = round(margin / 2) if settings.feather is None else settings.feather
        kept = settings.memory_frames or 0
        return self._seam(session, margin, feather) | {
            self.size: gr.update(value=settings.size),
            self.mode: gr.update(value=options.mode),
            self.lookahead: gr.update(
                value=settings.lookahead, maximum=max(LONGEST_WAIT, settings.lookahead)
            ),
            self.propagator: gr.update(value=_known("propagator", options.propagator)),
            self.inpainter: gr.update(value=_known("inpainter", options.inpainter)),
            self.memory_gap: gr.update(value=settings.memory_gap or 0),
            self.memory_frames: gr.update(value=kept, maximum=max(64, kept)),
            self.shadow: gr.update(value=settings.grow_shadow),
            self.crop: gr.update(value=settings.crop == "auto"),
        }


def _known(job: str, engine: str) -> str:
    """Return an engine's name, or "auto" for one this version does not have."""
    return engine if engine in JOBS[job] else "auto"
