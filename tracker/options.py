"""How a removal is done, apart from what is pointed at: what a project keeps beside its prompts."""

from dataclasses import dataclass, field, fields, replace
from fractions import Fraction

from tracker.jobs import Job, Mode, Search, Settings


@dataclass(frozen=True)
class Options:
    """Every field is one of `Job`, and means the same there."""

    mode: Mode = "offline"
    dilate: float | None = None  # source pixels; None: by the size of the frame
    propagator: str = "auto"
    inpainter: str = "auto"
    settings: Settings = field(default_factory=Settings)
    search: Search | None = None  # what to look for again while tracking, ...
    redetect: int | None = None  # ... every so many frames
    refine: str | None = None  # the segmenter that makes each tracked mask exact
    commercial: bool = False  # only engines whose weights may be used commercially
    device: str = "auto"
    fps: Fraction = Fraction(24)  # of a folder of images

    @classmethod
    def of(cls, job: Job) -> "Options":
        """Return how a job is done."""
        return cls(**{each.name: getattr(job, each.name) for each in fields(cls)})

    def applied(self, job: Job) -> Job:
        """Return a job done in this way."""
        return replace(job, **{each.name: getattr(self, each.name) for each in fields(self)})
