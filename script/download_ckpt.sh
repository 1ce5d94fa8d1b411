#!/usr/bin/env bash
# Get weights into ckpt/: the default set, or those named (download_ckpt.sh sam_vit_b e2fgvi_hq).
set -euo pipefail
exec bash "$(dirname "${BASH_SOURCE[0]}")/run.sh" download "$@"
