"""Live removal for a page: pictures come one by one, and go back clean.

A `LiveDesk` lives in a worker process and keeps a place for each of a few users: what was
learned of their scene, their still picture and what is marked in it, and their engines.
Pictures come and go as JPEG, because that is what a browser sends and shows.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from tracker import engines, images
from tracker.jobs import Job
from tracker.live.cleaner import Cleaner
from tracker.live.plate import PlateLearner
from tracker.prompts import Place, check
from tracker.types import MAX_OBJECTS, Frame, Mask, Point, Prompt, UserError
from tracker.video import SourceFrame
from tracker.video.array_source import ArraySource, picture_of_rgb

NUM_PLACES = 4  # people at once: each needs most of a processor
IDLE_SECONDS = 60.0  # after so long without a question a place may be given to another
MAX_PIXELS = 1280 * 720
JPEG_QUALITY = 88
NOMINAL_RATE = Fraction(25)


@dataclass(frozen=True, eq=False)
class Learn:
    """Here is the empty scene, the `first` time or once more: answered by how many were shown."""

    owner: str
    picture: bytes
    first: bool


@dataclass(frozen=True)
class Forget:
    """Forget the empty scene: answered by None."""

    owner: str


@dataclass(frozen=True, eq=False)
class Hold:
    """Here is the still picture in which objects will be marked: answered by Shown."""

    owner: str
    picture: bytes


@dataclass(frozen=True)
class Mark:
    """Click in the still: answered by Shown."""

    owner: str
    x: float  # fractions of the picture
    y: float
    positive: bool
    anew: bool  # whether it is the first click on another object


@dataclass(frozen=True)
class Begin:
    """From now on remove what is marked: answered by Shown, the still without it."""

    owner: str


@dataclass(frozen=True, eq=False)
class Clean:
    """Here is a live picture: answered by Shown; None if a newer one has come already."""

    owner: str
    number: int  # growing
    picture: bytes


@dataclass(frozen=True)
class Leave:
    """Give up a user's place: answered by None."""

    owner: str


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture to be shown, JPEG, and what is to be said of it."""

    picture: bytes
    num_objects: int = 0
    notice: str = ""


LiveQuestion: TypeAlias = Learn | Forget | Hold | Mark | Begin | Clean | Leave
LiveAnswer: TypeAlias = Shown | int | None


class _Place:
    """One user's scene, still, marks and engines."""

    def __init__(self) -> None:
        self.used_at = 0.0
        self._learner: PlateLearner | None = None
        self._size: tuple[int, ...] = ()  # of what was learned
        self._still: Frame | None = None
        self._prompts: dict[int, Prompt] = {}
        self._masks: dict[int, Mask] = {}
        self._cleaner: Cleaner | None = None
        self._coming: deque[SourceFrame] = deque()
        self._results: Generator[SourceFrame] | None = None
        self._last = -1  # number of the newest live picture
        self._segmenter = engines.make_segmenter(engines.choose("segmenter"))

    def learn(self, picture: Frame, *, first: bool) -> int:
        """Look at the empty scene; return how many pictures of it were shown."""
        if first or self._learner is None or self._size != picture.shape:
            self._learner, self._size = PlateLearner(), picture.shape
        self._learner.add(picture)
        return self._learner.num_shown

    def forget(self) -> None:
        """Forget the empty scene."""
        self._learner = None

    def hold(self, picture: Frame) -> Shown:
        """Take a picture as the still; nothing is marked in it."""
        self.stop()
        self._still, self._prompts, self._masks = picture, {}, {}
        return self._drawn()

    def mark(self, point: Point, *, anew: bool) -> Shown:
        """Add a click, in fractions of the still, to the current object or to a new one."""
        still = self._need_still()
        height, width = still.shape[:2]
        current = max(self._prompts, default=0)
        current = max(1, current + anew)
        if current > MAX_OBJECTS:
            raise UserError(f"{MAX_OBJECTS} objects are marked; more cannot be followed at once")
        before = self._prompts.get(current, Prompt())
        if not (point.positive or before.points):
            raise UserError("click on the object first; then mark what does not belong to it")
        place = replace(point, x=point.x * width, y=point.y * height)
        prompt = replace(before, points=(*before.points, place))
        check(prompt, height, width)
        self._masks[current] = self._segmenter.segment(still, prompt).masks[0]
        self._prompts[current] = prompt
        return self._drawn()

    def begin(self) -> Shown:
        """Let the engines see the still with what is marked in it."""
        still = self._need_still()
        if not self._masks:
            raise UserError("nothing to remove: click on an object in the still first")
        plate = None
        if self._learner is not None:
            if self._size != still.shape:
                raise UserError(
                    "the empty scene was learned from pictures of another size; learn it again"
                )
            plate = self._learner.plate()
        self.stop()
        prompts = {Place(0, number): Prompt(mask=mask) for number, mask in self._masks.items()}
        options = Job(Path("live"), mode="streaming")
        self._cleaner = Cleaner(prompts, options, learned=plate is not None)
        info = ArraySource([still], NOMINAL_RATE).info
        self._results = self._cleaner.clean(self._taken(), info, plate)
        return self._through(still)

    def clean(self, number: int, picture: Callable[[], Frame]) -> Shown | None:
        """Return a live picture without what is marked; None if it came too late."""
        if self._results is None:
            raise UserError("nothing is being removed any more; take a still and begin again")
        if number <= self._last:
            return None
        self._last = number
        return self._through(picture())

    def stop(self) -> None:
        """Let go of the engines."""
        if self._results is not None:
            self._results.close()
        self._results = self._cleaner = None
        self._coming.clear()
        self._last = -1

    def _through(self, picture: Frame) -> Shown:
        """Return a picture as it leaves the engines."""
        if self._results is None or self._cleaner is None or self._still is None:
            raise ValueError("the engines have not begun")
        if picture.shape != self._still.shape:
            raise UserError("the camera sends pictures of another size now; take a still again")
        number = self._last + 1
        self._coming.append(picture_of_rgb(picture, number, number / NOMINAL_RATE))
        clean = next(self._results)
        return Shown(encode(clean.rgb), len(self._masks), " ".join(self._cleaner.notices))

    def _taken(self) -> Iterator[SourceFrame]:
        """Yield what has come, one picture for each that is asked for."""
        while True:
            yield self._coming.popleft()

    def _drawn(self) -> Shown:
        """Return the still with what is marked."""
        still = self._need_still()
        labels = np.zeros(still.shape[:2], np.uint8)
        for number, mask in self._masks.items():
            labels[mask] = number
        points = [point for prompt in self._prompts.values() for point in prompt.points]
        return Shown(encode(images.overlay(still, labels, points)), len(self._masks))

    def _need_still(self) -> Frame:
        if self._still is None:
            raise UserError("there is no still picture any more; take one again")
        return self._still


class LiveDesk:
    """Answers the live questions of a few users.

    Args:
        num_places: users at once.
        clock: seconds that only grow.
    """

    def __init__(
        self, num_places: int = NUM_PLACES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._num_places, self._clock = num_places, clock
        self._places: dict[str, _Place] = {}

    def __call__(self, question: LiveQuestion) -> LiveAnswer:
        """Answer one question.

        Raises:
            UserError: something has to be put right.
        """
        match question:
            case Leave(owner):
                if owner in self._places:
                    self._places.pop(owner).stop()
                return None
            case Learn(owner, picture, first):
                return self._place(owner).learn(decode(picture), first=first)
            case Forget(owner):
                self._place(owner).forget()
                return None
            case Hold(owner, picture):
                return self._place(owner).hold(decode(picture))
            case Mark(owner, x, y, positive, anew):
                return self._place(owner).mark(Point(x, y, positive), anew=anew)
            case Begin(owner):
                return self._place(owner).begin()
            case Clean(owner, number, picture):
                return self._place(owner).clean(number, lambda: decode(picture))

    def _place(self, owner: str) -> _Place:
        now = self._clock()
        if owner not in self._places:
            for other, place in list(self._places.items()):
                if now - place.used_at > IDLE_SECONDS:
                    self._places.pop(other).stop()
            if len(self._places) >= self._num_places:
                raise UserError(
                    f"{self._num_places} people remove something live here already, and more "
                    "would stand still; try again in a few minutes"
                )
            self._places[owner] = _Place()
        self._places[owner].used_at = now
        return self._places[owner]


def decode(picture: bytes) -> Frame:
    """Return a JPEG as RGB, (H, W, 3).

    Raises:
        UserError: It is none, or too large.
    """
    try:
        with Image.open(BytesIO(picture), formats=["JPEG"]) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UserError(
                    f"the camera's pictures are {image.width}x{image.height}; live removal takes "
                    "at most 1280x720"
                )
            return np.asarray(image.convert("RGB"))
    except (OSError, Image.DecompressionBombError) as error:
        raise UserError("the browser sent no picture; start the camera again") from error


def encode(picture: Frame) -> bytes:
    """Return RGB as JPEG."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
