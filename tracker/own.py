"""Engines that a Python program brings along: any objects with the right method."""

from collections.abc import Callable
from dataclasses import dataclass

from tracker.engine_table import InpainterSpec
from tracker.engines import Choice
from tracker.interfaces import Inpainter, MaskPropagator
from tracker.jobs import Settings
from tracker.windows import Schedule


def _never(device: str) -> Callable[[Settings], Inpainter]:
    raise ValueError(f"an engine of one's own is there already and is not loaded on {device}")


# Windows that suit most: every frame is filled once, with ten frames around and up to twenty more.
OWN_INPAINTER = InpainterSpec(_never, schedule=Schedule(stride=10, reach=10, overlap=False))


@dataclass(frozen=True, eq=False)
class OwnEngines:
    """Engines to use instead of those a job names; None: the job's.

    Tracking goes through the video several times, each time with a propagator that knows
    nothing yet: so it is made, not given.
    """

    make_propagator: Callable[[], MaskPropagator] | None = None
    inpainter: Inpainter | None = None

    def choice(self, job: str) -> Choice | None:
        """Return what to tell of the engine of one's own for a job; None if there is none."""
        engine = {"propagator": self.make_propagator, "inpainter": self.inpainter}[job]
        if engine is None:
            return None
        name = getattr(engine, "__name__", type(engine).__name__)
        return Choice(job, name, "its own", "given by the program")


NO_OWN = OwnEngines()
