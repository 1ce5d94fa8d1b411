"""One clip, from its claim to its result; the same on this machine and on a cluster."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tracker.batch.ledger import Ledger, Result
from tracker.batch.manifest import Item
from tracker.processes import this_machine
from tracker.types import UserError
from tracker.video import probe

ROOT = Path(__file__).resolve().parent.parent.parent
POLL_SECONDS = 0.1
_BASE_MB, _MB_PER_MEGAPIXEL = 320.0, 700.0  # measured with the weight-free engines, with a margin
_LEARNED_MB = 3500.0  # more, for networks and what they keep


def do_item(item: Item, ledger: Ledger, should_stop: Callable[[], bool] = lambda: False) -> Result:
    """Claim a clip and do it, in a process of its own; say what became of it."""
    with ledger.claim(item.name) as is_mine:
        if not is_mine:
            return Result(item.name, "elsewhere", "another batch is at it")
        if (before := ledger.result(item.name)) is not None:
            return replace(before, state="done before")
        where = this_machine()
        # Whole already, if the last process died between making it and naming it.
        if (finished := ledger.finish(item.name, where)) is not None:
            return finished
        ledger.begin(item.name)
        words = item.words(ledger.staged(item.name), ledger.report(item.name))
        reason = _run(words, should_stop)
        if reason is not None:
            return Result(item.name, "failed", reason, where=where)
        result = ledger.finish(item.name, where)
        return result or Result(item.name, "failed", "it left no result", where=where)


def _run(words: list[str], should_stop: Callable[[], bool]) -> str | None:
    """Run the command line in a process; return why it failed, None if it did not."""
    command = [sys.executable, "-m", "tracker.batch.child", *words]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,  # Ctrl-C is for us, who then close the pipe
        )
        try:
            while process.poll() is None:
                if should_stop():
                    return "stopped"
                time.sleep(POLL_SECONDS)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait()
        if process.returncode == 0:
            return None
        said.seek(0)
        lines = said.read().decode("utf-8", "replace").strip().splitlines()
    if process.returncode < 0:
        return f"its process was killed (signal {-process.returncode}); memory may have run out"
    last = lines[-1] if lines else f"its process ended with code {process.returncode}"
    return last.removeprefix("error: ")


def memory_needed_mb(item: Item) -> float:
    """Return a guess, on the safe side, of the memory a clip takes; 0 if it cannot be read."""
    try:
        info = probe(item.clip)
    except UserError:  # the clip's own process will say so
        return 0.0
    megapixels = info.height * info.width / 1e6
    words = " ".join(item.options)
    learned = any(name in words for name in ("deaot", "aot", "e2fgvi", "sam_", "mobile_sam"))
    return _BASE_MB + _MB_PER_MEGAPIXEL * megapixels + (_LEARNED_MB if learned else 0.0)


def as_words(item: Item) -> Mapping[str, object]:
    """Return an item as plain data, to be sent elsewhere."""
    return {
        "name": item.name,
        "clip": str(item.clip),
        "prompts": list(item.prompts),
        "masks": None if item.masks is None else str(item.masks),
        "options": list(item.options),
    }
