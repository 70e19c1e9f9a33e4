#!/usr/bin/env bash
# Proves a backup: reads it, restores it into a scratch server and compares every table. All of it is 'clearway backup verify',
# which takes the same options; run from any folder, paths are relative to the clone.
#
#   scripts/verify-backup.sh                        the newest one
#   scripts/verify-backup.sh production             with the variables of .env.production
#   scripts/verify-backup.sh 20261122T020000Z-tracks-3f9a1c --level decode
set -euo pipefail
# shellcheck source=scripts/run-clearway.sh
source "$(dirname "${BASH_SOURCE[0]}")/run-clearway.sh"
cd "$root"

if use_environment "${1:-}"; then shift; fi
run_clearway backup verify "$@"
