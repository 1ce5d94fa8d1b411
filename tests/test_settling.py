"""What the engines without weights change in their process."""

import mmap
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = """
import resource, sys
import numpy as np
from threadpoolctl import threadpool_info
from tracker.classical.settling import settle_in

if sys.argv[1] == "settled":
    settle_in()

def work():
    return [np.ones(1 << 20, np.uint8) for _ in range(8)]

work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
threads = max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
print(faults, threads, sys.getswitchinterval())
"""


def outcome(how: str) -> tuple[int, int, float]:
    """Return page faults of using 8 MB again and again, BLAS threads, and Python's interval."""
    command = [sys.executable, "-c", SCRIPT, how]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    faults, threads, interval = done.stdout.split()
    return int(faults), int(threads), float(interval)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others have other rules")
def test_a_settled_process_keeps_the_memory_it_frees():
    pages = 20 * 8 * (1 << 20) // mmap.PAGESIZE

    assert outcome("settled")[0] < pages / 20
    assert outcome("as it was")[0] > pages / 2  # else there is nothing to settle any more


def test_a_settled_process_multiplies_matrices_in_one_thread():
    assert outcome("settled")[1] == 1


def test_a_settled_process_passes_python_on_sooner_than_others():
    assert outcome("settled")[2] < outcome("as it was")[2] / 2


ARENAS = """
import ctypes, sys, threading
from pathlib import Path
import numpy as np
from tracker.classical.settling import settle_in

if sys.argv[2] == "settled":
    settle_in()
meeting = threading.Barrier(4)
def take():
    taken = [bytearray(1000) for _ in range(1000)]
    meeting.wait()
threads = [threading.Thread(target=take) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
print(Path(sys.argv[1]).read_text().count("<heap nr="))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others have other rules")
@pytest.mark.parametrize("how", ["settled", "not"])
def test_all_threads_take_memory_from_one_place(tmp_path, how):
    done = subprocess.run(
        [sys.executable, "-c", ARENAS, tmp_path / "info.xml", how],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert (int(done.stdout) == 1) == (how == "settled")
