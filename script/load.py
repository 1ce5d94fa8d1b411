"""Let several people use one page at once, and see whether anybody notices the others.

    python script/load.py                          # 8 people for 10 minutes
    python script/load.py --people 3 --minutes 1

Starts a page on loopback and drives it with gradio_client.  Every person removes something
from a film of their own, again and again, and each result is compared with what the same
person got alone before.  Meanwhile somebody else clicks, and their waits are measured.
Exits 1 if a result differs, a call fails, a click takes over 2 s, or something leaks.
"""

import argparse
import hashlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

# Run as a script, Python looks for modules in script/, not in the root the packages lie in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil
from gradio_client import Client, handle_file

from script.bench_tools import ROOT, point_at, scaled_sample

MAX_PEOPLE, MAX_MINUTES = 20, 30
CLICK_SECONDS = 2.0  # that a click may take while removals run
CLICK_PAUSE = 1.0
FILM_SIZE, FILM_FRAMES = "216x120", 24
LEAVING_SECONDS = 90  # the page looks every 15 s who is still there
SAMPLE_SECONDS = 2.0  # between two looks at its memory
GROWTH_MB = 40  # of all its processes, from the second to the last quarter of the time


@dataclass
class Person:
    """One person: what they remove, and what they got."""

    number: int
    film: Path
    mode: str
    point: tuple[int, int]
    alone: str = ""  # hash of the result without anybody else
    num_done: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Use:
    """What the page takes at one moment."""

    memory_mb: float
    open_files: int
    files: int  # not empty, in the folder of temporary files


@contextmanager
def page(folder: Path) -> Iterator[tuple[str, int]]:
    """Run the page on a free port of loopback; give its address and process number."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}/", (folder / "log").open("wb")
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, str(ROOT / "app.py"), "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "GRADIO_TEMP_DIR": str(folder / "files")},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        for _ in range(600):
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def use_of(pid: int, folder: Path) -> Use:
    """Measure the page and its workers."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    found = [path for path in (folder / "files").rglob("*") if path.is_file()]
    return Use(
        sum(process.memory_info().rss for process in processes) / 2**20,
        sum(process.num_fds() for process in processes),
        sum(path.stat().st_size > 0 for path in found),
    )


def remove(client: Client, person: Person) -> str:
    """Do one removal; return a hash of its video and masks."""
    x, y = person.point
    _, files = client.predict(
        handle_file(person.film),
        [{"x": x, "y": y}],
        {"mode": person.mode},
        api_name="/remove_objects",
    )
    found = hashlib.sha256()
    for name in map(Path, files):
        if name.suffix == ".zip":
            with zipfile.ZipFile(name) as archive:
                for entry in sorted(archive.namelist()):
                    found.update(archive.read(entry) if entry.endswith(".png") else b"")
        else:
            found.update(name.read_bytes())
        name.unlink()
    return found.hexdigest()


def visit(url: str, person: Person, folder: Path, end: float) -> None:
    """Remove again and again until `end`, noting what is not as it was alone."""
    client = Client(url, verbose=False, download_files=str(folder / f"down{person.number}"))
    while time.monotonic() < end:
        try:
            if remove(client, person) != person.alone:
                person.faults.append("another result than alone")
            person.num_done += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault
            person.faults.append(f"{type(error).__name__}: {str(error)[:200]}")
            time.sleep(1)
    client.close()


def memory_of(pid: int) -> dict[str, float]:
    """Return the megabytes of the page and of each of its workers, by what they do."""
    page = psutil.Process(pid)
    found = {"page": page.memory_info().rss / 2**20}
    for child in page.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            name = "clicks" if child.nice() == page.nice() else "removals"
            found[name] = found.get(name, 0.0) + child.memory_info().rss / 2**20
    return found


def watch(pid: int, stop: threading.Event) -> dict[str, float]:
    """Return how many megabytes each process grew by, once it had warmed up."""
    samples: list[dict[str, float]] = []
    while not stop.wait(SAMPLE_SECONDS):
        samples.append(memory_of(pid))
    quarter = len(samples) // 4
    if not quarter:
        return {}
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    return {
        name: statistics.median(each.get(name, 0.0) for each in late)
        - statistics.median(each.get(name, 0.0) for each in early)
        for name in samples[-1]
    }


def click(url: str, film: Path, folder: Path, stop: threading.Event) -> list[float]:
    """Click on an object now and then; return the seconds each answer took."""
    client = Client(url, verbose=False, download_files=str(folder / "clicks"))
    x, y = point_at(FILM_SIZE)
    given = handle_file(film)
    waits = []
    while not stop.wait(CLICK_PAUSE):
        began = time.monotonic()
        client.predict(given, [{"x": x, "y": y}], api_name="/find_object")
        waits.append(time.monotonic() - began)
    client.close()
    return waits


def make_people(num_people: int, folder: Path) -> list[Person]:
    """Give everybody a film of the same name, and a point of their own."""
    people = []
    x, y = point_at(FILM_SIZE)
    for number in range(num_people):
        home = folder / f"home{number}"
        home.mkdir()
        film = scaled_sample(home, FILM_SIZE, FILM_FRAMES).rename(home / "film.mp4")
        point = (x, y) if number % 2 == 0 else (20 + 20 * number % 160, 20 + 11 * number % 80)
        people.append(Person(number, film, ("offline", "streaming")[number % 3 == 0], point))
    return people


def main() -> int:
    """Run, print what was found, and return 1 if something is wrong."""
    parser = argparse.ArgumentParser(description="Let several people use one page at once.")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    if not (1 <= options.people <= MAX_PEOPLE and 0 < options.minutes <= MAX_MINUTES):
        parser.error(f"at most {MAX_PEOPLE} people and {MAX_MINUTES} minutes")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        people = make_people(options.people, folder)
        with page(folder) as (url, pid):
            client = Client(url, verbose=False, download_files=str(folder / "alone"))
            for person in people:
                person.alone = remove(client, person)
            client.close()
            wait_until_left(folder)
            before = use_of(pid, folder)
            end = time.monotonic() + 60 * options.minutes
            stop = threading.Event()
            with ThreadPoolExecutor(options.people + 2) as pool:
                watching = pool.submit(watch, pid, stop)
                clicking = pool.submit(click, url, people[0].film, folder, stop)
                visits = [pool.submit(visit, url, each, folder, end) for each in people]
                for each in visits:
                    each.result()
                stop.set()
                waits, growths = sorted(clicking.result()), watching.result()
            wait_until_left(folder)
            after = use_of(pid, folder)
        log = (folder / "log").read_text(errors="replace")
    return report(people, waits, growths, before, after, log)


def wait_until_left(folder: Path) -> None:
    """Wait until the page has noticed that everybody left, or long enough."""
    end = time.monotonic() + LEAVING_SECONDS
    while list((folder / "files").glob("cleanplate-session-*")) and time.monotonic() < end:
        time.sleep(1)


def report(
    people: list[Person],
    waits: list[float],
    growths: dict[str, float],
    before: Use,
    after: Use,
    log: str,
) -> int:
    """Print what was found; return 1 if something is wrong."""
    faults = [f"person {each.number}: {fault}" for each in people for fault in each.faults]
    print(f"{sum(each.num_done for each in people)} removals by {len(people)} people")
    if waits:
        p95 = waits[int(0.95 * (len(waits) - 1))]
        print(f"{len(waits)} clicks: p95 {p95:.2f} s, longest {waits[-1]:.2f} s")
        if waits[-1] > CLICK_SECONDS:
            faults.append(f"a click took {waits[-1]:.2f} s, over {CLICK_SECONDS:g} s")
    print(f"before {before}\nafter  {after}")
    growth = sum(growths.values())
    print(f"memory grew by {growth:.0f} MB from the second to the last quarter of the time:")
    print("  " + ", ".join(f"{name} {number:+.1f} MB" for name, number in growths.items()))
    if growth > GROWTH_MB:
        faults.append(f"memory grew by {growth:.0f} MB")
    if after.open_files > before.open_files:
        faults.append(f"{after.open_files - before.open_files} files more are open")
    if after.files > before.files:
        faults.append(f"{after.files - before.files} files more are left")
    if "Traceback" in log:
        faults.append("the log has a traceback: " + log[log.index("Traceback") :][:1500])
    print(f"{os.getloadavg()[1]:.1f} processes wanted a core on average, those of others included")
    for fault in faults:
        print(f"FAULT {fault}")
    print("FAILED" if faults else "PASSED")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
