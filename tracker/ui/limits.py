"""How much one request may bring: Gradio bounds what is uploaded, this all the rest."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from starlette.responses import PlainTextResponse

MAX_REQUEST_BYTES = 32 << 20  # a drawn mask of a large frame has a few megabytes
UPLOADS = "/upload"  # the end of the one path that has a limit of its own

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


def is_upload(scope: Message) -> bool:
    """Return whether a request brings files."""
    return bool(scope["type"] == "http" and scope["path"].rstrip("/").endswith(UPLOADS))


class _TooLongError(Exception):
    """More came than was announced or is allowed."""


class BoundedRequests:
    """Middleware that refuses (413) requests with more than `max_bytes`, uploads apart."""

    def __init__(self, application: Application, max_bytes: int = MAX_REQUEST_BYTES) -> None:
        self._application, self._max_bytes = application, max_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass one request on, as far as it may go."""
        if scope["type"] != "http" or is_upload(scope):
            await self._application(scope, receive, send)
            return
        refusal = PlainTextResponse(f"at most {self._max_bytes >> 20} MB a request", 413)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._max_bytes:
            await refusal(scope, receive, send)
            return
        num_bytes, has_answered = 0, False

        async def counted() -> Message:
            nonlocal num_bytes
            message = await receive()
            num_bytes += len(message.get("body", b""))
            if num_bytes > self._max_bytes:
                raise _TooLongError
            return message

        async def answer(message: Message) -> None:
            nonlocal has_answered
            if num_bytes <= self._max_bytes:
                await send(message)
            elif not has_answered:  # whatever the application makes of what was raised
                has_answered = True
                await refusal(scope, receive, send)

        try:
            await self._application(scope, counted, answer)
        except _TooLongError:
            await answer({})
