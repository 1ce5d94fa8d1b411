"""The page's own components: the stage, the list of objects, the notice.

Each is a `gr.HTML` whose markup never changes; a script of ours shows its value.  Text
from users is only ever set as text, never as markup.
"""

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from tracker.types import Frame

STATIC = Path(__file__).with_name("static")
JPEG_QUALITY = 88

Value = dict[str, Any] | list[dict[str, Any]] | None


def scripted(name: str, value: Value, **layout: Any) -> gr.HTML:
    """Return a component drawn by `static/NAME.html` and `static/NAME.js`; its value is JSON."""
    return gr.HTML(
        value=value,
        html_template=(STATIC / f"{name}.html").read_text(encoding="utf-8"),
        js_on_load=(STATIC / f"{name}.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=name,
        **layout,
    )


def data_url(picture: Frame) -> str:
    """Return a picture as text an <img> can show; nothing is written to disk."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def file_url(path: Path) -> dict[str, Any]:
    """Return a file, which lies in the upload folder, in the form Gradio makes a link of."""
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}
