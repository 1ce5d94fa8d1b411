"""Finding without pointing, other guesses and downloads, in a real browser without weights."""

import pytest
from driving import act, bring_sample, click_at, notice, picture_source, press

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def objects(page) -> list[str]:
    return page.locator(".objects .name").all_inner_texts()


def open_fold(page, name) -> None:
    page.locator(f"#{name} button").first.click()


def test_without_weights_words_are_closed_and_say_why(open_page):
    page = open_page()

    assert page.locator("#words textarea, #words input").first.is_disabled()
    note = "Words need Grounding DINO (694 MB): Get it, or click."
    page.locator("#words-note", has_text=note).wait_for()
    assert page.locator("#everything").is_disabled()


def test_find_objects_marks_what_moves_and_says_that_it_does(open_page):
    page = open_page()
    bring_sample(page)

    old = picture_source(page)
    press(page, "Find objects")
    page.wait_for_function(
        "old => {const e = document.querySelector('.stage .picture');"
        "return e.src !== old && !document.querySelector('#everything').disabled}",
        arg=old,
    )

    assert "what moves" in page.locator("#everything-note").inner_text()
    assert objects(page) == ["Object 1"]
    assert page.get_by_role("button", name="Remove", exact=True).is_enabled()
    press(page, "Find objects")
    page.locator(".notice", has_text="marked already").wait_for()
    act(page, lambda: press(page, "Undo"))
    assert page.get_by_role("button", name="Remove", exact=True).is_disabled()


def test_the_guesses_for_a_click_come_around(open_page):
    page = open_page()
    bring_sample(page)
    guess = page.locator("#guess")
    assert guess.is_disabled()

    click_at(page, 300 / 854, 260 / 480)
    first = picture_source(page)
    seen = [first]
    for _ in range(3):
        act(page, guess.click)
        seen.append(picture_source(page))

    assert len(set(seen)) > 1
    assert first in seen[1:]
    click_at(page, 330 / 854, 300 / 480)
    assert guess.is_disabled()


@pytest.mark.parametrize("button", ["download", "get"])
def test_a_download_that_cannot_be_had_is_said_and_can_be_tried_again(open_page, button):
    page = open_page()
    if button == "download":
        open_fold(page, "models")

    page.locator(f"#{button}").click()

    page.locator(".notice", has_text="annot reach 127.0.0.1").wait_for()
    assert "CLEANPLATE_MIRROR" in notice(page)
    page.locator(f"#{button}:not([disabled])").wait_for()
    if button == "download":
        assert page.locator("#stop").is_disabled()


def test_what_comes_in_later_is_looked_for_only_if_words_or_everything_are_there(open_page):
    page = open_page()
    bring_sample(page)
    click_at(page, 300 / 854, 260 / 480)
    open_fold(page, "search")
    page.get_by_text("what the words name").click()
    number = page.locator("#search input[type=number]").first
    number.fill("30")
    number.press("Tab")
    page.get_by_label("Commercial use").check()

    press(page, "Track only")

    page.locator(".notice", has_text="ay in words what to look for again").wait_for()
