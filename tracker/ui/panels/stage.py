"""The stage: the frame looked at, the live preview of a removal, or before and after."""

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tracker.session import Session
from tracker.types import Frame, Point, Prompt, Segmentation, UserError
from tracker.ui import texts
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.scripted import data_url, file_url, scripted
from tracker.ui.wiring import Wiring


@dataclass(frozen=True, eq=False)
class StagePanel(Panel):
    """Its component."""

    stage: gr.HTML

    @classmethod
    def lay_out(cls) -> "StagePanel":
        """Make it."""
        return cls(scripted("stage", {"mode": "idle"}, visible=False))

    def show(self, session: Session | None, state: State) -> Updates:
        """Return what stands on the stage."""
        return {self.stage: gr.update(visible=session is not None, value=_value(session, state))}

    def show_preview(self, session: Session, preview: Frame) -> Updates:
        """Return the stage with a frame that was just finished."""
        return {self.stage: gr.update(value=_running(session, data_url(preview)))}

    def wire(self, wiring: Wiring, sign: gr.Radio) -> None:
        """Take clicks in the picture."""

        def mark(session: Session, positive: bool, event: gr.EventData) -> Session:
            point = _point(session, positive, event._data)

            def find(index: int, prompt: Prompt) -> Segmentation:
                return wiring.lanes.find(session.owner, session.source, index, prompt)

            return session.click(point, find)

        wiring.edit(self.stage.mark, mark, sign)


def ratio(session: Session) -> float:
    """Return width through height of the picture as it is meant to be seen."""
    info = session.info
    return info.width * float(info.pixel_aspect) / info.height


def _value(session: Session | None, state: State) -> dict[str, Any]:
    if session is None:
        return {"mode": "idle"}
    result = session.result
    if state == "done" and result is not None and result.clean is not None:
        compare: dict[str, Any] = {
            "mode": "compare",
            "ratio": ratio(session),
            "before": file_url(session.source),
            "after": file_url(result.clean),
        }
        if result.overlay is not None:
            compare["fallback"] = file_url(result.overlay)
        return compare
    picture = data_url(session.picture())
    if state == "running":
        return _running(session, picture)
    # The serial makes it new: a refused click is to be drawn away although nothing changed.
    serial = {"serial": time.monotonic_ns()}
    value = {"mode": "mark", "ratio": ratio(session), "picture": picture}
    return value | {"hint": texts.hint(session)} | serial


def _running(session: Session, picture: str) -> dict[str, Any]:
    return {"mode": "run", "ratio": ratio(session), "picture": picture}


def _point(session: Session, positive: bool, data: dict[str, Any]) -> Point:
    """Return the point of the source that was clicked at, given in fractions of the picture."""
    x = _fraction(data.get("x")) * session.info.width - 0.5
    y = _fraction(data.get("y")) * session.info.height - 0.5
    return Point(max(0.0, x), max(0.0, y), positive != bool(data.get("opposite")))


def _fraction(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise UserError(f"a click at {value!r} is outside the picture; click inside it")
    return float(value)
