"""A run kept in a file: its prompts, labels, confidences and fills.

A later run of the same video takes from it what has not changed: `Job.earlier` names the
file, `Job.keep` where the new one goes.  What the file is about is written in it, and what
was made otherwise than is wanted now is not used.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from tracker.closable import Closable
from tracker.evidence import EVIDENCE
from tracker.fills import FILL
from tracker.jobs import Job
from tracker.records import Records
from tracker.spool import pack, unpack
from tracker.types import LabelMap, UserError
from tracker.video import VideoInfo
from tracker.video.naming import temporary_name

ABOUT, PROMPT, LABELS = b"A", b"P", b"L"
SAMPLED_BYTES = 1 << 20  # read at either end of a file to tell it from others


@dataclass(frozen=True)
class About:
    """What a run is of."""

    video: str  # its content
    tracking: str  # how labels are made, whatever the prompts
    filling: str  # how holes are filled, whatever the labels
    motion: Mapping[str, str] = field(default_factory=dict)  # object -> how it is said to move
    num_frames: int = 0  # of the video up to the out marker, once that is known


@dataclass(frozen=True, eq=False)
class Before:
    """What the labels of an earlier run come from."""

    prompted: Mapping[int, LabelMap]
    num_frames: int
    renewed: Collection[int]  # objects that are said to move otherwise now


class KeptLabels:
    """Label maps in the file of a run; a `tracker.spool.LabelStore`."""

    def __init__(self, records: Records, shape: tuple[int, int]) -> None:
        self.shape, self._records = shape, records

    def __setitem__(self, index: int, labels: LabelMap) -> None:
        self._records.put(LABELS, index, pack(labels))

    def __getitem__(self, index: int) -> LabelMap:
        return read_labels(self._records, LABELS, index, self.shape)


class KeptRun(Closable):
    """The file of a run in the making; it gets its name when everything is in it.

    Args:
        job: says where it goes, and which earlier run to begin with.
        about: what the run is of.
        shape: height and width of the video.

    Raises:
        UserError: the earlier run cannot be read or is of another video.
    """

    def __init__(self, job: Job, about: About, shape: tuple[int, int]) -> None:
        self._name, self._about = job.keep, about
        place = job.keep or job.earlier
        if place is None:
            raise ValueError("neither a run to keep nor an earlier one is named")
        self._temporary = temporary_name(place)
        self.before: Before | None = None
        if job.earlier is not None and not job.earlier.is_file():
            raise UserError(f"there is no earlier run {job.earlier}; leave it out to begin anew")
        self.records = Records(self._temporary)
        self.labels = KeptLabels(self.records, shape)
        if job.earlier is not None:
            self._begin_with(job.earlier)
        write_about(self.records, about, job.prompted)

    def _begin_with(self, earlier: Path) -> None:
        with Records(earlier) as old:
            found = read_about(old)
            if found is None or found.video != self._about.video:
                self.close()
                raise UserError(
                    f"{earlier} is an earlier run of another video; leave it out to begin anew"
                )
            if found.filling == self._about.filling:
                self.records.copy([FILL], old)
            if found.tracking == self._about.tracking:
                self.records.copy([LABELS, EVIDENCE], old)
                shape = self.labels.shape
                prompted = {
                    index: read_labels(old, PROMPT, index, shape) for index in old.indices(PROMPT)
                }
                self.before = Before(prompted, found.num_frames, self._renewed(found))

    def _renewed(self, before: About) -> set[int]:
        old, new = before.motion, self._about.motion
        return {int(k) for k in {*old, *new} if old.get(k, "object") != new.get(k, "object")}

    def commit(self, num_frames: int) -> None:
        """Finish the file and give it its name, if it is to be kept.

        Args:
            num_frames: of the video, up to the out marker.
        """
        if self._name is None:
            return
        write_about(self.records, replace(self._about, num_frames=num_frames), {})
        self.records.commit()
        self.records.close()
        self._temporary.replace(self._name)

    def close(self) -> None:
        """Let go of the file; if it has not got its name, it is deleted."""
        self.records.close()
        self._temporary.unlink(missing_ok=True)


def about(job: Job, info: VideoInfo, propagator: str, inpainter: str, plan: str) -> About:
    """Return what a job is of.

    Args:
        job: the job.
        info: of its video.
        propagator: its name.
        inpainter: its name.
        plan: how holes are made and at which size they are filled.
    """
    settings, part = job.settings, (job.first, job.last)
    memory = (settings.memory_gap, settings.memory_frames)
    keyframes = [
        (index, _digest(given.read_bytes() if isinstance(given, Path) else given.tobytes()))
        for index, given in sorted(job.keyframes.items())
    ]
    return About(
        _fingerprint(job.source, info),
        repr((propagator, memory, part, job.refine, job.redetect, job.search)),
        repr((inpainter, job.mode, plan, settings, part, keyframes)),
        {str(number): motion for number, motion in job.motion.items()},
    )


def _fingerprint(source: Path, info: VideoInfo) -> str:
    """Return what tells a video from others, without reading all of it."""
    said = [f"{info.width}x{info.height}"]
    files = sorted(p for p in source.iterdir() if p.is_file()) if source.is_dir() else [source]
    for path in files:
        said.append(f"{path.name if source.is_dir() else ''} {path.stat().st_size}")
    for path in (*files[:1], *files[1:][-1:]):
        with path.open("rb") as file:
            said.append(_digest(file.read(SAMPLED_BYTES)))
            file.seek(max(0, path.stat().st_size - SAMPLED_BYTES))
            said.append(_digest(file.read(SAMPLED_BYTES)))
    return _digest("\n".join(said).encode())


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def write_about(records: Records, found: About, prompted: Mapping[int, LabelMap]) -> None:
    """Note what a run is of, and its prompts."""
    records.put(ABOUT, 0, json.dumps(asdict(found)).encode())
    for index, labels in prompted.items():
        records.put(PROMPT, index, pack(labels))


def read_about(records: Records) -> About | None:
    """Return what a run is of; None if its file does not say so."""
    payload = records.get(ABOUT, 0)
    try:
        return None if payload is None else About(**json.loads(payload))
    except (ValueError, TypeError):
        return None


def read_labels(records: Records, kind: bytes, index: int, shape: tuple[int, int]) -> LabelMap:
    """Return the labels (H, W) of a kind and a frame; none if nothing was written."""
    packed = records.get(kind, index)
    return np.zeros(shape, np.uint8) if packed is None else unpack(packed, shape)
