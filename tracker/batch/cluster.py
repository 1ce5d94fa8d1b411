"""The same clips on a Ray cluster whose machines share the folders of clips and results.

Ray starts a task again when the machine it ran on is gone.  The claim of the lost task has
ended with its process, so the clip is done once in the output, whoever did it last.
"""

import logging
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tracker.batch.ledger import Ledger, Result
from tracker.batch.manifest import Item
from tracker.batch.work import as_words, do_item, memory_needed_mb
from tracker.types import UserError

_PATIENCE_SECONDS = 30.0  # for the process of a lost machine to notice and let go
_RETRIES = 5  # of a task whose machine is gone


def run_on_ray(items: Sequence[Item], output: Path, ending: str, address: str) -> Generator[Result]:
    """Do all items on the cluster at `address`; yield what became of each as it ends.

    Raises:
        UserError: Ray is not installed, or there is no such cluster.
    """
    try:
        import ray
    except ImportError:
        raise UserError("--ray needs Ray; run: pip install -r requirements-cluster.txt") from None
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(f"no Ray cluster at {address} ({error})") from None
    try:
        yield from _run(ray, items, output, ending)
    finally:
        ray.shutdown()


def _run(ray: Any, items: Sequence[Item], output: Path, ending: str) -> Generator[Result]:
    waiting = {}
    for item in items:
        task = ray.remote(_do_there).options(
            max_retries=_RETRIES, num_cpus=1, memory=int(memory_needed_mb(item) * 2**20)
        )
        waiting[task.remote(as_words(item), str(output.absolute()), ending)] = item
    while waiting:
        ready, _ = ray.wait(list(waiting), num_returns=1)
        for reference in ready:
            item = waiting.pop(reference)
            try:
                yield Result(**ray.get(reference))
            except ray.exceptions.RayError as error:
                first = str(error).strip().splitlines()[0]
                yield Result(item.name, "failed", f"Ray gave up: {first}")


def _do_there(words: dict[str, Any], output: str, ending: str) -> dict[str, Any]:
    """Do one clip on a machine of the cluster; plain data in, plain data out."""
    masks = words["masks"]
    item = Item(
        words["name"],
        Path(words["clip"]),
        tuple(words["prompts"]),
        None if masks is None else Path(masks),
        tuple(words["options"]),
    )
    ledger = Ledger(Path(output), ending)
    started = time.monotonic()
    while True:
        result = do_item(item, ledger)
        if result.state != "elsewhere" or time.monotonic() - started > _PATIENCE_SECONDS:
            return asdict(result)
        time.sleep(0.5)
