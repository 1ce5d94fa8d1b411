"""Work on the page is kept: over a reload, as a file, as a command."""

import re

import pytest
from driving import RED_AT, bring, click_at, colour_at, notice, press, wait_for_picture

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def open_fold(page) -> None:
    page.locator("#project .label-wrap").click()


def test_a_reload_brings_the_work_back_to_this_browser_only(open_page, film):
    page = open_page()
    bring(page, film)
    click_at(page, *RED_AT)
    marked = colour_at(page, *RED_AT)

    page.reload()
    page.locator('.stage[data-mode="mark"]').wait_for()
    wait_for_picture(page, old="")

    assert colour_at(page, *RED_AT) == pytest.approx(marked, abs=4)
    assert "red square.mp4" in page.locator("#about").inner_text()
    other = open_page()
    other.wait_for_timeout(3000)
    assert other.locator('.stage[data-mode="mark"]').count() == 0


def test_a_reload_brings_back_what_was_chosen(open_page, film):
    page = open_page()
    bring(page, film)
    click_at(page, *RED_AT)
    page.locator("#quality .label-wrap").first.click()
    page.get_by_label("Full", exact=True).check()
    page.get_by_role("slider", name=re.compile("Margin around")).fill("11")
    page.locator("#search .label-wrap").click()
    page.locator("#commercial input").check()
    page.wait_for_timeout(1500)

    page.reload()
    page.locator('.stage[data-mode="mark"]').wait_for()
    wait_for_picture(page, old="")
    open_fold(page)
    press(page, "Show the command")
    page.wait_for_function(
        "document.querySelector('#command textarea').value.startsWith('cleanplate remove')"
    )

    words = page.locator("#command textarea").input_value()
    assert "--size full" in words
    assert "--dilate 11" in words
    assert "--commercial" in words


def test_a_project_is_saved_and_opened_again(open_page, film, tmp_path):
    page = open_page()
    bring(page, film)
    click_at(page, *RED_AT)
    marked = colour_at(page, *RED_AT)
    open_fold(page)

    press(page, "Save project")
    with page.expect_download() as waiting:
        page.locator("#project-file a").first.click()
    project = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(project)
    press(page, "Show the command")
    page.wait_for_function(
        "document.querySelector('#command textarea').value.startsWith('cleanplate remove')"
    )

    assert project.name == "red_square.cleanplate"
    assert "--point" in page.locator("#command textarea").input_value()
    other = open_page()
    bring(other, film)
    open_fold(other)
    old = other.locator(".stage .picture").get_attribute("src")
    with other.expect_file_chooser() as chooser:
        press(other, "Open project")
    chooser.value.set_files(project)
    wait_for_picture(other, old)
    assert colour_at(other, *RED_AT) == pytest.approx(marked, abs=4)


def test_another_video_ends_the_old_work(server, open_page, film):
    page = open_page()
    bring(page, film)
    click_at(page, *RED_AT)
    press(page, "Another video")
    page.locator("#drop").wait_for()
    page.wait_for_timeout(1000)

    page.reload()
    page.wait_for_timeout(3000)

    assert page.locator('.stage[data-mode="mark"]').count() == 0


def test_when_the_video_is_kept_no_more_the_marks_wait_for_it(server, open_page, film):
    page = open_page()
    bring(page, film)
    click_at(page, *RED_AT)
    marked = colour_at(page, *RED_AT)
    page.wait_for_timeout(1000)
    page.goto("about:blank")
    for video in (server.temporary / "cleanplate-projects").glob("*/video.mp4"):
        video.unlink()

    page.goto(server.url)

    assert "not the video; bring it again" in notice(page)
    bring(page, film)
    assert colour_at(page, *RED_AT) == pytest.approx(marked, abs=4)
