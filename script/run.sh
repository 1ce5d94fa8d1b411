#!/usr/bin/env bash
# Open the page; or, with arguments, be the command line: run.sh remove in.mp4 out.mp4 --point 300,260
#   --full as the first argument also installs torch and what the learned engines need.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
kind=light
if [ "${1:-}" = --full ]; then
  kind=full
  shift
fi
bash "$root/script/install.sh" "$kind"
if [ $# -eq 0 ]; then
  exec "$root/.venv/bin/python" "$root/app.py"
fi
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "$root/.venv/bin/python" -m tracker "$@"
