"""The film below the stage: any frame, what is marked where, and where masks are doubtful."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from tracker import images, repairs
from tracker.session import Session
from tracker.types import UserError
from tracker.ui import texts
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.panels.keyframes import fetcher
from tracker.ui.panels.stage import ratio
from tracker.ui.scripted import data_url, scripted
from tracker.ui.traces import shown_traces
from tracker.ui.visits import Visits
from tracker.ui.wiring import Wiring

MAX_FRAMES = 1 << 31  # more than any film has


@dataclass(frozen=True, eq=False)
class FilmPanel(Panel):
    """Its component."""

    film: gr.HTML

    @classmethod
    def lay_out(cls, visits: Visits) -> "FilmPanel":
        """Make it; its script asks for thumbnails when it has nothing else to do."""

        def thumbnail(asked: object) -> str:
            match asked:
                case {"token": str() as token, "frame": int() as frame} if _is_frame(frame):
                    source = visits.source_of(token)
                case _:
                    return ""
            if source is None:
                return ""
            try:
                return data_url(visits.lanes.thumbnail(token, source, frame))
            except UserError:  # this one has no picture: the others may
                return ""

        return cls(scripted("film", {}, server_functions=[thumbnail]))

    def show(self, session: Session | None, state: State) -> Updates:
        """Return the frame looked at among all there are."""
        return {self.film: {} if session is None else _value(session, state)}

    def wire(self, wiring: Wiring) -> None:
        """Look at the frame chosen; work on the part chosen."""

        def seek(session: Session, event: gr.EventData) -> Session:
            session = session.seek(_frame(event._data.get("frame")), wiring.look(session))
            if session.showing != "repair":
                return session
            return repairs.take_out(session, fetcher(wiring, session))

        def limit(session: Session, event: gr.EventData) -> Session:
            first, last = event._data.get("first"), event._data.get("last")
            return session.limit(_frame(first), None if last is None else _frame(last))

        wiring.edit(self.film.seek, seek, trigger_mode="always_last")
        wiring.edit(self.film.limit, limit)


def _value(session: Session, state: State) -> dict[str, Any]:
    edit, report = session.edit, session.result.report if session.result else None
    return {
        "on": True,
        "enabled": state != "running" and session.num_frames > 1,
        "comparing": state == "done",
        "token": session.owner,
        "length": session.num_frames,
        "rate": float(session.info.rate),
        "ratio": ratio(session),
        "index": session.view.index,
        "first": edit.first,
        "last": edit.last,
        "marks": [
            {
                "frame": place.frame,
                "kind": "mark",
                "colour": _colour(place.object_id),
                "title": f"{edit[place.object_id].name}: {texts.marks(prompt)}, "
                f"frame {place.frame}",
            }
            for place, prompt in edit.prompts.items()
        ]
        + [
            {"frame": frame, "kind": "key", "colour": "white", "title": f"keyframe {frame}"}
            for frame in edit.keyframes
        ],
        "traces": []
        if report is None
        else [
            {"name": edit[number].name, "colour": _colour(number), **trace}
            for number, trace in shown_traces(report.objects).items()
            if any(each.id == number for each in edit.objects) and number not in session.hidden
        ],
    }


def _colour(object_id: int) -> str:
    return f"rgb{images.object_colour(object_id)}"


def _is_frame(number: int) -> bool:
    return not isinstance(number, bool) and 0 <= number < MAX_FRAMES


def _frame(value: object) -> int:
    if not isinstance(value, int):
        raise UserError(f"{value!r} is not a frame; choose one on the film")
    return value
