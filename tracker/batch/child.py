"""The process that does one clip: `python -m tracker.batch.child WORDS...`.

It does what the command line does with these words, and ends at once when the process that
started it is gone: its standard input is a pipe nobody writes to, which then closes.
"""

import os
import sys
import threading

from tracker.__main__ import main


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)  # files still have temporary names


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the thread above waits inside a read, which a normal end would wait for
