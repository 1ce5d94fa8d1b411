"""A run that may be cut off at any moment, and goes on from its last whole span.

What is tracked and filled goes into a hidden file beside the output, span by span; the file
is gone when the run is done.  At every span the engines begin anew, from what the file holds:
so a run that was cut off ends as one that was not, bit by bit.  Frames that are filled
already are only put together and encoded again.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tracker.closable import Closable
from tracker.fills import FillStore
from tracker.interfaces import Inpainter, remarks_of
from tracker.jobs import Job
from tracker.kept import PROMPT, About, KeptLabels, read_about, read_labels, write_about
from tracker.locking import lock
from tracker.records import Records
from tracker.routes import Route
from tracker.types import Clip, Frame, Mask, UserError
from tracker.video.naming import hidden_name
from tracker.windows import Window

STATE = b"S"
SPAN = 100  # frames; a multiple of the strides of all schedules


@dataclass(frozen=True)
class State:
    """How far a run is."""

    next_frame: int = 0  # the first not labelled in the pass forwards
    is_tracked: bool = False  # whether that pass is over
    num_routes: int = 0  # ways outwards, then back, that have been gone
    lookbacks: list[list[Any]] | None = None  # ways back, as records, once they are known
    num_filled: int = 0  # frames of the part, from its first


class Journal(Closable):
    """The file of a run that can be continued.

    Args:
        job: the run.
        about: what it is of.
        shape: height and width of the video.

    Raises:
        UserError: the file is of a run with other prompts or settings, or of one that is
            still going on.
    """

    def __init__(self, job: Job, about: About, shape: tuple[int, int]) -> None:
        if job.redetect is not None:
            raise UserError(
                "newcomers are not looked for again in a run that goes on; leave out --resume"
            )
        output = job.output or job.patch_out or job.masks_out
        if output is None:
            raise ValueError("a job without output has no place for a journal")
        self._path = journal_of(output)
        self.records = Records(self._path)
        self.labels = KeptLabels(self.records, shape)
        if not lock(self.records.file):
            self.records.close()
            raise UserError(f"{output} is being written by another run; wait for it or stop it")
        found = read_about(self.records)
        if found is None:
            write_about(self.records, about, job.prompted)
            self.records.commit()
        elif found != about or not self._has_prompts_of(job):
            self.records.close()
            raise UserError(
                f"the run of {output.name} that was cut off had another video, other prompts or "
                f"other settings; give the same ones to continue it, or delete {self._path} "
                "to begin anew"
            )
        self.span = SPAN
        payload = self.records.get(STATE, 0)
        self.state = State() if payload is None else State(**json.loads(payload))

    def _has_prompts_of(self, job: Job) -> bool:
        indices = self.records.indices(PROMPT)
        return indices == sorted(job.prompted) and all(
            np.array_equal(read_labels(self.records, PROMPT, k, self.labels.shape), job.prompted[k])
            for k in indices
        )

    def note(
        self,
        *,
        next_frame: int | None = None,
        is_tracked: bool | None = None,
        num_routes: int | None = None,
        lookbacks: list[list[Any]] | None = None,
        num_filled: int | None = None,
    ) -> None:
        """Note that something is whole: from here on a run would be continued."""
        told: dict[str, Any] = {
            "next_frame": next_frame,
            "is_tracked": is_tracked,
            "num_routes": num_routes,
            "lookbacks": lookbacks,
            "num_filled": num_filled,
        }
        self.state = replace(self.state, **{k: v for k, v in told.items() if v is not None})
        self.records.put(STATE, 0, json.dumps(asdict(self.state)).encode())
        self.records.commit()

    def lookbacks(self, find: Callable[[], list[Route]]) -> list[Route]:
        """Return the ways back of this run: those it had when it was cut off, if it had any yet."""
        if self.state.lookbacks is None:
            self.note(lookbacks=[route.as_record() for route in find()])
        return [Route.from_record(record) for record in self.state.lookbacks or ()]

    def finish(self) -> None:
        """Delete the file: the run is done."""
        self.records.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file, and leave it for another run to continue."""
        self.records.close()


def journal_of(output: Path) -> Path:
    """Return where the journal of a run that makes `output` lies."""
    return hidden_name(output, "journal")


class SpanwiseInpainter:
    """Fills every span with an engine that knows nothing yet; implements `Inpainter`.

    To that engine the frames of earlier spans are pictures without a hole.

    Args:
        make: makes an engine.
        fills: of the frames of earlier spans, by place.
    """

    def __init__(self, make: Callable[[], Inpainter], fills: FillStore) -> None:
        self._make, self._fills = make, fills
        self._engine: Inpainter | None = None
        self._start = -1  # of the span
        self._known: dict[int, tuple[Frame, Mask]] = {}

    @property
    def remarks(self) -> Sequence[str]:
        """Return what the engine at work has to tell the user."""
        return remarks_of(self._engine)

    def fill(self, clip: Clip) -> list[Frame]:
        """Fill a clip whose wanted frames lie in one span."""
        start = clip.indices[clip.wanted_positions.start] // SPAN * SPAN
        if self._engine is None or start != self._start:
            self._engine, self._start, self._known = self._make(), start, {}
        frames, holes = list(clip.frames), list(clip.holes)
        for position, index in enumerate(clip.indices):
            if index < start and index not in clip.keyframes:
                if index not in self._known:
                    filled = self._fills.filled(index, frames[position])
                    self._known[index] = filled, np.zeros_like(holes[position])
                frames[position], holes[position] = self._known[index]
        self._known = {k: known for k, known in self._known.items() if k in clip.indices}
        return self._engine.fill(replace(clip, frames=tuple(frames), holes=tuple(holes)))


def in_spans(windows: Iterator[Window], stride: int, num_frames: int) -> Iterator[Window]:
    """Cut offline windows, `stride` apart, so that no result reaches into another span."""
    for number, window in enumerate(windows):
        start = number * stride
        first = start // SPAN * SPAN
        stop = min(num_frames, first + SPAN)
        is_last = start + stride >= stop
        yield replace(
            window,
            update=range(max(first, window.update.start), min(stop, window.update.stop)),
            final=range(max(first, window.final.start), stop if is_last else window.final.stop),
        )
