"""The page in the browser; the only package that knows Gradio."""

from pathlib import Path
from typing import Any

from starlette.middleware import Middleware

from tracker.ui.limits import BoundedRequests
from tracker.ui.page import build_demo
from tracker.ui.theme import make_theme
from tracker.ui.uploads import PrivateUploads, folder_root

__all__ = ["build_demo", "launch_options"]

MAX_UPLOAD = "4gb"


def launch_options(
    host: str = "127.0.0.1", port: int | None = None, share: bool = False, auth: str | None = None
) -> dict[str, Any]:
    """Return the arguments of `Blocks.launch`: closed unless asked to be open.

    Args:
        host: address to listen at; 127.0.0.1 is reachable from this machine only.
        port: None takes the first free one from 7860 on.
        share: ask Gradio for a public address.
        auth: "USER:PASSWORD" that visitors must give.
    """
    user, _, password = (auth or "").partition(":")
    return {
        "server_name": host,
        "server_port": port,
        "share": share,
        "auth": (user, password) if auth else None,
        "max_file_size": MAX_UPLOAD,
        "allowed_paths": [],
        "strict_cors": True,
        "enable_monitoring": False,
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "app_kwargs": {
            "middleware": [
                Middleware(BoundedRequests),
                Middleware(PrivateUploads, root=folder_root()),
            ]
        },
        "theme": make_theme(),
        "css": Path(__file__).with_name("static").joinpath("page.css").read_text(encoding="utf-8"),
    }
