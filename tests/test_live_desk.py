"""The desk of the live tab: what is sent picture by picture comes back clean."""

import base64
from io import BytesIO

import numpy as np
import pytest
import rendered
from PIL import Image

from tracker.live.desk import (
    IDLE_SECONDS,
    Begin,
    Clean,
    Forget,
    Hold,
    Learn,
    Leave,
    LiveDesk,
    Mark,
    decode,
    encode,
)
from tracker.types import UserError
from tracker.ui.panels.live import question_of

DISC_AT = (30 / rendered.WIDTH, 0.5)  # where it is at first, fractions
TOKEN = "0123456789abcdef" * 2


def picture(index=None):
    """Return the wall, with the disc where it is in a frame, as JPEG."""
    frame = rendered.wall()
    if index is not None:
        frame[rendered.disc(index)] = (215, 50, 45)
    return encode(frame)


def redness(shown):
    frame = decode(shown.picture)
    return float(((frame[..., 0] > 180) & (frame[..., 1] < 90) & (frame[..., 2] < 90)).mean())


def ready(desk, owner="me", learn=0):
    """Learn so many empty pictures, hold a still, click on the disc, and begin."""
    for count in range(learn):
        desk(Learn(owner, picture(), count == 0))
    desk(Hold(owner, picture(0)))
    desk(Mark(owner, *DISC_AT, positive=True, anew=False))
    return desk(Begin(owner))


@pytest.mark.parametrize("learn", [0, 5])
def test_the_object_goes_from_every_picture(learn):
    desk = LiveDesk()
    ready(desk, learn=learn)

    shown = [desk(Clean("me", index, picture(index))) for index in range(1, 9)]

    assert max(map(redness, shown[1:])) < 0.005 < rendered.disc(0).mean()


def test_what_was_learned_is_what_the_hole_shows():
    desk = LiveDesk()
    ready(desk, learn=5)

    shown = decode(desk(Clean("me", 1, picture(1))).picture)

    inside, wall = rendered.disc(1), decode(picture())
    error = np.mean((shown[inside].astype(float) - wall[inside]) ** 2)
    assert 10 * np.log10(255**2 / error) > 28  # JPEG twice, of a wall all noise


def test_a_picture_that_was_overtaken_is_not_worked_on():
    desk = LiveDesk()
    ready(desk)
    desk(Clean("me", 5, picture(5)))

    assert desk(Clean("me", 4, b"never looked at")) is None


def test_two_people_do_not_see_each_other():
    desk = LiveDesk()
    ready(desk, "first")
    desk(Hold("second", picture()))

    with pytest.raises(UserError, match="nothing is being removed"):
        desk(Clean("second", 1, picture(1)))
    assert redness(desk(Clean("first", 1, picture(1)))) < 0.005
    with pytest.raises(UserError, match="click on an object"):
        desk(Begin("second"))


def test_several_objects_are_marked_and_a_click_takes_away():
    desk = LiveDesk()
    desk(Hold("me", picture(0)))
    first = desk(Mark("me", *DISC_AT, positive=True, anew=False))
    less = desk(Mark("me", 0.8, 0.8, positive=False, anew=False))
    second = desk(Mark("me", 0.8, 0.2, positive=True, anew=True))

    assert (first.num_objects, less.num_objects, second.num_objects) == (1, 1, 2)


def test_places_are_few_and_go_to_others_when_nobody_uses_them():
    now = [0.0]
    desk = LiveDesk(num_places=1, clock=lambda: now[0])
    ready(desk, "first")

    with pytest.raises(UserError, match="1 people remove something live here already"):
        desk(Hold("second", picture()))
    now[0] = IDLE_SECONDS + 1
    desk(Hold("second", picture()))
    now[0] += IDLE_SECONDS + 1

    with pytest.raises(UserError, match="nothing is being removed any more"):
        desk(Clean("first", 1, picture(1)))
    desk(Leave("first"))
    desk(Hold("third", picture()))


def wider():
    return encode(np.zeros((96, 160, 3), np.uint8))


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ([Mark("me", 0.5, 0.5, True, False)], "no still picture any more"),
        ([Hold("me", b"GIF89a")], "the browser sent no picture"),
        ([Hold("me", encode(np.zeros((1000, 1000, 3), np.uint8)))], "are 1000x1000"),
        ([Hold("me", picture(0)), Mark("me", 0.5, 0.5, False, False)], "click on the object first"),
        ([Hold("me", picture(0)), Begin("me")], "nothing to remove"),
    ],
)
def test_what_is_wrong_is_said(questions, message):
    desk = LiveDesk()

    with pytest.raises(UserError, match=message):
        [desk(question) for question in questions]


def test_pictures_of_another_size_are_refused_and_the_scene_can_be_forgotten():
    desk = LiveDesk()
    ready(desk)
    with pytest.raises(UserError, match="another size now"):
        desk(Clean("me", 1, wider()))

    desk(Learn("me", wider(), True))
    with pytest.raises(UserError, match="learn it again"):
        desk(Begin("me"))
    desk(Forget("me"))
    assert redness(desk(Begin("me"))) < 0.005


def test_a_scene_that_has_changed_is_said():
    desk = LiveDesk()
    ready(desk, learn=3)
    moved = np.roll(decode(picture(1)), (13, 29), axis=(0, 1))

    assert "learn it again" in desk(Clean("me", 1, encode(moved))).notice


def asked(**more):
    return {"token": TOKEN, **more}


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"token": "short", "ask": "begin"}, "load it again"),
        (asked(ask="nothing"), "different versions"),
        (asked(ask="mark", x="left", y=1), "different versions"),
        (asked(ask="hold", picture="data:image/png;base64,AAAA"), "sent no picture"),
        (asked(ask="hold", picture="data:image/jpeg;base64,%%"), "sent no picture"),
        (asked(ask="hold", picture=None), "sent no picture"),
    ],
)
def test_what_is_no_question_is_refused(question, message):
    with pytest.raises(UserError, match=message):
        question_of(question)


def test_a_picture_travels_unchanged_to_the_desk():
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")

    text = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    question = question_of(asked(ask="clean", number=3, picture=text))

    assert (question.owner, question.number, question.picture) == (TOKEN, 3, buffer.getvalue())
