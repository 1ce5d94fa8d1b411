"""How tests press what is on the page, and what they see of it."""

import av
import numpy as np

RED_AT = (30 / 200, 60 / 120)  # where the film has its square at first, fractions


def bring(page, path) -> None:
    page.locator("#drop input[type=file]").set_input_files(path)
    page.locator('.stage[data-mode="mark"]').wait_for()
    wait_for_picture(page, old="")


def bring_sample(page) -> None:
    page.get_by_role("button", name="Try the sample").click()
    page.locator('.stage[data-mode="mark"]').wait_for()
    wait_for_picture(page, old="")


def wait_for_picture(page, old) -> None:
    page.wait_for_function(
        "old => {const e = document.querySelector('.stage .picture');"
        "return e.src && e.src !== old && e.complete}",
        arg=old,
        polling=20,
    )


def picture_source(page) -> str:
    return page.locator(".stage .picture").get_attribute("src") or ""


def act(page, action) -> None:
    """Do something and wait until the picture has changed."""
    old = picture_source(page)
    action()
    wait_for_picture(page, old)


def click_at(page, x, y, button="left") -> None:
    ink = page.locator(".stage .ink")
    box = ink.bounding_box()
    position = {"x": x * box["width"], "y": y * box["height"]}
    act(page, lambda: ink.click(position=position, button=button))


def colour_at(page, x, y) -> list[int]:
    """Return the colour of the shown picture at fractions of it."""
    return page.evaluate(
        """([x, y]) => {
            const image = document.querySelector('.stage .picture');
            const canvas = document.createElement('canvas');
            canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0);
            return [...context.getImageData(x * canvas.width, y * canvas.height, 1, 1).data]
        }""",
        [x, y],
    )[:3]


def press(page, name) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def notice(page) -> str:
    page.locator(".notice:not([hidden])").wait_for()
    return page.locator(".notice span").inner_text()


def drag(page, start, end, steps=6) -> None:
    """Drag over the picture between two places, fractions of it, and wait for the answer."""
    box = page.locator(".stage .ink").bounding_box()
    (x0, y0), (x1, y1) = [
        (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)
    ]

    def action():
        page.mouse.move(x0, y0)
        page.mouse.down()
        page.mouse.move(x1, y1, steps=steps)
        page.mouse.up()

    act(page, action)


def wait_until_done(page) -> None:
    page.locator('.stage[data-mode="compare"]').wait_for(timeout=60000)


def download(page, name, folder):
    with page.expect_download() as waiting:
        page.locator(f"#{name}").click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def read(path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
