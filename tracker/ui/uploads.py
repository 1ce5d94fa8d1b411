"""Uploads: each in a folder of its own, under a name nobody can guess.

Gradio stores what arrives under a hash of its contents, so two people who bring the same
film would share one file, and it would go for both when one of them leaves.  Here every
upload gets its own name before its owner is told of it.
"""

import asyncio
import json
import os
import secrets
import shutil
from pathlib import Path

from gradio.utils import get_upload_folder
from starlette.responses import PlainTextResponse

from tracker.folders import UPLOAD_PREFIX, is_private_upload
from tracker.types import UserError
from tracker.ui.limits import Application, Message, Receive, Send, is_upload

MIN_FREE_BYTES = 1 << 30  # of the disk, for results and for everybody else


def folder_root() -> Path:
    """Return where the folders of sessions and uploads lie: inside what Gradio may serve.

    Their names cannot be guessed, so only who made a file knows where it is, and nothing
    is copied to be downloaded.
    """
    return Path(get_upload_folder())


class PrivateUploads:
    """Middleware that moves what arrived to a private place, and refuses (507) a full disk."""

    def __init__(self, application: Application, root: Path) -> None:
        self._application, self._root = application, root
        self._num_arriving = 0
        self._shared: set[Path] = set()  # may be the name of what is arriving just now, too

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if not is_upload(scope):
            await self._application(scope, receive, send)
            return
        self._root.mkdir(parents=True, exist_ok=True)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        room = shutil.disk_usage(self._root).free - MIN_FREE_BYTES
        if room < (int(announced) if announced.isdigit() else 0):
            text = f"the disk of this server has no room for it; at most {max(0, room) >> 20} MB"
            await PlainTextResponse(text, 507)(scope, receive, send)
            return
        self._num_arriving += 1
        try:
            await self._application(scope, receive, self._telling(send))
        finally:
            self._num_arriving -= 1
            if not self._num_arriving:
                for path in self._shared:
                    path.unlink(missing_ok=True)
                self._shared.clear()

    def _telling(self, send: Send) -> Send:
        """Return what sends an answer on, with private names in it."""
        start: Message = {}
        body = b""

        async def tell(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            if start["status"] == 200:
                body = json.dumps([await self._move(Path(p)) for p in json.loads(body)]).encode()
            others = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
            length = (b"content-length", str(len(body)).encode())
            await send({**start, "headers": [*others, length]})
            await send({"type": "http.response.body", "body": body})

        return tell

    async def _move(self, path: Path) -> str:
        folder = self._root.resolve() / f"{UPLOAD_PREFIX}{secrets.token_hex(16)}"
        folder.mkdir(mode=0o700)
        place = folder / path.name
        try:
            os.link(path, place)
        except OSError:  # a file system without hard links
            await asyncio.to_thread(shutil.copyfile, path, place)
        self._shared.add(path)
        return str(place)


def private(upload: str | Path | None) -> Path:
    """Return the place of an upload that only who brought it can name.

    Raises:
        UserError: it was not brought here, or is there no more.
    """
    if upload is None:
        raise UserError("no file was given; upload one first")
    path = Path(upload)
    is_here = path.parent.parent.resolve() == folder_root().resolve()
    if not (is_here and is_private_upload(path)):
        raise UserError(f"{path.name[:80]} was not uploaded here; upload it first")
    if not path.is_file():
        raise UserError(f"{path.name[:80]} is not there any more; upload it again")
    return path
