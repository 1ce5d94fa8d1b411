"""Takes a picture of every state of the page: `python script/screenshots.py FOLDER`.

Starts the page itself, drives it in headless Chromium with the bundled sample (and, with
`--portrait FILE`, a portrait clip), and leaves numbered PNGs for people to look at.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LAPTOP = {"width": 1366, "height": 768}
LARGE = {"width": 1920, "height": 1080}
NARROW = {"width": 420, "height": 900}


@contextmanager
def server(port: int) -> Iterator[str]:
    """Run the page while the block runs; give its address."""
    command = [sys.executable, str(ROOT / "app.py"), "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT)  # noqa: S603 - our own program
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                with urlopen(url):
                    break
            except (URLError, ConnectionError):
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def open_page(browser: Browser, url: str, size: dict[str, int], *, dark: bool = False) -> Page:
    """Open the page in a window of its own."""
    page = browser.new_page(viewport=size)
    page.goto(url + ("?__theme=dark" if dark else "?__theme=light"))
    page.get_by_role("button", name="Remove", exact=True).wait_for()
    page.wait_for_timeout(800)
    return page


def bring_sample(page: Page) -> None:
    """Open the bundled video."""
    page.get_by_role("button", name="Try the sample").click()
    page.locator('.stage[data-mode="mark"]').wait_for()
    page.wait_for_timeout(600)


def changed(page: Page, action: Callable[[], object]) -> None:
    """Do something, and wait until the picture on the stage is another one."""
    before = page.locator(".stage .picture").get_attribute("src")
    action()
    page.wait_for_function(
        "old => document.querySelector('.stage .picture').src !== old", arg=before, timeout=30000
    )
    page.wait_for_timeout(400)


def places(page: Page, *shares: tuple[float, float]) -> list[tuple[float, float]]:
    """Return where fractions of the picture are on the screen."""
    box = page.locator(".stage .ink").bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in shares]


def click_at(page: Page, x: float, y: float, *, opposite: bool = False) -> None:
    """Click at fractions of the picture and wait for the answer."""
    ((left, top),) = places(page, (x, y))
    button = "right" if opposite else "left"
    changed(page, lambda: page.mouse.click(left, top, button=button))


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag between fractions of the picture, without letting go."""
    first, second = places(page, start, end)
    page.mouse.move(*first)
    page.mouse.down()
    page.mouse.move(*second, steps=8)


class Album:
    """Takes numbered pictures into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.number = folder, 0

    def take(self, page: Page, name: str) -> None:
        """Take one more."""
        self.number += 1
        path = self.folder / f"{self.number:02d}_{name}.png"
        page.screenshot(path=path)
        print(path)


def take_beginning(page: Page, album: Album) -> None:
    """Go from the empty page to marked objects."""
    album.take(page, "empty")
    with tempfile.TemporaryDirectory() as made:
        wrong = Path(made, "holiday.mp4")
        wrong.write_text("this is not a video")
        page.locator("#drop input[type=file]").set_input_files(wrong)
        page.locator(".notice:not([hidden])").wait_for()
        album.take(page, "error")
    bring_sample(page)
    page.wait_for_timeout(2500)
    album.take(page, "opened")
    click_at(page, 300 / 854, 260 / 480)
    page.locator("#takes").get_by_text("Takes about").wait_for()
    album.take(page, "clicked")
    page.get_by_role("button", name="Add object").click()
    page.get_by_text("Object 2").wait_for()
    page.keyboard.press("b")
    drag(page, (0.62, 0.76), (0.8, 0.98))
    album.take(page, "box")
    changed(page, page.mouse.up)
    page.keyboard.press("p")
    drag(page, (0.1, 0.2), (0.3, 0.25))
    album.take(page, "brush")
    changed(page, page.mouse.up)
    album.take(page, "second_object")
    page.get_by_role("button", name="Delete Object 2").click()
    page.get_by_role("button", name="Delete Object 2").wait_for(state="detached")
    page.keyboard.press("a")
    page.locator("#quality").get_by_role("button", name="Quality").click()
    page.wait_for_timeout(600)
    album.take(page, "quality")
    page.locator("#quality").get_by_role("button", name="Advanced").click()
    page.wait_for_timeout(600)
    page.locator("#quality").get_by_label("Filling by").scroll_into_view_if_needed()
    album.take(page, "advanced")
    page.locator("#quality").get_by_role("button", name="Quality").click()
    page.keyboard.press("?")
    page.wait_for_timeout(300)
    album.take(page, "shortcuts")
    page.keyboard.press("Escape")


def take_ending(page: Page, other: Page, album: Album) -> None:
    """Go from marked objects to results, while somebody else waits."""
    page.get_by_role("button", name="Remove", exact=True).click()
    page.locator('.stage[data-mode="run"]').wait_for()
    page.wait_for_timeout(3000)
    album.take(page, "running")
    bring_sample(other)
    click_at(other, 300 / 854, 260 / 480)
    other.get_by_role("button", name="Remove", exact=True).click()
    other.get_by_text("Waiting: 1 removal is before yours").wait_for()
    album.take(other, "waiting")
    other.get_by_role("button", name="Cancel").click()
    other.wait_for_timeout(2500)
    album.take(other, "cancelled")
    page.locator('.stage[data-mode="compare"]').wait_for(timeout=240000)
    page.wait_for_timeout(2000)
    album.take(page, "done")
    for layout in ("Side by side", "Clean", "Overlay"):
        page.locator(".layouts").get_by_text(layout).click()
        page.wait_for_timeout(700)
        album.take(page, layout.lower().replace(" ", "_"))
    page.get_by_role("button", name="Masks", exact=True).click()
    page.locator('.stage[data-mode="masks"]').wait_for()
    page.wait_for_timeout(400)
    album.take(page, "masks")
    page.get_by_role("button", name="Repair", exact=True).click()
    page.locator('.stage[data-mode="repair"]').wait_for()
    page.wait_for_timeout(400)
    page.mouse.click(*places(page, (0.5, 0.55))[0])
    drag(page, (0.3, 0.5), (0.36, 0.55))
    album.take(page, "repair")
    page.mouse.up()
    page.get_by_role("button", name="Edit", exact=True).click()
    page.locator('.stage[data-mode="mark"]').wait_for()
    page.locator(".film .where").fill("60")  # where the player may have stopped
    page.get_by_text("Frame 60 of").wait_for()
    page.wait_for_timeout(600)
    album.take(page, "correcting")


def take_all(browser: Browser, url: str, folder: Path, portrait: Path | None) -> None:
    """Go through every state, in several sizes."""
    album = Album(folder)
    page, other = open_page(browser, url, LAPTOP), open_page(browser, url, LAPTOP, dark=True)
    take_beginning(page, album)
    take_ending(page, other, album)
    page.close()
    other.close()
    for name, size, dark in (
        ("dark", LAPTOP, True),
        ("large", LARGE, False),
        ("narrow", NARROW, False),
    ):
        page = open_page(browser, url, size, dark=dark)
        album.take(page, f"{name}_empty")
        bring_sample(page)
        click_at(page, 300 / 854, 260 / 480)
        page.wait_for_timeout(2500)
        album.take(page, f"{name}_clicked")
        page.close()
    if portrait is not None:
        page = open_page(browser, url, LAPTOP)
        page.locator("#drop input[type=file]").set_input_files(portrait)
        page.locator('.stage[data-mode="mark"]').wait_for()
        page.wait_for_timeout(2500)
        click_at(page, 0.25, 0.3)
        album.take(page, "portrait")
        page.get_by_role("button", name="Remove", exact=True).click()
        page.locator('.stage[data-mode="compare"]').wait_for(timeout=240000)
        page.wait_for_timeout(1500)
        album.take(page, "portrait_done")
        page.close()


def main() -> None:
    """Read the arguments and take the pictures."""
    parser = argparse.ArgumentParser(description="Take a picture of every state of the page.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--portrait", type=Path, help="a clip that is higher than wide")
    parser.add_argument("--port", type=int, default=7961)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with server(arguments.port) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        take_all(browser, url, arguments.folder, arguments.portrait)
        browser.close()


if __name__ == "__main__":
    main()
