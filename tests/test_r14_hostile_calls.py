"""R14: whatever is sent to the page's handlers, unnamed ones too, is done or refused in words."""

import json
import re
from pathlib import Path

import httpx
import pytest
import rendered

from tracker.ui import build_demo, launch_options

SLOW = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent
FILE = {"_type": "gradio.FileData"}
NUMBERS = [-1, 10**30, 1e308, float("nan"), float("-inf"), True, 0.5]
THINGS = ["; rm -rf ~ \N{DIVISION SLASH}\x00", "n" * 300, [], {}, [[1]], {"x": {}}, None]
PATHS = [
    "another's upload folder",
    "..\\..\\etc",
    "file:///etc/passwd",
    "http://127.0.0.1:9/x",
    "",
    "/",
]
EVENT_KEYS = ("x", "y", "radius", "frame", "first", "last", "id", "name", "motion", "showing")
CLICK = {"x": 30 / 160, "y": 48 / 96}


class Visitor:
    """Somebody who speaks to the page without a browser."""

    def __init__(self, url, name):
        self.url, self.name = f"{url}gradio_api/", name
        self.config = httpx.get(f"{url}config").json()
        self.types = {each["id"]: each["type"] for each in self.config["components"]}

    def handlers(self):
        """Return every handler once: its number, name, and the kinds of its inputs."""
        seen = {}
        for each in self.config["dependencies"]:
            name = re.sub(r"_\d+$", "", each["api_name"] or "")
            seen.setdefault(name, (each["id"], [self.types[i] for i in each["inputs"]]))
        return {name: seen[name] for name in seen if name != "leave"}

    def upload(self, path):
        given = httpx.post(f"{self.url}upload", files={"files": (path.name, path.read_bytes())})
        return {"path": given.json()[0], "meta": FILE}

    def call(self, number, data, event=None):
        """Return (whether it was done, what came back)."""
        body = {"fn_index": number, "data": data, "event_data": event, "session_hash": self.name}
        text = json.dumps(body)  # NaN and Infinity, too, as browsers never would
        headers = {"Content-Type": "application/json"}
        asked = httpx.post(f"{self.url}queue/join", content=text, headers=headers, timeout=60)
        if asked.status_code != 200:
            return False, f"{asked.status_code} {asked.text}"
        wanted = asked.json()["event_id"]
        address = f"{self.url}queue/data?session_hash={self.name}"
        with httpx.stream("GET", address, timeout=60) as news:
            for line in news.iter_lines():
                message = json.loads(line[5:]) if line.startswith("data:") else {}
                if message.get("event_id") != wanted:
                    continue
                if message["msg"] == "process_completed":
                    return message["success"], message["output"]
        raise AssertionError("the answer never came")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / "files"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        patch.setenv("CLEANPLATE_CKPT", str(folder / "ckpt"))
        patch.setenv("CLEANPLATE_MIRROR", "http://127.0.0.1:9")  # where nobody answers
        demo = build_demo()
        _, url, _ = demo.launch(**launch_options(), prevent_thread_lock=True, quiet=True)
        yield url, folder
        demo.close()


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    rendered.write_scene(path, 6, codec="libx264")
    return path


def at_work(url, name, film):
    """Return a visitor who has brought a film and marked something."""
    visitor = Visitor(url, name)
    handlers = visitor.handlers()
    done, _ = visitor.call(handlers["bring_upload"][0], [None, visitor.upload(film), ""])
    assert done
    done, _ = visitor.call(handlers["mark"][0], [None], CLICK)
    assert done
    return visitor


def event_of(value):
    """Return what a click, a box, a stroke or a press would say, were all of it `value`."""
    return dict.fromkeys(EVENT_KEYS, value) | {
        "box": [value] * 4,
        "points": [[value, value]],
        "offset": [value, value],
    }


def assert_in_words(done, answer):
    """Refuse answers that show more than a sentence.

    What no page could send (text for a slider) Gradio itself refuses, and says nothing.
    """
    said = None if done else answer if isinstance(answer, str) else answer.get("error")
    if said is None:
        return
    assert 0 < len(said) < 1000, said
    assert "Traceback" not in said, said
    assert "root:" not in said, said


def own_failures(log):
    """Return the tracebacks that went through this program's code."""
    blocks = log.split("Traceback (most recent call last)")[1:]
    return [block for block in blocks if str(ROOT / "tracker") in block]


def attack(url, name, value, film):
    """Send one value as everything there is to every handler, unnamed ones too."""
    visitor = Visitor(url, name) if film is None else at_work(url, name, film)
    for handler, kinds in visitor.handlers().values():
        data = [None if kind == "state" else value for kind in kinds]
        assert_in_words(*visitor.call(handler, data, event_of(value)))
        if len(kinds) == 1:
            assert_in_words(*visitor.call(handler, data, value))


@pytest.mark.slow
def test_r14_no_handler_fails_without_a_video(page, capfd):
    attack(page[0], "early", float("nan"), None)

    assert own_failures(capfd.readouterr().err) == []


@pytest.mark.parametrize(
    "value",
    [THINGS[0], *(pytest.param(each, marks=SLOW) for each in (*NUMBERS, *THINGS[1:]))],
    ids=lambda value: str(value)[:12],
)
def test_r14_no_handler_fails_whatever_it_is_sent(page, film, capfd, value):
    attack(page[0], f"late {str(value)[:12]}", value, film)

    assert own_failures(capfd.readouterr().err) == []


@pytest.mark.parametrize("name", ["tell", "by_words", pytest.param("remove", marks=SLOW)])
def test_r14_one_wrong_choice_among_right_ones_is_refused_in_words(page, film, capfd, name):
    visitor = at_work(page[0], f"chooser of {name}", film)
    handlers, defaults = visitor.handlers(), {}
    for each in visitor.config["components"]:
        defaults[each["id"]] = each["props"].get("value")
    inputs = {each["id"]: each["inputs"] for each in visitor.config["dependencies"]}
    number, kinds = handlers[name]
    good = [defaults[each] for each in inputs[number]]
    for place, kind in enumerate(kinds):
        for value in WRONG.get(kind, ()):
            data = [*good[:place], value, *good[place + 1 :]]
            assert_in_words(*visitor.call(number, data))
    done, _ = visitor.call(handlers["chosen"][0], [None, []])

    assert done
    assert own_failures(capfd.readouterr().err) == []


@pytest.mark.parametrize("asked", [None, [], "x", {"token": [], "frame": 0}, 7])
def test_r14_thumbnails_are_for_who_knows_their_session(page, film, capfd, asked):
    visitor = at_work(page[0], f"looker {asked}", film)
    (number,) = [each["id"] for each in visitor.config["components"] if _name(each) == "film"]
    body = {"session_hash": "x", "component_id": number, "fn_name": "thumbnail", "data": asked}

    answer = httpx.post(f"{visitor.url}component_server", json=body)

    assert (answer.status_code, answer.json()) == (200, "")
    assert own_failures(capfd.readouterr().err) == []


@pytest.mark.parametrize("frame", [-1, 10**30, 10**9, True, 1.5])
def test_r14_thumbnails_of_frames_that_are_not_there_have_no_picture(page, film, frame):
    _, folder = page
    before = set(folder.glob("cleanplate-session-*"))
    visitor = at_work(page[0], f"beyond {frame}", film)
    (mine,) = set(folder.glob("cleanplate-session-*")) - before
    (number,) = [each["id"] for each in visitor.config["components"] if _name(each) == "film"]
    asked = {"token": mine.name, "frame": frame}
    body = {"session_hash": "x", "component_id": number, "fn_name": "thumbnail", "data": asked}

    answer = httpx.post(f"{visitor.url}component_server", json=body, timeout=30)

    assert (answer.status_code, answer.json()) == (200, "")


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "another's video", *(pytest.param(each, marks=SLOW) for each in PATHS)],
)
def test_r14_no_handler_opens_what_was_not_uploaded_for_it(page, film, capfd, path):
    url, folder = page
    before = set(folder.glob("cleanplate-session-*"))
    at_work(url, f"owner of {path}", film)
    (mine,) = set(folder.glob("cleanplate-session-*")) - before
    video = next(mine.glob("source-*/video.mp4"))
    stolen = {"another's video": video, "another's upload folder": next(folder.glob("*-upload-*"))}
    thief = at_work(url, f"thief of {path}", film)
    given = {"path": str(stolen.get(path, path)), "meta": FILE}

    handlers = thief.handlers()
    for name, rest in OPENERS.items():
        data = [given if kind in ("file", "uploadbutton") else None for kind in handlers[name][1]]
        done, answer = thief.call(handlers[name][0], [*data[: len(data) - len(rest)], *rest])
        assert_in_words(done, answer)
        if done:  # a handler of the page says so in its notice
            assert re.search(r"not uploaded here|upload it", json.dumps(answer)), (name, answer)

    assert video.exists()
    assert own_failures(capfd.readouterr().err) == []


def _name(component):
    return component["props"].get("elem_id")


WRONG = {
    "radio": [None],
    "dropdown": [None, []],
    "slider": [float("nan"), 2.5],
    "checkbox": ["maybe", [1]],
    "textbox": [["a"], 5],
}
OPENERS = {
    "bring_upload": [""],
    "put_back": [],
    "open_project": [],
    "find_object": [[{"x": 1, "y": 1}]],
    "remove_objects": [[{"x": 1, "y": 1}], None],
}
