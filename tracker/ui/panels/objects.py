"""Step 2: the objects: which one is meant, its name, and whether it goes or stays."""

from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from tracker import images
from tracker.motions import MOTIONS
from tracker.session import Session
from tracker.types import UserError
from tracker.ui import texts
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.scripted import data_url, scripted
from tracker.ui.wiring import Wiring


@dataclass(frozen=True, eq=False)
class ObjectsPanel(Panel):
    """The list, and what changes it."""

    objects: gr.HTML
    undo: gr.Button
    reset: gr.Button
    add: gr.Button

    @classmethod
    def lay_out(cls) -> "ObjectsPanel":
        """Make it."""
        gr.HTML(texts.heading(2, "Mark what is to go"))
        objects = scripted("objects", {})
        with gr.Row(elem_classes="row"):
            return cls(objects, *(_button(name) for name in ("Undo", "Reset", "Add object")))

    def show(self, session: Session | None, state: State) -> Updates:
        """Return the objects, and what can be done with them."""
        ready = session is not None and state != "running"
        edit = session.edit if session is not None else None
        return {
            self.undo: gr.update(interactive=ready and bool(session and session.past)),
            self.reset: gr.update(interactive=ready and bool(edit and edit.prompts)),
            self.add: gr.update(interactive=ready and bool(edit and edit.masks)),
            self.objects: {"enabled": ready, "objects": _rows(session)},
        }

    def wire(self, wiring: Wiring) -> None:
        """Edit the list."""

        def undo(session: Session) -> Session:
            return session.undo(wiring.look(session))

        def pick(session: Session, event: gr.EventData) -> Session:
            return session.pick_object(_id(event))

        def delete(session: Session, event: gr.EventData) -> Session:
            return session.delete_object(_id(event))

        def rename(session: Session, event: gr.EventData) -> Session:
            name = str(event._data.get("name"))
            return session.change_object(replace(session.edit[_id(event)], name=name))

        def decide(session: Session, event: gr.EventData) -> Session:
            removed = bool(event._data.get("removed"))
            return session.change_object(replace(session.edit[_id(event)], removed=removed))

        def move(session: Session, event: gr.EventData) -> Session:
            motion = event._data.get("motion")
            if motion not in MOTIONS:
                raise UserError(f"{motion!r} is no motion; choose one of the list")
            return session.change_object(replace(session.edit[_id(event)], motion=motion))

        def hide(session: Session, event: gr.EventData) -> Session:
            return session.hide(_id(event), hidden=bool(event._data.get("hidden")))

        wiring.edit(self.undo.click, undo)
        wiring.edit(self.reset.click, Session.reset)
        wiring.edit(self.add.click, Session.add_object)
        wiring.edit(self.objects.pick, pick)
        wiring.edit(self.objects.drop, delete)
        wiring.edit(self.objects.rename, rename)
        wiring.edit(self.objects.fate, decide)
        wiring.edit(self.objects.motion, move)
        wiring.edit(self.objects.hide, hide)


def _button(name: str) -> gr.Button:
    identifier = name.split()[0].lower()
    return gr.Button(name, size="sm", interactive=False, min_width=60, elem_id=identifier)


def _rows(session: Session | None) -> list[dict[str, Any]]:
    if session is None:
        return []
    edit = session.edit
    return [
        {
            "id": each.id,
            "name": each.name,
            "colour": f"rgb{images.object_colour(each.id)}",
            "note": texts.marks_of(edit, each.id),
            "current": each.id == edit.current,
            "hidden": each.id in session.hidden,
            "removed": each.removed,
            "motion": each.motion,
            "thumbnail": data_url(edit.thumbnails[each.id]) if each.id in edit.thumbnails else None,
        }
        for each in edit.objects
    ]


def _id(event: gr.EventData) -> int:
    value = event._data.get("id")
    if not isinstance(value, int):
        raise UserError(f"{value!r} is not an object; choose one of the list")
    return value
