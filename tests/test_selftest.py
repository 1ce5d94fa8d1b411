"""Weights that do not do what they should are found out, and not used by themselves."""

import json
import re
from dataclasses import replace

import pytest

from tracker import engines, selftest, verdicts
from tracker.__main__ import main
from tracker.exams import Mark
from tracker.published import RECORDS
from tracker.types import UserError


@pytest.fixture
def ckpt(tmp_path, monkeypatch):
    monkeypatch.setenv("CLEANPLATE_CKPT", str(tmp_path / "ckpt"))
    (tmp_path / "ckpt").mkdir()
    return tmp_path / "ckpt"


@pytest.fixture
def put_random(ckpt, monkeypatch):
    """Return a function that puts random weights where published ones would lie."""
    torch = pytest.importorskip("torch")

    def put(name, network):
        record = replace(RECORDS[name], sha256=None, bytes=None, least_bytes=1)
        monkeypatch.setitem(RECORDS, name, record)
        torch.save(network.state_dict(), ckpt / record.file)
        return ckpt / record.file

    return put


def build(name):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    if name.startswith("e2fgvi"):
        from e2fgvi import build_network

        return build_network(hq=name == "e2fgvi_hq")
    if name in engines.JOBS["segmenter"]:
        from sam.networks import build_network as build_clicker

        return build_clicker(name)
    from aot import build_network as build_tracker

    return build_tracker(name)


def test_engines_that_need_no_weights_pass():
    marks = dict(selftest.judge_own())

    assert set(marks) == {"segmenter", "propagator", "inpainter"}
    assert all(mark.passed for mark in marks.values()), marks


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mobile_sam", r"IoU from one click 0\.\d\d, but must be at least 0\.85"),
        pytest.param(
            "deaott",
            r"J on the sample 0\.\d\d, but must be at least 0\.85",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "e2fgvi_hq",
            r"dB above cv2\.inpaint in the hole -\d+\.\d\d, but must be at least 0\.00",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_random_weights_fail_and_the_report_says_why(ckpt, put_random, name, reason):
    put_random(name, build(name))

    verdict = selftest.judge(name, "cpu")

    assert not verdict.passed
    assert re.fullmatch(reason, verdict.reason)
    told = json.loads((ckpt / "selftest.json").read_text())[name]
    assert told["passed"] is False
    assert told["reason"] == verdict.reason
    assert list(told["measured"].values()) == [pytest.approx(float(*verdict.measured.values()))]


def test_auto_passes_over_what_failed_until_it_is_replaced(ckpt, put_random):
    file = put_random("mobile_sam", build("mobile_sam"))
    assert engines.choose("segmenter", device="cpu").name == "mobile_sam"

    verdicts.write(verdicts.Verdict("mobile_sam", passed=False, reason="IoU 0.10"))
    passed_over = engines.choose("segmenter", device="cpu")
    asked_for = engines.choose("segmenter", "mobile_sam", "cpu")
    file.write_bytes(file.read_bytes() + b"\0")
    replaced = engines.choose("segmenter", device="cpu")

    assert passed_over.name == "classical"
    assert passed_over.reason == "mobile_sam is on disk but failed its self-test: IoU 0.10"
    assert dict(engines.table("segmenter"))["mobile_sam"] == "ready"
    assert asked_for.name == "mobile_sam"
    assert replaced.name == "mobile_sam"


def test_a_passed_test_after_a_failed_one_counts(ckpt, put_random):
    put_random("mobile_sam", build("mobile_sam"))

    verdicts.write(verdicts.Verdict("mobile_sam", passed=False, reason="IoU 0.10"))
    assert dict(engines.table("segmenter"))["mobile_sam"] == "failed its self-test: IoU 0.10"
    verdicts.write(verdicts.Verdict("mobile_sam", passed=True, reason="IoU 0.90"))

    assert engines.choose("segmenter", device="cpu").name == "mobile_sam"


def test_another_networks_weights_fail_by_their_names(ckpt, put_random):
    put_random("mobile_sam", build("deaott"))

    verdict = selftest.judge("mobile_sam", "cpu")

    assert not verdict.passed
    assert "mobile_sam.pt does not hold mobile_sam" in verdict.reason


def test_a_tampered_file_fails_by_its_hash(ckpt, put_random, monkeypatch):
    put_random("mobile_sam", build("mobile_sam"))
    monkeypatch.setitem(RECORDS, "mobile_sam", replace(RECORDS["mobile_sam"], sha256="0" * 64))

    verdict = selftest.judge("mobile_sam", "cpu")

    assert not verdict.passed
    assert "its SHA-256 is" in verdict.reason


def test_weights_that_are_not_there_cannot_be_tested(ckpt):
    with pytest.raises(UserError, match="run: python -m tracker download deaott"):
        selftest.judge("deaott")


def test_the_command_says_what_passed_and_ends_with_2_if_something_failed(
    ckpt, put_random, capsys, monkeypatch
):
    put_random("mobile_sam", build("mobile_sam"))
    marks = {"mobile_sam": Mark("IoU from one click", 0.1, 0.85)}
    monkeypatch.setattr(selftest, "examine", lambda choice: marks[choice.name])

    assert main(["selftest", "mobile_sam"]) == 2
    marks["mobile_sam"] = Mark("IoU from one click", 0.9, 0.85)
    assert main(["selftest", "mobile_sam"]) == 0

    out, err = capsys.readouterr()
    assert "mobile_sam: self-test FAILED: IoU from one click 0.10, but must be at least" in out
    assert "mobile_sam: self-test passed: IoU from one click 0.90, at least 0.85" in out
    assert f"why: {ckpt / 'selftest.json'}" in err


@pytest.mark.parametrize("content", ["", "[]", '{"mobile_sam": 3}', "\0"])
def test_a_damaged_report_says_nothing(ckpt, content):
    (ckpt / "selftest.json").write_text(content)

    assert verdicts.failure("mobile_sam") is None


def test_commercial_use_keeps_non_commercial_weights_out_of_auto(ckpt, put_random, monkeypatch):
    put_random("e2fgvi_hq", build("e2fgvi_hq"))
    monkeypatch.setattr(engines, "accelerator", lambda: "cuda")

    assert engines.choose("inpainter").name == "e2fgvi_hq"
    choice = engines.choose("inpainter", commercial=True)

    assert choice.name == "classical"
    assert choice.reason == "e2fgvi_hq is on disk but not for commercial use"
    with pytest.raises(UserError, match=r"e2fgvi_hq are for non-commercial use \(CC BY-NC 4\.0\)"):
        engines.choose("inpainter", "e2fgvi_hq", commercial=True)


def test_a_replaced_file_is_read_again(put_random):
    torch = pytest.importorskip("torch")
    from tracker.engine_table import SEGMENTERS

    def first_parameter(segmenter):
        return next(segmenter._sam._network.parameters()).flatten()[:5].clone()

    put_random("mobile_sam", build("mobile_sam"))
    make = SEGMENTERS["mobile_sam"].load
    one = first_parameter(make("cpu")(engines.DEFAULTS))
    same = first_parameter(make("cpu")(engines.DEFAULTS))
    network = build("mobile_sam")
    with torch.no_grad():
        next(network.parameters()).add_(1)
    put_random("mobile_sam", network)
    other = first_parameter(make("cpu")(engines.DEFAULTS))

    assert torch.equal(one, same)
    assert torch.allclose(other, one + 1)
