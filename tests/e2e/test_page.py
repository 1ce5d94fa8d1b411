"""The page as people use it, in a real browser."""

import os
import re
import signal
import sys
import time
import zipfile
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import httpx
import numpy as np
import pytest
from driving import (
    RED_AT,
    act,
    bring,
    bring_sample,
    click_at,
    colour_at,
    download,
    notice,
    press,
    read,
    wait_until_done,
)
from promises import soonest

pytestmark = pytest.mark.browser


def workers_of(pid) -> list[int]:
    """Return the worker processes of the server."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for task in threads for child in (task / "children").read_text().split()]
    return [
        child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def test_the_page_asks_nobody_on_the_network(server, browser):
    page = browser.new_page()
    foreign = []
    page.on("request", lambda request: foreign.append(request.url))
    page.goto(server.url)
    page.get_by_text("Engines here").wait_for()

    ours = (server.url, "data:", "blob:")
    assert [url for url in foreign if not url.startswith(ours)] == []
    assert not page.get_by_role("button", name="Remove", exact=True).is_enabled()
    assert "Grounding DINO" in page.locator("#steps").inner_text()
    page.close()


def test_click_undo_remove_and_download(open_page, film, tmp_path):
    page = open_page()
    bring(page, film)
    assert "red square.mp4" in page.locator("#about").inner_text()
    plain = colour_at(page, *RED_AT)
    assert plain[0] > 150 > 90 > plain[1]

    click_at(page, *RED_AT)
    assert page.get_by_text("1 click", exact=True).is_visible()
    near = (RED_AT[0] + 0.04, RED_AT[1] + 0.1)
    marked = colour_at(page, *near)
    assert marked != pytest.approx(plain, abs=20)
    act(page, lambda: press(page, "Undo"))
    assert colour_at(page, *near) == pytest.approx(plain, abs=12)
    assert not page.get_by_role("button", name="Remove", exact=True).is_enabled()

    click_at(page, *RED_AT)
    press(page, "Remove")
    page.locator('.stage[data-mode="run"]').wait_for()
    page.locator('.progress [role="progressbar"]').wait_for()
    wait_until_done(page)

    assert "Done: 16 frames" in page.locator("#progress").inner_text()
    assert re.search(
        r"Done by.*clicks: \w+, tracking: \w+, filling: \w+", page.locator("#engines").inner_text()
    )
    page.wait_for_function(
        "[...document.querySelectorAll('.stage video')].every(v => v.readyState >= 2 && !v.error)"
    )
    before = read(film)
    clean = read(download(page, "clean", tmp_path))
    assert len(clean) == len(before) == 16
    assert clean[0][60, 30, 0] < 160, "the red square is still there"
    assert np.abs(clean[0][:, 150:].astype(int) - before[0][:, 150:]).mean() < 4
    with zipfile.ZipFile(download(page, "masks", tmp_path)) as archive:
        pictures = [f"{index:05d}.png" for index in range(16)]
        assert archive.namelist() == [*pictures, "manifest.json"]
    assert len(read(download(page, "overlay", tmp_path))) == 16


def test_marks_in_several_frames_and_of_several_objects(open_page, film):
    page = open_page()
    bring(page, film)
    click_at(page, *RED_AT)
    press(page, "Add object")
    page.get_by_text("Object 2").wait_for()

    act(page, lambda: page.locator(".film .where").fill("8"))
    click_at(page, 0.9, 0.1)
    assert page.get_by_text("1 click", exact=True).count() == 2
    click_at(page, 0.9, 0.4, button="right")
    assert page.get_by_text("2 clicks", exact=True).is_visible()
    act(page, lambda: page.get_by_role("button", name="Delete Object 2").click())
    assert page.get_by_text("Object 2").count() == 0
    press(page, "Reset")
    page.get_by_text("not marked yet").wait_for()


def test_doubtful_frames_are_marked_and_gone_to_one_after_the_other(open_page, leaving_film):
    page = open_page()
    bring(page, leaving_film)
    doubt = page.get_by_role("button", name="Next doubtful")
    assert doubt.is_disabled()
    click_at(page, *RED_AT)

    press(page, "Track only")
    page.locator("#progress").get_by_text(re.compile("Done: 16 frames")).wait_for(timeout=60000)

    first = page.locator(".film .plot .doubtful").first.evaluate("e => +e.getAttribute('x') + 0.5")
    assert 6 <= first <= 11
    assert "red: look here" in page.locator(".film .legend").inner_text()
    act(page, doubt.click)
    assert page.locator(".film .at").inner_text().startswith(f"Frame {first:.0f} ")
    assert page.locator(".film .where").input_value() == f"{first:.0f}"


def test_before_is_shown_even_if_browsers_cannot_play_it(open_page, old_film):
    page = open_page()
    bring(page, old_film)
    click_at(page, *RED_AT)
    press(page, "Remove")
    wait_until_done(page)

    page.wait_for_function("document.querySelector('.stage .before').readyState >= 2")
    page.get_by_role("radio", name="Side by side").click()

    before, after = (page.locator(f".stage .{name}").bounding_box() for name in ("before", "after"))
    assert before["x"] + before["width"] <= after["x"]
    assert before["width"] == pytest.approx(after["width"], abs=1)
    press(page, "Edit")
    page.locator('.stage[data-mode="mark"]').wait_for()


def test_cancel_stops_within_two_seconds(open_page):
    page = open_page()
    bring_sample(page)
    click_at(page, 300 / 854, 260 / 480)

    def seconds_to_stop() -> float:
        press(page, "Remove")
        page.get_by_text(re.compile(r"(Following|Filling).*: \d+ of")).wait_for()
        began = time.monotonic()
        press(page, "Cancel")
        page.get_by_text("Cancelled").wait_for()
        return time.monotonic() - began

    within = 2.5  # 2 s and the browser's own way
    assert soonest(seconds_to_stop, within) < within
    assert page.get_by_role("button", name=re.compile("^Remove")).is_enabled()


def is_read_in_full(page, selector) -> bool:
    """Return whether both ends of every line of a text can be seen, and nothing over them."""
    return page.evaluate(
        """selector => {
            const element = document.querySelector(selector), text = document.createRange();
            element.scrollIntoView({ block: "nearest" });
            text.selectNodeContents(element);
            const ends = [...text.getClientRects()].flatMap((line) => [
                [line.left + 1, (line.top + line.bottom) / 2],
                [line.right - 1, (line.top + line.bottom) / 2]]);
            return ends.length > 0
                && ends.every(([x, y]) => element.contains(document.elementFromPoint(x, y)));
        }""",
        selector,
    )


def room_for_news(page) -> float:
    """Return how far what stands below the news is from what stands above them, pixels."""
    above, below = (page.locator(f"#{name}").bounding_box() for name in ("remove", "clean"))
    return below["y"] - above["y"]


@pytest.mark.parametrize("width", [1280, 390])
def test_what_is_said_is_read_in_full_and_moves_nothing(open_page, long_film, width):
    page = open_page()
    page.set_viewport_size({"width": width, "height": 800})
    bring(page, long_film)
    click_at(page, *RED_AT)
    assert is_read_in_full(page, ".stage .hint")
    assert is_read_in_full(page, ".film .whole")
    room = room_for_news(page)
    press(page, "Remove")
    page.get_by_text(re.compile(r"Following.*: \d+ of")).wait_for()
    assert room_for_news(page) == pytest.approx(room, abs=1)

    press(page, "Cancel")
    page.get_by_text("Cancelled. Nothing was finished that could be kept.").wait_for()

    assert is_read_in_full(page, "#progress .progress span")
    assert room_for_news(page) == pytest.approx(room, abs=1)
    page.evaluate("document.querySelector('#progress .progress span').textContent += ' Or so.'")
    assert page.locator("#progress .progress span").bounding_box()["height"] > 30  # two lines
    assert is_read_in_full(page, "#progress .progress span")
    assert room_for_news(page) == pytest.approx(room, abs=1)


def test_what_was_finished_before_a_cancel_can_be_saved(open_page, long_film, tmp_path):
    page = open_page()
    bring(page, long_film)
    click_at(page, *RED_AT)
    page.get_by_role("button", name="Quality").click()
    page.get_by_role("button", name="Advanced").click()
    page.get_by_label("Streaming", exact=True).check()
    press(page, "Remove")
    page.get_by_text(re.compile(r"Filling.*: \d\d of")).wait_for()

    press(page, "Cancel")
    wait_until_done(page)

    assert "can be seen and saved" in page.locator("#progress").inner_text()
    path = download(page, "clean", tmp_path)
    assert path.name == "long_clean.partial.mp4"
    assert 5 < len(read(path)) < 500


def two_people(open_page, slow_film, film):
    """Return the pages of two people with an object each."""
    first, second = open_page(), open_page()
    bring(first, slow_film)
    click_at(first, 300 / 854, 260 / 480)
    bring(second, film)
    click_at(second, *RED_AT)
    return first, second


def test_a_closed_tab_keeps_nobody_waiting(open_page, slow_film, film):
    first, second = two_people(open_page, slow_film, film)
    press(first, "Remove")
    first.locator('.stage[data-mode="run"]').wait_for()
    press(second, "Remove")
    second.get_by_text("Waiting: 1 removal is before yours").wait_for()

    first.close()

    wait_until_done(second)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for processes to kill")
def test_a_killed_process_is_one_failed_removal(server, open_page):
    page = open_page()
    bring_sample(page)
    click_at(page, 300 / 854, 260 / 480)
    press(page, "Remove")
    page.get_by_text(re.compile(r"(Following|Filling).*: \d+ of")).wait_for()

    for child in workers_of(server.pid):
        os.kill(child, signal.SIGKILL)

    assert "ran out" in notice(page)
    click_at(page, 330 / 854, 280 / 480)
    press(page, "Remove")
    page.get_by_text(re.compile(r"(Following|Filling).*: \d+ of")).wait_for()
    press(page, "Cancel")
    page.get_by_text("Cancelled").wait_for()


def test_two_people_wait_for_each_other_and_see_only_their_own(
    open_page, slow_film, film, tmp_path
):
    first, second = two_people(open_page, slow_film, film)

    press(first, "Remove")
    first.locator('.stage[data-mode="run"]').wait_for()
    press(second, "Remove")
    second.get_by_text("Waiting: 1 removal is before yours").wait_for()
    press(first, "Cancel")
    first.get_by_text("Cancelled").wait_for()
    wait_until_done(second)

    assert "slow.mp4" in first.locator("#about").inner_text()
    assert "red square.mp4" in second.locator("#about").inner_text()
    assert download(second, "clean", tmp_path).name == "red_square_clean.mp4"


def test_a_click_is_answered_while_a_removal_runs(open_page, slow_film, film):
    first, second = open_page(), open_page()
    bring(first, slow_film)
    click_at(first, 300 / 854, 260 / 480)
    press(first, "Remove")
    first.get_by_text(re.compile(r"(Following|Filling).*: \d+ of")).wait_for()
    bring(second, film)

    began = time.monotonic()
    click_at(second, *RED_AT)

    assert time.monotonic() - began < 5  # the machine is busy; without lanes it would be a minute
    assert first.locator('.stage[data-mode="run"]').is_visible()
    press(first, "Cancel")
    first.get_by_text("Cancelled").wait_for()


def test_what_is_not_a_video_is_refused_in_one_sentence(open_page, tmp_path):
    wrong = tmp_path / "; rm -rf ~.mp4"
    wrong.write_text("no video at all")
    page = open_page()

    page.locator("#drop input[type=file]").set_input_files(wrong)
    sentence = notice(page)

    assert "Traceback" not in sentence
    assert len(sentence) < 250
    assert page.get_by_role("button", name="Try the sample").is_visible()


def test_the_first_click_cannot_say_what_is_not_the_object(open_page, film):
    page = open_page()
    bring(page, film)

    page.locator(".stage .ink").click(button="right")

    assert notice(page).startswith("Click on the object first")


def test_clicks_land_where_they_are_seen_if_pixels_are_not_square(open_page, wide_pixel_film):
    page = open_page()
    bring(page, wide_pixel_film)
    picture = page.locator(".stage .picture").bounding_box()
    assert picture["width"] / picture["height"] == pytest.approx(2 * 200 / 120, rel=0.02)
    inside, outside = (0.15, 0.62), (0.5, 0.5)
    before = colour_at(page, *inside), colour_at(page, *outside)

    click_at(page, *RED_AT)

    assert colour_at(page, *inside) != pytest.approx(before[0], abs=12)
    assert colour_at(page, *outside) == pytest.approx(before[1], abs=12)


def test_a_portrait_film_is_shown_whole(open_page, portrait_film):
    page = open_page()
    bring(page, portrait_film)

    stage, picture = (page.locator(f".stage .{name}").bounding_box() for name in ("room", "ink"))

    assert picture["height"] / picture["width"] == pytest.approx(200 / 120, rel=0.02)
    assert picture["y"] >= stage["y"] - 1
    assert picture["y"] + picture["height"] <= stage["y"] + stage["height"] + 1


def test_closing_the_tab_deletes_what_was_there(server, open_page, film):
    def files() -> set[Path]:
        found = set()
        for folder, _, names in os.walk(server.temporary):  # which may shrink meanwhile
            for path in (Path(folder, name) for name in names):
                with suppress(FileNotFoundError):
                    if path.stat().st_size and "cleanplate-projects" not in path.parts:
                        found.add(path)  # Gradio leaves empty ones; kept work is to stay
        return found

    before = files()
    page = open_page()
    bring(page, film)
    mine = files() - before
    assert {path.name for path in mine} == {"video.mp4", "red square.mp4"}

    page.close()

    end = time.monotonic() + 40
    while mine & files():
        assert time.monotonic() < end, "the files are still there"
        time.sleep(0.2)


@pytest.mark.parametrize("path", ["/etc/passwd", "app.py", "../app.py", "/proc/self/environ"])
def test_files_of_others_are_not_given_out(server, path):
    connection = HTTPConnection(server.url.removeprefix("http://"))

    connection.request("GET", f"/gradio_api/file={path}")

    assert connection.getresponse().status in (403, 404)


def test_nothing_went_wrong_unnoticed(server):
    """The log of all the tests above; the one below makes Gradio log what it refuses."""
    log = server.log.read_text()

    assert "Running on local URL" in log
    assert "Traceback" not in log
    assert "Exception" not in log


@pytest.mark.parametrize("path", ["/etc/passwd", str(Path(__file__))])
def test_a_request_cannot_bring_a_file_nobody_uploaded(server, path):
    settings = httpx.get(f"{server.url}/config").json()
    bring_upload = next(
        each for each in settings["dependencies"] if each["api_name"] == "bring_upload"
    )
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    request = {"data": [None, file], "fn_index": bring_upload["id"], "session_hash": "stranger"}

    httpx.post(f"{server.url}/gradio_api/queue/join", json=request).raise_for_status()
    answer = f"{server.url}/gradio_api/queue/data?session_hash=stranger"
    with httpx.stream("GET", answer, timeout=30) as lines:
        text = "".join(lines.iter_lines())

    assert '"success":false' in text
    assert "root:" not in text
