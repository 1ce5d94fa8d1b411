"""The engines behind a live removal: pictures in, clean pictures out, one for one."""

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial

import numpy as np

from tracker import engines, images
from tracker.engine_table import INPAINTERS
from tracker.engines import Choice
from tracker.filling import Filling
from tracker.interfaces import Inpainter
from tracker.jobs import Job
from tracker.live.plate import PlateInpainter
from tracker.pipeline import HolePlan, propagate, remove
from tracker.prompts import Prompts
from tracker.types import Frame, LabelMap
from tracker.video import SourceFrame, VideoInfo
from tracker.windows import causal_windows

MOVED = (
    "the scene is not where it was when it was learned: the camera moved, or much has "
    "changed; learn it again"
)


class Cleaner:
    """Removes from one live source what its prompts point at.

    Args:
        prompts: what to remove; frames count from the first picture that is cleaned.
        options: engines, margin, objects.
        learned: whether holes will be filled from a learned background.
    """

    def __init__(self, prompts: Prompts, options: Job, *, learned: bool) -> None:
        self._prompts, self._options = prompts, options
        choose = partial(engines.choose, commercial=options.commercial)
        self._choices: dict[str, Choice] = {
            "segmenter": choose("segmenter", "auto", options.device),
            "propagator": choose("propagator", options.propagator, options.device),
        }
        if not learned:
            self._choices["inpainter"] = choose("inpainter", options.inpainter, options.device)
        self._segmenter = engines.make_segmenter(self._choices["segmenter"])
        settings = replace(options.settings, hurries=True)
        self._propagator = engines.make_propagator(self._choices["propagator"], settings)
        self._inpainter: Inpainter | None = None

    @property
    def engines(self) -> dict[str, str]:
        """Return the name of the engine that does each job."""
        names = {job: choice.name for job, choice in self._choices.items()}
        return {**names, "inpainter": names.get("inpainter", "learned background")}

    @property
    def notices(self) -> list[str]:
        """Return what the user should know by now, a sentence each."""
        own = self._inpainter
        return [MOVED] if isinstance(own, PlateInpainter) and own.has_moved else []

    def clean(
        self, pictures: Iterator[SourceFrame], info: VideoInfo, plate: Frame | None = None
    ) -> Generator[SourceFrame]:
        """Yield every picture cleaned, before the next is taken.

        Args:
            pictures: of one size.
            info: of the source.
            plate: the empty scene, (H, W, 3), if it was learned.
        """
        options, labelled = self._options, self._labelled(pictures)
        if plate is not None:
            size = (info.height, info.width)
            margin = options.dilate
            margin = images.default_dilation(*size) if margin is None else margin
            plan = HolePlan(options.objects, margin, size, options.settings.feather)
            self._inpainter = PlateInpainter(plate)
            windows = causal_windows(history=0, num_references=0)
            return remove(labelled, windows, self._inpainter, plan)
        choice = self._choices["inpainter"]
        self._inpainter = engines.make_inpainter(choice, options.settings)
        filling = Filling(options, INPAINTERS[choice.name], info)
        return filling.as_they_come(labelled, self._inpainter)

    def _labelled(self, pictures: Iterator[SourceFrame]) -> Generator[tuple[SourceFrame, LabelMap]]:
        current: deque[SourceFrame] = deque()
        prompted: dict[int, LabelMap] = {}

        def frames() -> Generator[Frame]:
            for index, picture in enumerate(pictures):
                current.append(picture)
                frame = picture.rgb
                prompted.pop(index - 1, None)
                if labels := self._marked(index, frame):
                    prompted[index] = labels[0]
                yield frame

        with closing(propagate(frames(), prompted, self._propagator)) as tracked:
            for result in tracked:
                yield current.popleft(), result.labels

    def _marked(self, index: int, frame: Frame) -> list[LabelMap]:
        """Return the labels said to be in a frame, if anything was said of it."""
        places = sorted(place for place in self._prompts if place.frame == index)
        labels = np.zeros(frame.shape[:2], np.uint8)
        for place in places:
            prompt = self._prompts[place]
            mask = prompt.mask
            if prompt.points or prompt.box:
                mask = self._segmenter.segment(frame, prompt).masks[0]
            labels[mask] = place.object_id
        return [labels] if places else []
