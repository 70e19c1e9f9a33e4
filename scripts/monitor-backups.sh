#!/usr/bin/env bash
# Says how the backups stand; the exit status is the worst of it: 0 well, 1 warning, 2 critical, 3 nothing could be answered.
# All of it is 'clearway backup monitor', which takes the same options; run from any folder.
#
#   scripts/monitor-backups.sh
#   scripts/monitor-backups.sh production --notify        with the variables of .env.production
#   scripts/monitor-backups.sh --json
set -euo pipefail
# shellcheck source=scripts/run-clearway.sh
source "$(dirname "${BASH_SOURCE[0]}")/run-clearway.sh"
cd "$root"

if use_environment "${1:-}"; then shift; fi
run_clearway backup monitor "$@"
