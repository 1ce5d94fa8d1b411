"""Step 2: the objects, and how to mark them."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from tracker import images
from tracker.session import Session
from tracker.types import UserError
from tracker.ui import texts
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.scripted import scripted
from tracker.ui.wiring import Wiring


@dataclass(frozen=True, eq=False)
class ObjectsPanel(Panel):
    """The list, and the tools that mark."""

    sign: gr.Radio
    objects: gr.HTML
    undo: gr.Button
    reset: gr.Button
    add: gr.Button

    @classmethod
    def lay_out(cls) -> "ObjectsPanel":
        """Make it."""
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
        return cls(sign, objects, undo, reset, add)

    def show(self, session: Session | None, state: State) -> Updates:
        """Return the objects, and what can be done with them."""
        ready = session is not None and state != "running"
        edit = session.edit if session is not None else None
        return {
            self.sign: gr.update(interactive=ready),
            self.undo: gr.update(interactive=ready and bool(session and session.past)),
            self.reset: gr.update(interactive=ready and bool(edit and edit.prompts)),
            self.add: gr.update(interactive=ready and bool(edit and edit.masks)),
            self.objects: _rows(session),
        }

    def wire(self, wiring: Wiring) -> None:
        """Edit the list."""

        def undo(session: Session) -> Session:
            return session.undo(wiring.look(session))

        def pick(session: Session, event: gr.EventData) -> Session:
            return session.pick_object(_whole(event._data.get("id")))

        def delete(session: Session, event: gr.EventData) -> Session:
            return session.delete_object(_whole(event._data.get("id")))

        wiring.edit(self.undo.click, undo)
        wiring.edit(self.reset.click, Session.reset)
        wiring.edit(self.add.click, Session.add_object)
        wiring.edit(self.objects.pick, pick)
        wiring.edit(self.objects.drop, delete)


def _rows(session: Session | None) -> list[dict[str, Any]]:
    if session is None:
        return []
    return [
        {
            "id": each.id,
            "name": each.name,
            "colour": f"rgb{images.object_colour(each.id)}",
            "note": texts.clicks(session.num_points(each.id)),
            "current": each.id == session.edit.current,
        }
        for each in session.edit.objects
    ]


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise UserError(f"{value!r} is not an object; choose one of the list")
    return value
