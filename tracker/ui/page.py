"""The page: where everything is, and which handler answers what."""

import atexit
from collections.abc import Callable
from typing import Any

import gradio as gr

from tracker.ui import texts
from tracker.ui.handlers import SAMPLE, Handlers
from tracker.ui.lanes import Lanes
from tracker.ui.show import Parts
from tracker.ui.stage import scripted

SESSION_HOURS = 24  # files that Gradio keeps are deleted by this age
# Gradio goes by what the system takes for a video, which is not all that can be read.
VIDEO_FILES = ["video", ".mkv", ".ts", ".mts", ".m2ts", ".mxf", ".y4m"]
MAX_EVENTS = 200  # waiting to be handled, of all users; more are refused
ONE_AT_A_TIME = "edits"  # so that a click never works on a session another click is changing


def build_demo(lanes: Lanes | None = None) -> gr.Blocks:
    """Return the page, ready to be launched with `launch_options`."""
    lanes = lanes or Lanes()
    seconds = SESSION_HOURS * 3600
    demo = gr.Blocks(
        title="Cleanplate", analytics_enabled=False, delete_cache=(600, seconds), fill_width=True
    )
    with demo:
        parts = _lay_out()
        handlers = Handlers(parts, lanes)
        # A plain function: Gradio copies what a bound method holds with every page it sends.
        parts.session.delete_callback = lambda session: handlers.expire(session)
        _wire(demo, parts, handlers)
    atexit.register(handlers.close)
    demo.queue(max_size=MAX_EVENTS)
    return demo


def _lay_out() -> Parts:
    gr.HTML(f"<h1>Cleanplate</h1><p>{texts.TAGLINE}</p>", elem_id="title")
    session = gr.State(None)
    with gr.Row(elem_id="body"):
        with gr.Column(scale=7, min_width=420, elem_id="work"):
            drop = gr.File(
                label="Drop a video here, or click to choose one",
                file_types=VIDEO_FILES,
                elem_id="drop",
            )
            stage = scripted("stage", {"mode": "idle"}, visible=False)
            notice = scripted("notice", None)
            frame = gr.Slider(
                0, 1, 0, step=1, label="Frame to look at", interactive=False, elem_id="frame"
            )
        with gr.Column(scale=3, min_width=330, elem_id="steps"):
            with gr.Column(elem_classes="step"):
                gr.HTML(texts.heading(1, "Bring a video"))
                with gr.Row(elem_classes="row"):
                    about = gr.HTML(texts.NO_VIDEO, elem_id="about", min_width=60)
                    sample = gr.Button(
                        "Try the sample", size="sm", elem_classes="fixed", visible=SAMPLE.exists()
                    )
                    another = gr.Button(
                        "Another video", size="sm", elem_classes="fixed", visible=False
                    )
            with gr.Column(elem_classes="step"):
                gr.HTML(texts.heading(2, "Click the object"))
                sign = gr.Radio(
                    [("Add to object", True), ("Take away", False)],
                    value=True,
                    show_label=False,
                    container=False,
                    interactive=False,
                    elem_id="sign",
                )
                objects = scripted("objects", [])
                with gr.Row(elem_classes="row"):
                    undo = gr.Button("Undo", size="sm", interactive=False, min_width=60)
                    reset = gr.Button("Reset", size="sm", interactive=False, min_width=60)
                    add = gr.Button("Add object", size="sm", interactive=False, min_width=90)
                gr.Textbox(
                    placeholder='Or in words: "remove the car"',
                    show_label=False,
                    container=False,
                    interactive=False,
                    elem_id="words",
                )
                gr.HTML(f'<div class="small">{texts.WORDS_NOTE}</div>')
            with gr.Column(elem_classes="step"):
                gr.HTML(texts.heading(3, "Remove it"))
                with gr.Row(elem_classes="row", elem_id="remove-row"):
                    remove = gr.Button(
                        "Remove", variant="primary", interactive=False, min_width=120
                    )
                    cancel = gr.Button("Cancel", variant="stop", interactive=False, min_width=90)
                    back = gr.Button("Edit clicks", visible=False, min_width=90)
                progress = gr.HTML(texts.NOTHING_DONE, elem_id="progress")
                with gr.Row(elem_classes="row"):
                    clean = gr.DownloadButton(
                        "Save video", size="sm", interactive=False, min_width=60, elem_id="clean"
                    )
                    masks = gr.DownloadButton(
                        "Save masks", size="sm", interactive=False, min_width=60, elem_id="masks"
                    )
                    overlay = gr.DownloadButton(
                        "Save overlay",
                        size="sm",
                        interactive=False,
                        min_width=60,
                        elem_id="overlay",
                    )
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
            engines = gr.HTML("", elem_id="engines")
    return Parts(
        session=session,
        drop=drop,
        sample=sample,
        stage=stage,
        notice=notice,
        frame=frame,
        about=about,
        another=another,
        sign=sign,
        undo=undo,
        reset=reset,
        objects=objects,
        add=add,
        remove=remove,
        cancel=cancel,
        back=back,
        mode=mode,
        margin=margin,
        propagator=propagator,
        inpainter=inpainter,
        progress=progress,
        clean=clean,
        masks=masks,
        overlay=overlay,
        engines=engines,
    )


def _wire(demo: gr.Blocks, parts: Parts, handlers: Handlers) -> None:
    everything, session = parts.all(), parts.session

    def edit(
        event: Callable[..., Any], handler: Callable[..., Any], *inputs: Any, **changed: Any
    ) -> None:
        options: dict[str, Any] = {
            "show_progress": "hidden",
            "concurrency_limit": 1,
            "concurrency_id": ONE_AT_A_TIME,
            "trigger_mode": "multiple",
            "api_visibility": "undocumented",
        }
        event(handler, [session, *inputs], everything, **(options | changed))

    opening = {"show_progress": "full", "show_progress_on": parts.drop}
    edit(parts.drop.upload, handlers.bring_upload, parts.drop, **opening)
    edit(parts.sample.click, handlers.bring_sample, **opening)
    edit(parts.another.click, handlers.start_over)
    edit(parts.stage.mark, handlers.mark, parts.sign)
    edit(parts.undo.click, handlers.undo)
    edit(parts.reset.click, handlers.reset)
    edit(parts.add.click, handlers.add_object)
    edit(parts.objects.pick, handlers.pick_object)
    edit(parts.objects.drop, handlers.delete_object)
    edit(parts.back.click, handlers.back)
    edit(parts.frame.input, handlers.seek, parts.frame, trigger_mode="always_last")
    parts.remove.click(
        handlers.remove,
        [session, parts.mode, parts.margin, parts.propagator, parts.inpainter],
        everything,
        show_progress="hidden",
        concurrency_limit=None,
        api_visibility="undocumented",
    )
    parts.cancel.click(
        handlers.cancel,
        [session],
        [parts.cancel],
        show_progress="hidden",
        concurrency_limit=None,
        api_visibility="undocumented",
    )
    demo.load(
        handlers.greet,
        None,
        [parts.engines, parts.notice],
        show_progress="hidden",
        concurrency_limit=None,
        api_visibility="undocumented",
    )
    demo.unload(handlers.leave)
