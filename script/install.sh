#!/usr/bin/env bash
# Set up .venv once; again only when a requirements file has changed.
#   install.sh [light|full|dev]   light: no torch (seconds); full: learned engines too; dev: tests too
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kind=${1:-light}
case $kind in
  light) files=(requirements-light.txt) ;;
  full) files=(requirements-light.txt requirements-learned.txt) ;;
  dev) files=(requirements-light.txt requirements-learned.txt tests/requirements.txt) ;;
  *) echo "usage: install.sh [light|full|dev]" >&2; exit 2 ;;
esac
python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
  echo "Cleanplate needs Python 3.10 or newer; set PYTHON=/path/to/python3" >&2
  exit 2
fi
if [ ! -x .venv/bin/python ]; then
  "$python" -m venv .venv
fi
for file in "${files[@]}"; do
  stamp=.venv/installed-${file//\//-}
  if ! cmp -s "$file" "$stamp"; then
    echo "installing $file ..." >&2
    .venv/bin/python -m pip install -qq --disable-pip-version-check -r "$file"
    cp "$file" "$stamp"
  fi
done
