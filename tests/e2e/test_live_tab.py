"""The live tab, with Chromium's make-believe camera: it films a disc that goes to and fro.

Slowly: where a machine has much else to do, few of the pictures are worked on.
"""

import math
import time

import av
import numpy as np
import pytest
import rendered

pytestmark = pytest.mark.browser

HEIGHT, WIDTH, RADIUS, LENGTH = 240, 320, 30, 180
RED = """
(selector) => {
  const picture = document.querySelector(selector), canvas = document.createElement("canvas");
  canvas.width = picture.naturalWidth || picture.width;
  canvas.height = picture.naturalHeight || picture.height;
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0, x = 0, y = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (data[at] < 180 || data[at + 1] > 90 || data[at + 2] > 90) continue;
    count++;
    x += (at / 4) % canvas.width;
    y += Math.floor(at / 4 / canvas.width);
  }
  return { share: count / canvas.width / canvas.height, x: x / count / canvas.width,
    y: y / count / canvas.height };
}
"""


@pytest.fixture(scope="module")
def camera(tmp_path_factory):
    """Return what the make-believe camera films, over and over."""
    path = tmp_path_factory.mktemp("camera") / "film.mjpeg"
    wall = rendered.wall(HEIGHT, WIDTH)
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    with av.open(str(path), "w", format="mjpeg") as out:
        stream = out.add_stream("mjpeg", rate=15)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuvj420p"
        stream.codec_context.qmin = stream.codec_context.qmax = 2
        for index in range(LENGTH):
            picture = wall.copy()
            x = 80 + 70 * (1 - math.cos(2 * math.pi * index / LENGTH))
            picture[(rows - 120) ** 2 + (columns - x) ** 2 <= RADIUS**2] = (215, 50, 45)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts = index
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.fixture
def live_page(server, launch, camera):
    browser = launch(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    )
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.set_default_timeout(30000)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(error))
    page.goto(server.url)
    page.get_by_role("tab", name="Live camera").click()
    yield page
    browser.close()


def wait_for_mode(page, mode):
    page.locator(f'.live[data-mode="{mode}"]').wait_for()


def click_the_disc(page):
    found = page.evaluate(RED, ".live .held")
    box = page.locator(".live .held").bounding_box()
    at = {"x": found["x"] * box["width"], "y": found["y"] * box["height"]}
    page.locator(".live .held").click(position=at)
    page.locator(".live .start:not([disabled])").wait_for()


def test_the_disc_is_gone_from_what_is_shown_live(live_page):
    page = live_page
    page.get_by_role("button", name="Start camera").click()
    wait_for_mode(page, "ready")
    page.get_by_role("button", name="Take a still").click()
    wait_for_mode(page, "still")
    page.wait_for_function(f"({RED})('.live .held').share > 0.01")

    click_the_disc(page)
    page.get_by_role("button", name="Remove live").click()
    wait_for_mode(page, "live")
    page.wait_for_function("document.querySelector('.live').dataset.fps > 0")
    disc = math.pi * RADIUS**2 / HEIGHT / WIDTH
    shares = [disc]
    end = time.monotonic() + 30  # a busy machine drops pictures, and may have to look for it
    while max(shares[-6:]) > 0.002 and time.monotonic() < end:
        page.wait_for_timeout(200)
        shares.append(page.evaluate(RED, ".live .clean")["share"])

    told = page.locator(".live .speed").inner_text()
    assert max(shares[-6:]) < 0.002 < disc  # gone for over a second
    assert "pictures a second" in told
    assert "ms behind" in told
    assert "dropped" in told
    assert 0 < float(page.locator(".live").get_attribute("data-delay")) < 5000

    page.get_by_role("button", name="Stop", exact=True).click()
    wait_for_mode(page, "ready")
    page.get_by_role("button", name="Stop camera").click()
    wait_for_mode(page, "off")
    assert not page.errors


def test_the_empty_scene_is_learned_and_forgotten(live_page):
    page = live_page
    page.get_by_role("button", name="Start camera").click()
    wait_for_mode(page, "ready")

    page.get_by_role("button", name="Learn the empty scene").click()
    wait_for_mode(page, "learning")
    wait_for_mode(page, "ready")
    assert "empty scene is learned" in page.locator(".live .scene").inner_text()
    page.get_by_role("button", name="Forget it").click()
    page.locator(".live .forget[hidden]").wait_for(state="attached")

    assert page.locator(".live .scene").inner_text() == ""


def test_without_a_camera_the_page_says_what_to_do(open_page):
    page = open_page()
    page.get_by_role("tab", name="Live camera").click()
    page.get_by_role("button", name="Start camera").click()
    page.locator(".live .trouble:not([hidden])").wait_for()

    assert page.locator(".live .trouble span").inner_text().startswith("No camera was found")
    assert page.locator('.live[data-mode="off"]').count() == 1
