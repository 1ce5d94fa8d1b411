"""What the machine allows, learned once per video: memory, precision, and the pace it keeps.

A video may be filled by several engines, one for each box around a hole; they share this.
"""

import logging
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import torch

logger = logging.getLogger(__name__)

Recall = Literal["recompute", "memory", "auto"]
ENCODING_BATCH = 4  # frames; more gains nothing and costs memory
FRUGAL_REFERENCES = 4
FIXED_BYTES = 450e6  # weights, and what a library holds besides
BYTES_PER_PIXEL = 1000.0  # of a window's frames, in full precision: 720 measured on a CPU
HALF = 0.6  # of it in half precision: flows and token sums stay whole
SHARE = 0.9  # of the free memory that is planned with
SETTLED = 2  # windows that are slow because they are the first
JUDGED = 5  # windows by which the pace is judged


@dataclass(frozen=True)
class Plan:
    """How much is computed at a time, and how exactly."""

    dtype: torch.dtype
    num_references: int | None = None  # at most; None: all that are given
    batch: int = ENCODING_BATCH  # frames encoded or decoded at a time

    def bytes_for(self, num_local: int, num_references: int, pixels: int) -> float:
        """Return what a window needs, its frames having so many pixels once padded."""
        seen = num_local + min(num_references, self.num_references or num_references)
        share = 1.0 if self.dtype == torch.float32 else HALF
        return FIXED_BYTES + share * BYTES_PER_PIXEL * seen * pixels

    @property
    def sentence(self) -> str:
        """Say what it is."""
        exactly = "full" if self.dtype == torch.float32 else "half"
        if self.num_references is None:
            return f"{exactly} precision"
        return f"{exactly} precision, at most {self.num_references} reference frames"


@dataclass(eq=False)
class Conditions:
    """What the engines of one video know of the machine.

    Args:
        device: where they compute.
        plan: what is wanted; less is taken where the memory does not suffice.
        recall: what streaming is to know of earlier frames; "auto" recomputes the window as
            long as that keeps up with `rate`.
        rate: frames per second of the video; None: any pace will do.
        free_bytes: tells the free memory; None: it is not looked at.
    """

    device: torch.device
    plan: Plan
    recall: Recall = "recompute"
    rate: float | None = None
    free_bytes: Callable[[], int] | None = None
    remarks: list[str] = field(default_factory=list)  # what the user should know
    _is_planned: bool = False
    _seconds: list[float] = field(default_factory=list)

    def plan_for(self, num_local: int, num_references: int, pixels: int) -> None:
        """Choose, for the first window, the most that fits into the free memory."""
        if self._is_planned or self.free_bytes is None:
            return
        self._is_planned = True
        free = self.free_bytes()
        wanted = self.plan
        for plan in self._lesser():
            self.plan = plan
            if plan.bytes_for(num_local, num_references, pixels) <= SHARE * free:
                break
        if self.plan != wanted:
            self.remark(
                f"{free / 1e9:.1f} GB of memory are free: E2FGVI takes {self.plan.sentence}"
            )

    def step_down(self, num_frames: int, height: int, width: int) -> None:
        """Take the least there is, memory having run out."""
        *_, self.plan = self._lesser()
        self._is_planned = True
        self.remark(
            f"out of memory on {self.device} at {num_frames} frames of {width} x {height}; going "
            f"on with {self.plan.sentence}, one frame at a time"
        )

    @property
    def is_frugal(self) -> bool:
        """Return whether there is nothing left to give up."""
        return self.plan.batch == 1

    def _lesser(self) -> list[Plan]:
        """Return plans that need ever less, the present one first."""
        plans = [self.plan]
        if self.device.type != "cpu" and self.plan.dtype == torch.float32:
            plans.append(replace(self.plan, dtype=torch.float16))
        for most in (10, FRUGAL_REFERENCES):
            if self.plan.num_references is None or self.plan.num_references > most:
                plans.append(replace(plans[-1], num_references=most))
        plans.append(replace(plans[-1], num_references=FRUGAL_REFERENCES, batch=1))
        return plans

    @property
    def remembers(self) -> bool:
        """Return whether streaming works from memory of earlier frames."""
        return self.recall == "memory"

    def judge(self, seconds: float) -> None:
        """Take in how long the newest frame of a stream took; perhaps change to memory."""
        if self.recall != "auto" or self.rate is None or len(self._seconds) > SETTLED + JUDGED:
            return
        self._seconds.append(seconds)
        if len(self._seconds) <= SETTLED + JUDGED:
            return
        pace = 1 / max(1e-9, statistics.median(self._seconds[SETTLED:]))
        keeps_up = pace >= self.rate
        self.recall = "recompute" if keeps_up else "memory"
        verb = "keeps up with" if keeps_up else "falls behind"
        self.remark(
            f"recall {self.recall}: recomputing the window runs at {pace:.3g} frames per second "
            f"and {verb} the video's {self.rate:.3g}"
        )

    def remark(self, sentence: str) -> None:
        """Tell the user."""
        logger.warning("%s", sentence)
        self.remarks.append(sentence)


def free_memory(device: torch.device) -> int:
    """Return the bytes an accelerator can still give to this process.

    Raises:
        ValueError: `device` is none.
    """
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        own = torch.cuda.memory_reserved(device)
        allowed = int(torch.cuda.get_per_process_memory_fraction(device) * total) - own
        unused = own - torch.cuda.memory_allocated(device)
        return max(0, min(free, allowed)) + unused
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    raise ValueError(f"{device} is no accelerator; expected cuda or mps")
