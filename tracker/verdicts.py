"""What self-tests found: ckpt/selftest.json, the report that keeps failed weights out of "auto".

A verdict is about one file as it was; replaced weights have none until they are tested.
"""

import json
import logging
from dataclasses import asdict, dataclass, field

from tracker import checkpoints
from tracker.types import UserError
from tracker.whole import write_whole

REPORT = "selftest.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verdict:
    """What the self-test of one checkpoint found."""

    name: str
    passed: bool
    reason: str  # one sentence, with what was measured
    measured: dict[str, float] = field(default_factory=dict)  # quality by what was measured


def failure(name: str) -> str | None:
    """Return why the weights of `name` that are on disk now failed; None if they did not."""
    entry = _read().get(name)
    if not isinstance(entry, dict) or entry.get("passed") is not False:
        return None
    is_same = entry.get("stamp") == _stamp(name)
    return str(entry.get("reason")) if is_same else None


def write(verdict: Verdict) -> None:
    """Put a verdict into the report, in place of an earlier one.

    Raises:
        UserError: the report cannot be written.
    """
    place = checkpoints.folder() / REPORT
    content = _read() | {verdict.name: asdict(verdict) | {"stamp": _stamp(verdict.name)}}
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {place}: {error.strerror or error}") from error
    write_whole(place, json.dumps(content, indent=2) + "\n")


def _stamp(name: str) -> list[str | int] | None:
    """Return what tells the weights on disk from others, as JSON keeps it."""
    stamp = checkpoints.stamp(name)
    return None if stamp is None else list(stamp)


def _read() -> dict[str, object]:
    place = checkpoints.folder() / REPORT
    try:
        content = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        logger.warning("%s is not used: %s", place, error)
        return {}
    return content if isinstance(content, dict) else {}
