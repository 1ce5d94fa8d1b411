"""Downloads against a server on this machine that misbehaves in every way we know of."""

import errno
import hashlib
import io
import shutil
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from tracker import downloads
from tracker.published import RECORDS, Checkpoint
from tracker.types import UserError

CONTENT = bytes(range(256)) * 9000  # 2.3 MB


class Server(ThreadingHTTPServer):
    """Serves CONTENT for any path, as `behaviour` says; remembers the requests' ranges."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour = "good"
        self.stalls_seconds = 0.0  # between breaking off and hanging up
        self.content = CONTENT
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        behaviour, content = self.server.behaviour, self.server.content
        if behaviour == "forbidden":
            self.send_error(403)
            return
        if behaviour == "page":
            self.answer(200, b"<html>Too many users</html>", "text/html; charset=utf-8")
            return
        if behaviour == "page without a type":
            self.answer(200, b"\n<!DOCTYPE html>".ljust(len(content)))
            return
        start = int(wanted[6:-1]) if wanted and behaviour != "no ranges" else 0
        if start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        if behaviour == "tampered":
            content = content[:1000] + b"!" + content[1001:]
        if behaviour == "longer":
            content += b"more"
        told = start + 1 if behaviour == "another part" else start
        span = f"bytes {told}-{len(content) - 1}/{len(content)}"
        half = len(content[start:]) // 2 if behaviour == "breaks off" else None
        self.answer(206 if start else 200, content[start:], span=span, stop_after=half)
        if behaviour == "breaks off" and self.server.stalls_seconds:
            self.wfile.flush()
            time.sleep(self.server.stalls_seconds)

    def answer(self, status, body, kind="application/octet-stream", span=None, stop_after=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == 206:
            self.send_header("Content-Range", span)
        self.end_headers()
        self.wfile.write(body[:stop_after])

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def ckpt(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("CLEANPLATE_CKPT", str(tmp_path / "ckpt"))
    monkeypatch.delenv("CLEANPLATE_MIRROR", raising=False)
    return tmp_path / "ckpt"


@pytest.fixture
def publish(server, monkeypatch):
    def add(**changes) -> Checkpoint:
        fields = {
            "name": "little",
            "file": "little.pth",
            "purpose": "tests",
            "licence": "MIT",
            "commercial": True,
            "least_bytes": len(CONTENT),
            "url": f"{server.url}/files/little.pth",
            "bytes": len(CONTENT),
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
            **changes,
        }
        record = Checkpoint(**fields)
        known = {**RECORDS, record.name: record}
        monkeypatch.setattr("tracker.checkpoints.RECORDS", known)
        return record

    return add


def leftovers(ckpt: Path) -> list[str]:
    """Return everything under the folder, as relative names."""
    return sorted(str(p.relative_to(ckpt)) for p in ckpt.rglob("*") if p.is_file())


def test_a_good_download_has_its_final_name_and_nothing_is_left_beside_it(ckpt, server, publish):
    publish()
    seen = []

    (sentence,) = downloads.download(["little"], lambda *progress: seen.append(progress))

    assert (ckpt / "little.pth").read_bytes() == CONTENT
    assert [str(p.name) for p in ckpt.iterdir()] == ["little.pth"]
    assert sentence == f"little: {ckpt / 'little.pth'}, SHA-256 as published"
    assert seen[-1] == ("little", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in seen] == sorted({done for _, done, _ in seen})


def test_what_is_there_and_right_is_not_fetched_again(ckpt, server, publish):
    publish()
    ckpt.mkdir()
    (ckpt / "little.pth").write_bytes(CONTENT)

    (sentence,) = downloads.download(["little"])

    assert server.asked == []
    assert "was there, SHA-256 as published" in sentence


def test_r12_a_wrong_file_put_there_by_hand_is_replaced(ckpt, server, publish):
    publish()
    ckpt.mkdir()
    (ckpt / "little.pth").write_bytes(CONTENT[::-1])

    downloads.download(["little"])

    assert (ckpt / "little.pth").read_bytes() == CONTENT


def test_an_unpublished_hash_is_told(ckpt, server, publish):
    publish(bytes=None, sha256=None)

    (sentence,) = downloads.download(["little"])

    assert "no hash was published" in sentence
    assert hashlib.sha256(CONTENT).hexdigest() in sentence


def test_r12_a_broken_connection_keeps_the_part_and_the_next_try_goes_on(ckpt, server, publish):
    publish()
    server.behaviour = "breaks off"
    with pytest.raises(UserError, match=r"broke after 1\.2 of 2\.3 MB .*run it again to go on"):
        downloads.download(["little"])
    assert leftovers(ckpt) == [".partial/little.pth"]

    server.behaviour = "good"
    downloads.download(["little"])

    assert server.asked[-1][1] == f"bytes={len(CONTENT) // 2}-"
    assert (ckpt / "little.pth").read_bytes() == CONTENT
    assert leftovers(ckpt) == ["little.pth"]


def test_r12_a_server_that_falls_silent_is_not_waited_for(ckpt, server, publish, monkeypatch):
    publish()
    monkeypatch.setattr(downloads, "_TIMEOUT_SECONDS", 0.3)
    server.behaviour, server.stalls_seconds = "breaks off", 10.0

    began = time.monotonic()
    with pytest.raises(UserError, match=r"little\.pth"):
        downloads.download(["little"])

    assert time.monotonic() - began < 8  # the server would be silent for longer
    assert leftovers(ckpt) == [".partial/little.pth"]
    server.behaviour, server.stalls_seconds = "good", 0.0
    downloads.download(["little"])
    assert (ckpt / "little.pth").read_bytes() == CONTENT


def test_a_stopped_download_goes_on_too(ckpt, server, publish):
    publish()

    def stop(name, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        downloads.download(["little"], stop)
    assert leftovers(ckpt) == [".partial/little.pth"]
    downloads.download(["little"])

    assert (ckpt / "little.pth").read_bytes() == CONTENT
    assert server.asked[-1][1] is not None


def test_a_server_without_ranges_starts_over(ckpt, server, publish):
    publish()
    (ckpt / ".partial").mkdir(parents=True)
    (ckpt / ".partial" / "little.pth").write_bytes(b"something else entirely")
    server.behaviour = "no ranges"

    downloads.download(["little"])

    assert (ckpt / "little.pth").read_bytes() == CONTENT


def test_a_whole_part_is_verified_without_asking_again(ckpt, server, publish):
    publish()
    (ckpt / ".partial").mkdir(parents=True)
    (ckpt / ".partial" / "little.pth").write_bytes(CONTENT)

    downloads.download(["little"])

    assert server.asked == []
    assert (ckpt / "little.pth").read_bytes() == CONTENT


@pytest.mark.parametrize("extra", [b"", b"too much"])
def test_a_part_as_large_as_a_file_of_unknown_size(ckpt, server, publish, extra):
    publish(bytes=None, sha256=None)
    (ckpt / ".partial").mkdir(parents=True)
    (ckpt / ".partial" / "little.pth").write_bytes(CONTENT + extra)

    if extra:
        with pytest.raises(UserError, match="run it again to start over"):
            downloads.download(["little"])
    downloads.download(["little"])

    assert (ckpt / "little.pth").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("forbidden", r"127\.0\.0\.1 does not give little\.pth: 403 Forbidden; try later"),
        ("page", r"a web page came instead of little\.pth \(its quota may be used up"),
        ("page without a type", r"a web page came instead of little\.pth"),
        ("tampered", r"is not the published file: its SHA-256 is \w+, .* it was removed"),
        ("longer", r"offers 2,304,004 bytes for little\.pth, published are 2,304,000"),
    ],
)
def test_r12_what_is_wrong_is_said_and_leaves_nothing_behind(
    ckpt, server, publish, behaviour, message
):
    publish()
    server.behaviour = behaviour

    with pytest.raises(UserError, match=message):
        downloads.download(["little"])

    assert leftovers(ckpt) == []
    server.behaviour = "good"
    downloads.download(["little"])
    assert leftovers(ckpt) == ["little.pth"]


def test_another_part_than_asked_for_is_not_appended(ckpt, server, publish):
    publish()
    (ckpt / ".partial").mkdir(parents=True)
    (ckpt / ".partial" / "little.pth").write_bytes(CONTENT[:500])
    server.behaviour = "another part"

    with pytest.raises(UserError, match=r"the server sent another part of little\.pth"):
        downloads.download(["little"])
    assert leftovers(ckpt) == []


def test_r12_a_failed_download_leaves_an_older_file_alone(ckpt, server, publish):
    publish()
    ckpt.mkdir()
    (ckpt / "little.pth").write_bytes(b"older")
    server.behaviour = "tampered"

    with pytest.raises(UserError):
        downloads.download(["little"])

    assert (ckpt / "little.pth").read_bytes() == b"older"


def test_r12_offline_is_said_with_what_to_do(ckpt, server, publish):
    publish(url="http://127.0.0.1:9/little.pth")  # nobody listens on the discard port

    with pytest.raises(
        UserError, match=r"cannot reach 127\.0\.0\.1: .*are you online\? Else try later"
    ):
        downloads.download(["little"])
    assert leftovers(ckpt) == []


def test_r12_too_little_space_is_seen_before_fetching(ckpt, server, publish, monkeypatch):
    publish()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))

    with pytest.raises(UserError, match=r"no space left .* it needs 2 MB, 1 MB are free"):
        downloads.download(["little"])
    assert server.asked == []


def test_r12_a_disk_that_fills_up_meanwhile_keeps_the_part(ckpt, server, publish):
    publish()

    def fill_up(name, done, total):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match=r"no space left .*; make room and run it again"):
        downloads.download(["little"], fill_up)
    assert leftovers(ckpt) == [".partial/little.pth"]


def test_a_mirror_is_asked_instead_of_the_publisher(ckpt, server, publish, monkeypatch):
    publish(url=None, drive="some-id")
    monkeypatch.setenv("CLEANPLATE_MIRROR", f"{server.url}/mirror/")

    downloads.download(["little"])

    assert server.asked == [("/mirror/little.pth", None)]


def test_a_mirror_must_be_a_web_address(ckpt, server, publish, monkeypatch):
    publish()
    monkeypatch.setenv("CLEANPLATE_MIRROR", "file:///etc")

    with pytest.raises(UserError, match="CLEANPLATE_MIRROR must begin with https://"):
        downloads.download(["little"])


def zip_of(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


ZIPPED = {"zipped": True, "bytes": None, "sha256": None}


def test_a_file_published_in_an_archive_is_taken_out_of_it(ckpt, server, publish):
    publish(**ZIPPED)
    server.content = zip_of(**{"release/little.pth": CONTENT, "release/other.pt": b"x"})

    downloads.download(["little"])

    assert (ckpt / "little.pth").read_bytes() == CONTENT
    assert leftovers(ckpt) == ["little.pth"]


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (zip_of(readme=b"x"), r"the archive does not hold little\.pth"),
        (zip_of(**{"little.pth": CONTENT})[:5000], r"archive .* is damaged; it was removed"),
        (zip_of(**{"little.pth": b"short"}), "too few for its 2,304,000 of parameters"),
    ],
)
def test_r12_a_wrong_archive_is_refused(ckpt, server, publish, archive, message):
    publish(**ZIPPED)
    server.content = archive

    with pytest.raises(UserError, match=message):
        downloads.download(["little"])
    assert leftovers(ckpt) == []


@pytest.fixture
def drive(monkeypatch, publish):
    """Publish on Google Drive; the returned function replaces gdown.download."""
    gdown = pytest.importorskip("gdown")
    publish(url=None, drive="some-id")
    return lambda function: monkeypatch.setattr(gdown, "download", function)


def test_google_drive_is_left_to_gdown(ckpt, drive):
    def version_6(id=None, output=None, quiet=False, resume=False, progress=None):
        assert (id, quiet, resume) == ("some-id", True, True)
        Path(output).write_bytes(CONTENT)
        progress(len(CONTENT), len(CONTENT))
        return output

    drive(version_6)
    seen = []

    downloads.download(["little"], lambda *progress: seen.append(progress))

    assert leftovers(ckpt) == ["little.pth"]
    assert seen == [("little", len(CONTENT), len(CONTENT))]


def test_gdown_5_answers_none_and_reports_nothing(ckpt, drive):
    drive(lambda id=None, output=None, quiet=False, resume=False: None)

    with pytest.raises(UserError, match=r"instead of little\.pth \(its quota"):
        downloads.download(["little"])
    assert leftovers(ckpt) == []


def test_a_drive_that_refuses_is_said(ckpt, drive):
    from gdown.exceptions import FileURLRetrievalError

    def refuse(**_):
        raise FileURLRetrievalError("Cannot retrieve the public link of the file.")

    drive(refuse)

    with pytest.raises(UserError, match=r"Drive does not give .*fetch https://drive\.google\.com/"):
        downloads.download(["little"])


def test_a_page_that_gdown_took_for_the_file_is_refused(ckpt, drive):
    def page(id=None, output=None, quiet=False, resume=False):
        Path(output).write_text("<!DOCTYPE html><title>Quota exceeded</title>")
        return output

    drive(page)

    with pytest.raises(UserError, match="a web page came instead"):
        downloads.download(["little"])
    assert leftovers(ckpt) == []


def test_r12_drive_out_of_reach_is_said(ckpt, drive):
    def fail(**_):
        raise ConnectionError("no route")

    drive(fail)

    with pytest.raises(UserError, match=r"cannot reach Google Drive for little\.pth: no route"):
        downloads.download(["little"])
