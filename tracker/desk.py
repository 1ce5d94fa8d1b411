"""What the page asks while somebody waits: open a video, show a frame, find an object.

A `Desk` lives in a worker process, so that a video whose decoding crashes takes one answer
with it and not the page.  It keeps a place for each of the last few users: their open
video and their segmenter, which holds the encoded frame.  A user whose place was given
away gets a new one with the next question; nothing else is lost.
"""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tracker import engines, finding, images
from tracker.engines import Choice
from tracker.interfaces import Anticipating, Segmenter
from tracker.jobs import Search
from tracker.masks import MaskReader
from tracker.prompts import read_neighbours, show_surroundings
from tracker.types import Frame, LabelMap, Prompt, Proposal, Segmentation
from tracker.video import VideoInfo, VideoReader

NUM_PLACES = 4
THUMBNAIL_PIXELS = 100 * 56
PICTURE_PIXELS = 1280 * 720  # more does not fit a page and would only slow it down


@dataclass(frozen=True, eq=False)
class View:
    """One frame as the page shows it: small, with square pixels."""

    index: int
    picture: Frame
    labels: LabelMap | None = None  # what a run found in it, source size


@dataclass(frozen=True)
class Open:
    """Open a video and show its first frame: answered by (VideoInfo, View)."""

    owner: str
    source: Path


@dataclass(frozen=True)
class Look:
    """Show a frame, and what a run found in it if `masks` were left: answered by View."""

    owner: str
    source: Path
    index: int
    masks: Path | None = None


@dataclass(frozen=True)
class Thumbnail:
    """Show a frame very small: answered by Frame."""

    owner: str
    source: Path
    index: int


@dataclass(frozen=True)
class Fetch:
    """Read a frame of a result, whole: answered by Frame."""

    owner: str
    video: Path
    index: int


@dataclass(frozen=True)
class Prepare:
    """Get ready for a click in a frame: answered by None."""

    owner: str
    source: Path
    index: int


@dataclass(frozen=True, eq=False)
class Find:
    """Find the object a prompt points at: answered by Segmentation, source size."""

    owner: str
    source: Path
    index: int
    prompt: Prompt


@dataclass(frozen=True)
class Anticipate:
    """Get ready for one more click where a user clicked last: answered by None."""

    owner: str


@dataclass(frozen=True)
class Discover:
    """Find objects without pointing: answered by a list of Proposal, surest first."""

    owner: str
    source: Path
    index: int
    search: Search
    commercial: bool = False  # only engines whose weights may be used commercially


@dataclass(frozen=True)
class Leave:
    """Give up a user's place: answered by None."""

    owner: str


@dataclass(frozen=True)
class WhoWorks:
    """Say which engines are used here: answered by a list of Choice."""

    commercial: bool = False


Question: TypeAlias = (
    Open | Look | Thumbnail | Fetch | Prepare | Find | Anticipate | Discover | Leave | WhoWorks
)
Answer: TypeAlias = (
    tuple[VideoInfo, View] | View | Frame | Segmentation | list[Proposal] | list[Choice] | None
)


class _Place:
    """One user's video, the frame looked at, and the segmenter that knows it."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.reader = VideoReader(source)
        self.index = -1
        self.frame: Frame | None = None
        self.neighbours: list[Frame] | None = None
        self.segmenter: Segmenter | None = None
        self.identity: object = None  # of the segmenter's weights
        self.masks: MaskReader | None = None
        self.masks_path: Path | None = None

    def read(self, index: int) -> Frame:
        """Return a frame, decoding it only if it is not the one read last."""
        if self.frame is None or index != self.index:
            self.frame = self.reader.read(index).rgb
            self.index, self.neighbours = index, None
        return self.frame

    def view(self, index: int, masks: Path | None = None) -> View:
        """Return a frame as the page shows it, with its labels in `masks`."""
        picture = picture_of(self.read(index), float(self.reader.info.pixel_aspect))
        return View(index, picture, self._labels(index, masks))

    def _labels(self, index: int, masks: Path | None) -> LabelMap | None:
        if masks != self.masks_path:
            self._close_masks()
            self.masks = None if masks is None or not masks.exists() else MaskReader(masks)
            self.masks_path = masks
        # A run that was cancelled left fewer masks than there are frames.
        return self.masks[index] if self.masks is not None and index < len(self.masks) else None

    def thumbnail(self, index: int) -> Frame:
        """Return a frame very small; the frame looked at stays in memory."""
        frame = self.frame if index == self.index else None
        frame = self.reader.read(index).rgb if frame is None else frame
        aspect = float(self.reader.info.pixel_aspect)
        return picture_of(frame, aspect, THUMBNAIL_PIXELS)

    def close(self) -> None:
        """Let go of the files."""
        self.reader.close()
        self._close_masks()

    def _close_masks(self) -> None:
        if self.masks is not None:
            self.masks.close()
        self.masks = self.masks_path = None

    def prepare(self, index: int) -> tuple[Segmenter, Frame, list[Frame]]:
        """Return what a click in a frame needs, made once."""
        frame = self.read(index)
        is_new = self.neighbours is None
        if self.neighbours is None:
            self.neighbours = read_neighbours(self.reader, index)
        wanted = engines.choose("segmenter")
        identity = (wanted.name, wanted.device, engines.stamp_of(wanted))
        if self.segmenter is None or identity != self.identity:  # weights came, or went
            self.segmenter, self.identity = engines.make_segmenter(wanted), identity
            is_new = True
        if is_new:
            show_surroundings(self.segmenter, self.reader, index, frame)
        return self.segmenter, frame, self.neighbours

    def discover(self, index: int, search: Search, *, commercial: bool) -> list[Proposal]:
        """Return what is found in a frame without pointing."""
        choices = finding.choose_engines(search, "auto", commercial=commercial)
        finder = finding.make_finder(search, choices)
        return finding.look_into(self.reader, index, search, finder)

    def find(self, index: int, prompt: Prompt) -> Segmentation:
        """Return the object `prompt` points at."""
        segmenter, frame, neighbours = self.prepare(index)
        return segmenter.segment(frame, prompt, neighbours)

    def anticipate(self) -> None:
        """Do what one more click would have to wait for."""
        if isinstance(self.segmenter, Anticipating):
            self.segmenter.anticipate()


class Desk:
    """Answers questions about the videos of the last few users."""

    def __init__(self, num_places: int = NUM_PLACES) -> None:
        self.num_places = num_places
        self._places: OrderedDict[str, _Place] = OrderedDict()

    def __call__(self, question: Question) -> Answer:
        """Answer one question.

        Raises:
            UserError: the video cannot be read, or has no such frame.
        """
        match question:
            case Open(owner, source):
                self._leave(owner)
                place = self._place(owner, source)
                return place.reader.info, place.view(0)
            case Look(owner, source, index, masks):
                return self._place(owner, source).view(index, masks)
            case Thumbnail(owner, source, index):
                return self._place(owner, source).thumbnail(index)
            case Fetch(_, video, index):  # seldom asked: the open video keeps its place
                with VideoReader(video) as reader:
                    return reader.read(index).rgb
            case Prepare(owner, source, index):
                self._place(owner, source).prepare(index)
                return None
            case Find(owner, source, index, prompt):
                return self._place(owner, source).find(index, prompt)
            case Anticipate(owner):
                if owner in self._places:  # who has left meanwhile gets none anew
                    self._places[owner].anticipate()
                return None
            case Leave(owner):
                self._leave(owner)
                return None
            case Discover(owner, source, index, search, commercial):
                place = self._place(owner, source)
                return place.discover(index, search, commercial=commercial)
            case WhoWorks(commercial):
                return engines.describe(commercial=commercial)

    def _place(self, owner: str, source: Path) -> _Place:
        place = self._places.get(owner)
        if place is None or place.source != source:
            self._leave(owner)
            place = self._places[owner] = _Place(source)
        self._places.move_to_end(owner)
        while len(self._places) > self.num_places:
            self._leave(next(iter(self._places)))
        return place

    def _leave(self, owner: str) -> None:
        place = self._places.pop(owner, None)
        if place is not None:
            place.close()


def picture_of(frame: Frame, pixel_aspect: float, max_pixels: int = PICTURE_PIXELS) -> Frame:
    """Return `frame` with square pixels and no larger than a page needs.

    Args:
        frame: (H, W, 3), each pixel `pixel_aspect` times as wide as high.
        pixel_aspect: positive.
        max_pixels: more are not needed.
    """
    height, width = frame.shape[:2]
    if pixel_aspect >= 1:
        width = round(width * pixel_aspect)
    else:
        height = round(height / pixel_aspect)
    return images.shrink(frame, *images.fit_within(height, width, max_pixels))
