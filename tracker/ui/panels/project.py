"""Work is kept: as a file, over a reload, and as a command line."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
from gradio.events import Dependency
from PIL import Image

from tracker.equivalent import command_of
from tracker.folders import discard, safe_stem
from tracker.project import Project
from tracker.project_files import ENDING, load_project, save_project
from tracker.session import Session
from tracker.types import UserError
from tracker.ui import texts
from tracker.ui.choices import Choices
from tracker.ui.keeping import Keeper, Kept
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.uploads import private
from tracker.ui.wiring import Wiring

NO_COMMAND = "Mark something first."
# What the browser keeps is a name nobody else knows; it is not made safer by a secret that
# every page would have to tell.
STORAGE, SECRET = "cleanplate-project", "cleanplate"


@dataclass(frozen=True, eq=False)
class ProjectPanel(Panel):
    """The fold, and what the browser remembers."""

    keeper: Keeper
    key: gr.BrowserState
    save: gr.Button
    file: gr.File
    open: gr.UploadButton
    command: gr.Textbox
    tell: gr.Button

    @classmethod
    def lay_out(cls, keeper: Keeper) -> "ProjectPanel":
        """Make it."""
        key = gr.BrowserState("", storage_key=STORAGE, secret=SECRET)
        with gr.Accordion("Project", open=False, elem_classes="fold", elem_id="project"):
            with gr.Row(elem_classes="row"):
                save = gr.Button("Save project", size="sm", interactive=False, min_width=90)
                open_ = gr.UploadButton(
                    "Open project", file_types=[ENDING], size="sm", interactive=False, min_width=90
                )
            gr.HTML(f'<div class="small">{texts.ABOUT_PROJECTS}</div>')
            file = gr.File(label="Project", visible=False, elem_id="project-file")
            command = gr.Textbox(
                NO_COMMAND,
                label="The same on the command line",
                lines=2,
                interactive=False,
                buttons=["copy"],
                elem_id="command",
            )
            tell = gr.Button("Show the command", size="sm", interactive=False, elem_id="tell")
        return cls(keeper, key, save, file, open_, command, tell)

    def show(self, session: Session | None, state: State) -> Updates:
        """Keep the work, and return what can be done with it."""
        ready = session is not None and state != "running"
        marked = ready and session is not None and bool(session.edit.masks)
        updates: Updates = {
            self.save: gr.update(interactive=marked),
            self.open: gr.update(interactive=ready),
            self.tell: gr.update(interactive=marked),
            self.file: gr.update(visible=False),
        }
        if session is None:
            return updates | {self.command: NO_COMMAND}
        if state != "running":
            self.keeper.keep(session)
        return updates | {self.key: session.owner}

    def wire(
        self, wiring: Wiring, choices: Choices, brought: Sequence[Dependency], demo: gr.Blocks
    ) -> None:
        """Save, open, tell; and find again what was there before a reload."""

        def save(session: Session | None, *values: Any) -> Updates:
            session = wiring.visits.idle(session)
            project = self.keeper.project_of(session, choices.options(session, *values))
            path = session.folder / f"{safe_stem(session.name)}{ENDING}"
            save_project(project, path, overwrite=True)
            return {self.file: gr.update(value=str(path), visible=True)}

        def open_project(session: Session | None, file: str | None) -> Updates:
            session = wiring.visits.idle(session)
            path = private(file)
            try:
                project = load_project(path)
            finally:
                discard(path.parent)
            project.check(session.source)
            session = _with(session, project)
            self.keeper.choose(session.owner, project.options)
            return wiring.show(session) | choices.restore(session)

        def tell(session: Session | None, *values: Any) -> Updates:
            session = wiring.visits.idle(session)
            options = choices.options(session, *values)
            return {self.command: command_of(session.name, session.edit, options)}

        def find_again(session: Session | None, key: object, request: gr.Request) -> Updates:
            kept = self.keeper.recall(key) if session is None else None
            nothing: Updates = {self.file: gr.update()}
            if kept is None:
                return nothing
            if kept.video is None:
                return nothing | wiring.notice.say(texts.bring_again(kept.project.source.name))
            try:
                session = wiring.visits.bring(kept.video, request, is_upload=False)
            except UserError:  # it could be read once; what changed is not the user's fault
                return nothing
            session = replace(self._resumed(session, kept, key), name=kept.project.source.name)
            return wiring.show(session) | choices.restore(session)

        def note(session: Session | None, *values: Any) -> Updates:
            if session is not None:
                with suppress(UserError):  # a choice that is not finished
                    self.keeper.choose(session.owner, choices.options(session, *values))
                    self.keeper.keep(session)
            return {self.file: gr.update()}

        wiring.answer(self.save.click, save, *choices.inputs)
        wiring.answer(self.open.upload, open_project, self.open)
        wiring.answer(self.tell.click, tell, *choices.inputs)
        wiring.answer(demo.load, find_again, self.key)
        for event in (*(each.then for each in brought), *choices.changes):
            wiring.beside(event, note, *choices.inputs, outputs=[self.file])

    def go_on(self, session: Session, key: object) -> Session:
        """Return a session with the work kept under `key`, if it is about the same video."""
        kept = self.keeper.recall(key)
        if kept is None or kept.project.source.sha256 != self.keeper.hash_of(session):
            return session
        return self._resumed(session, kept, key)

    def _resumed(self, session: Session, kept: Kept, key: object) -> Session:
        self.keeper.forget(key)
        self.keeper.choose(session.owner, kept.project.options)
        return replace(_with(session, kept.project), past=())


def _with(session: Session, project: Project) -> Session:
    """Return a session with the work of a project, its repaired frames written to its folder."""
    keyframes = {}
    for index, frame in project.keyframes.items():
        path = session.folder / f"keyframe-{index:06d}.png"
        Image.fromarray(frame).save(path)
        keyframes[index] = path
    session = replace(session, base=project.options)
    return session.change(replace(project.edit, keyframes=keyframes))
