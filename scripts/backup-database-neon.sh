#!/usr/bin/env bash
# Branches at Neon as instant backups. All of it is 'clearway backup neon', which takes the same commands and options; without a
# command a backup is made. NEON_API_KEY and NEON_PROJECT_ID say which project; run from any folder.
#
#   scripts/backup-database-neon.sh
#   scripts/backup-database-neon.sh production list       with the variables of .env.production
#   scripts/backup-database-neon.sh prune --keep-days 7 --dry-run
set -euo pipefail
# shellcheck source=scripts/run-clearway.sh
source "$(dirname "${BASH_SOURCE[0]}")/run-clearway.sh"
cd "$root"

if use_environment "${1:-}"; then shift; fi
case ${1:-} in
  create | list | restore | prune | help | --help | -h) ;;
  *) set -- create "$@" ;;
esac
run_clearway backup neon "$@"
