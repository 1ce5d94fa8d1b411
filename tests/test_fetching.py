"""Downloads for the page, against the server that misbehaves."""

import time

import pytest
from test_downloads import CONTENT, Server, ckpt, publish, server  # noqa: F401  fixtures

from tracker import engines, selftest
from tracker.fetching import News, fetch
from tracker.types import UserError
from tracker.verdicts import Verdict


@pytest.fixture(autouse=True)
def tested(monkeypatch):
    """Let every test of what arrived pass, unless told otherwise; return what was tested."""
    names = []

    def judge(name, device="auto"):
        names.append(name)
        return Verdict(name, passed=True, reason="fine")

    monkeypatch.setattr(selftest, "judge", judge)
    monkeypatch.setattr(engines, "has_torch", lambda: True)
    return names


def test_news_come_while_it_arrives_and_then_it_is_tested(ckpt, publish, tested):  # noqa: F811
    publish()

    news = list(fetch("little"))

    assert (ckpt / "little.pth").read_bytes() == CONTENT
    assert news[-1] == News("little", len(CONTENT), len(CONTENT), is_tested=True)
    assert [each.done for each in news] == sorted(each.done for each in news)
    assert tested == ["little"]


def test_without_torch_nothing_is_tested(ckpt, publish, tested, monkeypatch):  # noqa: F811
    publish()
    monkeypatch.setattr(engines, "has_torch", lambda: False)

    list(fetch("little"))

    assert tested == []


def test_a_failed_self_test_is_said(ckpt, publish, monkeypatch):  # noqa: F811
    publish()
    monkeypatch.setattr(selftest, "judge", lambda name: Verdict(name, False, "IoU 0.10"))

    with pytest.raises(UserError, match=r"little arrived but failed its self-test.*IoU 0\.10"):
        list(fetch("little"))


@pytest.mark.parametrize("behaviour", ["forbidden", "tampered", "page", "breaks off"])
def test_what_goes_wrong_is_said(ckpt, publish, server, tested, behaviour):  # noqa: F811
    publish()
    server.behaviour = behaviour

    with pytest.raises(UserError, match=r"little\.pth"):
        list(fetch("little"))

    assert not (ckpt / "little.pth").exists()
    assert tested == []


def test_a_stopped_download_keeps_its_part_and_goes_on(ckpt, publish, server):  # noqa: F811
    publish()
    news = fetch("little")
    next(each for each in news if each.done)
    news.close()
    part = ckpt / ".partial" / "little.pth"
    deadline = time.monotonic() + 5
    while not part.exists() and not (ckpt / "little.pth").exists():
        assert time.monotonic() < deadline

    list(fetch("little"))

    assert (ckpt / "little.pth").read_bytes() == CONTENT
