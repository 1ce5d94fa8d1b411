"""What happens when something on the page is pressed: unpack, call, show.

Every handler takes the user's session and returns a new one with what to show.  A
`UserError` becomes the notice on the page; the session stays as it was.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from tracker.jobs import Mode, Progress, Report
from tracker.removal import expectations
from tracker.session import (
    Options,
    Session,
    bring,
    discard,
    discard_runs,
    new_folder,
    results_of,
    sweep,
)
from tracker.types import Frame, Point, Prompt, Segmentation, UserError
from tracker.ui import texts
from tracker.ui.lanes import Lanes
from tracker.ui.show import Parts, Updates, show, show_new_video, show_preview, warn
from tracker.video import salvage
from tracker.worker import StoppedError, Ticket

SAMPLE = Path(__file__).resolve().parents[2] / "assets" / "sample.mp4"
NEWS_SECONDS = 0.2  # between two looks at a running removal

Handler = Callable[..., Updates]


def folder_root() -> Path:
    """Return where the folders of sessions lie: inside what Gradio may serve.

    Their names cannot be guessed, so only who made a file knows where it is, and nothing
    is copied to be downloaded.
    """
    return Path(get_upload_folder())


def refusable(handler: Handler) -> Handler:
    """Let a `UserError` in `handler` end as a sentence on the page."""

    @functools.wraps(handler)
    def wrapped(self: "Handlers", *arguments: Any, **events: Any) -> Updates:
        try:
            return handler(self, *arguments, **events)
        except UserError as error:
            return self.refuse(arguments[0] if arguments else None, error)

    return wrapped


class Handlers:
    """The actions of the page, for all users; what is a user's own is in their session."""

    def __init__(self, parts: Parts, lanes: Lanes) -> None:
        self.parts, self.lanes = parts, lanes
        self._visits: dict[str, Session] = {}  # browser tab -> its session, to clear it away

    def refuse(self, session: Session | None, error: UserError) -> Updates:
        """Show why something was not done; the frame is drawn again, without the click."""
        updates = warn(self.parts, str(error))
        if session is None:
            return updates | {self.parts.drop: gr.update(value=None)}
        if self.lanes.is_busy(session.owner) or session.result is not None:
            return updates
        return show(self.parts, session, "marking") | updates

    @refusable
    def bring_upload(self, _: Session | None, upload: str | None, request: gr.Request) -> Updates:
        """Open the video that was dropped."""
        if upload is None:
            return {}
        return self._bring(Path(upload), request, is_upload=True)

    @refusable
    def bring_sample(self, _: Session | None, request: gr.Request) -> Updates:
        """Open the bundled video."""
        if not SAMPLE.exists():
            raise UserError("the sample is not part of this installation; bring a video instead")
        return self._bring(SAMPLE, request, is_upload=False)

    @refusable
    def start_over(self, session: Session | None, request: gr.Request) -> Updates:
        """Go back to the empty page."""
        self._idle(session)
        self._clear(request)
        return show(self.parts, None, "empty")

    @refusable
    def mark(self, session: Session | None, positive: bool, event: gr.EventData) -> Updates:
        """Add the click to the current object; `event` has fractions of the picture."""
        session = self._idle(session)
        data: dict[str, Any] = event._data
        point = Point(
            _fraction(data.get("x")) * session.info.width - 0.5,
            _fraction(data.get("y")) * session.info.height - 0.5,
            positive != bool(data.get("opposite")),
        )
        point = Point(max(0.0, point.x), max(0.0, point.y), point.positive)

        def find(index: int, prompt: Prompt) -> Segmentation:
            return self.lanes.find(session.owner, session.source, index, prompt)

        return self._marking(session.click(point, find))

    @refusable
    def undo(self, session: Session | None) -> Updates:
        """Take back the last edit."""
        session = self._idle(session)
        session = session.undo(self._look(session))
        return self._marking(session) | {self.parts.frame: self._slider(session)}

    @refusable
    def reset(self, session: Session | None) -> Updates:
        """Take back all clicks."""
        return self._marking(self._idle(session).reset())

    @refusable
    def add_object(self, session: Session | None) -> Updates:
        """Begin another object."""
        return self._marking(self._idle(session).add_object())

    @refusable
    def pick_object(self, session: Session | None, event: gr.EventData) -> Updates:
        """Let clicks be about the object that was picked in the list."""
        return self._marking(self._idle(session).pick_object(_whole(event._data.get("id"))))

    @refusable
    def delete_object(self, session: Session | None, event: gr.EventData) -> Updates:
        """Forget an object."""
        return self._marking(self._idle(session).delete_object(_whole(event._data.get("id"))))

    @refusable
    def seek(self, session: Session | None, index: float) -> Updates:
        """Look at another frame."""
        session = self._idle(session)
        last = session.num_frames - 1
        return self._marking(session.seek(min(max(0, int(index)), last), self._look(session)))

    @refusable
    def back(self, session: Session | None) -> Updates:
        """Go from the result back to the marks."""
        return self._marking(self._idle(session))

    async def remove(
        self,
        session: Session | None,
        mode: Mode,
        margin: float,
        propagator: str = "auto",
        inpainter: str = "auto",
    ) -> AsyncIterator[Updates]:
        """Remove what is marked, showing news until it is done."""
        try:
            session = self._idle(session)
            job = session.job(Options(mode, margin, propagator, inpainter))
            waits = await asyncio.to_thread(expectations, job)
            ticket = self.lanes.remove(session.owner, job)
            if job.output is not None:
                discard_runs(session.folder, keep=job.output.parent)
        except UserError as error:
            yield self.refuse(session, error)
            return
        yield show(self.parts, session, "running") | {self.parts.progress: texts.starting(waits)}
        report: Report | None = None
        async for updates, progress in self._news(session, ticket, mode, waits):
            report = progress.report if progress is not None else None
            if updates:
                yield updates
        try:
            ticket.result(0)
        except StoppedError:
            report = None  # what is finished is shown, also what a killed process left
            for path in (job.output, job.overlay_out):
                if path is not None:
                    await asyncio.to_thread(salvage, path, session.info)
        except UserError as error:
            yield show(self.parts, session, "marking") | warn(self.parts, str(error))
            return
        result = results_of(job, report)
        finished = session.with_result(result)
        updates = show(self.parts, finished, "done" if result.clean else "marking")
        updates[self.parts.progress] = texts.finished(result)
        if report is not None:
            updates[self.parts.engines] = texts.engines_at_work(self.lanes.segmenter, report)
        yield updates

    async def _news(
        self, session: Session, ticket: Ticket, mode: Mode, waits: Sequence[str]
    ) -> AsyncIterator[tuple[Updates, Progress | None]]:
        """Yield what to show, with the newest progress, until the removal has ended."""
        last: Progress | None = None
        shown = ""
        while True:
            ended = ticket.done  # asked before taking, so that nothing is missed
            items: list[Progress] = ticket.take()
            last = items[-1] if items else last
            previews: list[Frame] = [each.preview for each in items if each.preview is not None]
            if ticket.place:
                text = texts.waiting(ticket.place)
            else:
                text = texts.starting(waits) if last is None else texts.running(last, mode)
            updates: Updates = {}
            if text != shown:
                updates[self.parts.progress] = shown = text
            if previews:
                updates |= show_preview(self.parts, session, previews[-1])
            yield updates, last
            if ended:
                return
            await asyncio.sleep(NEWS_SECONDS)

    def cancel(self, session: Session | None) -> Updates:
        """Stop the removal; its own handler shows what is left of it."""
        if session is not None:
            self.lanes.cancel(session.owner)
        return {self.parts.cancel: gr.update(interactive=False)}

    def greet(self) -> Updates:
        """Say which engines are used here, and get the processes ready."""
        self.lanes.warm()
        sweep(folder_root())
        try:
            return {self.parts.engines: texts.engines_chosen(self.lanes.who_works())}
        except UserError as error:
            return warn(self.parts, str(error))

    def leave(self, request: gr.Request) -> None:
        """Clear away what a closed tab had."""
        self._clear(request)

    def close(self) -> None:
        """Clear away everything, at the end of the program."""
        self.lanes.close()
        for session in self._visits.values():
            discard(session.folder, session.upload)

    def expire(self, session: Session | None) -> None:
        """Clear away a session that Gradio forgets."""
        if session is not None:
            self.lanes.leave(session.owner)
            discard(session.folder, session.upload)

    def _bring(self, video: Path, request: gr.Request, *, is_upload: bool) -> Updates:
        self._clear(request)
        folder = new_folder(folder_root())
        source = bring(video, folder)
        upload = video if is_upload else None
        try:
            info, view = self.lanes.open(folder.name, source)
        except UserError as error:
            discard(folder, upload)
            raise UserError(str(error).replace(source.name, video.name)) from error
        session = Session(folder, source, video.name, upload, info, view)
        self._visits[request.session_hash or ""] = session
        return show_new_video(self.parts, session)

    def _clear(self, request: gr.Request) -> None:
        self.expire(self._visits.pop(request.session_hash or "", None))

    def _idle(self, session: Session | None) -> Session:
        """Return the session if it can be edited now."""
        if session is None:
            raise UserError("bring a video first")
        if not session.folder.exists():
            raise UserError("this page was left for too long; bring the video again")
        if self.lanes.is_busy(session.owner):
            raise UserError("a removal is running; wait for it or cancel it first")
        return session

    def _look(self, session: Session) -> Callable[[int], Any]:
        return lambda index: self.lanes.look(session.owner, session.source, index)

    def _slider(self, session: Session) -> Any:
        return gr.update(value=session.view.index, interactive=session.num_frames > 1)

    def _marking(self, session: Session) -> Updates:
        return show(self.parts, session, "marking")


def _fraction(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise UserError(f"a click at {value!r} is outside the picture; click inside it")
    return float(value)


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise UserError(f"{value!r} is not an object; choose one of the list")
    return value
