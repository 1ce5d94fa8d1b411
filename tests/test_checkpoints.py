"""Weights are found, verified, and read without running what is in them."""

import hashlib
import os
import pickle
from pathlib import Path

import pytest

from tracker import checkpoints
from tracker.published import DEFAULT, RECORDS, Checkpoint
from tracker.types import UserError

ENGINES = """mobile_sam sam_hq_tiny sam_vit_b sam_vit_l sam_vit_h groundingdino e2fgvi e2fgvi_hq
aott aots aotb aotl r50_aotl swinb_aotl deaott deaots deaotb deaotl r50_deaotl swinb_deaotl"""


@pytest.fixture
def ckpt(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "ckpt"
    folder.mkdir()
    monkeypatch.setenv("CLEANPLATE_CKPT", str(folder))
    return folder


def add_record(monkeypatch, content: bytes, **changes) -> Checkpoint:
    """Publish `content` as a checkpoint called "little"."""
    fields = {
        "name": "little",
        "file": "little.pth",
        "purpose": "tests",
        "licence": "MIT",
        "commercial": True,
        "least_bytes": len(content),
        "url": "https://example.invalid/little.pth",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **changes,
    }
    record = Checkpoint(**fields)
    monkeypatch.setattr("tracker.checkpoints.RECORDS", {**RECORDS, "little": record})
    return record


def saved(tmp_path, content, **options) -> Path:
    torch = pytest.importorskip("torch")
    file = tmp_path / "file.pth"
    torch.save(content, file, **options)
    return file


class RunsCode:
    """A pickle of this would create a file when opened carelessly."""

    def __init__(self, proof: Path):
        self.proof = proof

    def __reduce__(self):
        return (os.mkdir, (str(self.proof),))


def test_every_engine_that_has_weights_has_a_record():
    assert set(ENGINES.split()) <= set(RECORDS)
    assert set(DEFAULT) <= set(RECORDS)


@pytest.mark.parametrize("name", RECORDS)
def test_records_are_complete(name):
    record = RECORDS[name]

    assert record.name == name
    assert (record.url is None) != (record.drive is None)
    assert record.url is None or record.url.startswith("https://")
    assert record.sha256 is None or len(bytes.fromhex(record.sha256)) == 32
    assert record.bytes is None or record.bytes == record.least_bytes > 0
    assert record.commercial == ("NC" not in record.licence)


def test_file_names_are_unique():
    assert len({record.file for record in RECORDS.values()}) == len(RECORDS)


def test_every_record_is_in_the_table_of_the_folder():
    table = (Path(__file__).parent.parent / "ckpt" / "README.md").read_text(encoding="utf-8")

    for record in RECORDS.values():
        family = record.file.endswith("_PRE_YTB_DAV.pth") and record.name != "r50_deaotl"
        assert family or f"| {record.file} |" in table
        assert family or record.bytes is None or f"| {record.bytes:,} |" in table


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UserError, match=r"no checkpoint 'resnet'; choose from: mobile_sam, "):
        checkpoints.path("resnet")


def test_folder_is_the_checkouts_own(monkeypatch):
    monkeypatch.delenv("CLEANPLATE_CKPT", raising=False)

    assert checkpoints.folder() == Path(checkpoints.__file__).resolve().parent.parent / "ckpt"


def test_an_installed_package_keeps_weights_with_the_users_data(monkeypatch, tmp_path):
    monkeypatch.delenv("CLEANPLATE_CKPT", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("tracker.checkpoints._PACKAGE", tmp_path / "site-packages" / "tracker")

    assert checkpoints.folder() == tmp_path / "cleanplate" / "ckpt"


def test_a_file_of_the_right_size_is_found(ckpt, monkeypatch):
    record = add_record(monkeypatch, b"123456")
    assert checkpoints.path("little") is None

    (ckpt / record.file).write_bytes(b"123456")

    assert checkpoints.path("little") == ckpt / record.file
    assert checkpoints.on_disk() == {"little"}


def test_r12_a_file_cut_short_is_not_used_and_the_log_says_why(ckpt, monkeypatch, caplog):
    record = add_record(monkeypatch, b"123456")
    (ckpt / record.file).write_bytes(b"12345")

    assert checkpoints.path("little") is None
    assert "it has 5 bytes, the published file 6" in caplog.text


def test_without_a_published_size_the_parameters_must_fit(ckpt, monkeypatch):
    record = add_record(monkeypatch, b"123456", bytes=None, sha256=None)

    (ckpt / record.file).write_bytes(b"12345")
    assert checkpoints.path("little") is None

    (ckpt / record.file).write_bytes(b"12345678")
    assert checkpoints.path("little") == ckpt / record.file


def test_r12_a_missing_file_names_the_command_that_gets_it(ckpt):
    with pytest.raises(UserError, match="run: python -m tracker download e2fgvi_hq"):
        checkpoints.load("e2fgvi_hq")


@pytest.mark.parametrize("wrap", [lambda p: p, lambda p: {"state_dict": p, "optimizer": {}}])
def test_parameters_come_unwrapped(tmp_path, ckpt, monkeypatch, wrap):
    torch = pytest.importorskip("torch")
    file = saved(tmp_path, wrap({"module.a.weight": torch.arange(3.0), "b": torch.ones(1)}))
    record = add_record(monkeypatch, file.read_bytes())
    file.rename(ckpt / record.file)

    parameters = checkpoints.load("little")

    assert list(parameters) == ["a.weight", "b"]
    torch.testing.assert_close(parameters["a.weight"], torch.arange(3.0))


def test_files_of_old_torch_versions_are_read(tmp_path):
    torch = pytest.importorskip("torch")
    file = saved(tmp_path, {"a": torch.ones(2)}, _use_new_zipfile_serialization=False)

    assert list(checkpoints.load(file)) == ["a"]


def test_r12_a_tampered_file_is_refused_before_it_is_opened(tmp_path, ckpt, monkeypatch):
    torch = pytest.importorskip("torch")
    file = saved(tmp_path, {"a": torch.zeros(64)})
    record = add_record(monkeypatch, file.read_bytes())
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    (ckpt / record.file).write_bytes(content)
    monkeypatch.setattr("torch.load", lambda *_, **__: pytest.fail("it was opened"))

    with pytest.raises(UserError, match=rf"its SHA-256 is \w+, the published one {record.sha256}"):
        checkpoints.load("little")


@pytest.mark.parametrize("new_format", [True, False])
def test_r12_a_file_that_would_run_code_is_refused_and_runs_nothing(tmp_path, new_format):
    proof = tmp_path / "it-ran"
    content = {"a": RunsCode(proof)}
    file = saved(tmp_path, content, _use_new_zipfile_serialization=new_format)

    with pytest.raises(UserError, match=r"would call \w+\.mkdir when opened.*refused"):
        checkpoints.load(file)
    assert not proof.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_r12_a_bare_pickle_that_would_run_code_is_refused(tmp_path):
    pytest.importorskip("torch")
    proof = tmp_path / "it-ran"
    file = tmp_path / "file.pth"
    file.write_bytes(pickle.dumps(RunsCode(proof)))

    with pytest.raises(UserError, match="refused, nothing in it was run"):
        checkpoints.load(file)
    assert not proof.exists()


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_r12_a_truncated_file_is_said_to_be_damaged(tmp_path, new_format, kept):
    torch = pytest.importorskip("torch")
    file = saved(tmp_path, {"a": torch.ones(500)}, _use_new_zipfile_serialization=new_format)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])

    with pytest.raises(UserError, match="cut short or damaged; delete and fetch it again"):
        checkpoints.load(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html>", "is not a torch checkpoint"),
        (b"", "is not a torch checkpoint"),
        (b"PK\x05\x06" + bytes(18), "holds no torch checkpoint"),
    ],
)
def test_r12_foreign_files_are_refused_without_torch(tmp_path, content, message):
    file = tmp_path / "file.pth"
    file.write_bytes(content)

    with pytest.raises(UserError, match=message):
        checkpoints.load(file)


def test_r12_a_file_without_parameters_says_what_it_holds(tmp_path):
    torch = pytest.importorskip("torch")
    file = saved(tmp_path, torch.ones(3))

    with pytest.raises(UserError, match="holds no parameters but a Tensor"):
        checkpoints.load(file)
