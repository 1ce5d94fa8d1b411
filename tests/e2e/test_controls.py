"""Every control of the stage, the film, the objects and the quality, with a phone's film.

One person does all of it on one page, test after test, as a film is brought only once; the
last tests look back at what was pressed, what moved, and what fitted the screen.
"""

import re

import numpy as np
import pytest
from driving import act, bring, click_at, colour_at, download, drag, press, wait_until_done
from PIL import Image

pytestmark = pytest.mark.browser

RED = (30 / 120, 60 / 200)  # the square's centre in the first frame, fractions
NEAR = (0.16, 0.23)  # in the square, away from the sign of a click
WALL = (0.75, 0.8)
# What moves as an answer to somebody is no jump.  The browser gives answers half a second; here
# other work may hold them up.
WATCH = """
window.shift = 0; window.pressed = new Set(); window.acted = -Infinity;
const ANSWERED = 1500;
for (const kind of ["pointerdown", "pointerup", "keydown", "input", "change"])
  addEventListener(kind, (event) => { window.acted = event.timeStamp; }, true);
new PerformanceObserver((list) => {
  for (const each of list.getEntries())
    if (!each.hadRecentInput && each.startTime > window.acted + ANSWERED)
      window.shift += each.value;
}).observe({ type: "layout-shift", buffered: true });
window.nameOf = (e) => e.dataset.tool || e.dataset.show || e.dataset.layout || e.dataset.patch
  || e.getAttribute("aria-label") || e.innerText || e.name;
for (const kind of ["click", "input", "change", "keydown"]) addEventListener(kind, (event) => {
  const control = event.target.closest?.("button, input, select, [role=slider]");
  if (control) window.pressed.add(window.nameOf(control));
}, true);
"""


@pytest.fixture(scope="module")
def page(server, browser, phone_film):
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    context.add_init_script(WATCH)
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(error))
    page.set_default_timeout(30000)
    page.goto(server.url)
    page.get_by_role("button", name="Remove", exact=True).wait_for()
    page.get_by_text("Engines here").wait_for()
    bring(page, phone_film)
    yield page
    context.close()


def seen(page, text) -> None:
    page.get_by_text(text).first.wait_for()


def seek(page, action) -> None:
    act(page, action)


def frame_shown(page) -> int:
    return int(re.search(r"Frame (\d+)", page.locator(".film .at").inner_text())[1])


def wait_for_marker(page, name, frame) -> None:
    page.wait_for_function(
        "([name, frame]) => +document.querySelector('.film .' + name)"
        ".getAttribute('aria-valuenow') === frame",
        arg=[name, frame],
    )


def wait_for_time(page, seconds) -> None:
    page.wait_for_function(
        "t => Math.abs(document.querySelector('.stage .after').currentTime - t) < .02", arg=seconds
    )


def is_marked(page, place) -> bool:
    """Return whether a place is tinted in the colour of the first object, which is pink."""
    red, green, blue = colour_at(page, *place)
    return red > green + 60 and blue > green + 8


def test_a_phones_film_stands_upright(page):
    box = page.locator(".stage .ink").bounding_box()

    assert box["height"] / box["width"] == pytest.approx(200 / 120, rel=0.02)
    red, green, _ = colour_at(page, *RED)
    assert red > 150 > 90 > green
    page.wait_for_function("document.querySelectorAll('.film .thumbs img.there').length >= 3")


def test_clicks_add_and_take_away(page):
    click_at(page, *RED)
    assert is_marked(page, NEAR)
    assert page.locator(".object .swatch img").is_visible()

    page.locator(".tools").get_by_text("Take away").click()
    click_at(page, *WALL)
    assert page.get_by_text("2 clicks", exact=True).is_visible()
    page.keyboard.press("a")
    assert page.locator('.tools [data-tool="add"]').get_attribute("aria-checked") == "true"
    act(page, lambda: page.keyboard.press("Control+z"))
    seen(page, "1 click")


def test_how_long_it_takes_is_told_before_anything_is_pressed(page):
    page.locator("#takes").get_by_text(re.compile("Takes about [0-9]+")).wait_for(timeout=90000)


def test_a_second_object_is_boxed_named_hidden_and_kept(page):
    press(page, "Add object")
    seen(page, "Object 2")
    page.locator(".tools").get_by_text("Box").click()
    drag(page, (0.55, 0.7), (0.9, 0.9))
    page.get_by_text("box", exact=True).wait_for()

    press(page, "Rename Object 2")
    page.get_by_label("Name of the object").fill("Patch of wall")
    page.keyboard.press("Enter")
    page.get_by_role("radio", name="Keep Patch of wall").click()
    page.wait_for_function(
        "document.querySelector('.fate [aria-checked=true]').innerText === 'Keep'"
    )
    page.get_by_label("How Patch of wall moves").select_option("surface")
    page.wait_for_function("document.querySelector('.motion').value === 'surface'")
    press(page, "Hide Patch of wall")
    press(page, "Show Patch of wall")
    press(page, "Hide Patch of wall")
    page.get_by_role("button", name="Show Patch of wall").wait_for()
    page.get_by_role("radio", name="Remove Patch of wall").click()
    page.locator(".fate [aria-checked=true]", has_text="Remove").wait_for()
    press(page, "Delete Patch of wall")
    page.get_by_role("button", name="Delete Patch of wall").wait_for(state="detached")


def test_two_clicks_make_a_box_too(page):
    page.keyboard.press("b")
    ink = page.locator(".stage .ink")
    box = ink.bounding_box()
    ink.click(position={"x": 0.05 * box["width"], "y": 0.15 * box["height"]})

    act(
        page,
        lambda: ink.click(position={"x": 0.45 * box["width"], "y": 0.42 * box["height"]}),
    )

    assert is_marked(page, NEAR)
    act(page, lambda: press(page, "Undo"))


def test_the_mask_is_painted_and_erased(page):
    page.locator(".tools").get_by_text("Brush").click()
    page.get_by_label("Size of the brush").fill("8")
    drag(page, (0.55, 0.75), (0.85, 0.75))
    assert is_marked(page, (0.7, 0.75))
    page.get_by_text("painted", exact=True).wait_for()

    page.locator(".tools").get_by_text("Erase").click()
    page.keyboard.press("]")
    drag(page, (0.6, 0.75), (0.95, 0.75))
    assert not is_marked(page, (0.75, 0.75))
    for _ in range(2):
        act(page, lambda: press(page, "Undo"))
    assert not is_marked(page, (0.7, 0.75))
    page.keyboard.press("a")


def test_any_frame_is_looked_at_by_film_buttons_and_keys(page):
    seek(page, lambda: press(page, "Next frame"))
    assert frame_shown(page) == 1
    seek(page, lambda: page.keyboard.press("ArrowRight"))
    seek(page, lambda: page.keyboard.press("Shift+ArrowRight"))
    assert frame_shown(page) == 12
    seek(page, lambda: page.keyboard.press("End"))
    assert frame_shown(page) == 15
    seek(page, lambda: press(page, "Previous frame"))
    seek(page, lambda: page.keyboard.press("Home"))
    assert frame_shown(page) == 0
    box = page.locator(".film .strip").bounding_box()
    seek(page, lambda: page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + 30))
    assert frame_shown(page) == pytest.approx(9, abs=1)
    assert page.locator(".film .marks .mark").count() == 1


def test_a_part_is_chosen_by_buttons_keys_and_markers(page):
    seek(page, lambda: page.locator(".film .where").fill("12"))
    press(page, "End here")
    page.wait_for_function(
        "document.querySelector('.film .out').getAttribute('aria-valuenow') === '12'"
    )
    page.get_by_label("Out marker").press("ArrowRight")
    page.wait_for_function(
        "document.querySelector('.film .out').getAttribute('aria-valuenow') === '13'"
    )
    seek(page, lambda: page.keyboard.press("Home"))
    press(page, "Start here")
    grip = page.get_by_label("In marker").bounding_box()
    page.mouse.move(grip["x"] + 5, grip["y"] + 20)
    page.mouse.down()
    page.mouse.move(grip["x"] + 160, grip["y"] + 20, steps=4)
    page.mouse.up()
    page.wait_for_function("+document.querySelector('.film .in').getAttribute('aria-valuenow') > 1")
    page.get_by_label("In marker").press("ArrowLeft")
    press(page, "Whole video")
    page.wait_for_function(
        "document.querySelector('.film .out').getAttribute('aria-valuenow') === '15'"
    )


def test_quality_is_chosen_in_a_fold(page):
    page.locator("#quality").get_by_role("button", name="Quality").click()
    page.locator("#quality").get_by_role("button", name="Advanced").click()
    for name in ("Full", "Balanced", "Fast"):
        page.get_by_label(name, exact=True).check()
    for label in ("Margin around the object, pixels", "Soft seam, pixels"):
        page.get_by_role("slider", name=re.compile(label)).fill("3")
    wait = page.get_by_role("slider", name=re.compile("Frames to wait for"))
    assert wait.count() == 0  # offline looks at all of them
    page.get_by_label("Streaming", exact=True).check()
    wait.fill("10")
    page.get_by_label("Look ahead (best)").check()
    for label in ("Tracking by", "Filling by"):
        page.get_by_label(label).click()
        page.locator("[role=option]:visible", has_text="classical").last.click()
    for label in ("DeAOT: frames between two memories", "DeAOT: memories kept"):
        page.get_by_role("slider", name=re.compile(label)).fill("4")
    for label in ("Take its shadow along", "Look closely at the hole"):
        box = page.get_by_label(label)
        was = box.is_checked()
        box.set_checked(not was)
        box.set_checked(was)
    page.locator("#quality").get_by_role("button", name="Quality").click()


def test_after_tracking_the_masks_of_every_frame_are_seen_and_drawn(page):
    press(page, "Track only")
    page.locator('.stage[data-mode="run"]').wait_for()
    page.locator("#progress").get_by_text(re.compile("Done: 16 frames")).wait_for(timeout=60000)

    assert page.locator(".film .plot .sure").count() == 1
    seek(page, lambda: page.keyboard.press("End"))
    assert is_marked(page, (0.6, 0.3)), "the square is on the right in the last frame"
    act(page, lambda: press(page, "Masks"))
    assert max(colour_at(page, *WALL)) < 40
    assert max(colour_at(page, 0.65, 0.3)) > 100
    plot = page.locator(".film .sureness").bounding_box()
    seek(page, lambda: page.mouse.click(plot["x"] + plot["width"] / 2, plot["y"] + 12))
    assert frame_shown(page) == pytest.approx(8, abs=1)
    act(page, lambda: page.keyboard.press("1"))


def test_a_frame_is_corrected_and_only_what_changed_is_followed_again(page):
    page.keyboard.press("p")
    drag(page, (0.42, 0.22), (0.62, 0.22))
    assert page.locator(".film .marks .mark").count() == 2

    press(page, "Remove")
    wait_until_done(page)

    seen(page, re.compile("Done: 16 frames"))
    page.keyboard.press("a")


def test_the_result_is_seen_in_every_way(page):
    page.wait_for_function(
        "[...document.querySelectorAll('.stage video')].every(v => v.readyState >= 2 && !v.error)"
    )
    after, before = (page.locator(f".stage .{name}") for name in ("after", "before"))
    shown = "e => getComputedStyle(e).visibility"
    assert page.locator(".stage").get_attribute("data-layout") == "side"  # as it is portrait
    page.keyboard.press("w")
    handle = page.get_by_label("Wipe between before and after")
    handle.press("ArrowRight")
    assert handle.get_attribute("aria-valuenow") == "55"
    for name, seen_before, seen_after in (
        ("Clean", "hidden", "visible"),
        ("Original", "visible", "hidden"),
        ("Overlay", "visible", "hidden"),
        ("Side by side", "visible", "visible"),
    ):
        page.locator(".layouts").get_by_text(name).click()
        assert (before.evaluate(shown), after.evaluate(shown)) == (seen_before, seen_after)
    page.keyboard.press("s")
    page.locator(".layouts").get_by_text("Wipe").click()


def test_the_result_is_played_paused_heard_and_stepped_through(page):
    page.get_by_label("Play or pause").click()
    page.wait_for_function("document.querySelector('.stage .after').paused")
    page.locator(".player .time").fill("0.5")
    page.locator(".player .sound").click()
    assert page.locator(".player .sound").inner_text() == "Sound on"
    page.locator(".film .where").fill("4")
    page.wait_for_function(
        "Math.abs(document.querySelector('.stage .after').currentTime - 4.5 / 12) < .02"
    )
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "Math.abs(document.querySelector('.stage .after').currentTime - 5.5 / 12) < .02"
    )


def test_a_frame_is_repaired_on_the_page_and_elsewhere(page, tmp_path):
    press(page, "Repair")
    page.locator('.stage[data-mode="repair"]').wait_for()
    assert frame_shown(page) == 5
    page.locator(".patches").get_by_text("Take from").click()
    box = page.locator(".stage .ink").bounding_box()
    page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + 0.8 * box["height"])
    wanted = colour_at(page, 0.7, 0.8)
    page.locator(".patches").get_by_text("Paint over").click()
    drag(page, (0.4, 0.3), (0.41, 0.3))
    assert colour_at(page, 0.4, 0.3) == pytest.approx(wanted, abs=14)

    page.get_by_role("button", name="Show frame 5").wait_for()
    saved = download(page, "save-frame", tmp_path)
    assert saved.name == "phone_frame00005.png"
    pixels = np.array(Image.open(saved))
    assert pixels.shape == (200, 120, 3)
    pixels[150:] = (0, 0, 250)
    Image.fromarray(pixels).save(tmp_path / "edited.png")
    with page.expect_file_chooser() as chooser:
        page.locator("#put-back").click()
    act(page, lambda: chooser.value.set_files(tmp_path / "edited.png"))
    assert colour_at(page, 0.5, 0.9) == pytest.approx((0, 0, 250), abs=30)

    press(page, "Show frame 5")
    press(page, "Forget the repair of frame 5")
    page.get_by_role("button", name="Show frame 5").wait_for(state="detached")
    press(page, "Result")
    page.locator('.stage[data-mode="compare"]').wait_for()
    press(page, "Edit")
    page.locator('.stage[data-mode="mark"]').wait_for()


def test_the_shortcuts_are_listed(page):
    page.keyboard.press("?")
    assert page.get_by_text("Ctrl+Z").is_visible()
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.keyboard.press("Escape")


def test_nothing_jumped_and_all_fitted_a_laptops_screen(page):
    assert page.evaluate("window.shift") < 0.05
    assert page.evaluate("document.documentElement.scrollHeight") <= 768
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366
    assert page.errors == []


def test_every_control_was_pressed(page):
    controls = page.evaluate(
        """[...document.querySelectorAll(
            '#work button, #work input, #work select, #work [role=slider], #objects button,'
            + '#objects select, #undo, #add, #track, #quality .fold input, #put-back, #save-frame'
        )].map(window.nameOf)"""
    )
    pressed = set(page.evaluate("[...window.pressed]"))
    elsewhere = {"Next doubtful", "Show Object 1", "Hide Object 1", "Close"}
    elsewhere |= {"Work on Object 1", "Delete Object 1", "Remove Object 1", "Keep Object 1"}
    elsewhere |= {"How Object 1 moves", "Rename Object 1"}  # done to the second object

    assert len(controls) > 30
    assert set(controls) - pressed - elsewhere == set()
