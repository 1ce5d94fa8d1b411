"""Compare our networks with golden outputs of the official ones: python script/parity.py FILE...

Prints the largest difference per file and stage.  Exit 1: a difference is over its bound.
Exit 2: a file cannot be used; one line says why.
"""

import argparse
import importlib
import json
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

# Run as a script, Python looks for modules in script/, not in the root the packages lie in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from script.parity_tools import Row, UnusableFileError

Compare = Callable[[Path], Iterator[Row]]


def comparison_of(path: Path) -> str:
    """Return the module whose `compare` knows the network that `path` is about.

    Raises:
        UnusableFileError: it is no golden file, or one of a network we do not have.
    """
    try:
        with np.load(path, allow_pickle=False) as golden:
            keys = set(golden.files)
            meta = json.loads(str(golden["meta"])) if "meta" in keys else None
    except FileNotFoundError:
        raise UnusableFileError("there is no such file") from None
    except (OSError, ValueError, AttributeError, TypeError, EOFError, zipfile.BadZipFile):
        raise UnusableFileError("not a golden file (.npz)") from None
    if meta is None:
        if keys and all(key.startswith(("a_", "b_")) for key in keys):
            return "script.parity_gdino"
        raise UnusableFileError("no meta entry says which network it is about")
    model = str(meta.get("model", meta.get("case", "")))
    if "aot" in model or "uint8_path" in keys:
        return "script.parity_aot"
    if model.startswith(("e2fgvi", "pipeline")):
        return "script.parity_e2fgvi"
    raise UnusableFileError(f"it is about {model!r}, a network we do not have")


def check(path: Path) -> bool:
    """Print every stage of one file; say whether all are within their bounds."""
    module = comparison_of(path)
    try:
        compare = cast(Compare, importlib.import_module(module).compare)
    except ImportError as error:
        raise UnusableFileError(f"{module} cannot run here: {error}") from error
    is_good = True
    num_rows = 0
    for row in compare(path):
        verdict = "ok" if row.is_within_bound else "OVER"
        stage = f"{path.name}  {row.stage}"
        print(f"{stage:60}  {row.difference:9.2e}  bound {row.bound:7.1e}  {verdict}", flush=True)
        is_good = is_good and row.is_within_bound
        num_rows += 1
    if not num_rows:
        raise UnusableFileError("nothing in it could be compared")
    return is_good


def main(arguments: Sequence[str] | None = None) -> int:
    """Check every file named; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="golden file (.npz)")
    status = 0
    for path in parser.parse_args(arguments).files:
        try:
            status = max(status, 0 if check(path) else 1)
        except (UnusableFileError, KeyError, ValueError, zipfile.BadZipFile) as error:
            print(f"{path}: {error}", file=sys.stderr)
            status = 2
    return status


if __name__ == "__main__":
    sys.exit(main())
