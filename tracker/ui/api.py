"""What another program can ask of the page's server, by `gradio_client`; see docs/API.md.

Three named endpoints, none with anything to see: `/remove_objects` (a whole removal),
`/find_object` (the mask one prompt means) and `/engines`.  They use the same processes and
the same queue as people at the page, and each call has a folder of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from tracker.edits import Edit, TrackedObject
from tracker.exports.kinds import KINDS, export_of
from tracker.folders import bring, discard, new_folder, sweep
from tracker.jobs import Progress, Report
from tracker.label_images import encode_labels
from tracker.options import Options
from tracker.pointing import from_json, gather
from tracker.prompts import Prompts, check
from tracker.results import results_of
from tracker.session import Session
from tracker.types import UserError
from tracker.ui.lanes import Lanes
from tracker.ui.uploads import folder_root, private
from tracker.worker import Ticket

NEWS_SECONDS = 0.2
MAX_FRAMES_PROMPTED = 200  # of one call: each is decoded and looked at
MAX_FOLDERS = 16  # of one caller: results are fetched at once, and earlier ones go
ANONYMOUS = "anonymous"  # callers without a `session_hash` are taken for one
MODES = ("offline", "streaming")
_OPTIONS = {"mode", "dilate", "propagator", "inpainter", "exports"}


class Endpoints:
    """The functions behind the endpoints, for all callers."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self._folders: dict[str, list[Path]] = {}  # caller -> what its calls left, oldest first
        self._uploads: dict[str, set[Path]] = {}  # caller -> the folders of what it brought

    async def remove_objects(
        self, video: str | None, prompts: Any, options: Any, request: gr.Request
    ) -> AsyncIterator[tuple[dict[str, Any], list[str] | None]]:
        """Remove what the prompts point at; yield how far it is, at last the report and files.

        Args:
            video: the uploaded video.
            prompts: clicks and boxes, as `tracker.pointing` reads them.
            options: mode, dilate, propagator, inpainter, exports; null for the defaults.
            request: who asks.

        Yields:
            A status with "stage" ("find", "wait", "track", "fill", "pack" or "done"; of an
            export also its "export"), and the files (clean video, masks, overlay, then the
            exports), null until they are done.
        """
        folder = _new_folder()
        try:
            source = bring(self._take(video, request), folder)
            wanted, exports = read_options(options), read_exports(options)
            said = gather(from_json(prompts))
            yield {"stage": "find", "done": 0, "total": len(said)}, None
            name = Path(str(video)).name
            session = await asyncio.to_thread(self._mark, folder, source, name, said)
            job = session.job(wanted)
            ticket = self.lanes.remove(folder.name, job, request.session_hash or ANONYMOUS)
            report = None
            async for progress, status in _news(ticket):
                report = progress.report if progress is not None else report
                if report is None:
                    yield status, None
            result = results_of(job, report)
            exported = []
            for kind in exports:
                place = folder / kind
                place.mkdir()
                export = export_of(result, name, KINDS[kind], place)
                async for _, status in _news(self.lanes.export(folder.name, export)):
                    yield status | {"export": kind}, None
                exported.append(export.file)
        except UserError as error:
            discard(folder)
            raise gr.Error(str(error), print_exception=False) from error
        except BaseException:  # the caller went away
            self.lanes.cancel(folder.name)
            self.lanes.stop_export(folder.name)
            discard(folder)
            raise
        finally:
            self.lanes.leave(folder.name)
        discard(source.parent)
        self._keep(folder, request)
        made = (result.clean, result.masks, result.overlay, *exported)
        files = [str(path) for path in made if path is not None]
        yield {"stage": "done", **_report(report)}, files

    def find_object(self, video: str | None, prompts: Any, request: gr.Request) -> str:
        """Return a label PNG of what the prompts, all in one frame, point at."""
        folder = _new_folder()
        try:
            source = bring(self._take(video, request), folder)
            said = gather(from_json(prompts))
            if len({place.frame for place in said}) > 1:
                raise UserError("the prompts are in several frames; ask for one frame at a time")
            session = self._mark(folder, source, "", said)
            labels = session.labels(next(iter(said)).frame)
        except UserError as error:
            discard(folder)
            raise gr.Error(str(error), print_exception=False) from error
        finally:
            self.lanes.leave(folder.name)
        discard(source.parent)
        found = folder / "labels.png"
        found.write_bytes(encode_labels(labels))
        self._keep(folder, request)
        return str(found)

    def engines(self) -> dict[str, dict[str, str]]:
        """Return which engine does each job here, and why."""
        try:
            choices = self.lanes.who_works()
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return {
            each.job: {"name": each.name, "device": each.device, "reason": each.reason}
            for each in choices
        }

    def leave(self, request: gr.Request) -> None:
        """Delete what the calls of one caller left."""
        caller = request.session_hash or ANONYMOUS
        for folder in (*self._folders.pop(caller, []), *self._uploads.pop(caller, ())):
            discard(folder)

    def _take(self, video: str | None, request: gr.Request) -> Path:
        """Return the place of an upload, which may be named again until its caller leaves."""
        upload = private(video)
        self._uploads.setdefault(request.session_hash or ANONYMOUS, set()).add(upload.parent)
        return upload

    def _keep(self, folder: Path, request: gr.Request) -> None:
        """Keep the results in `folder` until their caller leaves or has many newer ones."""
        folders = self._folders.setdefault(request.session_hash or ANONYMOUS, [])
        folders.append(folder)
        while len(folders) > MAX_FOLDERS:
            discard(folders.pop(0))

    def _mark(self, folder: Path, source: Path, name: str, said: Prompts) -> Session:
        """Return a session in which everything that was said is marked."""
        info, view = self.lanes.open(folder.name, source)
        num_frames = len({place.frame for place in said})
        if num_frames > MAX_FRAMES_PROMPTED:
            raise UserError(
                f"prompts in {num_frames} frames; at most {MAX_FRAMES_PROMPTED} in one call"
            )
        masks = {}
        for place in sorted(said):
            check(said[place], info.height, info.width)
            found = self.lanes.find(folder.name, source, place.frame, said[place])
            masks[place] = found.masks[0]
        objects = sorted({place.object_id for place in said})
        edit = Edit(
            tuple(TrackedObject(each, f"Object {each}") for each in objects),
            objects[0],
            said,
            masks,
        )
        return Session(folder, source, name, None, info, view, edit)


def add_endpoints(demo: gr.Blocks, lanes: Lanes) -> None:
    """Add the endpoints to the page being built."""
    endpoints = Endpoints(lanes)
    demo.unload(_when_left(endpoints))
    with gr.Row(visible=False):
        video = gr.File(label="video")
        prompts, options = gr.JSON(label="prompts"), gr.JSON(label="options")
        status = gr.JSON(label="status")
        files = gr.File(label="files", file_count="multiple")
        labels = gr.File(label="labels")
        remove, find, engines = gr.Button(), gr.Button(), gr.Button()
    # Callers wait in the lanes' queues, where people at the page see them; not in Gradio's.
    many: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden"}
    remove.click(
        endpoints.remove_objects,
        [video, prompts, options],
        [status, files],
        api_name="remove_objects",
        **many,
    )
    find.click(endpoints.find_object, [video, prompts], labels, api_name="find_object", **many)
    engines.click(endpoints.engines, None, status, api_name="engines", **many)


def _when_left(endpoints: Endpoints) -> Callable[[gr.Request], None]:
    def leave(request: gr.Request) -> None:
        endpoints.leave(request)

    return leave


async def _news(ticket: Ticket) -> AsyncIterator[tuple[Progress | None, dict[str, Any]]]:
    """Yield what is new of a request, with its status, until it has ended well.

    Raises:
        UserError: it has not.
    """
    shown: dict[str, Any] = {}
    while True:
        ended = ticket.done  # asked before taking, so that nothing is missed
        items: list[Progress] = ticket.take()
        last = items[-1] if items else None
        status = {"stage": "wait", "before": ticket.place} if last is None else _status(last)
        if (last is not None or ticket.place) and status != shown:
            shown = status
            yield last, status
        if ended:
            ticket.result(0)
            return
        await asyncio.sleep(NEWS_SECONDS)


def read_exports(value: object) -> list[str]:
    """Return the exports that were asked for from outside, each once.

    Raises:
        UserError: One is none.
    """
    named = value.get("exports", []) if isinstance(value, Mapping) else []
    if not isinstance(named, list):
        raise UserError(f"exports are {str(named)[:60]!r}; write them as ['prores', 'matte']")
    for each in named:
        if not isinstance(each, str) or each not in KINDS:
            raise UserError(f"unknown export {str(each)[:60]!r}; use {', '.join(KINDS)}")
    return list(dict.fromkeys(named))


def read_options(value: object) -> Options:
    """Return the options of a removal that came from outside.

    Raises:
        UserError: One is unknown or has a value that cannot be.
    """
    if value is None:
        return Options()
    if not isinstance(value, Mapping):
        raise UserError(f"options are {str(value)[:60]!r}; write them as {{'mode': 'offline'}}")
    if strange := sorted(map(str, set(value) - _OPTIONS)):
        raise UserError(f"unknown option {strange[0]!r}; use {', '.join(sorted(_OPTIONS))}")
    mode, dilate = value.get("mode", "offline"), value.get("dilate")
    if mode not in MODES:
        raise UserError(f"mode is {mode!r}; use offline or streaming")
    is_number = isinstance(dilate, int | float) and not isinstance(dilate, bool)
    if dilate is not None and not (is_number and 0 <= dilate < 1e4):
        raise UserError(f"dilate is {dilate!r}; give a number of pixels, 0 or more, or null")
    return Options(
        mode,
        dilate,
        str(value.get("propagator", "auto")),
        str(value.get("inpainter", "auto")),
    )


def _new_folder() -> Path:
    """Return a folder for one call; those of calls long ago go."""
    sweep(folder_root())
    return new_folder(folder_root())


def _status(progress: Progress) -> dict[str, Any]:
    left = progress.seconds_left
    return {
        "stage": progress.stage,
        "done": progress.done,
        "total": progress.total,
        "seconds_left": None if left is None else round(left, 1),
    }


def _report(report: Report | None) -> dict[str, Any]:
    if report is None:
        raise RuntimeError("the job ended without a report")
    return {
        "frames": report.frames,
        "width": report.width,
        "height": report.height,
        "seconds": report.seconds,
        "engines": dict(report.engines),
        "notices": list(report.notices),
    }
