"""The stage: the frame looked at, the live preview of a removal, or before and after."""

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tracker import images, repairs
from tracker.desk import picture_of
from tracker.edits import Stroke
from tracker.keyframes import read_picture
from tracker.session import FindObject, Session
from tracker.types import Box, Frame, Point, Prompt, Segmentation, UserError
from tracker.ui import texts
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.panels.keyframes import fetcher
from tracker.ui.scripted import data_url, file_url, scripted
from tracker.ui.wiring import Wiring

MAX_STROKE_POINTS = 20_000  # a minute of drawing


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

    def show_preview(self, session: Session, preview: Frame, hint: str = "") -> Updates:
        """Return the stage with a frame that was just finished, and what to say of it."""
        value = _running(session, data_url(preview)) | {"hint": hint}
        return {self.stage: gr.update(value=value)}

    def wire(self, wiring: Wiring) -> None:
        """Take clicks, boxes and strokes in the picture, and what is to be seen."""

        def finder(session: Session) -> FindObject:
            def find(index: int, prompt: Prompt) -> Segmentation:
                return wiring.lanes.find(session.owner, session.source, index, prompt)

            return find

        def mark(session: Session, event: gr.EventData) -> Session:
            return session.click(_point(session, event._data), finder(session))

        def draw_box(session: Session, event: gr.EventData) -> Session:
            return session.draw_box(_box(session, event._data), finder(session))

        def brush(session: Session, event: gr.EventData) -> Session:
            return session.brush(_stroke(session, event._data))

        def view(session: Session, event: gr.EventData) -> Session:
            frame, showing = event._data.get("frame"), event._data.get("showing")
            if isinstance(frame, int):
                session = session.seek(frame, wiring.look(session))
            if showing == "repair":
                return repairs.take_out(session, fetcher(wiring, session))
            return session.show(showing if showing in ("result", "masks") else "marks")

        def patch(session: Session, event: gr.EventData) -> Session:
            match event._data.get("offset"):
                case [int() | float() as x, int() | float() as y]:
                    offset = (x * session.info.width, y * session.info.height)
                    return repairs.patch(session, _stroke(session, event._data), offset)
            raise UserError("nothing to paint with yet; click a good place first")

        wiring.edit(self.stage.mark, mark)
        wiring.edit(self.stage.box, draw_box)
        wiring.edit(self.stage.stroke, brush)
        wiring.edit(self.stage.view, view)
        wiring.edit(self.stage.patch, patch)


def ratio(session: Session) -> float:
    """Return width through height of the picture as it is meant to be seen."""
    info = session.info
    return info.width * float(info.pixel_aspect) / info.height


def _value(session: Session | None, state: State) -> dict[str, Any]:
    if session is None:
        return {"mode": "idle"}
    base = {"ratio": ratio(session), "showing": session.showing, "views": _views(session)}
    result = session.result
    if state == "done" and result is not None and result.clean is not None:
        return base | {
            "mode": "compare",
            "rate": float(session.info.rate),
            "before": file_url(session.source),
            "after": file_url(result.clean),
            "overlay": None if result.overlay is None else file_url(result.overlay),
        }
    if state == "running":
        return _running(session, data_url(session.picture()))
    modes: dict[State, str] = {"masks": "masks", "repair": "repair"}
    # The serial makes it new: a refused click is to be drawn away although nothing changed.
    return base | {
        "mode": modes.get(state, "mark"),
        "picture": data_url(_picture(session)),
        "colour": f"rgb{images.object_colour(session.edit.current)}",
        "hint": texts.hint(session),
        "serial": time.monotonic_ns(),
    }


def _picture(session: Session) -> Frame:
    """Return the still picture to be seen."""
    if session.showing == "masks":
        return session.mask_picture()
    mended = repairs.picture_file(session) if session.showing == "repair" else None
    if mended is None:
        return session.picture()
    return picture_of(read_picture(mended), float(session.info.pixel_aspect))


def _views(session: Session) -> list[str]:
    result = session.result
    views = ["marks"]
    views += ["result", "repair"] if result is not None and result.clean is not None else []
    return views + (["masks"] if result is not None and result.masks is not None else [])


def _running(session: Session, picture: str) -> dict[str, Any]:
    return {"mode": "run", "ratio": ratio(session), "picture": picture, "showing": "marks"}


def _point(session: Session, data: dict[str, Any]) -> Point:
    """Return the point of the source that was clicked at, given in fractions of the picture."""
    x, y = _place(session, data.get("x"), data.get("y"))
    return Point(max(0.0, x), max(0.0, y), bool(data.get("positive", True)))


def _box(session: Session, data: dict[str, Any]) -> Box:
    match data.get("box"):
        case [x0, y0, x1, y1]:
            (left, top), (right, bottom) = _place(session, x0, y0), _place(session, x1, y1)
            return min(left, right), min(top, bottom), max(left, right), max(top, bottom)
    raise UserError("that was no box; drag from one corner to the other")


def _stroke(session: Session, data: dict[str, Any]) -> Stroke:
    points, radius = data.get("points"), data.get("radius")
    if not isinstance(points, list) or not 0 < len(points) <= MAX_STROKE_POINTS:
        raise UserError("that was no stroke; hold the button while you paint")
    places = tuple(_place(session, *pair) for pair in points)
    return Stroke(places, _fraction(radius) * session.info.width, bool(data.get("erases")))


def _place(session: Session, x: object, y: object) -> tuple[float, float]:
    """Return (x, y) in pixels of the source."""
    width, height = session.info.width, session.info.height
    return _fraction(x) * width - 0.5, _fraction(y) * height - 0.5


def _fraction(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise UserError(f"a click at {value!r} is outside the picture; click inside it")
    return float(value)
