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
from collections.abc import Iterator
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


def click_at(page: Page, x: float, y: float, *, opposite: bool = False) -> None:
    """Click at fractions of the picture and wait for the answer."""
    picture = page.locator(".stage .picture")
    box = picture.bounding_box()
    before = picture.get_attribute("src")
    position = {"x": x * box["width"], "y": y * box["height"]}
    picture.click(position=position, button="right" if opposite else "left")
    page.wait_for_function(
        "old => document.querySelector('.stage .picture').src !== old", arg=before, timeout=30000
    )
    page.wait_for_timeout(300)


def take_all(browser: Browser, url: str, folder: Path, portrait: Path | None) -> None:
    """Go through every state."""

    def shot(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png")
        print(folder / f"{name}.png")

    page = open_page(browser, url, LAPTOP)
    shot(page, "01_empty")
    with tempfile.TemporaryDirectory() as made:
        wrong = Path(made, "holiday.mp4")
        wrong.write_text("this is not a video")
        page.locator("#drop input[type=file]").set_input_files(wrong)
        page.locator(".notice:not([hidden])").wait_for()
        shot(page, "02_error")
    bring_sample(page)
    shot(page, "03_opened")
    click_at(page, 300 / 854, 260 / 480)
    shot(page, "04_clicked")
    click_at(page, 0.8, 0.8, opposite=True)
    page.get_by_role("button", name="Add object").click()
    page.wait_for_timeout(700)
    shot(page, "05_second_object")
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Advanced").click()
    page.wait_for_timeout(700)
    shot(page, "06_advanced")
    page.get_by_text("Advanced").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    page.locator('.stage[data-mode="run"]').wait_for()
    page.wait_for_timeout(3000)
    shot(page, "07_running")
    other = open_page(browser, url, LAPTOP)
    bring_sample(other)
    click_at(other, 300 / 854, 260 / 480)
    other.get_by_role("button", name="Remove", exact=True).click()
    other.wait_for_timeout(1500)
    shot(other, "08_waiting")
    other.get_by_role("button", name="Cancel").click()
    other.wait_for_timeout(2500)
    shot(other, "09_cancelled")
    other.close()
    page.locator('.stage[data-mode="compare"]').wait_for(timeout=240000)
    page.wait_for_timeout(2000)
    shot(page, "10_done")
    page.get_by_role("button", name="Side by side").click()
    page.wait_for_timeout(500)
    shot(page, "11_side_by_side")
    page.close()
    for name, size, dark in (("12_dark", LAPTOP, True), ("13_narrow", NARROW, False)):
        page = open_page(browser, url, size, dark=dark)
        shot(page, f"{name}_empty")
        bring_sample(page)
        click_at(page, 300 / 854, 260 / 480)
        shot(page, f"{name}_clicked")
        page.close()
    if portrait is not None:
        page = open_page(browser, url, LAPTOP)
        page.locator("#drop input[type=file]").set_input_files(portrait)
        page.locator('.stage[data-mode="mark"]').wait_for()
        page.wait_for_timeout(600)
        click_at(page, 0.5, 0.5)
        shot(page, "14_portrait")


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
