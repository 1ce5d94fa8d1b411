"""The live tab: a camera's pictures, clean, as they come.

Its script takes the pictures, sends them one after the other and shows what comes back;
it counts what it had to drop, because only the browser knows.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tracker.live.desk import Begin, Clean, Forget, Hold, Learn, Leave, LiveQuestion, Mark, Shown
from tracker.types import UserError
from tracker.ui.lanes import Lanes
from tracker.ui.scripted import scripted

_TOKEN = re.compile(r"[0-9a-f]{32}")  # made by the page, new for each: nobody else knows it
_JPEG = "data:image/jpeg;base64,"


@dataclass(frozen=True, eq=False)
class LivePanel:
    """Its component; it is about no video, and so no part of a session."""

    live: gr.HTML

    @classmethod
    def lay_out(cls, lanes: Lanes) -> "LivePanel":
        """Make it."""

        def ask(asked: dict[str, Any]) -> dict[str, Any]:
            try:
                answer = lanes.live(question_of(asked))
            except UserError as error:
                return {"error": str(error)}
            if not isinstance(answer, Shown):
                return {"count": answer}
            return {
                "picture": _JPEG + base64.b64encode(answer.picture).decode("ascii"),
                "objects": answer.num_objects,
                "notice": answer.notice,
            }

        return cls(scripted("live", {}, server_functions=[ask]))


def question_of(asked: dict[str, Any]) -> LiveQuestion:
    """Return what a script asked.

    Raises:
        UserError: It is no question.
    """
    owner = str(asked.get("token"))
    if not _TOKEN.fullmatch(owner):
        raise UserError("this page is not known any more; load it again")
    match asked:
        case {"ask": "learn", "picture": picture, "first": bool(first)}:
            return Learn(owner, _picture(picture), first)
        case {"ask": "forget"}:
            return Forget(owner)
        case {"ask": "hold", "picture": picture}:
            return Hold(owner, _picture(picture))
        case {"ask": "mark", "x": int() | float() as x, "y": int() | float() as y}:
            positive, anew = bool(asked.get("positive", True)), bool(asked.get("anew"))
            return Mark(owner, float(x), float(y), positive, anew)
        case {"ask": "begin"}:
            return Begin(owner)
        case {"ask": "clean", "number": int(number), "picture": picture}:
            return Clean(owner, number, _picture(picture))
        case {"ask": "leave"}:
            return Leave(owner)
    raise UserError("the page and its server are of different versions; load the page again")


def _picture(text: object) -> bytes:
    if not isinstance(text, str) or not text.startswith(_JPEG):
        raise UserError("the browser sent no picture; start the camera again")
    try:
        return base64.b64decode(text[len(_JPEG) :], validate=True)
    except binascii.Error as error:
        raise UserError("the browser sent no picture; start the camera again") from error
