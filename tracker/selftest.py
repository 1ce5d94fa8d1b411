"""Does what was downloaded work?  Hash, strict load, then the bundled sample.

The result goes into ckpt/selftest.json; what failed is not taken by "auto".
"""

from tracker import checkpoints, engines, exams, verdicts
from tracker.engine_table import forget_networks
from tracker.engines import Choice
from tracker.exams import Mark
from tracker.types import UserError
from tracker.verdicts import Verdict

JOBS = ("segmenter", "detector", "propagator", "inpainter")  # that the sample examines


def judge(name: str, device: str = "auto") -> Verdict:
    """Test the weights `name` that are on disk; write and return the verdict.

    The network is forgotten afterwards, so that testing many needs the memory of one.

    Raises:
        UserError: they are not on disk, or nothing here can run them.
    """
    checkpoint = checkpoints.record(name)
    if checkpoints.stamp(name) is None:
        file = checkpoints.folder() / checkpoint.file
        raise UserError(f"{name} needs {file}; run: python -m tracker download {name}")
    if not engines.has_torch():
        raise UserError(f"{name} needs torch to be tested; run: bash script/install.sh full")
    job = next(job for job in JOBS if name in engines.JOBS[job])
    choice = Choice(job, name, engines.resolve_device(device), "to be tested")
    try:
        verdict = _verdict(name, examine(choice))
    except UserError as error:  # wrong hash, not its network's: the message says what to do
        verdict = Verdict(name, passed=False, reason=str(error))
    finally:
        forget_networks()
    verdicts.write(verdict)
    return verdict


def examine(choice: Choice) -> Mark | None:
    """Make an engine and let it do the sample; None if there is no sample here.

    Raises:
        UserError: its weights are not the published ones, or another network's.
    """
    if choice.job == "segmenter":
        segmenter = engines.make_segmenter(choice)
        return exams.examine_segmenter(segmenter) if exams.can_be_held() else None
    if choice.job == "detector":
        detector = engines.make_detector(choice)
        return exams.examine_detector(detector) if exams.can_be_held() else None
    if choice.job == "propagator":
        propagator = engines.make_propagator(choice)
        return exams.examine_propagator(propagator) if exams.can_be_held() else None
    inpainter = engines.make_inpainter(choice)
    return exams.examine_inpainter(inpainter) if exams.can_be_held() else None


def judge_own() -> list[tuple[str, Mark]]:
    """Let the engines that need no weights do the sample, by job."""
    choices = [Choice(job, "classical", "cpu", "to be tested") for job in JOBS if job != "detector"]
    marks = [(choice.job, examine(choice)) for choice in choices]
    return [(job, mark) for job, mark in marks if mark is not None]


def _verdict(name: str, mark: Mark | None) -> Verdict:
    if mark is None:
        return Verdict(name, True, "it loads; without the sample its work cannot be judged")
    return Verdict(name, mark.passed, str(mark), {mark.what: round(mark.value, 4)})
