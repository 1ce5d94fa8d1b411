"""What was removed is exported from the page, without being done again."""

import zipfile

import numpy as np
import pytest
from driving import RED_AT, bring, click_at, download, press, read, wait_until_done
from PIL import Image

pytestmark = pytest.mark.browser


@pytest.fixture
def page(open_page, film):
    """Return a page on which the square has been removed."""
    page = open_page()
    bring(page, film)
    page.locator("#export .label-wrap").click()
    assert page.locator("#export-make").is_disabled()
    click_at(page, *RED_AT)
    press(page, "Remove")
    wait_until_done(page)
    return page


def export(page, title, name, folder):
    page.get_by_label("Save the result as").click()
    page.locator("[role=option]:visible", has_text=title).click()
    page.locator("#export-make").click()
    page.locator("#export-progress", has_text=f"Ready: {name}").wait_for()
    return download(page, "export-file", folder)


def test_the_result_is_exported_in_several_forms(page, film, tmp_path):
    before = read(film)

    prores = export(page, "ProRes 422 HQ", "red_square_clean.mov", tmp_path)
    pictures = export(page, "Every frame: PNG", "red_square_clean.zip", tmp_path)
    cutout = export(page, "Object cut out: PNG", "red_square_cutout.zip", tmp_path)

    assert prores.name == "red_square_clean.mov"
    clean = np.stack(read(prores)).astype(int)
    assert clean.shape == np.stack(before).shape
    with zipfile.ZipFile(pictures) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        shown = np.stack([np.asarray(Image.open(archive.open(name))) for name in names])
    assert len(names) == len(before)
    assert np.abs(shown - clean).mean() < 3
    red = shown[0][60, 30]
    assert red[0] < before[0][60, 30][0] - 40
    with zipfile.ZipFile(cutout) as archive:
        first = np.asarray(Image.open(archive.open("00000.png")))
    assert first[60, 30, 3] == 255
    assert first[10, 150, 3] == 0
    assert page.locator(".stage[data-mode='compare']").count() == 1


def test_an_edit_may_go_on_beside_an_export_and_another_removal_ends_its_file(page, tmp_path):
    export(page, "H.265", "", tmp_path)

    page.locator("[data-show=marks]").first.click()
    page.locator('.stage[data-mode="mark"]').wait_for()
    assert page.locator("#export-file").is_visible()
    press(page, "Remove")
    wait_until_done(page)

    page.locator("#export-file").wait_for(state="hidden")
    assert page.locator("#export-make").is_enabled()


@pytest.mark.slow
def test_an_export_is_stopped(open_page, long_film):
    page = open_page()
    bring(page, long_film)
    click_at(page, *RED_AT)
    press(page, "Remove")
    page.locator('.stage[data-mode="compare"]').wait_for(timeout=240000)
    page.locator("#export .label-wrap").click()

    page.locator("#export-make").click()
    page.locator("#export-progress", has_text="Writing").wait_for()
    page.locator("#export-stop").click()

    page.locator("#export-progress", has_text="Stopped").wait_for(timeout=4000)
    assert page.locator("#export-make").is_enabled()
    assert page.locator("#export-file").is_hidden()
