"""What the engines without weights want of the process they work in."""

import ctypes
import sys
from functools import cache

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from tracker.processes import num_cores

SWITCH_SECONDS = 5e-4
_M_ARENA_MAX = -8  # of mallopt(3): places threads take memory from
KEPT_BYTES = 31 << 20  # the most that glibc learns from is 32 MB


@cache
def settle_in() -> None:
    """Keep NumPy's matrix products in one thread and freed memory here; pass Python on soon.

    The products are small, and stages already run side by side: threads of BLAS that spin
    while they wait made a removal four times slower on two busy cores.

    glibc gives freed memory back to the system and has it cleared when it is taken anew,
    until it has seen as large a block freed (mallopt(3), M_MMAP_THRESHOLD).  At 854x480
    that was two thirds of the system's time and a twentieth of a removal's.

    Each thread takes memory from a place of its own, where what it gives back waits for it
    alone.  All take it from one instead: a twelfth less of it, in the same time.

    OpenCV gets half of the cores, as two stages work at once.  Its threads spin as well while
    they wait for each other: with all of two cores following took 43 ms of processor a frame,
    alone in one thread 29, and by the clock both took 29.

    A thread that comes back from OpenCV waits for Python until the one that holds it lets go,
    5 ms at the most where nothing is said; stages take tens of such turns a frame.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    cv2.setNumThreads(max(1, num_cores() // 2))
    threadpool_limits(limits=1, user_api="blas")
    np.empty(KEPT_BYTES, np.uint8)
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not every C library has it
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 1)
