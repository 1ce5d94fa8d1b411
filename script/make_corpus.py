"""Write the corpus of broken and odd videos, with what has to happen to each.

    python script/make_corpus.py FOLDER           # the files, and a table
    python script/make_corpus.py FOLDER --try     # also fill a hole in each; exit 1 on a surprise

The files and the promises are those of tests/corpus.py.
"""

import argparse
import re
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Run as a script, Python looks for modules in script/, not in the root the packages lie in.
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from corpus import CORPUS, Case  # noqa: E402 - found only by the lines above
from faithful import fill, hole_in  # noqa: E402

from tracker.types import UserError  # noqa: E402
from tracker.video import probe  # noqa: E402


def promise(case: Case) -> str:
    """Return what has to happen, in words."""
    if case.refused is not None:
        return f"refused: {case.refused}"
    first, last = case.num_frames.start, case.num_frames.stop - 1
    frames = f"{first} frames" if first == last else f"{first}-{last} frames"
    return frames + (f", said: {case.notice}" if case.notice else "")


def outcome(path: Path, case: Case, output: Path) -> tuple[bool, str]:
    """Return whether a file kept its promise, and what happened."""
    try:
        info = probe(path)
        report = fill(path, output, hole_in(info.height, info.width))
    except UserError as error:
        return case.refused is not None and bool(re.search(case.refused, str(error))), str(error)
    said = "; ".join(report["notices"])
    is_kept = (
        case.refused is None
        and report["frames"] in case.num_frames
        and (case.size is None or (report["width"], report["height"]) == case.size)
        and (case.notice is None or re.search(case.notice, said) is not None)
    )
    return is_kept, f"{report['frames']} frames" + (f", said: {said}" if said else "")


def main(arguments: list[str] | None = None) -> int:
    """Write the corpus; return 1 if a file that was tried broke its promise."""
    parser = argparse.ArgumentParser(description="Write the corpus of broken and odd videos.")
    parser.add_argument("folder", type=Path, help="made if need be")
    parser.add_argument("--try", action="store_true", dest="tried", help="also use each file")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    num_surprises = 0
    for name, case in CORPUS.items():
        path = options.folder / name
        case.make(path)
        line = f"{name[:32]:<32} {promise(case)[:60]:<60}"
        if options.tried:
            began = time.perf_counter()
            is_kept, found = outcome(path, case, options.folder / f"{name[:40]}.filled.mkv")
            num_surprises += not is_kept
            seconds = time.perf_counter() - began
            line += f" {'kept' if is_kept else 'BROKEN'} in {seconds:.1f} s: {found[:90]}"
        print(line)
    return 1 if num_surprises else 0


if __name__ == "__main__":
    sys.exit(main())
