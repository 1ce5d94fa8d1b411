"""Frames mended by hand: save one, put it back, patch it on the stage."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from tracker import repairs
from tracker.folders import discard
from tracker.repairs import Fetch
from tracker.session import Session
from tracker.types import Frame, UserError
from tracker.ui import texts
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.scripted import scripted
from tracker.ui.uploads import private
from tracker.ui.wiring import Wiring


@dataclass(frozen=True, eq=False)
class KeyframesPanel(Panel):
    """A fold."""

    fold: gr.Accordion
    save: gr.DownloadButton
    back: gr.UploadButton
    frames: gr.HTML

    @classmethod
    def lay_out(cls) -> "KeyframesPanel":
        """Make it."""
        with gr.Accordion(
            "Repaired frames", open=False, elem_classes="fold", elem_id="keyframes"
        ) as fold:
            gr.HTML(f'<div class="small">{texts.ABOUT_KEYFRAMES}</div>')
            with gr.Row(elem_classes="row"):
                save = gr.DownloadButton(
                    "Save frame", size="sm", interactive=False, min_width=60, elem_id="save-frame"
                )
                back = gr.UploadButton(
                    "Put back",
                    size="sm",
                    file_types=["image"],
                    interactive=False,
                    min_width=60,
                    elem_id="put-back",
                )
            frames = scripted("keyframes", {})
        return cls(fold, save, back, frames)

    def show(self, session: Session | None, state: State) -> Updates:
        """Return the frames mended, and what can be done with the one looked at."""
        path = repairs.picture_file(session) if session and state == "repair" else None
        return {
            self.fold: gr.update(open=True) if state == "repair" else gr.skip(),
            self.save: gr.update(value=path and str(path), interactive=path is not None),
            self.back: gr.update(interactive=path is not None),
            self.frames: _list(session, state),
        }

    def wire(self, wiring: Wiring) -> None:
        """Mend frames on the stage or elsewhere."""

        def put_back(session: Session, upload: str | None) -> Session:
            if upload is None:
                return session
            file = private(upload)
            try:
                return repairs.put_back(session, file)
            finally:
                discard(file.parent)

        def go(session: Session, event: gr.EventData) -> Session:
            session = session.seek(_frame(event), wiring.look(session))
            return repairs.take_out(session, fetcher(wiring, session))

        def drop(session: Session, event: gr.EventData) -> Session:
            return repairs.drop(session, _frame(event))

        wiring.edit(self.back.upload, put_back, self.back)
        wiring.edit(self.frames.go, go)
        wiring.edit(self.frames.drop, drop)


def fetcher(wiring: Wiring, session: Session) -> Fetch:
    """Return what fetches a whole frame of a result."""

    def fetch(video: Path, index: int) -> Frame:
        return wiring.lanes.fetch(session.owner, video, index)

    return fetch


def _list(session: Session | None, state: State) -> dict[str, Any]:
    frames = sorted(session.edit.keyframes) if session is not None else []
    return {"frames": frames, "enabled": state != "running"}


def _frame(event: gr.EventData) -> int:
    value = event._data.get("frame")
    if not isinstance(value, int):
        raise UserError(f"{value!r} is not a frame; choose one of the list")
    return value
