"""What is asked of the pipeline and what it answers: plain data that can cross a pipe."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

from tracker.evidence import Trace
from tracker.motions import Motion
from tracker.types import Frame, LabelMap

Mode: TypeAlias = Literal["offline", "streaming"]
Size: TypeAlias = Literal["fast", "balanced", "full"]
Stage: TypeAlias = Literal["track", "fill", "pack", "done"]


@dataclass(frozen=True)
class Settings:
    """How the engines of a job work, where that can be chosen."""

    memory_gap: int | None = None  # frames between two long-term memories; None: as published
    memory_frames: int | None = 8  # bound on the tracker's long-term memory; None: unbounded
    schedule: Literal["published", "fast"] | None = None  # offline windows; None: the engine's
    max_references: int | None = 20  # frames of the whole clip a window looks at; None: all 10ths
    recall: Literal["recompute", "memory", "auto"] = "auto"  # what streaming knows of the past
    rate: float | None = None  # frames per second "auto" is to keep up with; None: the video's
    hurries: bool = False  # weight-free tracking: frames are wanted at once; streaming says it
    compile: bool = False  # learned fill: compile the network first
    lookahead: int = 0  # frames streaming waits for, for better quality
    crop: Literal["auto", "off"] = "auto"  # large frames: fill a box around the hole, in detail
    size: Size = "balanced"  # at which pixels are invented: fast has fewer, full the source's
    grow_shadow: bool = False  # the objects' shadows go with them
    feather: float | None = None  # source pixels a seam is softened over; None: dilate / 2


@dataclass(frozen=True)
class Search:
    """What to look for without being pointed at it."""

    words: str | None = None  # None: whatever stands out
    box_threshold: float | None = None  # how well a box must match, 0 to 1; None: as published
    text_threshold: float | None = None  # how well the words must; None: as published
    detector: str = "auto"
    segmenter: str = "auto"
    proposer: str = "auto"


@dataclass(frozen=True, eq=False)
class Job:
    """One video to be tracked, filled, or both.

    The labels come from `prompted` (carried to all other frames by the propagator) or,
    already known for every frame, from `masks`.
    """

    source: Path  # a video file or a folder of images
    output: Path | None = None  # .mp4, .mkv or a folder; None: masks only
    prompted: Mapping[int, LabelMap] = field(default_factory=dict)  # frame index -> labels
    made_by: Mapping[str, str] = field(default_factory=dict)
    # job -> the engine that had a part in `prompted`; for the report only
    search: Search | None = None  # what else to look for while tracking, ...
    redetect: int | None = None  # ... every so many frames
    refine: str | None = None  # the segmenter that makes each tracked mask exact; None: none does
    masks: Path | None = None  # zip or folder of label PNGs, or one PNG for a hole that stays
    objects: tuple[int, ...] | None = None  # ids to remove; None: all
    # Object id -> what it moves with, see motions.py; the others follow themselves.
    motion: Mapping[int, Motion] = field(default_factory=dict)
    # Frame index -> that frame as it should look (an image file or RGB); see keyframes.py.
    keyframes: Mapping[int, Path | Frame] = field(default_factory=dict)
    first: int = 0  # frames worked on, the in and
    last: int | None = None  # the out marker, inclusive; None: to the end.  The rest passes
    mode: Mode = "offline"
    propagator: str = "auto"
    inpainter: str = "auto"
    device: str = "auto"
    commercial: bool = False  # only engines whose weights may be used commercially
    dilate: float | None = None  # source pixels; None: 4 at 432x240, scaled with the frame
    masks_out: Path | None = None  # zip of palette PNGs
    overlay_out: Path | None = None  # video with the objects marked
    matte_out: Path | None = None  # .mkv: the masks as a black and white video
    cutout_out: Path | None = None  # the objects alone, with transparency
    patch_out: Path | None = None  # the filled pixels alone, with transparency
    codec: str | None = None  # of the clean video: "h264", "h265", "prores"; None: by its ending
    names: Mapping[int, str] = field(default_factory=dict)  # of objects, for the list of masks
    settings: Settings = Settings()
    # Offline, a run can be kept in a file and a later one go on from it: only what its prompts
    # change is tracked and filled again; see kept.py.  The two may be the same file.
    keep: Path | None = None
    earlier: Path | None = None
    resume: bool = False  # go on from where a run of this job was cut off; see journal.py
    fps: Fraction = Fraction(24)  # of a folder of images
    overwrite: bool = False

    @property
    def fills(self) -> bool:
        """Return whether something is wanted that shows what was filled."""
        return self.output is not None or self.patch_out is not None


@dataclass(frozen=True)
class Report:
    """What a finished job did."""

    frames: int
    width: int
    height: int
    seconds: float  # decode to encode, without start-up
    fps: float
    stages: Mapping[str, float]  # seconds spent in each
    engines: Mapping[str, str]  # job -> engine name
    peak_rss_mb: float
    notices: tuple[str, ...] = ()  # what the user should know, a sentence each
    objects: Mapping[int, Trace] = field(default_factory=dict)  # object id -> how it went
    names: Mapping[int, str] = field(default_factory=dict)  # object id -> what it is called
    licences: Mapping[str, str] = field(default_factory=dict)  # job -> of its engine's weights
    frames_tracked: int = 0  # steps of the propagator; a frame may take several, or none
    frames_filled: int = 0  # by the inpainter; the others passed, or were known already


@dataclass(frozen=True, eq=False)
class Progress:
    """How far a job is; the last one, of stage "done", carries the report."""

    stage: Stage
    done: int
    total: int | None = None  # frames of this stage; None while unknown
    seconds_left: float | None = None  # of the whole job
    preview: Frame | None = None  # the newest finished picture, small; a few per second
    report: Report | None = None
    frame: int | None = None  # the one just done
    evidence: Mapping[int, tuple[int, float]] = field(default_factory=dict)
    # object id -> its area in that frame, pixels of the source, and confidence
    fps: float = 0.0  # streaming: frames finished a second lately, ...
    delay_seconds: float | None = None  # ... and from reading this one to writing it
