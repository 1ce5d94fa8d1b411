"""Step 1: bring a video."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from tracker.session import Session
from tracker.types import UserError
from tracker.ui import texts
from tracker.ui.choices import Choices
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.panels.project import ProjectPanel
from tracker.ui.uploads import private
from tracker.ui.wiring import Wiring

SAMPLE = Path(__file__).resolve().parents[3] / "assets" / "sample.mp4"
# Gradio goes by what the system takes for a video, which is not all that can be read.
VIDEO_FILES = ["video", ".mkv", ".ts", ".mts", ".m2ts", ".mxf", ".y4m"]


@dataclass(frozen=True, eq=False)
class DropPanel(Panel):
    """Where a video is dropped; the stage takes its place."""

    drop: gr.File

    @classmethod
    def lay_out(cls) -> "DropPanel":
        """Make it."""
        return cls(
            gr.File(
                label="Drop a video here, or click to choose one",
                file_types=VIDEO_FILES,
                elem_id="drop",
            )
        )

    def show(self, session: Session | None, state: State) -> Updates:
        """Return it, empty, only while there is no video."""
        return {self.drop: gr.update(visible=session is None, value=None)}


@dataclass(frozen=True, eq=False)
class VideoPanel(Panel):
    """What the video is, and how to get one or another."""

    about: gr.HTML
    sample: gr.Button
    another: gr.Button

    @classmethod
    def lay_out(cls) -> "VideoPanel":
        """Make it."""
        gr.HTML(texts.heading(1, "Bring a video"))
        with gr.Row(elem_classes="row"):
            about = gr.HTML(texts.NO_VIDEO, elem_id="about", min_width=60)
            sample = gr.Button(
                "Try the sample", size="sm", elem_classes="fixed", visible=SAMPLE.exists()
            )
            another = gr.Button("Another video", size="sm", elem_classes="fixed", visible=False)
        return cls(about, sample, another)

    def show(self, session: Session | None, state: State) -> Updates:
        """Return what is known of the video."""
        return {
            self.about: texts.NO_VIDEO if session is None else texts.about_video(session),
            self.sample: gr.update(visible=session is None and SAMPLE.exists()),
            self.another: gr.update(visible=session is not None, interactive=state != "running"),
        }

    def wire(self, wiring: Wiring, drop: gr.File, choices: Choices, project: ProjectPanel) -> None:
        """Open what is dropped, or the sample."""

        def bring(video: Path, key: object, request: gr.Request, *, is_upload: bool) -> Updates:
            session = wiring.visits.bring(video, request, is_upload=is_upload)
            resumed = project.go_on(session, key)
            is_new = resumed is session
            chosen = choices.quality.suit(session) if is_new else choices.restore(resumed)
            return wiring.show(resumed) | chosen

        def bring_upload(
            session: Session | None, upload: str | None, key: object, request: gr.Request
        ) -> Updates:
            if upload is None:
                return {drop: gr.update()}
            return bring(private(upload), key, request, is_upload=True)

        def bring_sample(session: Session | None, key: object, request: gr.Request) -> Updates:
            if not SAMPLE.exists():
                raise UserError("the sample is not part of this installation; bring a video")
            return bring(SAMPLE, key, request, is_upload=False)

        def start_over(session: Session | None, request: gr.Request) -> Updates:
            owner = wiring.visits.idle(session).owner
            wiring.visits.keeper.forget(owner)
            wiring.visits.clear(request)
            return wiring.show(None)

        opening: dict[str, Any] = {"show_progress": "full", "show_progress_on": drop}
        wiring.answer(drop.upload, bring_upload, drop, project.key, **opening)
        wiring.answer(self.sample.click, bring_sample, project.key, **opening)
        wiring.answer(self.another.click, start_over)
