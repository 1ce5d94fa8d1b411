"""Cleanplate from Python: a few functions, on files and on frames; see docs/API.md.

from tracker.api import Click, remove_objects

for progress in remove_objects("in.mp4", "out.mp4", prompts=[Click(300, 260)]):
print(progress.stage, progress.done, progress.total)
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import numpy as np

from tracker import engines, prompts
from tracker.engine_table import INPAINTERS
from tracker.evidence import Evidence
from tracker.filling import Filling
from tracker.interfaces import Inpainter, MaskPropagator, Segmenter
from tracker.jobs import Job, Mode, Progress, Report
from tracker.keyframes import Keyframes
from tracker.own import OWN_INPAINTER, OwnEngines
from tracker.part import Part
from tracker.pointing import Click, Marked, Pointing, Rectangle, gather
from tracker.removal import run_job
from tracker.shadows import LOOKAHEAD, with_shadows
from tracker.spool import LabelSpool
from tracker.tracking import Tracking
from tracker.types import Frame, LabelMap, Mask, UserError
from tracker.video import SourceFrame, VideoReader

__all__ = [
    "Click",
    "Job",
    "Marked",
    "Progress",
    "Rectangle",
    "Removal",
    "Report",
    "UserError",
    "fill_frames",
    "find_objects",
    "remove_from_frames",
    "remove_objects",
    "track_frames",
]

AnySegmenter: TypeAlias = str | Segmenter
AnyPropagator: TypeAlias = str | Callable[[], MaskPropagator]  # a class, or any maker
AnyInpainter: TypeAlias = str | Inpainter


def remove_objects(
    source: str | Path,
    output: str | Path | None = None,
    *,
    prompts: Iterable[Pointing] = (),
    segmenter: AnySegmenter = "auto",
    propagator: AnyPropagator = "auto",
    inpainter: AnyInpainter = "auto",
    mode: Mode | None = None,
    masks: str | Path | None = None,
    dilate: float | None = None,
    overwrite: bool = False,
    options: Job | None = None,
) -> "Removal":
    """Remove what `prompts` point at from a video; iterate the result to do it.

    Args:
        source: a video file or a folder of images.
        output: .mp4, .mkv, .mov or a folder; None: `NAME_clean.mp4` beside the source.
        prompts: `Click`, `Rectangle` and `Marked`, in any frames.
        segmenter: a name (see `python -m tracker engines`), or an object with `segment`.
        propagator: a name, or what makes an object with `step`: its class will do.
        inpainter: a name, or an object with `fill`.
        mode: "offline" (the default) or "streaming".
        masks: instead of prompts: a zip or folder of PNGs, one PNG, or a matte video.
        dilate: how far holes reach beyond masks, pixels; None: by the size of the video.
        overwrite: replace files that exist.
        options: everything else a `Job` has (masks_out, codec, settings ...); what is said
            here, the source, the output and the engines take the place of what it says.
    """
    source = Path(source)
    output = source.with_name(f"{source.stem}_clean.mp4") if output is None else Path(output)
    job = options or Job(source)
    job = replace(
        job,
        source=source,
        output=output,
        propagator=propagator if isinstance(propagator, str) else job.propagator,
        inpainter=inpainter if isinstance(inpainter, str) else job.inpainter,
        mode=mode or job.mode,
        masks=job.masks if masks is None else Path(masks),
        dilate=job.dilate if dilate is None else dilate,
        overwrite=overwrite or job.overwrite,
    )
    own = OwnEngines(
        None if isinstance(propagator, str) else propagator,
        None if isinstance(inpainter, str) else inpainter,
    )
    return Removal(job, tuple(prompts), segmenter, own)


@dataclass(frozen=True, eq=False)
class Removal:
    """A removal to be done: by iterating over its progress, or by `run`."""

    job: Job
    prompts: tuple[Pointing, ...]
    segmenter: AnySegmenter
    own: OwnEngines

    def __iter__(self) -> Generator[Progress]:
        """Do it; yield progress at least once a frame, the last with the report.

        Closing the iterator cancels; what is finished is kept as `NAME.partial.EXT`.

        Raises:
            UserError: something has to be put right.
        """
        job = self.job
        if self.prompts:
            with VideoReader(job.source, job.fps) as reader:
                found = _label(reader, self.prompts, self.segmenter)
            made_by = {"segmenter": _name(self.segmenter, job.device)}
            job = replace(job, prompted=found, made_by=made_by)
        with closing(run_job(job, self.own, previews=True)) as steps:
            yield from steps

    def run(self) -> Report:
        """Do it and return what was done."""
        report = None
        for progress in self:
            report = progress.report
        if report is None:
            raise RuntimeError("the job ended without a report")
        return report


def find_objects(
    frames: Sequence[Frame], prompts: Iterable[Pointing], *, segmenter: AnySegmenter = "auto"
) -> dict[int, LabelMap]:
    """Return what `prompts` point at, labels (H, W) by index of each prompted frame.

    Args:
        frames: uint8 (H, W, 3), RGB; those beside a prompted one are looked at, too.
        prompts: as for `remove_objects`.
        segmenter: as for `remove_objects`.
    """
    with VideoReader(frames) as reader:
        return _label(reader, prompts, segmenter)


def track_frames(
    frames: Sequence[Frame],
    prompts: Iterable[Pointing],
    *,
    segmenter: AnySegmenter = "auto",
    propagator: AnyPropagator = "auto",
) -> list[LabelMap]:
    """Return the labels of every frame, followed in both directions from the prompts."""
    make = partial(_make, propagator) if isinstance(propagator, str) else propagator
    with VideoReader(frames) as reader:
        prompted = _label(reader, prompts, segmenter)
        with LabelSpool(reader.info.height, reader.info.width) as spool:
            tracking = Tracking(reader, Part(), prompted, make, spool, Evidence())
            for _ in tracking.offline(min(prompted)):
                pass
            return [spool[index] for index in range(len(frames))]


def fill_frames(
    frames: Sequence[Frame],
    labels: Sequence[LabelMap | Mask],
    *,
    inpainter: AnyInpainter = "auto",
    options: Job | None = None,
) -> Iterator[Frame]:
    """Yield every frame with its objects filled; nothing outside their holes changes.

    Args:
        frames: uint8 (H, W, 3), RGB.
        labels: (H, W) of each frame: ids, or True for what goes.
        inpainter: as for `remove_objects`.
        options: of a `Job` those that say how to fill: mode, objects, first, last, keyframes,
            dilate, settings, device and commercial.

    Raises:
        UserError: something does not fit; keyframes, for example, have the frames' size.
    """
    if len(frames) != len(labels):
        raise UserError(f"{len(frames)} frames but {len(labels)} label maps; give one for each")
    job = options or Job(Path("frames"))
    if isinstance(inpainter, str):
        choice = engines.choose("inpainter", inpainter, job.device, commercial=job.commercial)
        spec, made = INPAINTERS[choice.name], None
        make = partial(engines.make_inpainter, choice, job.settings)
    else:
        spec, made = OWN_INPAINTER, inpainter
    with VideoReader(frames) as reader, VideoReader(frames) as looked_back_with:
        part, keyframes = Part(job.first, job.last), Keyframes(job.keyframes)
        part.check_end(len(frames))
        keyframes.check(reader.info, part)
        filling = Filling(job, spec, reader.info)
        engine = made or filling.cropped(make)
        labelled = _labelled(reader, labels, job)
        yield from (source.rgb for source, _ in islice(labelled, part.first))
        length = part.length_in(len(frames))
        worked_on = islice(labelled, length)
        if job.mode == "streaming":
            results = filling.as_they_come(worked_on, engine)
        else:
            ids = [found for _, found in _labelled(looked_back_with, labels, job)]
            results = filling.at_leisure(
                worked_on, length, engine, ids.__getitem__, looked_back_with.read
            )
        with closing(results):
            for result in results:
                yield result.rgb
        yield from (source.rgb for source, _ in labelled)


def _labelled(
    reader: VideoReader, labels: Sequence[LabelMap | Mask], job: Job
) -> Iterator[tuple[SourceFrame, LabelMap]]:
    """Yield every frame with its labels, and those of its shadows if the job says so."""
    pairs = ((source, np.asarray(labels[source.index], np.uint8)) for source in reader)
    if not job.settings.grow_shadow:
        return pairs
    if job.mode == "streaming":
        return with_shadows(pairs, job.objects, lookahead=0)
    grown = [found for _, found in with_shadows(pairs, job.objects, LOOKAHEAD)]
    return ((source, grown[source.index]) for source in reader)


def remove_from_frames(
    frames: Sequence[Frame],
    prompts: Iterable[Pointing],
    *,
    segmenter: AnySegmenter = "auto",
    propagator: AnyPropagator = "auto",
    inpainter: AnyInpainter = "auto",
    options: Job | None = None,
) -> Iterator[Frame]:
    """Yield every frame without what `prompts` point at: `track_frames`, then `fill_frames`."""
    labels = track_frames(frames, prompts, segmenter=segmenter, propagator=propagator)
    return fill_frames(frames, labels, inpainter=inpainter, options=options)


def _label(
    reader: VideoReader, said: Iterable[Pointing], segmenter: AnySegmenter
) -> dict[int, LabelMap]:
    if isinstance(segmenter, str):
        segmenter = engines.segmenter(segmenter)
    return dict(prompts.label_frames(reader, gather(said), segmenter))


def _make(propagator: str) -> MaskPropagator:
    return engines.make_propagator(engines.choose("propagator", propagator))


def _name(segmenter: AnySegmenter, device: str) -> str:
    if isinstance(segmenter, str):
        return engines.choose("segmenter", segmenter, device).name
    return type(segmenter).__name__
