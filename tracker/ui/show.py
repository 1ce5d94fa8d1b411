"""From a session to what the page shows: every state of the page in one place."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import gradio as gr
from gradio.components import Component

from tracker import images
from tracker.session import Result, Session
from tracker.types import Frame
from tracker.ui import texts
from tracker.ui.stage import data_url, file_url

Updates: TypeAlias = dict[Component, Any]
State: TypeAlias = Literal["empty", "marking", "running", "done"]


@dataclass(frozen=True, eq=False)
class Parts:
    """The components of the page that change."""

    session: gr.State
    drop: gr.File
    sample: gr.Button
    stage: gr.HTML
    notice: gr.HTML
    frame: gr.Slider
    about: gr.HTML
    another: gr.Button
    sign: gr.Radio
    undo: gr.Button
    reset: gr.Button
    objects: gr.HTML
    add: gr.Button
    remove: gr.Button
    cancel: gr.Button
    back: gr.Button
    mode: gr.Radio
    margin: gr.Slider
    propagator: gr.Dropdown
    inpainter: gr.Dropdown
    progress: gr.HTML
    clean: gr.DownloadButton
    masks: gr.DownloadButton
    overlay: gr.DownloadButton
    engines: gr.HTML

    def all(self) -> list[Component]:
        """Return every component."""
        return list(vars(self).values())


def warn(parts: Parts, text: str) -> Updates:
    """Show one sentence about what went wrong; the same one twice is shown twice."""
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    sentence = text[:1].upper() + text[1:] if first.isalpha() else text  # not a file's name
    return {parts.notice: {"text": sentence} | _serial()}


def show(parts: Parts, session: Session | None, state: State) -> Updates:
    """Return all of the page for a session in a state."""
    empty, running, done = session is None, state == "running", state == "done"
    marked = session is not None and bool(session.edit.masks)
    ready = not empty and not running
    updates: Updates = {
        parts.session: session,
        parts.notice: None,
        parts.drop: gr.update(visible=empty, **({} if empty else {"value": None})),
        parts.sample: gr.update(visible=empty),
        parts.another: gr.update(visible=not empty, interactive=not running),
        parts.stage: gr.update(visible=not empty, value=_stage(session, state)),
        parts.frame: gr.update(interactive=ready and _num_frames(session) > 1),
        parts.sign: gr.update(interactive=ready),
        parts.undo: gr.update(interactive=ready and bool(session and session.past)),
        parts.reset: gr.update(interactive=ready and bool(session and session.edit.prompts)),
        parts.add: gr.update(interactive=ready and marked),
        parts.objects: _objects(session),
        parts.remove: gr.update(
            interactive=ready and marked, value="Remove again" if done else "Remove"
        ),
        parts.cancel: gr.update(visible=not done, interactive=running),
        parts.back: gr.update(visible=done),
        parts.mode: gr.update(interactive=not running),
        parts.propagator: gr.update(interactive=not running),
        parts.inpainter: gr.update(interactive=not running),
        parts.margin: gr.update(interactive=ready),
        parts.about: texts.NO_VIDEO if session is None else texts.about_video(session),
        **_downloads(parts, session.result if session is not None else None),
    }
    if state in ("empty", "marking"):
        updates[parts.progress] = texts.NOTHING_DONE
    return updates


def show_new_video(parts: Parts, session: Session) -> Updates:
    """Return all of the page for a video that was just brought."""
    info = session.info
    margin = round(images.default_dilation(info.height, info.width))
    return show(parts, session, "marking") | {
        parts.frame: gr.update(
            maximum=max(1, session.num_frames - 1), value=0, interactive=session.num_frames > 1
        ),
        parts.margin: gr.update(value=margin, maximum=max(20, 4 * margin), interactive=True),
        parts.sign: gr.update(value=True, interactive=True),
    }


def show_preview(parts: Parts, session: Session, preview: Frame) -> Updates:
    """Return the stage with a frame that was just finished."""
    return {parts.stage: gr.update(value=_run_value(session, data_url(preview)))}


def ratio(session: Session) -> float:
    """Return width through height of the picture as it is meant to be seen."""
    info = session.info
    return info.width * float(info.pixel_aspect) / info.height


def _serial() -> dict[str, Any]:
    """Return what makes a value new, so that the browser shows it although it is the same."""
    return {"serial": time.monotonic_ns()}


def _num_frames(session: Session | None) -> int:
    return 0 if session is None else session.num_frames


def _stage(session: Session | None, state: State) -> dict[str, Any]:
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
        return _run_value(session, picture)
    value = {"mode": "mark", "ratio": ratio(session), "picture": picture}
    return value | {"hint": texts.hint(session)} | _serial()


def _run_value(session: Session, picture: str) -> dict[str, Any]:
    return {"mode": "run", "ratio": ratio(session), "picture": picture}


def _objects(session: Session | None) -> list[dict[str, Any]]:
    if session is None:
        return []
    return [
        {
            "id": each.id,
            "name": each.name,
            "colour": f"rgb{images.object_colour(each.id)}",
            "note": _clicks(session.num_points(each.id)),
            "current": each.id == session.edit.current,
        }
        for each in session.edit.objects
    ]


def _clicks(number: int) -> str:
    return {0: "not marked yet", 1: "1 click"}.get(number, f"{number} clicks")


def _downloads(parts: Parts, result: Result | None) -> Updates:
    paths: dict[Component, Path | None] = {
        parts.clean: result.clean if result else None,
        parts.masks: result.masks if result else None,
        parts.overlay: result.overlay if result else None,
    }
    return {
        part: gr.update(value=None if path is None else str(path), interactive=path is not None)
        for part, path in paths.items()
    }
