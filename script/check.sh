#!/usr/bin/env bash
# Everything a change must pass: lint, types, tests.  Arguments go to pytest (-m slow, -k name;
# -n 0 for one process).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash script/install.sh dev
export PATH="$PWD/.venv/bin:$PATH"
ruff check .
ruff format --check .
mypy
pytest -n logical --maxprocesses 4 --dist loadfile "$@"
