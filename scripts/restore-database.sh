#!/usr/bin/env bash
# Restores a backup. Without arguments it asks: which one, having shown what it holds, and under which name, which has to be
# typed once more. All of it is 'clearway backup restore', which takes the same options; run from any folder, paths are
# relative to the clone.
#
#   scripts/restore-database.sh
#   scripts/restore-database.sh production          asks too, with the variables of .env.production
#   scripts/restore-database.sh latest --to tracks_copy
#   scripts/restore-database.sh latest --to tracks --check
set -euo pipefail
# shellcheck source=scripts/run-clearway.sh
source "$(dirname "${BASH_SOURCE[0]}")/run-clearway.sh"
cd "$root"

if use_environment "${1:-}"; then shift; fi
run_clearway backup restore "$@"
