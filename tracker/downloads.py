"""Get published weights so that they arrive whole, or not at all.

A file grows under ckpt/.partial, is verified there, and is renamed when it is right; what was
interrupted goes on at the next try.  $CLEANPLATE_MIRROR names an address to ask instead of
the publishers' own.  Google Drive is left to gdown, everything else is plain HTTPS.
"""

import errno
import http.client
import inspect
import logging
import os
import shutil
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from tracker.archives import BROKEN_ARCHIVE
from tracker.checkpoints import folder, problem, record, sha256_of, size_problem
from tracker.published import Checkpoint
from tracker.types import UserError

logger = logging.getLogger(__name__)

Report: TypeAlias = Callable[[str, int, int | None], None]  # name, bytes so far, bytes in all

_PIECE = 1 << 20
_TIMEOUT_SECONDS = 30
_ONE_AT_A_TIME = threading.Lock()  # two downloads of one file would write into each other


def download(names: Sequence[str], report: Report | None = None) -> list[str]:
    """Get the named checkpoints; skip those that are there and right.

    Args:
        names: names of records.
        report: called while bytes arrive; an exception it raises stops the download.

    Returns:
        One sentence per file: where it lies and how it was verified.

    Raises:
        UserError: a file could not be had; nothing lies under its final name that did not
            before, and what has arrived is kept if the next try can go on from there.
    """
    wanted = [record(name) for name in dict.fromkeys(names)]
    with _ONE_AT_A_TIME:
        return [_get(checkpoint, report or _silent) for checkpoint in wanted]


def _silent(name: str, done: int, total: int | None) -> None:
    """Report nothing."""


def _get(checkpoint: Checkpoint, report: Report) -> str:
    final = folder() / checkpoint.file
    if problem(checkpoint, final) is None:
        return f"{checkpoint.name}: {final} was there, {_verified(checkpoint, final)}"
    mirror = os.environ.get("CLEANPLATE_MIRROR", "").rstrip("/")
    zipped = checkpoint.zipped and not mirror
    arrival = final.parent / ".partial" / (checkpoint.file + (".zip" if zipped else ""))
    try:
        arrival.parent.mkdir(parents=True, exist_ok=True)
        _require_space(checkpoint, arrival, zipped)
        if mirror or checkpoint.url is not None:
            url = f"{mirror}/{checkpoint.file}" if mirror else str(checkpoint.url)
            _over_https(checkpoint, url, arrival, report)
        else:
            _from_drive(checkpoint, arrival, report)
        _accept(checkpoint, arrival, final, zipped)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise UserError(f"{_full(final.parent)}; make room and run it again") from error
        raise UserError(f"cannot write to {final.parent}: {error.strerror or error}") from error
    finally:
        _remove_if_empty(arrival.parent)
    return f"{checkpoint.name}: {final}, {_verified(checkpoint, final)}"


def _verified(checkpoint: Checkpoint, file: Path) -> str:
    if checkpoint.sha256 is not None:
        return "SHA-256 as published"
    return f"no hash was published, its size is possible; SHA-256 here {sha256_of(file)}"


def _full(place: Path) -> str:
    return f"no space left on the disk of {place}"


def _require_space(checkpoint: Checkpoint, arrival: Path, zipped: bool) -> None:
    """Refuse to begin what cannot end."""
    there = arrival.stat().st_size if arrival.is_file() else 0
    size = checkpoint.bytes or checkpoint.least_bytes
    needed = (2 * size if zipped else size) - there
    free = shutil.disk_usage(arrival.parent).free
    if free < needed:
        raise UserError(
            f"{_full(arrival.parent.parent)} for {checkpoint.file}: it needs "
            f"{needed / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free"
        )


def _remove_if_empty(place: Path) -> None:
    if place.is_dir() and not any(place.iterdir()):
        place.rmdir()


def _by_hand(checkpoint: Checkpoint) -> str:
    return (
        f"try later, set CLEANPLATE_MIRROR, or fetch {checkpoint.page} with a browser "
        f"and put {checkpoint.file} into {folder()}"
    )


def _over_https(checkpoint: Checkpoint, url: str, arrival: Path, report: Report) -> None:
    """Append to `arrival` what is missing of it."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise UserError(f"{url} is no web address; CLEANPLATE_MIRROR must begin with https://")
    there = arrival.stat().st_size if arrival.is_file() else 0
    if there and there == checkpoint.bytes:
        return  # whole, but the program ended before it was verified
    headers = {"User-Agent": "cleanplate", "Accept-Encoding": "identity"}
    if there:
        headers["Range"] = f"bytes={there}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  checked above
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            _receive(checkpoint, answer, arrival, report)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and there:
            _not_larger_there(checkpoint, error, arrival)
            return
        raise UserError(
            f"{parts.hostname} does not give {checkpoint.file}: {error.code} {error.reason}; "
            f"{_by_hand(checkpoint)}"
        ) from error
    except urllib.error.URLError as error:
        raise UserError(
            f"cannot reach {parts.hostname}: {error.reason}; are you online? Else "
            f"{_by_hand(checkpoint)}"
        ) from error
    except (TimeoutError, ConnectionError, ssl.SSLError, http.client.HTTPException) as error:
        raise _stopped(checkpoint, arrival, None) from error


def _not_larger_there(checkpoint: Checkpoint, error: urllib.error.HTTPError, arrival: Path) -> None:
    """Accept that nothing is left to send only if `arrival` is as large as the file there."""
    total = error.headers.get("Content-Range", "").rpartition("/")[2]
    if total == str(arrival.stat().st_size) and size_problem(checkpoint, arrival) is None:
        return
    arrival.unlink()
    raise UserError(f"what was kept of {checkpoint.file} does not fit; run it again to start over")


def _receive(
    checkpoint: Checkpoint, answer: http.client.HTTPResponse, arrival: Path, report: Report
) -> None:
    """Write an answer's body to the end of `arrival`, or over it if the answer is the whole."""
    done = 0
    if answer.status == http.client.PARTIAL_CONTENT:
        done = arrival.stat().st_size
        if not answer.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            arrival.unlink()
            raise UserError(f"the server sent another part of {checkpoint.file}; run it again")
    if answer.headers.get_content_type() == "text/html":
        raise _page_instead(checkpoint)
    length = answer.headers.get("Content-Length")
    total = done + int(length) if length is not None else checkpoint.bytes
    if checkpoint.bytes is not None and total is not None and total != checkpoint.bytes:
        raise UserError(
            f"the server offers {total:,} bytes for {checkpoint.file}, published are "
            f"{checkpoint.bytes:,}; {_by_hand(checkpoint)}"
        )
    with arrival.open("ab" if done else "wb") as stream:
        while piece := answer.read(_PIECE):
            stream.write(piece)
            done += len(piece)
            report(checkpoint.name, done, total)
    if total is not None and done < total:
        raise _stopped(checkpoint, arrival, total)


def _stopped(checkpoint: Checkpoint, arrival: Path, total: int | None) -> UserError:
    done = arrival.stat().st_size if arrival.is_file() else 0
    total = total or checkpoint.bytes
    of_all = f" of {total / 1e6:,.1f}" if total else ""
    return UserError(
        f"the connection broke after {done / 1e6:,.1f}{of_all} MB of {checkpoint.file}; "
        "run it again to go on from there"
    )


def _page_instead(checkpoint: Checkpoint) -> UserError:
    return UserError(
        f"a web page came instead of {checkpoint.file} (its quota may be used up for today); "
        f"{_by_hand(checkpoint)}"
    )


def _from_drive(checkpoint: Checkpoint, arrival: Path, report: Report) -> None:
    """Let gdown, version 5 or 6, bring a file from Google Drive; it keeps its own parts."""
    import gdown  # here: it takes a noticeable part of a second to import
    from gdown import exceptions

    failures = tuple(
        getattr(exceptions, name)
        for name in ("DownloadError", "FileURLRetrievalError")
        if hasattr(exceptions, name)
    )
    options: dict[str, Any] = {}
    if "progress" in inspect.signature(gdown.download).parameters:
        options["progress"] = lambda done, total: report(checkpoint.name, done, total)
    try:
        result = gdown.download(
            id=checkpoint.drive, output=str(arrival), quiet=True, resume=True, **options
        )
    except failures as error:
        raise UserError(
            f"Google Drive does not give {checkpoint.file} (its quota may be used up for today); "
            f"{_by_hand(checkpoint)}"
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise UserError(
            f"cannot reach Google Drive for {checkpoint.file}: {error}; what has arrived is kept; "
            f"{_by_hand(checkpoint)}"
        ) from error
    if result is None or not arrival.is_file():
        raise _page_instead(checkpoint)


def _accept(checkpoint: Checkpoint, arrival: Path, final: Path, zipped: bool) -> None:
    """Give `arrival` its final name if it is the published file; else remove it and say why."""
    with arrival.open("rb") as stream:
        head = stream.read(64).lstrip().lower()
    if head.startswith(b"<"):
        arrival.unlink()
        raise _page_instead(checkpoint)
    file = _unzip(checkpoint, arrival) if zipped else arrival
    reason = problem(checkpoint, file)
    if reason is not None:
        file.unlink()
        raise UserError(
            f"what came as {checkpoint.file} is not the published file: {reason}; it was removed; "
            f"{_by_hand(checkpoint)}"
        )
    file.replace(final)
    logger.info("%s arrived in %s", checkpoint.file, final.parent)


def _unzip(checkpoint: Checkpoint, archive_file: Path) -> Path:
    """Take the one file out of the archive it is published in, and remove the archive."""
    file = archive_file.with_suffix("")
    try:
        with zipfile.ZipFile(archive_file) as archive:
            members = [name for name in archive.namelist() if Path(name).name == checkpoint.file]
            if members:
                with archive.open(members[0]) as source, file.open("wb") as target:
                    shutil.copyfileobj(source, target, _PIECE)
    except BROKEN_ARCHIVE as error:
        archive_file.unlink()
        raise UserError(
            f"the archive that came for {checkpoint.file} is damaged; it was removed, run it again"
        ) from error
    archive_file.unlink()
    if not members:
        raise UserError(f"the archive does not hold {checkpoint.file}; {_by_hand(checkpoint)}")
    return file
