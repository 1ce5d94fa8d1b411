"""Which engines a job needs, and what they make together."""

from contextlib import suppress
from dataclasses import replace

from tracker import engines, finding
from tracker.engine_table import PROPAGATORS
from tracker.engines import Choice
from tracker.interfaces import MaskPropagator
from tracker.jobs import Job, Search
from tracker.motions import MotionPropagator
from tracker.newcomers import Newcomers
from tracker.own import NO_OWN, OwnEngines
from tracker.pipeline import ids_in
from tracker.refining import RefiningPropagator
from tracker.types import MAX_OBJECTS, UserError

FEWEST_APART = 32  # frames: in fewer, a process of its own does not make up for its start


def choose(job: Job, own: OwnEngines = NO_OWN) -> dict[str, Choice]:
    """Return the engine for each part of a job; `own` ones come before those it names.

    Raises:
        UserError: one that is needed or asked for cannot be used.
    """
    wanted = {}
    if job.masks is None:
        wanted["propagator"] = job.propagator
    if job.fills:
        wanted["inpainter"] = job.inpainter
    choices = {
        name: own.choice(name)
        or engines.choose(name, engine, job.device, commercial=job.commercial)
        for name, engine in wanted.items()
    }
    if looks_for_newcomers(job):
        choices |= finding.choose_engines(_search(job), job.device, commercial=job.commercial)
    if job.refine is not None:
        choices["refiner"] = _refiner(job)
    return choices


def looks_for_newcomers(job: Job) -> bool:
    """Return whether objects may be added while a job tracks.

    Raises:
        UserError: how often to look is said, but not what for, or the masks are given.
    """
    if job.redetect is None:
        return False
    if job.masks is not None:
        raise UserError("--redetect has nothing to add to masks that are given; leave it out")
    if job.search is None:
        raise UserError("say what to look for again: --words TEXT or --everything")
    return True


def make_propagator(
    job: Job,
    choices: dict[str, Choice],
    own: OwnEngines = NO_OWN,
    num_frames: int | None = None,
) -> MaskPropagator:
    """Return a new propagator, which refines its masks and knows motions if the job says so.

    For many frames, or nobody knows how many, it may work in a process of its own.
    """
    apart = num_frames is None or num_frames >= FEWEST_APART
    settings = replace(job.settings, hurries=job.mode == "streaming")

    def make() -> MaskPropagator:
        if own.make_propagator is not None:
            return own.make_propagator()
        return engines.make_propagator(choices["propagator"], settings, apart=apart)

    moves = any(motion != "object" for motion in job.motion.values())
    propagator: MaskPropagator = MotionPropagator(job.motion, make) if moves else make()
    if "refiner" not in choices:
        return propagator
    return RefiningPropagator(propagator, engines.make_segmenter(choices["refiner"]))


def warm_up(propagator: str, device: str, *, commercial: bool = False) -> None:
    """Start the process a propagator will work in, if it gets one, and have it load what it needs.

    That takes a third of a second of a core, which is idle while an object is pointed at.
    """
    with suppress(UserError):  # said when it is wanted
        choice = engines.choose("propagator", propagator, device, commercial=commercial)
        spec = PROPAGATORS[choice.name]
        if spec.maker is not None:
            spec.load(choice.device)  # here as well, before there are threads
            engines.make_propagator(choice, apart=True)  # what becomes of it is kept: a process


def make_newcomers(job: Job, choices: dict[str, Choice]) -> Newcomers | None:
    """Return who looks for newcomers while a job tracks; None if nobody is to."""
    if job.redetect is None or not looks_for_newcomers(job):
        return None
    finder = finding.make_finder(_search(job), choices)
    return Newcomers(finder, job.redetect, _first_new_id(job), job.prompted)


def objects_to_remove(job: Job) -> tuple[int, ...] | None:
    """Return the ids whose pixels are filled; None for all.

    Whoever chose among the objects that were known has not spoken against newcomers.
    """
    if job.objects is None or job.redetect is None:
        return job.objects
    return (*job.objects, *range(_first_new_id(job), MAX_OBJECTS + 1))


def _first_new_id(job: Job) -> int:
    known = [max(ids_in(labels), default=0) for labels in job.prompted.values()]
    return max((*known, *(job.objects or ())), default=0) + 1


def _search(job: Job) -> Search:
    if job.search is None:
        raise ValueError("the job has nothing to look for")
    return job.search


def _refiner(job: Job) -> Choice:
    name = job.refine or ""
    choice = engines.choose("segmenter", name, job.device, commercial=job.commercial)
    if engines.JOBS["segmenter"][choice.name].checkpoint is None:
        networks = [n for n, spec in engines.JOBS["segmenter"].items() if spec.checkpoint]
        raise UserError(
            f"{choice.name} returns a mask as it is given and refines nothing; "
            f"choose one of: {', '.join(networks)}"
        )
    return choice
