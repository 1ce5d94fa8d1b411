"""From an event in the browser to what the page shows: unpack, call, show.

An edit takes the user's session and returns a new one; the page follows from it.  A
`UserError` becomes the notice on the page; the session stays as it was.
"""

import functools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from tracker.session import LookAt, Session, Showing
from tracker.types import UserError
from tracker.ui.lanes import Lanes
from tracker.ui.panel import Panel, State, Updates
from tracker.ui.panels.notice import NoticePanel
from tracker.ui.visits import Visits

ONE_AT_A_TIME = "edits"  # so that a click never works on a session another click is changing

Edit = Callable[..., Session]  # (session, values of the inputs..., event) -> session
Answer = Callable[..., Updates]  # (session or None, values of the inputs..., event) -> updates
Stream = Callable[..., AsyncIterator[Updates]]


class Wiring:
    """Connects the panels with each other, with the sessions and with the processes."""

    def __init__(
        self, session: gr.State, notice: NoticePanel, panels: Iterable[Panel], visits: Visits
    ) -> None:
        self.session, self.notice, self.visits = session, notice, visits
        self.panels = tuple(panels)
        self.edits: list[Dependency] = []  # whatever changes a session
        self.everything = [session, *(part for each in self.panels for part in each.components())]

    @property
    def lanes(self) -> Lanes:
        """Return the processes that do the work."""
        return self.visits.lanes

    def show(self, session: Session | None, state: State | None = None) -> Updates:
        """Return all of the page for a session, in the state it is in unless told."""
        state = state or self.state_of(session)
        updates: Updates = {self.session: session}
        for panel in self.panels:
            updates |= panel.show(session, state)
        return updates

    def state_of(self, session: Session | None) -> State:
        """Return what the page is about for this session."""
        if session is None:
            return "empty"
        if self.lanes.is_busy(session.owner):
            return "running"
        states: dict[Showing, State] = {"marks": "marking", "masks": "masks", "repair": "repair"}
        return states.get(session.showing, "done")

    def refuse(self, session: Session | None, error: UserError) -> Updates:
        """Show why something was not done; the frame is drawn again, without the click."""
        warning = self.notice.say(str(error))
        if self.state_of(session) in ("running", "done"):
            return warning
        return self.show(session) | warning

    def look(self, session: Session) -> LookAt:
        """Return what fetches a frame of the session's video, with what was tracked in it."""
        masks = session.result.masks if session.result is not None else None
        return lambda index: self.lanes.look(session.owner, session.source, index, masks)

    def edit(
        self, event: Callable[..., Any], action: Edit, *inputs: Component, **options: Any
    ) -> None:
        """At `event`, change the session by `action` and show the page.

        `action` may also take an argument annotated `gr.EventData` or `gr.Request`.
        """

        @functools.wraps(action)
        def answer(session: Session | None, *values: Any, **events: Any) -> Updates:
            return self.show(action(self.visits.idle(session), *values, **events))

        self.answer(event, answer, *inputs, **options)

    def answer(
        self, event: Callable[..., Any], handler: Answer, *inputs: Component, **options: Any
    ) -> None:
        """At `event`, call `handler` with the session as it is and show what it returns."""

        @functools.wraps(handler)
        def refusable(session: Session | None, *values: Any, **events: Any) -> Updates:
            try:
                return handler(session, *values, **events)
            except UserError as error:
                return self.refuse(session, error)

        defaults = {
            "concurrency_limit": 1,
            "concurrency_id": ONE_AT_A_TIME,
            "trigger_mode": "multiple",
        }
        made = self._listen(event, refusable, inputs, self.everything, defaults | options)
        self.edits.append(made)

    def beside(
        self,
        event: Callable[..., Any],
        handler: Answer | Stream,
        *inputs: Component,
        outputs: Sequence[Component] | None = None,
        **options: Any,
    ) -> None:
        """At `event`, run `handler` beside all other events: a removal, or a question."""
        changed = self.everything if outputs is None else list(outputs)
        self._listen(event, handler, inputs, changed, {"concurrency_limit": None} | options)

    def _listen(
        self,
        event: Callable[..., Any],
        handler: Callable[..., Any],
        inputs: Sequence[Component],
        outputs: Sequence[Any],
        options: dict[str, Any],
    ) -> Dependency:
        quiet = {"show_progress": "hidden", "api_visibility": "undocumented"}
        made: Dependency = event(handler, [self.session, *inputs], outputs, **(quiet | options))
        return made
