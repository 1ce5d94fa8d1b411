"""What another program can ask of the page's server by `gradio_client`."""

import zipfile
from pathlib import Path

import httpx
import numpy as np
import pytest
import rendered
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tracker import engines
from tracker.options import Options
from tracker.types import UserError
from tracker.ui import build_demo, launch_options
from tracker.ui.api import read_exports, read_options

FRAMES = 8
CLICK = {"x": 30, "y": 48}  # on the disc in frame 0


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "files"))
        demo = build_demo()
        _, url, _ = demo.launch(**launch_options(), prevent_thread_lock=True, quiet=True)
        yield Client(url, verbose=False, download_files=str(folder / "downloads"))
        demo.close()


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "disc on a wall.mkv"
    rendered.write_scene(path, FRAMES)
    return path


def test_a_removal_can_be_done_without_a_browser(client, film):
    job = client.submit(
        handle_file(film), [CLICK], {"mode": "streaming"}, api_name="/remove_objects"
    )
    updates = list(job)

    status, files = updates[-1]
    assert updates[0][0]["stage"] == "find"
    assert (status["stage"], status["frames"]) == ("done", FRAMES)
    clean, masks, overlay = map(Path, files)
    assert clean.name == "disc_on_a_wall_clean.mp4"
    assert rendered.rgb(overlay).shape == (FRAMES, rendered.HEIGHT, rendered.WIDTH, 3)
    assert rendered.stamps(clean) == rendered.stamps(film)
    assert len([n for n in zipfile.ZipFile(masks).namelist() if n.endswith(".png")]) == FRAMES
    before, after = rendered.rgb(film)[0], rendered.rgb(clean)[0]
    inside = rendered.disc(0)
    assert np.abs(before[inside].astype(int) - after[inside]).mean() > 30


def test_exports_come_with_the_result(client, film, tmp_path):
    wanted = ["ffv1", "prores", "h265", "png", "patch", "cutout_png", "matte"]
    options = {"exports": wanted}
    job = client.submit(handle_file(film), [CLICK], options, api_name="/remove_objects")
    updates = list(job)

    status, files = updates[-1]
    _, masks, _, *exported = map(Path, files)
    lossless, prores, h265, pictures, patch, cutout, matte = exported
    assert status["stage"] == "done"
    assert {update[0].get("export") for update in updates} >= set(wanted)
    assert lossless.name == "disc_on_a_wall_clean.mkv"
    for video in (lossless, prores, h265):
        error = np.abs(rendered.rgb(video).astype(int) - rendered.rgb(lossless)).mean()
        assert error < 8  # the wall is grain: H.265 loses some
        assert rendered.stamps(video)[-1] == pytest.approx(rendered.stamps(film)[-1], abs=1e-3)
        assert rendered.audio_packets(video) == rendered.audio_packets(film)
    assert rendered.rgb(patch).shape == rendered.rgb(film).shape
    with zipfile.ZipFile(pictures) as archive:
        last = np.asarray(Image.open(archive.open(f"{FRAMES - 1:05d}.png")))
    assert np.abs(last.astype(int) - rendered.rgb(lossless)[-1]).mean() < 2  # as RGB by others
    with zipfile.ZipFile(cutout) as archive, zipfile.ZipFile(masks) as known:
        names = sorted(n for n in known.namelist() if n.endswith(".png"))
        alpha = np.asarray(Image.open(archive.open("00003.png")))[..., 3]
        np.testing.assert_array_equal(alpha > 0, np.asarray(Image.open(known.open(names[3]))) > 0)
    assert rendered.rgb(matte).shape[0] == FRAMES


def test_what_a_click_means_can_be_asked_alone(client, film):
    click = CLICK | {"object": 3}
    png = client.predict(handle_file(film), [click], api_name="/find_object")
    labels = np.asarray(Image.open(png))

    found, true = labels == 3, rendered.disc(0)
    assert (found & true).sum() / (found | true).sum() > 0.8


def test_what_is_wrong_is_said_to_the_caller(client, film):
    with pytest.raises(AppError, match="point 999,48 is outside the frame"):
        client.predict(handle_file(film), [{"x": 999, "y": 48}], None, api_name="/remove_objects")
    with pytest.raises(AppError, match="unknown key 'z'"):
        client.predict(handle_file(film), [CLICK | {"z": 1}], api_name="/find_object")


def test_a_file_of_the_server_is_not_taken_for_an_upload(client, tmp_path):
    secret = tmp_path / "secret.mkv"
    rendered.write_scene(secret, 2)
    given = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
    call = f"{client.src}gradio_api/call/find_object"

    asked = httpx.post(call, json={"data": [given, [CLICK]]}).json()
    answer = httpx.get(f"{call}/{asked['event_id']}").text

    assert "event: error" in answer
    assert "labels" not in answer


def test_the_engines_are_told(client):
    told = client.predict(api_name="/engines")

    assert set(told) == set(engines.JOBS)
    assert all(set(each) == {"name", "device", "reason"} for each in told.values())


def test_options_are_read_with_defaults():
    assert read_options(None) == Options()
    assert read_options({"mode": "streaming", "dilate": 3}) == Options("streaming", 3)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"mode": "fast"}, "mode is 'fast'; use offline or streaming"),
        ({"dilate": -1}, "dilate is -1; give a number of pixels"),
        ({"dilate": True}, "dilate is True"),
        ({"speed": 1}, "unknown option 'speed'"),
        ([1], r"options are '\[1\]'"),
    ],
)
def test_strange_options_are_refused(value, message):
    with pytest.raises(UserError, match=message):
        read_options(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("prores", r"exports are 'prores'; write them as \['prores', 'matte'\]"),
        (["gif"], "unknown export 'gif'; use prores, h265"),
        ([{}], "unknown export '{}'"),
    ],
)
def test_strange_exports_are_refused(value, message):
    with pytest.raises(UserError, match=message):
        read_exports({"exports": value})


def test_every_export_is_made_once():
    assert read_exports({"exports": ["matte", "png", "matte"]}) == ["matte", "png"]
    assert read_exports(None) == []
