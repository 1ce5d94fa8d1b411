"""Streaming: the clean video plays on the page while it is being made."""

import re

import pytest
from driving import RED_AT, bring, click_at, colour_at, press

pytestmark = pytest.mark.browser

# Every picture shown while it runs, as it is shown.
WATCH = """
() => {
  window.seen = [];
  const stage = document.querySelector(".stage"), picture = stage.querySelector(".picture");
  new MutationObserver(() => {
    if (stage.dataset.mode === "run") window.seen.push([picture.src, performance.now()]);
  }).observe(picture, { attributes: true, attributeFilter: ["src"] });
}
"""


def test_the_clean_video_is_seen_before_the_removal_ends(open_page, long_film):
    page = open_page()
    bring(page, long_film)
    click_at(page, *RED_AT)
    page.locator("#quality").get_by_role("button", name="Quality").first.click()
    page.locator("#advanced").get_by_role("button", name="Advanced").click()
    page.get_by_label("Streaming", exact=True).check()
    page.evaluate(WATCH)

    press(page, "Remove")
    page.wait_for_function("window.seen.length > 12", timeout=60000)
    hint = page.locator(".stage .hint").inner_text()
    colour = colour_at(page, *RED_AT)
    still_runs = page.locator('.stage[data-mode="run"]').count()
    press(page, "Cancel")

    pictures = page.evaluate("window.seen")
    assert still_runs
    assert len({source for source, _ in pictures}) > 8
    assert re.fullmatch(
        r"Playing while it is made: [\d.]+ of 12 frames per second, [\d.]+ m?s after each was read",
        hint,
    )
    assert colour[0] < 170, colour  # the red square stood here: (200, 30, 40)
