"""Who does which clip, and what is done: files in `OUT/.batch`, so that a crash loses nothing.

A clip is claimed by a lock the system holds on a file: it ends with the process that took
it, however that dies, and no two processes have it, on one machine or on several that share
the folder.  A result is made beside its report in a folder of the clip's own, and only when
both are whole does it get its name; whoever comes after a crash in between just names it.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from tracker.locking import lock
from tracker.types import UserError

State: TypeAlias = Literal["done", "done before", "failed", "elsewhere"]


@dataclass(frozen=True)
class Result:
    """What became of one clip."""

    name: str
    state: State
    reason: str = ""  # why it failed
    frames: int = 0
    seconds: float = 0.0
    fps: float = 0.0
    peak_rss_mb: float = 0.0
    where: str = ""  # the machine that did it


class Ledger:
    """The claims and results of one output folder."""

    def __init__(self, output: Path, ending: str = ".mp4") -> None:
        """Open the ledger of `output`; results are called NAME with `ending`, "" for a folder."""
        self._output, self._ending = output.absolute(), ending
        self._folder = self._output / ".batch"

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            UserError: they cannot be made.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self._output} cannot be made: {error.strerror}") from None

    def staged(self, name: str) -> Path:
        """Return where the result of a clip is made."""
        return self._folder / name / f"result{self._ending}"

    def report(self, name: str) -> Path:
        """Return where the report of a clip is written, after its result is whole."""
        return self._folder / name / "report.json"

    def final(self, name: str) -> Path:
        """Return where the result of a clip ends."""
        return self._output / f"{name}{self._ending}"

    def result(self, name: str) -> Result | None:
        """Return what became of a clip that is done, None if it is not."""
        file = self._folder / f"{name}.done"
        if not file.is_file():
            return None
        return Result(**json.loads(file.read_text(encoding="utf-8")))

    @contextmanager
    def claim(self, name: str) -> Iterator[bool]:
        """Take a clip; the value is False if another process has it.

        Raises:
            UserError: the file of claims cannot be written.
        """
        try:
            file = (self._folder / f"{name}.claim").open("a")
        except OSError as error:
            raise UserError(f"{self._folder} cannot be written: {error.strerror}") from None
        with file:
            yield lock(file)

    def begin(self, name: str) -> None:
        """Make room for the result of a claimed clip; what a crash left of it goes."""
        shutil.rmtree(self._folder / name, ignore_errors=True)
        (self._folder / name).mkdir()

    def finish(self, name: str, where: str) -> Result | None:
        """Name the result of a claimed clip, if it is whole, and note it as done."""
        report = self.report(name)
        if not report.is_file():
            return None
        staged, final = self.staged(name), self.final(name)
        if staged.exists():
            if final.is_dir():
                shutil.rmtree(final)
            staged.replace(final)
        elif not final.exists():
            return None
        said = json.loads(report.read_text(encoding="utf-8"))
        numbers = {key: said[key] for key in ("frames", "seconds", "fps", "peak_rss_mb")}
        result = Result(name, "done", where=where, **numbers)
        partial = self._folder / f"{name}.done.{os.getpid()}.tmp"
        partial.write_text(json.dumps(asdict(result)) + "\n", encoding="utf-8")
        partial.replace(self._folder / f"{name}.done")
        shutil.rmtree(self._folder / name, ignore_errors=True)
        return result
