"""A running page, a browser, and a small film to bring."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from films import repeat_film, write_film

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


@dataclass(frozen=True)
class Server:
    """Where the page is."""

    url: str
    temporary: Path  # where all its files go
    log: Path
    pid: int


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("page")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", folder / "log"
    temporary = folder / "gradio"
    environment = {
        **os.environ,
        "GRADIO_TEMP_DIR": str(temporary),
        "CLEANPLATE_CKPT": str(folder / "ckpt"),
        "CLEANPLATE_MIRROR": "http://127.0.0.1:9",  # where nobody answers: nothing is fetched
    }
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        while True:
            try:
                with urlopen(url):
                    break
            except (URLError, ConnectionError):
                assert time.monotonic() < began + 60, log.read_text()
                time.sleep(0.05)
        yield Server(url, temporary, log, process.pid)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def launch():
    """Return a function that starts a browser, with more flags if need be."""
    playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is missing; install it or set $CHROMIUM")
    with playwright_api.sync_playwright() as playwright:
        yield lambda *flags: playwright.chromium.launch(
            executable_path=chromium, args=[*FLAGS, *flags]
        )


@pytest.fixture(scope="session")
def browser(launch):
    browser = launch()
    yield browser
    browser.close()


@pytest.fixture
def open_page(server: Server, browser) -> Iterator[Callable[[], object]]:
    """Return a function that lets one more person open the page."""
    contexts = []

    def open_one():
        context = browser.new_context(viewport={"width": 1366, "height": 768})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30000)
        page.goto(server.url)
        page.get_by_role("button", name="Remove", exact=True).wait_for()
        return page

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a film of a red square whose centre is at (30, 60) of 200x120 at first."""
    return write_film(tmp_path_factory.mktemp("film") / "red square.mp4")


@pytest.fixture(scope="session")
def portrait_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "portrait.mp4", portrait=True)


@pytest.fixture(scope="session")
def phone_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a phone's film, stored on its side: the square is at (30, 60) of 120x200 at first."""
    return write_film(tmp_path_factory.mktemp("film") / "phone.mp4", phone=True)


@pytest.fixture(scope="session")
def wide_pixel_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the film with pixels twice as wide as high."""
    path = tmp_path_factory.mktemp("film") / "wide pixels.mp4"
    return write_film(path, pixel_aspect=Fraction(2))


@pytest.fixture(scope="session")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the film slowed down: 500 frames, each done quickly."""
    return write_film(tmp_path_factory.mktemp("film") / "long.mp4", num_frames=500)


@pytest.fixture(scope="session")
def slow_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sample five times over: its removal outlasts what another person does."""
    path = tmp_path_factory.mktemp("film") / "slow.mp4"
    return repeat_film(ROOT / "assets" / "sample.mp4", path, 5)


@pytest.fixture(scope="session")
def leaving_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the film with the square gone from frame 9 on."""
    return write_film(tmp_path_factory.mktemp("film") / "leaving.mp4", gone_from=9)


@pytest.fixture(scope="session")
def old_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the film in a form that no browser plays."""
    return write_film(tmp_path_factory.mktemp("film") / "old.avi", codec="mpeg4")
